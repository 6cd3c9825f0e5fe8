// Which order in memory values get around convolutions. Everything else stays row-major.
// RUN: ampc-opt --ampc-choose-layouts --ampc-choose-kernels-by-price --ampc-verify=kernelized %s | FileCheck %s

// Channels last from the first convolution to the last: one copy of the image, depthwise and residual in between, and
// the last kernel that is not a library's writes the row-major result.
// CHECK-LABEL: func.func @stage0.class0
// CHECK:       %[[I:.*]] = ampc.kernel %{{.*}}name = "x/order_0_2_3_1", nodes = ["x"], orders = [array<i64>, array<i64: 0, 2, 3, 1>]} {
// CHECK:         ampc.transpose
// CHECK:       %[[A:.*]] = ampc.kernel %[[I]], %{{.*}}executor = "library:onednn.convolution", {{.*}}name = "first", orders = [array<i64: 0, 2, 3, 1>, array<i64>, array<i64: 0, 2, 3, 1>]}
// The depthwise one is generated (cheaper by price), so its weights get their channels last too.
// CHECK:       %[[B:.*]] = ampc.kernel %[[A]], %{{.*}}executor = "generated", name = "depthwise", orders = [array<i64: 0, 2, 3, 1>, array<i64: 1, 2, 3, 0>, array<i64: 0, 2, 3, 1>]}
// CHECK:       %[[C:.*]] = ampc.kernel %[[B]], %{{.*}}, %[[A]] {{.*}}executor = "library:onednn.convolution", {{.*}}name = "residual", orders = [array<i64: 0, 2, 3, 1>, array<i64>, array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>]}
// CHECK-NOT:   /order_
// CHECK:       ampc.kernel %[[C]] {{.*}}executor = "generated", name = "end", orders = [array<i64: 0, 2, 3, 1>, array<i64>]}
func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4x16x28x28xf32>
  %w = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<64x16x3x3xf32>
  %1 = ampc.kernel %x, %w {name = "first"} {
  ^bb0(%a: tensor<4x16x28x28xf32>, %b: tensor<64x16x3x3xf32>):
    %r = ampc.conv %a, %b {name = "c", pads = array<i64: 1, 1, 1, 1>} : (tensor<4x16x28x28xf32>, tensor<64x16x3x3xf32>) -> tensor<4x64x28x28xf32>
    ampc.yield %r : (tensor<4x64x28x28xf32>) -> ()
  } : (tensor<4x16x28x28xf32>, tensor<64x16x3x3xf32>) -> tensor<4x64x28x28xf32>
  %d = ampc.parameter {at_load = true, name = "d", weight = 1 : i64} : () -> tensor<64x1x3x3xf32>
  %2 = ampc.kernel %1, %d {name = "depthwise"} {
  ^bb0(%a: tensor<4x64x28x28xf32>, %b: tensor<64x1x3x3xf32>):
    %r = ampc.conv %a, %b {name = "dc", pads = array<i64: 1, 1, 1, 1>} : (tensor<4x64x28x28xf32>, tensor<64x1x3x3xf32>) -> tensor<4x64x28x28xf32>
    ampc.yield %r : (tensor<4x64x28x28xf32>) -> ()
  } : (tensor<4x64x28x28xf32>, tensor<64x1x3x3xf32>) -> tensor<4x64x28x28xf32>
  %v = ampc.parameter {at_load = true, name = "v", weight = 2 : i64} : () -> tensor<64x64x1x1xf32>
  %3 = ampc.kernel %2, %v, %1 {name = "residual"} {
  ^bb0(%a: tensor<4x64x28x28xf32>, %b: tensor<64x64x1x1xf32>, %c: tensor<4x64x28x28xf32>):
    %r = ampc.conv %a, %b {name = "rc"} : (tensor<4x64x28x28xf32>, tensor<64x64x1x1xf32>) -> tensor<4x64x28x28xf32>
    %s = ampc.add %r, %c {name = "ra"} : (tensor<4x64x28x28xf32>, tensor<4x64x28x28xf32>) -> tensor<4x64x28x28xf32>
    ampc.yield %s : (tensor<4x64x28x28xf32>) -> ()
  } : (tensor<4x64x28x28xf32>, tensor<64x64x1x1xf32>, tensor<4x64x28x28xf32>) -> tensor<4x64x28x28xf32>
  %4 = ampc.kernel %3 {name = "end"} {
  ^bb0(%a: tensor<4x64x28x28xf32>):
    %r = ampc.exp %a {name = "e"} : (tensor<4x64x28x28xf32>) -> tensor<4x64x28x28xf32>
    ampc.yield %r : (tensor<4x64x28x28xf32>) -> ()
  } : (tensor<4x64x28x28xf32>) -> tensor<4x64x28x28xf32>
  ampc.output %4 {index = 0 : i64, name = "y"} : (tensor<4x64x28x28xf32>) -> ()
  return
}

// Without a convolution nothing has an order.
// CHECK-LABEL: func.func @stage0.class1
// CHECK-NOT:   orders
// CHECK:       return
func.func @stage0.class1() attributes {ranks = array<i64: 1>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4x64x28x28xf32>
  %0 = ampc.kernel %x {name = "end"} {
  ^bb0(%a: tensor<4x64x28x28xf32>):
    %r = ampc.exp %a {name = "e"} : (tensor<4x64x28x28xf32>) -> tensor<4x64x28x28xf32>
    ampc.yield %r : (tensor<4x64x28x28xf32>) -> ()
  } : (tensor<4x64x28x28xf32>) -> tensor<4x64x28x28xf32>
  ampc.output %0 {index = 0 : i64, name = "y"} : (tensor<4x64x28x28xf32>) -> ()
  return
}

// A convolution that no library takes (f64) is generated; its weights get their channels last once, at load. Merging
// the spatial dimensions is a view with channels last too.
// CHECK-LABEL: func.func @stage0.class2
// CHECK:       %[[W:.*]] = ampc.kernel %{{.*}} {at_load = true, {{.*}}name = "w/order_1_2_3_0"
// CHECK:       %[[C:.*]] = ampc.kernel %{{.*}}, %[[W]] {{.*}}executor = "generated", name = "double", orders = [{{.*}}, array<i64: 1, 2, 3, 0>, array<i64: 0, 2, 3, 1>]}
// CHECK:       %[[V:.*]] = ampc.reshape %[[C]] {{.*}}orders = [array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 1>]
// CHECK:       ampc.kernel %[[V]] {{.*}}orders = [array<i64: 0, 2, 1>, array<i64>]
func.func @stage0.class2() attributes {ranks = array<i64: 2>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4x64x28x28xf64>
  %w = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<64x64x3x3xf64>
  %1 = ampc.kernel %x, %w {name = "double"} {
  ^bb0(%a: tensor<4x64x28x28xf64>, %b: tensor<64x64x3x3xf64>):
    %r = ampc.conv %a, %b {name = "c", pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>} : (tensor<4x64x28x28xf64>, tensor<64x64x3x3xf64>) -> tensor<4x64x14x14xf64>
    ampc.yield %r : (tensor<4x64x14x14xf64>) -> ()
  } : (tensor<4x64x28x28xf64>, tensor<64x64x3x3xf64>) -> tensor<4x64x14x14xf64>
  %2 = ampc.reshape %1 {name = "merged", shape = array<i64: 4, 64, 196>} : (tensor<4x64x14x14xf64>) -> tensor<4x64x196xf64>
  %3 = ampc.kernel %2 {name = "swapped"} {
  ^bb0(%a: tensor<4x64x196xf64>):
    %r = ampc.transpose %a {name = "e", perm = array<i64: 0, 2, 1>} : (tensor<4x64x196xf64>) -> tensor<4x196x64xf64>
    ampc.yield %r : (tensor<4x196x64xf64>) -> ()
  } : (tensor<4x64x196xf64>) -> tensor<4x196x64xf64>
  ampc.output %3 {index = 0 : i64, name = "y"} : (tensor<4x196x64xf64>) -> ()
  return
}

// Ranks exchange what stands between convolutions channels last, in every class alike.
// CHECK-LABEL: func.func @stage1.class0
// CHECK:       ampc.reshard {{.*}}name = "gathered", orders = [array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>]
// CHECK-LABEL: func.func @stage1.class1
// CHECK:       ampc.reshard {{.*}}name = "gathered", orders = [array<i64: 0, 2, 3, 1>, array<i64: 0, 2, 3, 1>]
func.func @stage1.class0() attributes {ranks = array<i64: 3>, stage = 1 : i64} {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4x65x28x28xf32>
  %w = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<33x65x3x3xf32>
  %1 = ampc.kernel %x, %w {name = "first"} {
  ^bb0(%a: tensor<4x65x28x28xf32>, %b: tensor<33x65x3x3xf32>):
    %r = ampc.conv %a, %b {name = "c", pads = array<i64: 1, 1, 1, 1>} : (tensor<4x65x28x28xf32>, tensor<33x65x3x3xf32>) -> tensor<4x33x28x28xf32>
    ampc.yield %r : (tensor<4x33x28x28xf32>) -> ()
  } : (tensor<4x65x28x28xf32>, tensor<33x65x3x3xf32>) -> tensor<4x33x28x28xf32>
  %2 = ampc.reshard %1 {axes = array<i64: 0>, from = "[* | 65:0 | * | *]", groups = [array<i64: 3, 4>], kind = "all_gather", name = "gathered", shapes = [array<i64: 4, 65, 28, 28>], shardings = ["[* | * | * | *]"]} : (tensor<4x33x28x28xf32>) -> tensor<4x65x28x28xf32>
  %v = ampc.parameter {at_load = true, name = "v", weight = 1 : i64} : () -> tensor<33x65x3x3xf32>
  %3 = ampc.kernel %2, %v {name = "second"} {
  ^bb0(%a: tensor<4x65x28x28xf32>, %b: tensor<33x65x3x3xf32>):
    %r = ampc.conv %a, %b {name = "d", pads = array<i64: 1, 1, 1, 1>} : (tensor<4x65x28x28xf32>, tensor<33x65x3x3xf32>) -> tensor<4x33x28x28xf32>
    ampc.yield %r : (tensor<4x33x28x28xf32>) -> ()
  } : (tensor<4x65x28x28xf32>, tensor<33x65x3x3xf32>) -> tensor<4x33x28x28xf32>
  ampc.output %3 {index = 0 : i64, name = "y"} : (tensor<4x33x28x28xf32>) -> ()
  return
}
func.func @stage1.class1() attributes {ranks = array<i64: 4>, stage = 1 : i64} {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4x65x28x28xf32>
  %w = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<32x65x3x3xf32>
  %1 = ampc.kernel %x, %w {name = "first"} {
  ^bb0(%a: tensor<4x65x28x28xf32>, %b: tensor<32x65x3x3xf32>):
    %r = ampc.conv %a, %b {name = "c", pads = array<i64: 1, 1, 1, 1>} : (tensor<4x65x28x28xf32>, tensor<32x65x3x3xf32>) -> tensor<4x32x28x28xf32>
    ampc.yield %r : (tensor<4x32x28x28xf32>) -> ()
  } : (tensor<4x65x28x28xf32>, tensor<32x65x3x3xf32>) -> tensor<4x32x28x28xf32>
  %2 = ampc.reshard %1 {axes = array<i64: 0>, from = "[* | 65:0 | * | *]", groups = [array<i64: 3, 4>], kind = "all_gather", name = "gathered", shapes = [array<i64: 4, 65, 28, 28>], shardings = ["[* | * | * | *]"]} : (tensor<4x32x28x28xf32>) -> tensor<4x65x28x28xf32>
  %v = ampc.parameter {at_load = true, name = "v", weight = 1 : i64} : () -> tensor<32x65x3x3xf32>
  %3 = ampc.kernel %2, %v {name = "second"} {
  ^bb0(%a: tensor<4x65x28x28xf32>, %b: tensor<32x65x3x3xf32>):
    %r = ampc.conv %a, %b {name = "d", pads = array<i64: 1, 1, 1, 1>} : (tensor<4x65x28x28xf32>, tensor<32x65x3x3xf32>) -> tensor<4x32x28x28xf32>
    ampc.yield %r : (tensor<4x32x28x28xf32>) -> ()
  } : (tensor<4x65x28x28xf32>, tensor<32x65x3x3xf32>) -> tensor<4x32x28x28xf32>
  ampc.output %3 {index = 0 : i64, name = "y"} : (tensor<4x32x28x28xf32>) -> ()
  return
}
