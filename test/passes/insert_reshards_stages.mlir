// Values cross between stages once per target stage, in the sharding of the first reader there, as soon as they are
// computed; a later reader with another sharding reshards inside its stage. What is known to every device (weights,
// inputs) does not cross.
// RUN: ampc-opt --ampc-verify=annotated --ampc-insert-reshards %s | FileCheck %s

// CHECK-LABEL: func.func @main
// CHECK:       %[[A:.*]] = ampc.relu {{.*}}name = "a"{{.*}}shardings = ["[4:0]"], stage = 0
// CHECK-DAG:   %[[T:.*]] = ampc.transfer %[[A]] {{{.*}}from = "[4:0]", from_stage = 0 : i64, {{.*}}shardings = ["[*]"], stage = 1
// CHECK-DAG:   %[[U:.*]] = ampc.transfer %[[A]] {{{.*}}from_stage = 0 : i64, {{.*}}stage = 2
// CHECK-NOT:   ampc.transfer
// CHECK:       ampc.neg %[[A]] {{.*}}stage = 0
// CHECK:       ampc.exp %[[T]]
// CHECK:       ampc.log %[[T]]
// CHECK:       %[[S:.*]] = ampc.reshard %[[T]] {{.*}}kind = "slice"{{.*}}shardings = ["[4:0]"], stage = 1
// CHECK:       ampc.tanh %[[S]]
// CHECK:       ampc.sigmoid %[[U]]
// CHECK-NOT:   ampc.transfer
// CHECK:       return
module attributes {ampc.grids = [array<i64: 2>, array<i64: 3>, array<i64>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {at_load = false, loops = [array<i64: 0>], name = "a", stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %6 = ampc.neg %1 {at_load = false, loops = [array<i64: 0>], name = "n", stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %2 = ampc.exp %1 {at_load = false, loops = [array<i64>], name = "b", stage = 1 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %3 = ampc.log %1 {at_load = false, loops = [array<i64>], name = "c", stage = 1 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %4 = ampc.tanh %1 {at_load = false, loops = [array<i64: 0>], name = "d", stage = 1 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %5 = ampc.sigmoid %1 {at_load = false, loops = [array<i64>], name = "e", stage = 2 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    ampc.output %2 {index = 0 : i64, loops = [array<i64>], name = "p", stage = 1 : i64} : (tensor<4xf32>) -> ()
    ampc.output %3 {index = 1 : i64, loops = [array<i64>], name = "q", stage = 1 : i64} : (tensor<4xf32>) -> ()
    ampc.output %4 {index = 2 : i64, loops = [array<i64: 0>], name = "r", stage = 1 : i64} : (tensor<4xf32>) -> ()
    ampc.output %6 {index = 4 : i64, loops = [array<i64: 0>], name = "t", stage = 0 : i64} : (tensor<4xf32>) -> ()
    ampc.output %5 {index = 3 : i64, loops = [array<i64>], name = "s", stage = 2 : i64} : (tensor<4xf32>) -> ()
    return
  }
}

// -----

// A partial result is combined in its own stage before it is sent.
// CHECK-LABEL: func.func @main
// CHECK:       %[[M:.*]] = ampc.reduce_sum {{.*}}shardings = ["[*] sum(0)"], stage = 0
// CHECK:       %[[R:.*]] = ampc.reshard %[[M]] {{.*}}kind = "all_reduce"{{.*}}stage = 0
// CHECK:       %[[T:.*]] = ampc.transfer %[[R]] {{{.*}}from = "[*]", from_stage = 0 : i64, {{.*}}shardings = ["[4:0]"], stage = 1
// CHECK:       ampc.exp %[[T]]
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4x4xf32>
    %1 = ampc.reduce_sum %0 {at_load = false, axes = array<i64: 1>, keepdims = 0 : i64, loops = [array<i64>, array<i64: 0>], name = "m", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4xf32>
    %2 = ampc.exp %1 {at_load = false, loops = [array<i64: 0>], name = "e", stage = 1 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    ampc.output %2 {index = 0 : i64, loops = [array<i64: 0>], name = "y", stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
}

// -----

// A weight and an input that two stages read are provided in each.
// CHECK-LABEL:   func.func @main
// CHECK-NOT:     ampc.transfer
// CHECK-DAG:     ampc.input {{.*}}name = "x", {{.*}}stage = 0
// CHECK-DAG:     ampc.parameter {{.*}}name = "w", {{.*}}stage = 0
// CHECK:         ampc.add
// CHECK-DAG:     ampc.input {{.*}}name = "x@1", {{.*}}stage = 1
// CHECK-DAG:     ampc.parameter {{.*}}name = "w@1", {{.*}}stage = 1
// CHECK-NOT:     ampc.transfer
// CHECK:         ampc.mul
module attributes {ampc.grids = [array<i64>, array<i64>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<4xf32>
    %2 = ampc.add %0, %1 {at_load = false, loops = [array<i64>], name = "a", stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %3 = ampc.mul %0, %1 {at_load = false, loops = [array<i64>], name = "b", stage = 1 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ampc.output %2 {index = 0 : i64, loops = [array<i64>], name = "y", stage = 0 : i64} : (tensor<4xf32>) -> ()
    ampc.output %3 {index = 1 : i64, loops = [array<i64>], name = "z", stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
}
