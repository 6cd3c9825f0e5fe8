// The text form reads back as it was printed, at every stage: attributes, element types, literals, kernel regions.
// RUN: ampc-opt %s > %t.once
// RUN: ampc-opt %t.once > %t.twice
// RUN: diff %t.once %t.twice
// RUN: FileCheck %s < %t.once

// CHECK-LABEL: func.func @main
// CHECK:       ampc.constant {name = "mask", value = dense<[true, false]> : tensor<2xi1>} : () -> tensor<2xi1>
// CHECK:       ampc.constant {name = "scalar", value = dense<5.000000e-01> : tensor<f32>} : () -> tensor<f32>
// CHECK:       ampc.parameter {name = "bytes", weight = 3 : i64} : () -> tensor<2x3xui8>
// CHECK:       ampc.cast {{.*}} : (tensor<2x3xui8>) -> tensor<2x3xbf16>
// CHECK:       ampc.reduce_sum {{.*}} {axes = array<i64: 1>, keepdims = 0 : i64, name = "sum"}
// CHECK:       ampc.output {{.*}} : (tensor<2xbf16>) -> ()
func.func @main() {
  %0 = ampc.constant {name = "mask", value = dense<[true, false]> : tensor<2xi1>} : () -> tensor<2xi1>
  %1 = ampc.constant {name = "scalar", value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %2 = ampc.parameter {name = "bytes", weight = 3 : i64} : () -> tensor<2x3xui8>
  %3 = ampc.cast %2 {name = "wide"} : (tensor<2x3xui8>) -> tensor<2x3xbf16>
  %4 = ampc.reduce_sum %3 {axes = array<i64: 1>, keepdims = 0 : i64, name = "sum"} : (tensor<2x3xbf16>) -> tensor<2xbf16>
  ampc.output %4 {index = 0 : i64, name = "y"} : (tensor<2xbf16>) -> ()
  return
}

// Names that need quotes, ranks and groups, a kernel with two results, empty shards.
// CHECK-LABEL: func.func @stage0.class1
// CHECK-SAME:  attributes {ranks = array<i64: 1, 3>, stage = 0 : i64}
// CHECK:       ampc.parameter {{.*}} : () -> tensor<0x4xf32>
// CHECK:       ampc.reshard {{.*}} {{{.*}}groups = [array<i64: 0, 1>, array<i64: 2, 3>], kind = "all_gather"
// CHECK:       %[[K:.*]]:2 = ampc.kernel %{{.*}} {executor = "generated", name = "layer \22one\22/exp"} {
// CHECK-NEXT:  ^bb0(%[[A:.*]]: tensor<4xf32>):
// CHECK-NEXT:    %[[R:.*]] = ampc.relu %[[A]]
// CHECK-NEXT:    %[[E:.*]] = ampc.exp %[[R]]
// CHECK-NEXT:    ampc.yield %[[R]], %[[E]] : (tensor<4xf32>, tensor<4xf32>) -> ()
// CHECK-NEXT:  } : (tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
// CHECK:       ampc.output %[[K]]#1
func.func @stage0.class1() attributes {ranks = array<i64: 1, 3>, stage = 0 : i64} {
  %0 = ampc.parameter {name = "empty", shapes = [array<i64: 1, 4>], shardings = ["[1:0 | *]"], weight = 0 : i64} : () -> tensor<0x4xf32>
  %1 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<2xf32>
  %2 = ampc.reshard %1 {axes = array<i64: 1>, from = "[4:1]", groups = [array<i64: 0, 1>, array<i64: 2, 3>], kind = "all_gather", name = "x/all_gather"} : (tensor<2xf32>) -> tensor<4xf32>
  %3:2 = ampc.kernel %2 {executor = "generated", name = "layer \22one\22/exp"} {
  ^bb0(%a: tensor<4xf32>):
    %r = ampc.relu %a {name = "relu"} : (tensor<4xf32>) -> tensor<4xf32>
    %e = ampc.exp %r {name = "layer \22one\22/exp"} : (tensor<4xf32>) -> tensor<4xf32>
    ampc.yield %r, %e : (tensor<4xf32>, tensor<4xf32>) -> ()
  } : (tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  ampc.output %3#1 {index = 0 : i64, name = "y"} : (tensor<4xf32>) -> ()
  return
}
