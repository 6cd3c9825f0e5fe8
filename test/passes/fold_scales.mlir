// What normalize does with scales and shifts behind products with constant weights: the weights are scaled at load, one
// addend is left.
// RUN: ampc-opt --ampc-normalize --ampc-verify=normal %s | FileCheck %s

// A BatchNormalization behind a biased convolution. The scaled weights keep nothing of the original ones' other reader.
// CHECK-LABEL: func.func @main
// CHECK:       %[[X:.*]] = ampc.input
// CHECK:       %[[W:.*]] = ampc.parameter {at_load = true, name = "w"
// CHECK:       %[[S:.*]] = ampc.parameter {at_load = true, name = "s"
// CHECK:       %[[SW:.*]] = ampc.reshape %[[S]] {at_load = true, name = "c/folded_factor{{.*}}", shape = array<i64: 8, 1, 1, 1>}
// CHECK:       %[[FW:.*]] = ampc.mul %[[W]], %[[SW]] {at_load = true
// CHECK:       %[[B:.*]] = ampc.mul %{{.*}}, %[[S]] {at_load = true
// CHECK:       %[[A:.*]] = ampc.sub %[[B]], %{{.*}} {at_load = true
// CHECK:       %[[C:.*]] = ampc.conv %[[X]], %[[FW]] {at_load = false, {{.*}}name = "c"
// CHECK-NEXT:  %[[Y:.*]] = ampc.add %[[C]], %[[A]] {at_load = false, name = "y"}
// CHECK-NEXT:  ampc.relu %[[Y]]
// CHECK:       ampc.conv %[[X]], %[[W]] {{.*}}name = "other"
func.func @main() {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<2x4x5x5xf32>
  %w = ampc.parameter {name = "w", weight = 0 : i64} : () -> tensor<8x4x3x3xf32>
  %b = ampc.parameter {name = "b", weight = 1 : i64} : () -> tensor<8x1x1xf32>
  %c = ampc.conv %x, %w {name = "c"} : (tensor<2x4x5x5xf32>, tensor<8x4x3x3xf32>) -> tensor<2x8x3x3xf32>
  %d = ampc.add %c, %b {name = "d"} : (tensor<2x8x3x3xf32>, tensor<8x1x1xf32>) -> tensor<2x8x3x3xf32>
  %s = ampc.parameter {name = "s", weight = 2 : i64} : () -> tensor<8x1x1xf32>
  %t = ampc.parameter {name = "t", weight = 3 : i64} : () -> tensor<1x8x1x1xf32>
  %e = ampc.mul %s, %d {name = "e"} : (tensor<8x1x1xf32>, tensor<2x8x3x3xf32>) -> tensor<2x8x3x3xf32>
  %y = ampc.sub %e, %t {name = "y"} : (tensor<2x8x3x3xf32>, tensor<1x8x1x1xf32>) -> tensor<2x8x3x3xf32>
  %r = ampc.relu %y {name = "r"} : (tensor<2x8x3x3xf32>) -> tensor<2x8x3x3xf32>
  %o = ampc.conv %x, %w {name = "other", pads = array<i64: 0, 0, 0, 0>} : (tensor<2x4x5x5xf32>, tensor<8x4x3x3xf32>) -> tensor<2x8x3x3xf32>
  ampc.output %r {index = 0 : i64, name = "p"} : (tensor<2x8x3x3xf32>) -> ()
  ampc.output %o {index = 1 : i64, name = "q"} : (tensor<2x8x3x3xf32>) -> ()
  return
}

// -----

// The factor of a projection, and a division by one per column; a first addend stays the only one.
// CHECK-LABEL: func.func @main
// CHECK:       ampc.mul {{.*}} {at_load = true
// CHECK:       ampc.div {{.*}} {at_load = true
// CHECK:       ampc.matmul
// CHECK-NEXT:  ampc.output
func.func @main() {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<2x3x4xf32>
  %w = ampc.parameter {name = "w", weight = 0 : i64} : () -> tensor<4x6xf32>
  %s = ampc.constant {name = "s", value = dense<0.5> : tensor<f32>} : () -> tensor<f32>
  %t = ampc.parameter {name = "t", weight = 1 : i64} : () -> tensor<6xf32>
  %0 = ampc.matmul %x, %w {name = "m"} : (tensor<2x3x4xf32>, tensor<4x6xf32>) -> tensor<2x3x6xf32>
  %1 = ampc.mul %0, %s {name = "a"} : (tensor<2x3x6xf32>, tensor<f32>) -> tensor<2x3x6xf32>
  %2 = ampc.div %1, %t {name = "b"} : (tensor<2x3x6xf32>, tensor<6xf32>) -> tensor<2x3x6xf32>
  ampc.output %2 {index = 0 : i64, name = "y"} : (tensor<2x3x6xf32>) -> ()
  return
}

// -----

// Not folded: a scale per row, a product that something else reads too, weights that are no weights, integers.
// CHECK-LABEL: func.func @main
// CHECK-NOT:   folded
// CHECK:       return
func.func @main() {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<3x4xf32>
  %w = ampc.parameter {name = "w", weight = 0 : i64} : () -> tensor<4x6xf32>
  %s = ampc.parameter {name = "s", weight = 1 : i64} : () -> tensor<3x1xf32>
  %t = ampc.parameter {name = "t", weight = 2 : i64} : () -> tensor<6xf32>
  %0 = ampc.matmul %x, %w {name = "m"} : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
  %1 = ampc.mul %0, %s {name = "rows"} : (tensor<3x6xf32>, tensor<3x1xf32>) -> tensor<3x6xf32>
  %v = ampc.parameter {name = "v", weight = 3 : i64} : () -> tensor<4x6xf32>
  %2 = ampc.matmul %x, %v {name = "n"} : (tensor<3x4xf32>, tensor<4x6xf32>) -> tensor<3x6xf32>
  %3 = ampc.mul %2, %t {name = "columns"} : (tensor<3x6xf32>, tensor<6xf32>) -> tensor<3x6xf32>
  %4 = ampc.input {index = 1 : i64, name = "z"} : () -> tensor<6x6xf32>
  %5 = ampc.matmul %1, %4 {name = "k"} : (tensor<3x6xf32>, tensor<6x6xf32>) -> tensor<3x6xf32>
  %6 = ampc.mul %5, %t {name = "dynamic"} : (tensor<3x6xf32>, tensor<6xf32>) -> tensor<3x6xf32>
  %i = ampc.input {index = 2 : i64, name = "i"} : () -> tensor<3x4xi32>
  %j = ampc.parameter {name = "j", weight = 4 : i64} : () -> tensor<4x6xi32>
  %f = ampc.parameter {name = "f", weight = 5 : i64} : () -> tensor<6xi32>
  %7 = ampc.matmul %i, %j {name = "l"} : (tensor<3x4xi32>, tensor<4x6xi32>) -> tensor<3x6xi32>
  %8 = ampc.mul %7, %f {name = "integers"} : (tensor<3x6xi32>, tensor<6xi32>) -> tensor<3x6xi32>
  ampc.output %2 {index = 0 : i64, name = "a"} : (tensor<3x6xf32>) -> ()
  ampc.output %3 {index = 1 : i64, name = "b"} : (tensor<3x6xf32>) -> ()
  ampc.output %6 {index = 2 : i64, name = "c"} : (tensor<3x6xf32>) -> ()
  ampc.output %8 {index = 3 : i64, name = "d"} : (tensor<3x6xi32>) -> ()
  return
}
