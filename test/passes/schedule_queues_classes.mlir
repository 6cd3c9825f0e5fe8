// Classes of one stage whose communications differ (which no partition makes) have no common order: none of them is
// reordered, or one would wait for what the other does later. Queues and waits they have all the same.
// RUN: ampc-opt --ampc-schedule=h100x2 %s | FileCheck %s

// CHECK:      forward.stage0.class0: stage 0, ranks 0,
// CHECK:        1 launch a {{.*}}, queue 0, event 1
// CHECK-NEXT:   2 all_gather g {{.*}}, queue 1, event 2, waits for 1
// CHECK-NEXT:   3 launch d {{.*}}, queue 0, event 3, waits for 2
// CHECK-NEXT:   4 launch b {{.*}}, queue 0, event 4
// CHECK:      forward.stage0.class1: stage 0, ranks 1,
// CHECK:        2 all_gather g {{.*}}, queue 1, event 2, waits for 1
// CHECK-NEXT:   3 all_gather h {{.*}}, queue 1, event 3
// Where d writes, h reads: waiting for it includes g, which d needs.
// CHECK-NEXT:   4 launch d {{.*}}, queue 0, event 4, waits for 3
// CHECK-NEXT:   5 launch b
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 512, 512>], shardings = ["[512:0 | *]"], stage = 0 : i64} : () -> tensor<256x512xf32>
    %1 = ampc.kernel %0 {at_load = false, executor = "generated", name = "a", nodes = ["a"]} {
    ^bb0(%arg0: tensor<256x512xf32>):
      %6 = ampc.transpose %arg0 {name = "a", perm = array<i64: 1, 0>} : (tensor<256x512xf32>) -> tensor<512x256xf32>
      ampc.yield %6 : (tensor<512x256xf32>) -> ()
    } : (tensor<256x512xf32>) -> tensor<512x256xf32>
    %2 = ampc.reshard %1 {at_load = false, axes = array<i64: 0>, from = "[* | 512:0]", groups = [array<i64: 0, 1>], kind = "all_gather", name = "g", shapes = [array<i64: 512, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<512x512xf32>
    %3 = ampc.kernel %2 {at_load = false, executor = "generated", name = "d", nodes = ["d"]} {
    ^bb0(%arg0: tensor<512x512xf32>):
      %6 = ampc.transpose %arg0 {name = "d", perm = array<i64: 1, 0>} : (tensor<512x512xf32>) -> tensor<512x512xf32>
      ampc.yield %6 : (tensor<512x512xf32>) -> ()
    } : (tensor<512x512xf32>) -> tensor<512x512xf32>
    %4 = ampc.kernel %0 {at_load = false, executor = "generated", name = "b", nodes = ["b"]} {
    ^bb0(%arg0: tensor<256x512xf32>):
      %6 = ampc.transpose %arg0 {name = "b", perm = array<i64: 1, 0>} : (tensor<256x512xf32>) -> tensor<512x256xf32>
      ampc.yield %6 : (tensor<512x256xf32>) -> ()
    } : (tensor<256x512xf32>) -> tensor<512x256xf32>
    %5 = ampc.kernel %4 {at_load = false, executor = "generated", name = "c", nodes = ["c"]} {
    ^bb0(%arg0: tensor<512x256xf32>):
      %6 = ampc.transpose %arg0 {name = "c", perm = array<i64: 1, 0>} : (tensor<512x256xf32>) -> tensor<256x512xf32>
      ampc.yield %6 : (tensor<256x512xf32>) -> ()
    } : (tensor<512x256xf32>) -> tensor<256x512xf32>
    ampc.output %3 {index = 0 : i64, name = "y", shapes = [array<i64: 512, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x512xf32>) -> ()
    ampc.output %5 {index = 1 : i64, name = "z", shapes = [array<i64: 512, 512>], shardings = ["[512:0 | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> ()
    return
  }
  func.func @stage0.class1() attributes {ranks = array<i64: 1>, stage = 0 : i64} {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 512, 512>], shardings = ["[512:0 | *]"], stage = 0 : i64} : () -> tensor<256x512xf32>
    %1 = ampc.kernel %0 {at_load = false, executor = "generated", name = "a", nodes = ["a"]} {
    ^bb0(%arg0: tensor<256x512xf32>):
      %6 = ampc.transpose %arg0 {name = "a", perm = array<i64: 1, 0>} : (tensor<256x512xf32>) -> tensor<512x256xf32>
      ampc.yield %6 : (tensor<512x256xf32>) -> ()
    } : (tensor<256x512xf32>) -> tensor<512x256xf32>
    %2 = ampc.reshard %1 {at_load = false, axes = array<i64: 0>, from = "[* | 512:0]", groups = [array<i64: 0, 1>], kind = "all_gather", name = "g", shapes = [array<i64: 512, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<512x512xf32>
    %7 = ampc.reshard %1 {at_load = false, axes = array<i64: 0>, from = "[* | 512:0]", groups = [array<i64: 0, 1>], kind = "all_gather", name = "h", shapes = [array<i64: 512, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<512x512xf32>
    %3 = ampc.kernel %2 {at_load = false, executor = "generated", name = "d", nodes = ["d"]} {
    ^bb0(%arg0: tensor<512x512xf32>):
      %6 = ampc.transpose %arg0 {name = "d", perm = array<i64: 1, 0>} : (tensor<512x512xf32>) -> tensor<512x512xf32>
      ampc.yield %6 : (tensor<512x512xf32>) -> ()
    } : (tensor<512x512xf32>) -> tensor<512x512xf32>
    %4 = ampc.kernel %0 {at_load = false, executor = "generated", name = "b", nodes = ["b"]} {
    ^bb0(%arg0: tensor<256x512xf32>):
      %6 = ampc.transpose %arg0 {name = "b", perm = array<i64: 1, 0>} : (tensor<256x512xf32>) -> tensor<512x256xf32>
      ampc.yield %6 : (tensor<512x256xf32>) -> ()
    } : (tensor<256x512xf32>) -> tensor<512x256xf32>
    %5 = ampc.kernel %4 {at_load = false, executor = "generated", name = "c", nodes = ["c"]} {
    ^bb0(%arg0: tensor<512x256xf32>):
      %6 = ampc.transpose %arg0 {name = "c", perm = array<i64: 1, 0>} : (tensor<512x256xf32>) -> tensor<256x512xf32>
      ampc.yield %6 : (tensor<256x512xf32>) -> ()
    } : (tensor<512x256xf32>) -> tensor<256x512xf32>
    ampc.output %3 {index = 0 : i64, name = "y", shapes = [array<i64: 512, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x512xf32>) -> ()
    ampc.output %7 {index = 2 : i64, name = "w", shapes = [array<i64: 512, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x512xf32>) -> ()
    ampc.output %5 {index = 1 : i64, name = "z", shapes = [array<i64: 512, 512>], shardings = ["[512:0 | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> ()
    return
  }
}
