// What becomes one kernel: chains over one index space with their reductions, products with what follows them. Kernels
// name the model's nodes and have no decisions inside.
// RUN: ampc-opt --ampc-fuse %s | FileCheck %s
// RUN: ampc-opt --ampc-fuse --ampc-choose-kernels --ampc-verify=kernelized %s

// A softmax is one kernel, named after its last operator.
// CHECK-LABEL: func.func @softmax
// CHECK:       %[[X:.*]] = ampc.input
// CHECK-NEXT:  %[[K:.*]] = ampc.kernel %[[X]] {at_load = false, name = "s", nodes = ["max", "shifted", "exp", "sum", "s"]} {
// CHECK-NEXT:  ^bb0(%[[A:.*]]: tensor<2x8xf32>):
// CHECK-NEXT:    %[[M:.*]] = ampc.reduce_max %[[A]] {axes = array<i64: 1>, keepdims = 1 : i64, name = "max"} :
// CHECK-NEXT:    %[[D:.*]] = ampc.sub %[[A]], %[[M]] {name = "shifted"}
// CHECK-NEXT:    %[[E:.*]] = ampc.exp %[[D]]
// CHECK-NEXT:    %[[S:.*]] = ampc.reduce_sum %[[E]]
// CHECK-NEXT:    %[[R:.*]] = ampc.div %[[E]], %[[S]]
// CHECK-NEXT:    ampc.yield %[[R]] : (tensor<2x8xf32>) -> ()
// CHECK:       ampc.output %[[K]]
// CHECK-NEXT:  return
func.func @softmax() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 2, 8>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<2x8xf32>
  %1 = ampc.reduce_max %0 {at_load = false, axes = array<i64: 1>, keepdims = 1 : i64, loops = [array<i64>, array<i64>], name = "max", shapes = [array<i64: 2, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %2 = ampc.sub %0, %1 {at_load = false, name = "shifted", shapes = [array<i64: 2, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %3 = ampc.exp %2 {at_load = false, name = "exp", shapes = [array<i64: 2, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %4 = ampc.reduce_sum %3 {at_load = false, axes = array<i64: 1>, keepdims = 1 : i64, name = "sum", shapes = [array<i64: 2, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %5 = ampc.div %3, %4 {at_load = false, name = "s", shapes = [array<i64: 2, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  ampc.output %5 {index = 0 : i64, name = "y", shapes = [array<i64: 2, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<2x8xf32>) -> ()
  return
}

// A product with its bias and activation is one kernel.
// CHECK-LABEL: func.func @product
// CHECK:       ampc.kernel {{.*}} {at_load = false, name = "act", nodes = ["product", "biased", "act"]} {
// CHECK:         ampc.matmul
// CHECK-NEXT:    ampc.add
// CHECK-NEXT:    ampc.relu
// CHECK-NEXT:    ampc.yield
// CHECK-NOT:   ampc.kernel
func.func @product() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 4, 8>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<4x8xf32>
  %1 = ampc.parameter {at_load = true, name = "w", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64, weight = 0 : i64} : () -> tensor<8x8xf32>
  %2 = ampc.parameter {at_load = true, name = "b", shapes = [array<i64: 8>], shardings = ["[*]"], stage = 0 : i64, weight = 1 : i64} : () -> tensor<8xf32>
  %3 = ampc.matmul %0, %1 {at_load = false, name = "product", shapes = [array<i64: 4, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %4 = ampc.add %3, %2 {at_load = false, name = "biased", shapes = [array<i64: 4, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %5 = ampc.relu %4 {at_load = false, name = "act", shapes = [array<i64: 4, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  ampc.output %5 {index = 0 : i64, name = "y", shapes = [array<i64: 4, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x8xf32>) -> ()
  return
}

// A product's result with a second reader must exist, so nothing joins its kernel.
// CHECK-LABEL: func.func @product_read_twice
// CHECK:       ampc.kernel {{.*}}nodes = ["product"]
// CHECK:       ampc.kernel {{.*}}nodes = ["act"]
func.func @product_read_twice() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<8x8xf32>
  %1 = ampc.matmul %0, %0 {at_load = false, name = "product", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = ampc.relu %1 {at_load = false, name = "act", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  ampc.output %1 {index = 0 : i64, name = "y", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x8xf32>) -> ()
  ampc.output %2 {index = 1 : i64, name = "z", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x8xf32>) -> ()
  return
}

// A value read outside too is a result of the kernel beside the last one.
// CHECK-LABEL: func.func @two_results
// CHECK:       %[[K:.*]]:2 = ampc.kernel {{.*}}nodes = ["a", "b"]
// CHECK:         ampc.yield %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<4xf32>) -> ()
// CHECK:       ampc.output %[[K]]#0
// CHECK:       ampc.output %[[K]]#1
func.func @two_results() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
  %1 = ampc.relu %0 {at_load = false, name = "a", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = ampc.exp %1 {at_load = false, name = "b", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  ampc.output %1 {index = 0 : i64, name = "y", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> ()
  ampc.output %2 {index = 1 : i64, name = "z", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> ()
  return
}

// Two reductions over different axes walk the value twice: two kernels.
// CHECK-LABEL: func.func @two_axes
// CHECK:       ampc.kernel {{.*}}nodes = ["rows"]
// CHECK:       ampc.kernel {{.*}}nodes = ["columns"]
func.func @two_axes() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 4, 4>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<4x4xf32>
  %1 = ampc.reduce_sum %0 {at_load = false, axes = array<i64: 1>, keepdims = 1 : i64, name = "rows", shapes = [array<i64: 4, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4x1xf32>
  %2 = ampc.reduce_sum %0 {at_load = false, axes = array<i64: 0>, keepdims = 1 : i64, name = "columns", shapes = [array<i64: 1, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<1x4xf32>
  ampc.output %1 {index = 0 : i64, name = "y", shapes = [array<i64: 4, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x1xf32>) -> ()
  ampc.output %2 {index = 1 : i64, name = "z", shapes = [array<i64: 1, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x4xf32>) -> ()
  return
}

// What runs at load does not join what runs in every step. Views and storage need no kernel.
// CHECK-LABEL: func.func @load_and_step
// CHECK:       ampc.kernel {{.*}} {at_load = true, {{.*}}nodes = ["prepared"]
// CHECK:       ampc.kernel {{.*}} {at_load = false, {{.*}}nodes = ["step"]
// CHECK:       %[[V:.*]] = ampc.reshape
// CHECK-NOT:   ampc.kernel
// CHECK:       ampc.output %[[V]]
func.func @load_and_step() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
  %1 = ampc.parameter {at_load = true, name = "w", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64, weight = 0 : i64} : () -> tensor<4xf32>
  %2 = ampc.exp %1 {at_load = true, name = "prepared", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = ampc.add %0, %2 {at_load = false, name = "step", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = ampc.reshape %3 {at_load = false, name = "view", shapes = [array<i64: 2, 2>], shardings = ["[* | *]"], shape = array<i64: 2, 2>, stage = 0 : i64} : (tensor<4xf32>) -> tensor<2x2xf32>
  ampc.output %4 {index = 0 : i64, name = "y", shapes = [array<i64: 2, 2>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<2x2xf32>) -> ()
  return
}
