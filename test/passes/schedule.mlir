// From kernels to step lists: one program per class of ranks, places in memory that are taken again, sends that keep what
// they send.
// RUN: ampc-opt --ampc-partition --ampc-fuse --ampc-choose-kernels --ampc-schedule %s | FileCheck %s

// What was sent is not written over: b does not take its place, though nothing in its program reads it any more.
// CHECK:      communication 0: send of f32 over stage 0 -> 1, {0 1 2}, 2 moves
// CHECK:      forward.stage0.class0: stage 0, ranks 0, activations 12288 bytes, 1 slots
// CHECK-NEXT:   0 launch early ({{.*}}): input 0[0:4096] -> activation[0:4096]
// CHECK-NEXT:   1 send t (communication 0): activation[0:4096] -> nothing
// CHECK-NEXT:   2 launch a ({{.*}}): activation[0:4096] -> activation[4096:8192]
// CHECK-NEXT:   3 launch b ({{.*}}): activation[4096:8192] -> activation[8192:12288]
// CHECK-NEXT:   4 copy z (table 0): activation[8192:12288] -> output 1[0:4096]
// Each device of the second stage has half of the rows, which nobody else reads: they are worked on in place.
// CHECK:      forward.stage1.class0: stage 1, ranks 1 2, activations 2048 bytes, 1 slots
// CHECK-NEXT:   0 send t (communication 0): nothing -> activation[0:2048]
// CHECK-NEXT:   1 launch r ({{.*}}): activation[0:2048] -> activation[0:2048]
// CHECK-NEXT:   2 copy y (table 0): activation[0:2048] -> output 0[0:4096]
module attributes {ampc.grids = [array<i64: 1>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<32x32xf32>
    %1 = ampc.transpose %0 {at_load = false, perm = array<i64: 1, 0>, name = "early", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    ampc.transfer %1 {from = "[* | *]", from_stage = 0 : i64, name = "t", role = "send", shapes = [array<i64: 32, 32>], shardings = ["[32:0 | *]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<32x32xf32>) -> ()
    %2 = ampc.transpose %1 {at_load = false, perm = array<i64: 1, 0>, name = "a", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %3 = ampc.transpose %2 {at_load = false, perm = array<i64: 1, 0>, name = "b", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    ampc.output %3 {index = 1 : i64, name = "z", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    %0 = ampc.transfer {from = "[* | *]", from_stage = 0 : i64, name = "t", role = "receive", shapes = [array<i64: 32, 32>], shardings = ["[32:0 | *]"], stage = 1 : i64, to_stage = 1 : i64} : () -> tensor<32x32xf32>
    %1 = ampc.relu %0 {at_load = false, name = "r", shapes = [array<i64: 32, 32>], shardings = ["[32:0 | *]"], stage = 1 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    ampc.output %1 {index = 0 : i64, name = "y", shapes = [array<i64: 32, 32>], shardings = ["[32:0 | *]"], stage = 1 : i64} : (tensor<32x32xf32>) -> ()
    return
  }
}

// -----

// Without a send the third result lies where the first one was.
// CHECK:      forward.stage0.class0: stage 0, ranks 0, activations 8192 bytes, 1 slots
// CHECK-NEXT:   0 launch early ({{.*}}): input 0[0:4096] -> activation[0:4096]
// CHECK-NEXT:   1 launch a ({{.*}}): activation[0:4096] -> activation[4096:8192]
// CHECK-NEXT:   2 launch b ({{.*}}): activation[4096:8192] -> activation[0:4096]
// CHECK-NEXT:   3 copy z (table 0): activation[0:4096] -> output 0[0:4096]
module attributes {ampc.grids = [array<i64: 1>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<32x32xf32>
    %1 = ampc.transpose %0 {at_load = false, perm = array<i64: 1, 0>, name = "early", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %2 = ampc.transpose %1 {at_load = false, perm = array<i64: 1, 0>, name = "a", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %3 = ampc.transpose %2 {at_load = false, perm = array<i64: 1, 0>, name = "b", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    ampc.output %3 {index = 0 : i64, name = "z", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> ()
    return
  }
}
