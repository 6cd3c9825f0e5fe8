// Windows that are split by positions: readers get a halo from their neighbours, devices at the ends keep their padding,
// inner ones have none. Movement along a split dimension brings each device what its part is made of.
// RUN: split-file %s %t
// RUN: ampc-opt --ampc-verify=annotated --ampc-insert-reshards %t/conv.mlir | FileCheck %s --check-prefix=HALO
// RUN: ampc-opt --ampc-insert-reshards --ampc-split-stages --ampc-verify=staged --ampc-partition --ampc-verify=partitioned %t/conv.mlir | FileCheck %s --check-prefix=CLASSES
// RUN: ampc-opt --ampc-insert-reshards %t/movement.mlir | FileCheck %s --check-prefix=MOVE
// RUN: ampc-opt --ampc-insert-reshards --ampc-split-stages --ampc-partition %t/movement.mlir | FileCheck %s --check-prefix=PARTS
// RUN: ampc-opt --ampc-insert-reshards %t/stages.mlir | FileCheck %s --check-prefix=STAGES

// Two readers with the same window share one exchange; the model's input is read with its halo from the start.
// HALO-LABEL: func.func @main
// HALO:       ampc.input {{.*}}shardings = ["[* | * | 8:0 reach(1/1 -1 1 of 8) | *]"]
// HALO:       %[[A:.*]] = ampc.conv {{.*}}name = "a"{{.*}}shardings = ["[* | * | 8:0 | *]"]
// HALO:       %[[H:.*]] = ampc.reshard %[[A]] {{.*}}from = "[* | * | 8:0 | *]", kind = "exchange"{{.*}}shardings = ["[* | * | 8:0 reach(1/1 -1 1 of 8) | *]"]
// HALO:       ampc.conv %[[H]], {{.*}}name = "b"
// HALO:       ampc.max_pool %[[H]] {{.*}}name = "p"
// HALO-NOT:   ampc.reshard
// HALO:       return

// CLASSES-LABEL: func.func @stage0.class0() attributes {ranks = array<i64: 0>
// CLASSES:       ampc.conv {{.*}}name = "b", pads = array<i64: 1, 1, 0, 1>{{.*}} : (tensor<1x2x3x5xf32>, tensor<2x2x3x3xf32>) -> tensor<1x2x2x5xf32>
// CLASSES-LABEL: func.func @stage0.class1() attributes {ranks = array<i64: 1, 2>
// CLASSES:       ampc.reshard {{.*}}groups = [array<i64: 0, 1, 2, 3>]{{.*}} : (tensor<1x2x2x5xf32>) -> tensor<1x2x4x5xf32>
// CLASSES:       ampc.conv {{.*}}name = "b", pads = array<i64: 0, 1, 0, 1>{{.*}} : (tensor<1x2x4x5xf32>, tensor<2x2x3x3xf32>) -> tensor<1x2x2x5xf32>
// CLASSES-LABEL: func.func @stage0.class2() attributes {ranks = array<i64: 3>
// CLASSES:       ampc.conv {{.*}}name = "b", pads = array<i64: 0, 1, 1, 1>
// CLASSES-NOT:   func.func

// MOVE-LABEL: func.func @main
// MOVE:       %[[A:.*]] = ampc.relu
// MOVE:       %[[S:.*]] = ampc.reshard %[[A]] {{.*}}kind = "exchange"{{.*}}shardings = ["[7:0 reach(-1/1 6 6 of 7)]"]
// MOVE:       %[[R:.*]] = ampc.slice %[[S]] {{.*}}shardings = ["[7:0]"]
// MOVE-DAG:   %[[C:.*]] = ampc.reshard %[[A]] {{.*}}shardings = ["[14:0 reach(1/1 0 0 of 7)]"]
// MOVE-DAG:   %[[D:.*]] = ampc.reshard %[[R]] {{.*}}shardings = ["[14:0 reach(1/1 -7 -7 of 7)]"]
// MOVE:       ampc.concat %[[C]], %[[D]] {{.*}}shardings = ["[14:0]"]
// MOVE-NOT:   all_gather
// MOVE:       return

// PARTS-LABEL: func.func @stage0.class0() attributes {ranks = array<i64: 0>
// PARTS:       ampc.slice {{.*}}starts = array<i64: 3>, {{.*}} : (tensor<4xf32>) -> tensor<4xf32>
// PARTS:       ampc.concat {{.*}} : (tensor<7xf32>, tensor<0xf32>) -> tensor<7xf32>
// PARTS-LABEL: func.func @stage0.class1() attributes {ranks = array<i64: 1>
// PARTS:       ampc.slice {{.*}}starts = array<i64: 2>, {{.*}} : (tensor<3xf32>) -> tensor<3xf32>
// PARTS:       ampc.concat {{.*}} : (tensor<0xf32>, tensor<7xf32>) -> tensor<7xf32>

// A value is sent once and serves all readers of the stage, so it is sent without a halo.
// STAGES-LABEL: func.func @main
// STAGES:       %[[A:.*]] = ampc.relu
// STAGES:       %[[T:.*]] = ampc.transfer %[[A]] {{.*}}shardings = ["[* | 9:0]"], stage = 1
// STAGES:       %[[H:.*]] = ampc.reshard %[[T]] {{.*}}kind = "exchange"{{.*}}shardings = ["[* | 4:0 reach(2/1 0 1 of 9)]"], stage = 1
// STAGES:       ampc.max_pool %[[H]]
// STAGES:       %[[G:.*]] = ampc.reshard %[[T]] {{.*}}kind = "all_gather"
// STAGES:       ampc.exp %[[G]]

//--- conv.mlir
module attributes {ampc.grids = [array<i64: 4>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<1x2x8x5xf32>
    %1 = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<2x2x3x3xf32>
    %2 = ampc.conv %0, %1 {at_load = false, loops = [array<i64>, array<i64>, array<i64>, array<i64: 0>, array<i64>, array<i64>, array<i64>, array<i64>], name = "a", pads = array<i64: 1, 1, 1, 1>, stage = 0 : i64} : (tensor<1x2x8x5xf32>, tensor<2x2x3x3xf32>) -> tensor<1x2x8x5xf32>
    %3 = ampc.conv %2, %1 {at_load = false, loops = [array<i64>, array<i64>, array<i64>, array<i64: 0>, array<i64>, array<i64>, array<i64>, array<i64>], name = "b", pads = array<i64: 1, 1, 1, 1>, stage = 0 : i64} : (tensor<1x2x8x5xf32>, tensor<2x2x3x3xf32>) -> tensor<1x2x8x5xf32>
    %4 = ampc.max_pool %2 {at_load = false, kernel = array<i64: 3, 1>, loops = [array<i64>, array<i64>, array<i64: 0>, array<i64>, array<i64>, array<i64>], name = "p", pads = array<i64: 1, 0, 1, 0>, stage = 0 : i64} : (tensor<1x2x8x5xf32>) -> tensor<1x2x8x5xf32>
    %5 = ampc.add %3, %4 {at_load = false, loops = [array<i64>, array<i64>, array<i64: 0>, array<i64>], name = "s", stage = 0 : i64} : (tensor<1x2x8x5xf32>, tensor<1x2x8x5xf32>) -> tensor<1x2x8x5xf32>
    ampc.output %5 {index = 0 : i64, loops = [array<i64>, array<i64>, array<i64: 0>, array<i64>], name = "y", stage = 0 : i64} : (tensor<1x2x8x5xf32>) -> ()
    return
  }
}

//--- movement.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<7xf32>
    %1 = ampc.relu %0 {at_load = false, loops = [array<i64: 0>], name = "a", stage = 0 : i64} : (tensor<7xf32>) -> tensor<7xf32>
    %2 = ampc.slice %1 {at_load = false, loops = [array<i64: 0>], name = "r", shape = array<i64: 7>, stage = 0 : i64, starts = array<i64: 6>, steps = array<i64: -1>} : (tensor<7xf32>) -> tensor<7xf32>
    %3 = ampc.concat %1, %2 {at_load = false, axis = 0 : i64, loops = [array<i64: 0>], name = "c", stage = 0 : i64} : (tensor<7xf32>, tensor<7xf32>) -> tensor<14xf32>
    ampc.output %3 {index = 0 : i64, loops = [array<i64: 0>], name = "y", stage = 0 : i64} : (tensor<14xf32>) -> ()
    return
  }
}

//--- stages.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<3x9xf32>
    %1 = ampc.relu %0 {at_load = false, loops = [array<i64: 0>, array<i64>], name = "a", stage = 0 : i64} : (tensor<3x9xf32>) -> tensor<3x9xf32>
    %2 = ampc.max_pool %1 {at_load = false, kernel = array<i64: 2>, strides = array<i64: 2>, loops = [array<i64>, array<i64: 0>, array<i64>], name = "p", stage = 1 : i64} : (tensor<3x9xf32>) -> tensor<3x4xf32>
    %3 = ampc.exp %1 {at_load = false, loops = [array<i64>, array<i64>], name = "e", stage = 1 : i64} : (tensor<3x9xf32>) -> tensor<3x9xf32>
    ampc.output %2 {index = 0 : i64, loops = [array<i64>, array<i64: 0>], name = "y", stage = 1 : i64} : (tensor<3x4xf32>) -> ()
    ampc.output %3 {index = 1 : i64, loops = [array<i64>, array<i64>], name = "z", stage = 1 : i64} : (tensor<3x9xf32>) -> ()
    return
  }
}
