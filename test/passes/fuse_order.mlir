// Fusion keeps dependencies: no kernel waits for itself, and communications stay in their order in every class.
// RUN: ampc-opt --ampc-fuse --ampc-choose-kernels --ampc-verify=kernelized %s | FileCheck %s

// `c` reads `a` and, through the product, what leaves the kernel of `a`: it must come after the product, so not in it.
// CHECK-LABEL: func.func @leaves_and_reenters
// CHECK:       %[[A:.*]] = ampc.kernel {{.*}}nodes = ["a"]
// CHECK:       %[[P:.*]] = ampc.kernel %[[A]]{{.*}}nodes = ["p"
// CHECK-NOT:   nodes = ["a"
// CHECK:       ampc.output
func.func @leaves_and_reenters() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<8x8xf32>
  %1 = ampc.relu %0 {at_load = false, name = "a", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = ampc.matmul %1, %1 {at_load = false, name = "p", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %3 = ampc.pow %1, %2 {at_load = false, name = "c", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  ampc.output %3 {index = 0 : i64, name = "y", shapes = [array<i64: 8, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x8xf32>) -> ()
  return
}

// The same through a kernel instead of a product: `d` would join `a`, but `b` and `c`, one kernel, stand between.
// CHECK-LABEL: func.func @through_a_kernel
// CHECK:       %[[A:.*]] = ampc.kernel {{.*}}nodes = ["a"]
// CHECK:       %[[C:.*]] = ampc.kernel %{{.*}}, %[[A]] {{.*}}nodes = ["b", "c"]
// CHECK:       ampc.kernel %[[A]], %[[C]] {{.*}}nodes = ["d"]
func.func @through_a_kernel() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
  %1 = ampc.input {at_load = false, index = 1 : i64, name = "z", shapes = [array<i64: 4, 4>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<4x4xf32>
  %2 = ampc.relu %0 {at_load = false, name = "a", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = ampc.add %1, %2 {at_load = false, name = "b", shapes = [array<i64: 4, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  %4 = ampc.reduce_sum %3 {at_load = false, axes = array<i64: 0>, keepdims = 0 : i64, name = "c", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<4xf32>
  %5 = ampc.mul %2, %4 {at_load = false, name = "d", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  ampc.output %5 {index = 0 : i64, name = "y", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> ()
  return
}

// The second communication is ready at once, the first only after a kernel: they stay in their order. The third reads
// an inner value of that kernel.
// CHECK-LABEL: func.func @communications
// CHECK:       %[[K:.*]]:2 = ampc.kernel {{.*}}nodes = ["a", "b", "c"]
// CHECK:       ampc.reshard %[[K]]#1 {{.*}}name = "first"
// CHECK:       ampc.reshard {{.*}}name = "second"
// CHECK:       ampc.reshard %[[K]]#0 {{.*}}name = "third"
func.func @communications() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : () -> tensor<4xf32>
  %1 = ampc.relu %0 {at_load = false, name = "a", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = ampc.exp %1 {at_load = false, name = "b", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = ampc.log %2 {at_load = false, name = "c", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %4 = ampc.reshard %3 {at_load = false, axes = array<i64: 0>, from = "[8:0]", groups = [array<i64: 0, 1>], kind = "all_gather", name = "first", shapes = [array<i64: 8>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<8xf32>
  %5 = ampc.reshard %0 {at_load = false, axes = array<i64: 0>, from = "[8:0]", groups = [array<i64: 0, 1>], kind = "all_gather", name = "second", shapes = [array<i64: 8>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<8xf32>
  %6 = ampc.add %5, %4 {at_load = false, name = "d", shapes = [array<i64: 8>], shardings = ["[*]"], stage = 0 : i64} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %7 = ampc.reshard %1 {at_load = false, axes = array<i64: 0>, from = "[8:0]", groups = [array<i64: 0, 1>], kind = "all_gather", name = "third", shapes = [array<i64: 8>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<8xf32>
  ampc.output %6 {index = 0 : i64, name = "y", shapes = [array<i64: 8>], shardings = ["[*]"], stage = 0 : i64} : (tensor<8xf32>) -> ()
  ampc.output %7 {index = 1 : i64, name = "z", shapes = [array<i64: 8>], shardings = ["[*]"], stage = 0 : i64} : (tensor<8xf32>) -> ()
  return
}

// Order alone keeps operators apart: `u` reads `t` and `second`, which reads the input only, but which comes after
// `first`, which reads `t`.
// CHECK-LABEL: func.func @by_order
// CHECK:       ampc.kernel {{.*}}nodes = ["t"]
// CHECK:       ampc.reshard {{.*}}name = "first"
// CHECK:       ampc.reshard {{.*}}name = "second"
// CHECK:       ampc.kernel {{.*}}nodes = ["u", "v"]
func.func @by_order() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
  %0 = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
  %1 = ampc.relu %0 {at_load = false, name = "t", shapes = [array<i64: 4>], shardings = ["[*] sum(0)"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = ampc.reshard %1 {at_load = false, axes = array<i64: 0>, from = "[*] sum(0)", groups = [array<i64: 0, 1>], kind = "all_reduce", name = "first", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = ampc.reshard %0 {at_load = false, axes = array<i64: 0>, from = "[*] sum(0)", groups = [array<i64: 0, 1>], kind = "all_reduce", name = "second", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %4 = ampc.add %1, %3 {at_load = false, name = "u", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %5 = ampc.add %4, %2 {at_load = false, name = "v", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  ampc.output %5 {index = 0 : i64, name = "y", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> ()
  return
}
