// What is exchanged between convolutions stays channels-last, and all classes that take part in a communication agree on
// its order: the first one decides.
// RUN: ampc-opt --ampc-choose-layouts --ampc-choose-kernels --ampc-verify=kernelized %s | FileCheck %s
// RUN: ampc-opt --ampc-choose-layouts --ampc-choose-kernels %s | sed 's/orders = \[array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>\], shapes/orders = [array<i64: 0, 2, 3, 1>, array<i64>], shapes/' | not ampc-opt --ampc-verify=kernelized 2>&1 | FileCheck %s --check-prefix=DIFFERENT
// RUN: ampc-opt --ampc-choose-layouts --ampc-choose-kernels %s | sed '0,/orders = \[array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>\], shapes/s//shapes/' | not ampc-opt --ampc-verify=kernelized 2>&1 | FileCheck %s --check-prefix=DISAGREE
// DIFFERENT: movement between different orders in memory
// DISAGREE: {{not in the order in memory that it is read in|another order in memory in another class}}

// CHECK-LABEL: func.func @stage0.class0
// CHECK:       %[[A:.*]] = ampc.kernel {{.*}}name = "a", orders = [array<i64: 0, 2, 3, 1>, array<i64>, array<i64: 0, 2, 3, 1>]}
// CHECK:       %[[H:.*]] = ampc.reshard %[[A]] {{.*}}orders = [array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>]
// CHECK:       ampc.kernel %[[H]], {{.*}}name = "b", orders = [array<i64: 0, 2, 3, 1>, array<i64>, array<i64: 0, 2, 3, 1>]}

// A class without convolutions: its copies follow what was agreed.
// CHECK-LABEL: func.func @stage0.class1
// CHECK:       ampc.reshard {{.*}}orders = [array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>]
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
    %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<1x64x29x56xf32>
    %w = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<64x64x3x3xf32>
    %1 = ampc.kernel %x, %w {name = "a"} {
    ^bb0(%a: tensor<1x64x29x56xf32>, %b: tensor<64x64x3x3xf32>):
      %r = ampc.conv %a, %b {name = "ac", pads = array<i64: 1, 1, 0, 1>} : (tensor<1x64x29x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x28x56xf32>
      ampc.yield %r : (tensor<1x64x28x56xf32>) -> ()
    } : (tensor<1x64x29x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x28x56xf32>
    %2 = ampc.reshard %1 {at_load = false, axes = array<i64: 0>, from = "[* | * | 56:0 | *]", groups = [array<i64: 0, 1>], kind = "exchange", name = "h", shapes = [array<i64: 1, 64, 56, 56>], shardings = ["[* | * | 56:0 reach(1/1 -1 1 of 56) | *]"], stage = 0 : i64} : (tensor<1x64x28x56xf32>) -> tensor<1x64x29x56xf32>
    %3 = ampc.kernel %2, %w {name = "b"} {
    ^bb0(%a: tensor<1x64x29x56xf32>, %b: tensor<64x64x3x3xf32>):
      %r = ampc.conv %a, %b {name = "bc", pads = array<i64: 1, 1, 0, 1>} : (tensor<1x64x29x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x28x56xf32>
      ampc.yield %r : (tensor<1x64x28x56xf32>) -> ()
    } : (tensor<1x64x29x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x28x56xf32>
    ampc.output %3 {index = 0 : i64, name = "y", shapes = [array<i64: 1, 64, 56, 56>], shardings = ["[* | * | 56:0 | *]"]} : (tensor<1x64x28x56xf32>) -> ()
    return
  }
  func.func @stage0.class1() attributes {ranks = array<i64: 1>, stage = 0 : i64} {
    %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<1x64x28x56xf32>
    %2 = ampc.reshard %x {at_load = false, axes = array<i64: 0>, from = "[* | * | 56:0 | *]", groups = [array<i64: 0, 1>], kind = "exchange", name = "h", shapes = [array<i64: 1, 64, 56, 56>], shardings = ["[* | * | 56:0 reach(1/1 -1 1 of 56) | *]"], stage = 0 : i64} : (tensor<1x64x28x56xf32>) -> tensor<1x64x29x56xf32>
    ampc.output %2 {index = 0 : i64, name = "y", shapes = [array<i64: 1, 64, 56, 56>], shardings = ["[* | * | 56:0 reach(1/1 -1 1 of 56) | *]"]} : (tensor<1x64x29x56xf32>) -> ()
    return
  }
}
