// Between the sharding that a producer leaves and the one that a reader's loops need stands the cheapest step, once per
// value and sharding; what is read as it is made gets none.
// RUN: ampc-opt --ampc-verify=annotated --ampc-insert-reshards %s | FileCheck %s

// A product with its inner loop split is a partial sum: a reader of the whole gets it all-reduced.
// CHECK-LABEL: func.func @main
// CHECK:       ampc.input {{.*}}shardings = ["[* | 4:0]"]
// CHECK:       ampc.parameter {{.*}}shardings = ["[4:0 | *]"]
// CHECK:       %[[M:.*]] = ampc.matmul {{.*}}shardings = ["[* | *] sum(0)"]
// CHECK:       %[[R:.*]] = ampc.reshard %[[M]] {{.*}}axes = array<i64: 0>, from = "[* | *] sum(0)", kind = "all_reduce"
// CHECK-SAME:  shapes = [array<i64: 4, 4>], shardings = ["[* | *]"], stage = 0
// CHECK-NOT:   ampc.reshard
// CHECK:       %[[E:.*]] = ampc.exp %[[R]]
// CHECK:       ampc.output %[[E]]
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4x4xf32>
    %1 = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<4x4xf32>
    %2 = ampc.matmul %0, %1 {at_load = false, loops = [array<i64>, array<i64>, array<i64: 0>], name = "m", stage = 0 : i64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    %3 = ampc.exp %2 {at_load = false, loops = [array<i64>, array<i64>], name = "e", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    ampc.output %3 {index = 0 : i64, loops = [array<i64>, array<i64>], name = "y", stage = 0 : i64} : (tensor<4x4xf32>) -> ()
    return
  }
}

// -----

// The reader wants the partial axis to split a dimension: reduce-scatter, no all-reduce.
// CHECK-LABEL: func.func @main
// CHECK:       %[[M:.*]] = ampc.reduce_max {{.*}}shardings = ["[*] max(0)"]
// CHECK-NOT:   all_reduce
// CHECK:       %[[R:.*]] = ampc.reshard %[[M]] {{.*}}axes = array<i64: 0>, from = "[*] max(0)", kind = "reduce_scatter"
// CHECK-SAME:  shardings = ["[4:0]"]
// CHECK:       ampc.exp %[[R]]
// CHECK-NOT:   ampc.reshard
// CHECK:       return
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4x4xf32>
    %1 = ampc.reduce_max %0 {at_load = false, axes = array<i64: 1>, keepdims = 0 : i64, loops = [array<i64>, array<i64: 0>], name = "m", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4xf32>
    %2 = ampc.exp %1 {at_load = false, loops = [array<i64: 0>], name = "e", stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    ampc.output %2 {index = 0 : i64, loops = [array<i64: 0>], name = "y", stage = 0 : i64} : (tensor<4xf32>) -> ()
    return
  }
}

// -----

// Split to whole: all-gather; whole to split: a local slice. Two readers that need the same share one reshard, and a
// reader that could have an all-to-all takes a slice of what was gathered anyway.
// CHECK-LABEL: func.func @main
// CHECK:       %[[S:.*]] = ampc.relu {{.*}}shardings = ["[4:0 | *]"]
// CHECK:       %[[G:.*]] = ampc.reshard %[[S]] {{.*}}from = "[4:0 | *]", kind = "all_gather"{{.*}}shardings = ["[* | *]"]
// CHECK:       %[[W:.*]] = ampc.exp %[[G]]
// CHECK-NOT:   kind = "all_gather"
// CHECK:       %[[L:.*]] = ampc.log %[[G]]
// CHECK:       %[[A:.*]] = ampc.reshard %[[G]] {{.*}}from = "[* | *]", kind = "slice"{{.*}}shardings = ["[* | 4:0]"]
// CHECK:       %[[T:.*]] = ampc.tanh %[[A]]
// CHECK:       %[[C:.*]] = ampc.reshard %[[W]] {{.*}}axes = array<i64>, from = "[* | *]", kind = "slice"{{.*}}shardings = ["[* | 4:0]"]
// CHECK:       %[[D:.*]] = ampc.reshard %[[L]] {{.*}}kind = "slice"
// CHECK:       ampc.add %[[C]], %[[D]]
// CHECK:       ampc.add %{{.*}}, %[[T]]
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4x4xf32>
    %1 = ampc.relu %0 {at_load = false, loops = [array<i64: 0>, array<i64>], name = "s", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    %2 = ampc.exp %1 {at_load = false, loops = [array<i64>, array<i64>], name = "w", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    %3 = ampc.log %1 {at_load = false, loops = [array<i64>, array<i64>], name = "l", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    %4 = ampc.tanh %1 {at_load = false, loops = [array<i64>, array<i64: 0>], name = "t", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    %5 = ampc.add %2, %3 {at_load = false, loops = [array<i64>, array<i64: 0>], name = "a", stage = 0 : i64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    %6 = ampc.add %5, %4 {at_load = false, loops = [array<i64>, array<i64: 0>], name = "b", stage = 0 : i64} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    ampc.output %6 {index = 0 : i64, loops = [array<i64>, array<i64: 0>], name = "y", stage = 0 : i64} : (tensor<4x4xf32>) -> ()
    return
  }
}

// -----

// Split elsewhere: all-to-all.
// CHECK-LABEL: func.func @main
// CHECK:       %[[S:.*]] = ampc.relu {{.*}}shardings = ["[4:0 | *]"]
// CHECK:       %[[A:.*]] = ampc.reshard %[[S]] {{.*}}from = "[4:0 | *]", kind = "all_to_all"{{.*}}shardings = ["[* | 4:0]"]
// CHECK:       ampc.tanh %[[A]]
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4x4xf32>
    %1 = ampc.relu %0 {at_load = false, loops = [array<i64: 0>, array<i64>], name = "s", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    %2 = ampc.tanh %1 {at_load = false, loops = [array<i64>, array<i64: 0>], name = "t", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    ampc.output %2 {index = 0 : i64, loops = [array<i64>, array<i64: 0>], name = "y", stage = 0 : i64} : (tensor<4x4xf32>) -> ()
    return
  }
}

// -----

// A partial sum whose readers want other splits along other axes is combined once, not once per reader.
// CHECK-LABEL: func.func @main
// CHECK:       %[[M:.*]] = ampc.reduce_sum {{.*}}shardings = ["[*] sum(0)"]
// CHECK:       %[[R:.*]] = ampc.reshard %[[M]] {{.*}}kind = "all_reduce"
// CHECK:       %[[L:.*]] = ampc.reshard %[[R]] {{.*}}kind = "slice"{{.*}}shardings = ["[4:1]"]
// CHECK:       ampc.exp %[[L]]
// CHECK-NOT:   all_reduce
// CHECK:       %[[B:.*]] = ampc.reshard %[[R]] {{.*}}kind = "slice"{{.*}}shardings = ["[4:0,1]"]
// CHECK:       ampc.log %[[B]]
module attributes {ampc.grids = [array<i64: 2, 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4x4xf32>
    %1 = ampc.reduce_sum %0 {at_load = false, axes = array<i64: 1>, keepdims = 0 : i64, loops = [array<i64>, array<i64: 0>], name = "m", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4xf32>
    %2 = ampc.exp %1 {at_load = false, loops = [array<i64: 1>], name = "e", stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    %3 = ampc.log %1 {at_load = false, loops = [array<i64: 0, 1>], name = "l", stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    ampc.output %2 {index = 0 : i64, loops = [array<i64: 1>], name = "y", stage = 0 : i64} : (tensor<4xf32>) -> ()
    ampc.output %3 {index = 1 : i64, loops = [array<i64: 0, 1>], name = "z", stage = 0 : i64} : (tensor<4xf32>) -> ()
    return
  }
}

// -----

// A reader that stays in the sharding of its producer gets no reshard, and an output is written from where it is; a
// partial one is combined first, once for the output and the other reader.
// CHECK-LABEL: func.func @main
// CHECK:       %[[M:.*]] = ampc.reduce_sum
// CHECK:       %[[R:.*]] = ampc.reshard %[[M]] {{.*}}kind = "all_reduce"
// CHECK-NOT:   ampc.reshard
// CHECK:       ampc.exp %[[R]]
// CHECK:       ampc.output %[[R]] {{.*}}shardings = ["[4:1]"]
// CHECK-NOT:   ampc.reshard
// CHECK:       return
module attributes {ampc.grids = [array<i64: 2, 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4x4xf32>
    %1 = ampc.reduce_sum %0 {at_load = false, axes = array<i64: 1>, keepdims = 0 : i64, loops = [array<i64: 1>, array<i64: 0>], name = "m", stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4xf32>
    %2 = ampc.exp %1 {at_load = false, loops = [array<i64: 1>], name = "e", stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
    ampc.output %1 {index = 0 : i64, loops = [array<i64: 1>], name = "y", stage = 0 : i64} : (tensor<4xf32>) -> ()
    ampc.output %2 {index = 1 : i64, loops = [array<i64: 1>], name = "z", stage = 0 : i64} : (tensor<4xf32>) -> ()
    return
  }
}
