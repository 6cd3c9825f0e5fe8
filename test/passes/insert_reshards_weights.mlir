// Weights and model inputs cost no communication: they are provided once per stage and sharding that is read there, and
// operators on weights alone are specialised for their readers.
// RUN: ampc-opt --ampc-verify=annotated --ampc-insert-reshards %s | FileCheck %s

// One weight read whole twice and split once: two of it, each with a name of its own.
// CHECK-LABEL:   func.func @main
// CHECK-COUNT-2: ampc.parameter {{.*}}name = "w{{(@1)?}}"
// CHECK-NOT:     ampc.parameter
// CHECK:         return
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<4xf32>
    %2 = ampc.add %0, %1 {at_load = false, loops = [array<i64>], name = "a", stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %3 = ampc.mul %2, %1 {at_load = false, loops = [array<i64>], name = "b", stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %4 = ampc.sub %3, %1 {at_load = false, loops = [array<i64: 0>], name = "c", stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ampc.output %4 {index = 0 : i64, loops = [array<i64: 0>], name = "y", stage = 0 : i64} : (tensor<4xf32>) -> ()
    return
  }
}

// -----

// A transpose of a weight, read split along different dimensions: one transpose for each, computed from a split weight,
// nothing communicated.
// CHECK-LABEL: func.func @main
// CHECK-NOT:   ampc.reshard
// CHECK:       %[[P:.*]] = ampc.parameter {{.*}}name = "w", {{.*}}shardings = ["[* | 4:0]"]
// CHECK:       %[[T:.*]] = ampc.transpose %[[P]] {at_load = true, name = "t", {{.*}}shardings = ["[4:0 | *]"], stage = 0
// CHECK:       ampc.add %{{.*}}, %[[T]]
// CHECK:       %[[Q:.*]] = ampc.parameter {{.*}}name = "w@1", {{.*}}shardings = ["[6:0 | *]"]
// CHECK:       %[[U:.*]] = ampc.transpose %[[Q]] {at_load = true, name = "t@1", {{.*}}shardings = ["[* | 6:0]"], stage = 0
// CHECK:       ampc.mul %{{.*}}, %[[U]]
// CHECK-NOT:   ampc.parameter
// CHECK:       return
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4x6xf32>
    %1 = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<6x4xf32>
    %2 = ampc.transpose %1 {at_load = true, name = "t", perm = array<i64: 1, 0>} : (tensor<6x4xf32>) -> tensor<4x6xf32>
    %3 = ampc.add %0, %2 {at_load = false, loops = [array<i64: 0>, array<i64>], name = "a", stage = 0 : i64} : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
    %4 = ampc.mul %0, %2 {at_load = false, loops = [array<i64>, array<i64: 0>], name = "b", stage = 0 : i64} : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
    ampc.output %3 {index = 0 : i64, loops = [array<i64>, array<i64>], name = "y", stage = 0 : i64} : (tensor<4x6xf32>) -> ()
    ampc.output %4 {index = 1 : i64, loops = [array<i64>, array<i64>], name = "z", stage = 0 : i64} : (tensor<4x6xf32>) -> ()
    return
  }
}

// -----

// Where its loops cannot make the reader's sharding (a slice cuts through its dimension), the weight-only operator is
// computed whole at load and every device takes its part of that.
// CHECK-LABEL: func.func @main
// CHECK:       %[[S:.*]] = ampc.slice {{.*}}at_load = true
// CHECK-SAME:  shardings = ["[*]"]
// CHECK:       %[[L:.*]] = ampc.reshard %[[S]] {at_load = true, {{.*}}kind = "slice"
// CHECK-SAME:  shardings = ["[4:0]"]
// CHECK:       ampc.add %{{.*}}, %[[L]]
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<6xf32>
    %2 = ampc.slice %1 {at_load = true, name = "s", shape = array<i64: 4>, starts = array<i64: 1>, steps = array<i64: 1>} : (tensor<6xf32>) -> tensor<4xf32>
    %3 = ampc.add %0, %2 {at_load = false, loops = [array<i64: 0>], name = "a", stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ampc.output %3 {index = 0 : i64, loops = [array<i64: 0>], name = "y", stage = 0 : i64} : (tensor<4xf32>) -> ()
    return
  }
}

// -----

// A weight that no operator with a stage reads disappears; an output of a weight is provided where it is written.
// CHECK-LABEL: func.func @main
// CHECK-NOT:   "unread"
// CHECK:       %[[W:.*]] = ampc.parameter {{.*}}name = "w", {{.*}}stage = 0
// CHECK:       ampc.output %[[W]]
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.parameter {at_load = true, name = "unread", weight = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.parameter {at_load = true, name = "w", weight = 1 : i64} : () -> tensor<4xf32>
    ampc.output %1 {index = 0 : i64, loops = [array<i64>], name = "y", stage = 0 : i64} : (tensor<4xf32>) -> ()
    return
  }
}
