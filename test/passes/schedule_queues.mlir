// Step lists for devices with two queues: communication on a queue of its own, waits for what the other queue makes or
// still uses, work that does not need a communication between it and its reader.
// RUN: ampc-opt --ampc-partition --ampc-fuse --ampc-choose-kernels --ampc-schedule=h100x2 %s | FileCheck %s
// RUN: ampc-opt --ampc-partition --ampc-fuse --ampc-choose-kernels --ampc-schedule=cpux2 %s | FileCheck %s --check-prefix ONE

// The result of the gather has a place of its own from when it may start; what it reads keeps its place until d waits.
// CHECK:      forward.stage0.class0: stage 0, ranks 0 1,
// CHECK-NEXT:   0 copy x (table 0): input 0{{.*}} -> activation[[X:\[[0-9:]+\]]], queue 0, event 0
// CHECK-NEXT:   1 launch a ({{.*}}): activation[[X]] -> activation[[A:\[[0-9:]+\]]], queue 0, event 1
// CHECK-NEXT:   2 all_gather g (communication 0): activation[[A]] -> activation[[G:\[[0-9:]+\]]], queue 1, event 2, waits for 1
// CHECK-NEXT:   3 launch b ({{.*}}): activation[[X]] -> activation[[B:\[[0-9:]+\]]], queue 0, event 3
// CHECK-NEXT:   4 launch c ({{.*}}): activation[[B]] -> {{.*}}, queue 0, event 4
// CHECK-NEXT:   5 copy z (table 2): {{.*}}, queue 0, event 5
// CHECK-NEXT:   6 launch d ({{.*}}): activation[[G]] -> {{.*}}, queue 0, event 6, waits for 2
// CHECK-NEXT:   7 copy y (table 1): {{.*}}, queue 0, event 7
// With one queue, steps keep the order of the module and say nothing of queues.
// ONE:      forward.stage0.class0: stage 0, ranks 0 1,
// ONE:        2 all_gather g (communication 0): activation{{\[[0-9:]+\]}} -> activation{{\[[0-9:]+\]$}}
// ONE-NEXT:   3 launch d
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 512, 512>], shardings = ["[512:0 | *]"], stage = 0 : i64} : () -> tensor<512x512xf32>
    %1 = ampc.transpose %0 {at_load = false, perm = array<i64: 1, 0>, name = "a", shapes = [array<i64: 512, 512>], shardings = ["[* | 512:0]"], stage = 0 : i64} : (tensor<512x512xf32>) -> tensor<512x512xf32>
    %2 = ampc.reshard %1 {at_load = false, axes = array<i64: 0>, kind = "all_gather", from = "[* | 512:0]", name = "g", shapes = [array<i64: 512, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x512xf32>) -> tensor<512x512xf32>
    %3 = ampc.transpose %2 {at_load = false, perm = array<i64: 1, 0>, name = "d", shapes = [array<i64: 512, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x512xf32>) -> tensor<512x512xf32>
    %4 = ampc.transpose %0 {at_load = false, perm = array<i64: 1, 0>, name = "b", shapes = [array<i64: 512, 512>], shardings = ["[* | 512:0]"], stage = 0 : i64} : (tensor<512x512xf32>) -> tensor<512x512xf32>
    %5 = ampc.transpose %4 {at_load = false, perm = array<i64: 1, 0>, name = "c", shapes = [array<i64: 512, 512>], shardings = ["[512:0 | *]"], stage = 0 : i64} : (tensor<512x512xf32>) -> tensor<512x512xf32>
    ampc.output %3 {index = 0 : i64, name = "y", shapes = [array<i64: 512, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x512xf32>) -> ()
    ampc.output %5 {index = 1 : i64, name = "z", shapes = [array<i64: 512, 512>], shardings = ["[512:0 | *]"], stage = 0 : i64} : (tensor<512x512xf32>) -> ()
    return
  }
}
