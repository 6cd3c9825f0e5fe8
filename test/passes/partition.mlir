// Local shapes; ranks whose shapes and messages are alike share a function, and a communication names its groups of
// global ranks.
// RUN: ampc-opt --ampc-verify=staged --ampc-partition --ampc-verify=partitioned %s | FileCheck %s

// Even shards: one class. The grid's second stage starts at global rank 2.
// CHECK-LABEL: func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64}
// CHECK:       ampc.transfer {{.*}}groups = [array<i64: 0, 1, 2, 3, 4, 5>]
// CHECK-LABEL: func.func @stage1.class0() attributes {ranks = array<i64: 2, 3, 4, 5>, stage = 1 : i64}
// CHECK:       ampc.transfer {{.*}}groups = [array<i64: 0, 1, 2, 3, 4, 5>]{{.*}} : () -> tensor<2x4xf32>
// CHECK:       ampc.relu {{.*}} : (tensor<2x4xf32>) -> tensor<2x4xf32>
// CHECK:       ampc.reshard {{.*}}groups = [array<i64: 2, 3>, array<i64: 4, 5>], kind = "all_gather"{{.*}} : (tensor<2x4xf32>) -> tensor<2x8xf32>
// CHECK:       ampc.reshard {{.*}}groups = [array<i64: 2, 4>, array<i64: 3, 5>], kind = "all_to_all"{{.*}} : (tensor<2x8xf32>) -> tensor<4x4xf32>
// CHECK:       ampc.output {{.*}} : (tensor<4x4xf32>) -> ()
// CHECK-NOT:   func.func
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2, 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 4, 8>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<4x8xf32>
    ampc.transfer %0 {from = "[* | *]", from_stage = 0 : i64, name = "t", role = "send", shapes = [array<i64: 4, 8>], shardings = ["[4:0 | 8:1]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<4x8xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    %0 = ampc.transfer {from = "[* | *]", from_stage = 0 : i64, name = "t", role = "receive", shapes = [array<i64: 4, 8>], shardings = ["[4:0 | 8:1]"], stage = 1 : i64, to_stage = 1 : i64} : () -> tensor<4x8xf32>
    %1 = ampc.relu %0 {at_load = false, name = "r", shapes = [array<i64: 4, 8>], shardings = ["[4:0 | 8:1]"], stage = 1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %2 = ampc.reshard %1 {at_load = false, axes = array<i64: 1>, from = "[4:0 | 8:1]", kind = "all_gather", name = "g", shapes = [array<i64: 4, 8>], shardings = ["[4:0 | *]"], stage = 1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %3 = ampc.reshard %2 {at_load = false, axes = array<i64: 0>, from = "[4:0 | *]", kind = "all_to_all", name = "h", shapes = [array<i64: 4, 8>], shardings = ["[* | 8:0]"], stage = 1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
    ampc.output %3 {index = 0 : i64, name = "y", shapes = [array<i64: 4, 8>], shardings = ["[* | 8:0]"], stage = 1 : i64} : (tensor<4x8xf32>) -> ()
    return
  }
}

// -----

// Uneven shards make two classes, the longer ones first; both name all members of the group.
// CHECK-LABEL: func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64}
// CHECK:       ampc.input {{.*}} : () -> tensor<3xf32>
// CHECK:       ampc.reshard {{.*}}groups = [array<i64: 0, 1>]{{.*}} : (tensor<3xf32>) -> tensor<5xf32>
// CHECK-LABEL: func.func @stage0.class1() attributes {ranks = array<i64: 1>, stage = 0 : i64}
// CHECK:       ampc.input {{.*}} : () -> tensor<2xf32>
// CHECK:       ampc.reshard {{.*}}groups = [array<i64: 0, 1>]{{.*}} : (tensor<2xf32>) -> tensor<5xf32>
// CHECK-NOT:   func.func
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 5>], shardings = ["[5:0]"], stage = 0 : i64} : () -> tensor<5xf32>
    %1 = ampc.reshard %0 {at_load = false, axes = array<i64: 0>, from = "[5:0]", kind = "all_gather", name = "g", shapes = [array<i64: 5>], shardings = ["[*]"], stage = 0 : i64} : (tensor<5xf32>) -> tensor<5xf32>
    ampc.output %1 {index = 0 : i64, name = "y", shapes = [array<i64: 5>], shardings = ["[*]"], stage = 0 : i64} : (tensor<5xf32>) -> ()
    return
  }
}

// -----

// More devices than rows: the rest hold nothing.
// CHECK-LABEL: func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>
// CHECK:       ampc.input {{.*}} : () -> tensor<1xf32>
// CHECK-LABEL: func.func @stage0.class1() attributes {ranks = array<i64: 2>
// CHECK:       ampc.input {{.*}} : () -> tensor<0xf32>
module attributes {ampc.grids = [array<i64: 3>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 2>], shardings = ["[2:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    ampc.output %0 {index = 0 : i64, name = "y", shapes = [array<i64: 2>], shardings = ["[2:0]"], stage = 0 : i64} : (tensor<2xf32>) -> ()
    return
  }
}

// -----

// A dimension that is heads times head size, split by heads.
// CHECK-LABEL: func.func @stage0.class0() attributes {ranks = array<i64: 0>
// CHECK:       ampc.input {{.*}} : () -> tensor<8xf32>
// CHECK-LABEL: func.func @stage0.class1() attributes {ranks = array<i64: 1>
// CHECK:       ampc.input {{.*}} : () -> tensor<4xf32>
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 12>], shardings = ["[3:0x4]"], stage = 0 : i64} : () -> tensor<12xf32>
    ampc.output %0 {index = 0 : i64, name = "y", shapes = [array<i64: 12>], shardings = ["[3:0x4]"], stage = 0 : i64} : (tensor<12xf32>) -> ()
    return
  }
}
