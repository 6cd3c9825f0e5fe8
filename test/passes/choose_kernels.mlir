// Every kernel gets an executor: a library for products and convolutions it knows, the runtime for builtins, generated
// code for the rest.
// RUN: ampc-opt --ampc-choose-kernels --ampc-verify=kernelized %s | FileCheck %s

// CHECK-LABEL: func.func @stage0.class0
// CHECK:       ampc.kernel {{.*}}executor = "generated", in_place = [array<i64: 0, 0>], name = "elementwise"
// CHECK:       ampc.kernel {{.*}}executor = "library:onednn.matmul", {{.*}}name = "product"
// CHECK:       ampc.kernel {{.*}}executor = "library:onednn.convolution", {{.*}}name = "convolution"
// CHECK:       ampc.kernel {{.*}}executor = "builtin:topk", name = "largest"
func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<8x8xf32>
  %0 = ampc.kernel %x {name = "elementwise"} {
  ^bb0(%a: tensor<8x8xf32>):
    %r = ampc.relu %a {name = "r"} : (tensor<8x8xf32>) -> tensor<8x8xf32>
    ampc.yield %r : (tensor<8x8xf32>) -> ()
  } : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %w = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<8x8xf32>
  %1 = ampc.kernel %0, %w {name = "product"} {
  ^bb0(%a: tensor<8x8xf32>, %b: tensor<8x8xf32>):
    %r = ampc.matmul %a, %b {name = "m"} : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
    %s = ampc.relu %r {name = "n"} : (tensor<8x8xf32>) -> tensor<8x8xf32>
    ampc.yield %s : (tensor<8x8xf32>) -> ()
  } : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %i = ampc.input {index = 1 : i64, name = "image"} : () -> tensor<1x4x8x8xf32>
  %k = ampc.parameter {at_load = true, name = "k", weight = 1 : i64} : () -> tensor<4x4x3x3xf32>
  %2 = ampc.kernel %i, %k {name = "convolution"} {
  ^bb0(%a: tensor<1x4x8x8xf32>, %b: tensor<4x4x3x3xf32>):
    %r = ampc.conv %a, %b {name = "c", pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x8x8xf32>
    ampc.yield %r : (tensor<1x4x8x8xf32>) -> ()
  } : (tensor<1x4x8x8xf32>, tensor<4x4x3x3xf32>) -> tensor<1x4x8x8xf32>
  %3:2 = ampc.kernel %1 {name = "largest"} {
  ^bb0(%a: tensor<8x8xf32>):
    %v, %n = ampc.topk %a {name = "t", axis = 1 : i64, largest = 1 : i64, sorted = 1 : i64, k = 2 : i64} : (tensor<8x8xf32>) -> (tensor<8x2xf32>, tensor<8x2xi64>)
    ampc.yield %v, %n : (tensor<8x2xf32>, tensor<8x2xi64>) -> ()
  } : (tensor<8x8xf32>) -> (tensor<8x2xf32>, tensor<8x2xi64>)
  return
}

// What the library does not take stays generated: other element types, empty shards, a second result.
// CHECK-LABEL: func.func @stage0.class1
// CHECK:       ampc.kernel {{.*}}executor = "generated", name = "double"
// CHECK:       ampc.kernel {{.*}}executor = "generated", name = "empty"
func.func @stage0.class1() attributes {ranks = array<i64: 1>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<8x8xf64>
  %0 = ampc.kernel %x {name = "double"} {
  ^bb0(%a: tensor<8x8xf64>):
    %r = ampc.matmul %a, %a {name = "m"} : (tensor<8x8xf64>, tensor<8x8xf64>) -> tensor<8x8xf64>
    ampc.yield %r : (tensor<8x8xf64>) -> ()
  } : (tensor<8x8xf64>) -> tensor<8x8xf64>
  %y = ampc.input {index = 1 : i64, name = "y"} : () -> tensor<0x8xf32>
  %w = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<8x8xf32>
  %1 = ampc.kernel %y, %w {name = "empty"} {
  ^bb0(%a: tensor<0x8xf32>, %b: tensor<8x8xf32>):
    %r = ampc.matmul %a, %b {name = "m"} : (tensor<0x8xf32>, tensor<8x8xf32>) -> tensor<0x8xf32>
    ampc.yield %r : (tensor<0x8xf32>) -> ()
  } : (tensor<0x8xf32>, tensor<8x8xf32>) -> tensor<0x8xf32>
  return
}
