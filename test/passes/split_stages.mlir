// One function per stage; a transfer is a send in its source stage and a receive in its target stage. Receives stand
// first, ordered by source stage, then as they are sent.
// RUN: ampc-opt --ampc-split-stages --ampc-verify=staged %s | FileCheck %s

// CHECK:       module attributes {ampc.grids
// CHECK-NOT:   @main
// CHECK-LABEL: func.func @stage0() attributes {stage = 0 : i64}
// CHECK:       %[[A:.*]] = ampc.relu
// CHECK:       %[[B:.*]] = ampc.exp
// CHECK:       ampc.transfer %[[A]] {{{.*}}from_stage = 0 : i64, name = "a/to_stage_2", role = "send"{{.*}}stage = 0 : i64, to_stage = 2 : i64} : (tensor<4xf32>) -> ()
// CHECK:       ampc.transfer %[[B]] {{.*}}role = "send"{{.*}}to_stage = 1
// CHECK:       ampc.transfer %[[B]] {{.*}}role = "send"{{.*}}to_stage = 2
// CHECK:       return
// CHECK-LABEL: func.func @stage1() attributes {stage = 1 : i64}
// CHECK-NEXT:  %[[B:.*]] = ampc.transfer {{.*}}role = "receive", {{.*}}stage = 1 : i64, to_stage = 1 : i64} : () -> tensor<4xf32>
// CHECK:       %[[C:.*]] = ampc.log %[[B]]
// CHECK:       ampc.transfer %[[C]] {{.*}}from_stage = 1 : i64, name = "c/to_stage_2", role = "send"
// CHECK:       return
// CHECK-LABEL: func.func @stage2() attributes {stage = 2 : i64}
// CHECK-NEXT:  %[[A:.*]] = ampc.transfer {{.*}}from_stage = 0 : i64, name = "a/to_stage_2", role = "receive"
// CHECK-NEXT:  %[[B:.*]] = ampc.transfer {{.*}}from_stage = 0 : i64, name = "b/to_stage_2", role = "receive"
// CHECK-NEXT:  %[[C:.*]] = ampc.transfer {{.*}}from_stage = 1 : i64, name = "c/to_stage_2", role = "receive"
// CHECK-NOT:   ampc.transfer
// CHECK:       ampc.add %[[C]], %[[A]]
// CHECK:       ampc.output
// CHECK-NOT:   @main
module attributes {ampc.grids = [array<i64>, array<i64>, array<i64>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {at_load = false, name = "a", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %2 = ampc.exp %0 {at_load = false, name = "b", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %3 = ampc.transfer %1 {from = "[*]", from_stage = 0 : i64, name = "a/to_stage_2", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 2 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %4 = ampc.transfer %2 {from = "[*]", from_stage = 0 : i64, name = "b/to_stage_1", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 1 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %5 = ampc.log %4 {at_load = false, name = "c", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 1 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %6 = ampc.transfer %5 {from = "[*]", from_stage = 1 : i64, name = "c/to_stage_2", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 2 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %7 = ampc.transfer %2 {from = "[*]", from_stage = 0 : i64, name = "b/to_stage_2", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 2 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %8 = ampc.add %6, %3 {at_load = false, name = "d", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 2 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %9 = ampc.add %8, %7 {at_load = false, name = "e", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 2 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ampc.output %9 {index = 0 : i64, name = "y", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 2 : i64} : (tensor<4xf32>) -> ()
    return
  }
}

// -----

// A stage without operators keeps its (empty) function: stage numbers and functions stay in step.
// CHECK-LABEL: func.func @stage0() attributes {stage = 0 : i64} {
// CHECK-NEXT:  return
// CHECK-LABEL: func.func @stage1() attributes {stage = 1 : i64} {
// CHECK-NEXT:  ampc.input
module attributes {ampc.grids = [array<i64: 2>, array<i64>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 1 : i64} : () -> tensor<4xf32>
    ampc.output %0 {index = 0 : i64, name = "y", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
}
