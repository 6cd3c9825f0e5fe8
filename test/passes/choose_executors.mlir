// The same product by generated code or by the library, whichever the description of the device makes cheaper: the choice
// flips with the size.
// RUN: ampc-opt --ampc-choose-kernels-by-price --ampc-verify=kernelized %s | FileCheck %s
// RUN: ampc-opt --ampc-choose-kernels --ampc-verify=kernelized %s | FileCheck %s --check-prefix=UNKNOWN

// CHECK-LABEL: func.func @stage0.class0
// CHECK:       ampc.kernel {{.*}}executor = "generated", generated_seconds = {{.*}}, library = "onednn.matmul", library_seconds = {{.*}}, name = "small"
// CHECK:       ampc.kernel {{.*}}executor = "library:onednn.matmul", generated_seconds = {{.*}}, library = "onednn.matmul", library_seconds = {{.*}}, name = "large"
// CHECK:       ampc.kernel {{.*}}executor = "generated", {{.*}}library = "onednn.convolution", {{.*}}name = "small_convolution"
// CHECK:       ampc.kernel {{.*}}executor = "library:onednn.convolution", {{.*}}name = "large_convolution"
// What runs once, when the plan is loaded, is not compiled.
// CHECK:       ampc.kernel {{.*}}executor = "library:onednn.matmul", {{.*}}name = "loaded"
// UNKNOWN-NOT: executor = "generated"
func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<8x64xf32>
  %w = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<64x64xf32>
  %0 = ampc.kernel %x, %w {name = "small"} {
  ^bb0(%a: tensor<8x64xf32>, %b: tensor<64x64xf32>):
    %r = ampc.matmul %a, %b {name = "m"} : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
    %s = ampc.relu %r {name = "n"} : (tensor<8x64xf32>) -> tensor<8x64xf32>
    ampc.yield %s : (tensor<8x64xf32>) -> ()
  } : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32>
  %y = ampc.input {index = 1 : i64, name = "y"} : () -> tensor<128x768xf32>
  %v = ampc.parameter {at_load = true, name = "v", weight = 1 : i64} : () -> tensor<768x768xf32>
  %1 = ampc.kernel %y, %v {name = "large"} {
  ^bb0(%a: tensor<128x768xf32>, %b: tensor<768x768xf32>):
    %r = ampc.matmul %a, %b {name = "m1"} : (tensor<128x768xf32>, tensor<768x768xf32>) -> tensor<128x768xf32>
    %s = ampc.relu %r {name = "n1"} : (tensor<128x768xf32>) -> tensor<128x768xf32>
    ampc.yield %s : (tensor<128x768xf32>) -> ()
  } : (tensor<128x768xf32>, tensor<768x768xf32>) -> tensor<128x768xf32>
  %i = ampc.input {index = 2 : i64, name = "image"} : () -> tensor<1x3x32x32xf32>
  %k = ampc.parameter {at_load = true, name = "k", weight = 2 : i64} : () -> tensor<8x3x3x3xf32>
  %2 = ampc.kernel %i, %k {name = "small_convolution"} {
  ^bb0(%a: tensor<1x3x32x32xf32>, %b: tensor<8x3x3x3xf32>):
    %r = ampc.conv %a, %b {name = "c", pads = array<i64: 1, 1, 1, 1>} : (tensor<1x3x32x32xf32>, tensor<8x3x3x3xf32>) -> tensor<1x8x32x32xf32>
    ampc.yield %r : (tensor<1x8x32x32xf32>) -> ()
  } : (tensor<1x3x32x32xf32>, tensor<8x3x3x3xf32>) -> tensor<1x8x32x32xf32>
  %j = ampc.input {index = 3 : i64, name = "map"} : () -> tensor<1x64x14x14xf32>
  %l = ampc.parameter {at_load = true, name = "l", weight = 3 : i64} : () -> tensor<64x64x3x3xf32>
  %3 = ampc.kernel %j, %l {name = "large_convolution"} {
  ^bb0(%a: tensor<1x64x14x14xf32>, %b: tensor<64x64x3x3xf32>):
    %r = ampc.conv %a, %b {name = "c1", pads = array<i64: 1, 1, 1, 1>} : (tensor<1x64x14x14xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x14x14xf32>
    ampc.yield %r : (tensor<1x64x14x14xf32>) -> ()
  } : (tensor<1x64x14x14xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x14x14xf32>
  %4 = ampc.kernel %w, %w {name = "loaded", at_load = true} {
  ^bb0(%a: tensor<64x64xf32>, %b: tensor<64x64xf32>):
    %r = ampc.matmul %a, %b {name = "m2"} : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
    ampc.yield %r : (tensor<64x64xf32>) -> ()
  } : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return
}
