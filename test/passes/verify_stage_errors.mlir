// Every border, one module per thing that it forbids.
// RUN: split-file %s %t

// RUN: not ampc-opt --ampc-verify=no_such_stage %t/plain.mlir 2>&1 | FileCheck %s --check-prefix=STAGE
// STAGE: AMPC-100: the module after stage 'no_such_stage' is not well formed: an unknown stage

// RUN: not ampc-opt --ampc-verify=imported %t/foreign.mlir 2>&1 | FileCheck %s --check-prefix=FOREIGN
// RUN: not ampc-opt --ampc-verify=kernelized %t/foreign_in_class.mlir 2>&1 | FileCheck %s --check-prefix=FOREIGN
// FOREIGN: an operation outside the op table
// FOREIGN-NEXT: op: builtin.unrealized_conversion_cast

// RUN: not ampc-opt --ampc-verify=imported %t/no_name.mlir 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not ampc-opt --ampc-verify=imported %t/same_name.mlir 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: a missing or repeated name

// Until stages are split there is one function, and communication is not written out.
// RUN: not ampc-opt --ampc-verify=normal %t/two_functions.mlir 2>&1 | FileCheck %s --check-prefix=FUNCTION
// RUN: not ampc-opt --ampc-verify=staged %t/plain.mlir 2>&1 | FileCheck %s --check-prefix=FUNCTION
// RUN: not ampc-opt --ampc-verify=kernelized %t/plain.mlir 2>&1 | FileCheck %s --check-prefix=FUNCTION
// FUNCTION: an unexpected function
// RUN: not ampc-opt --ampc-verify=imported %t/reshard_in_main.mlir 2>&1 | FileCheck %s --check-prefix=STRUCTURAL
// RUN: not ampc-opt --ampc-verify=annotated %t/reshard_in_main.mlir 2>&1 | FileCheck %s --check-prefix=STRUCTURAL
// STRUCTURAL: a structural operation before stages are split

// From staged on every value has a sharding.
// RUN: not ampc-opt --ampc-verify=staged %t/no_sharding.mlir 2>&1 | FileCheck %s --check-prefix=SHARDING
// RUN: not ampc-opt --ampc-verify=partitioned %t/no_sharding.mlir 2>&1 | FileCheck %s --check-prefix=SHARDING
// SHARDING: no sharding

// Kernels are where everything is computed after fuse, and nowhere before.
// RUN: not ampc-opt --ampc-verify=partitioned %t/kernel.mlir 2>&1 | FileCheck %s --check-prefix=EARLY
// EARLY: a kernel before kernels are formed
// RUN: ampc-opt --ampc-verify=kernelized %t/kernel.mlir
// RUN: not ampc-opt --ampc-verify=kernelized %t/outside_kernel.mlir 2>&1 | FileCheck %s --check-prefix=OUTSIDE
// OUTSIDE: a computing operation outside a kernel
// OUTSIDE-NEXT: op: ampc.relu
// OUTSIDE-NEXT: name: r

// Orders in memory: readers agree with producers, and only kernels and views have any.
// RUN: ampc-opt --ampc-verify=kernelized %t/order.mlir
// RUN: sed 's/array<i64: 0, 2, 1>, array<i64>/array<i64>, array<i64>/' %t/order.mlir | not ampc-opt --ampc-verify=kernelized 2>&1 | FileCheck %s --check-prefix=ORDER
// ORDER: operand 0 is not in the order in memory that it is read in
// ORDER-NEXT: op: ampc.kernel
// ORDER-NEXT: name: second
// RUN: sed 's/array<i64: 0, 2, 1>/array<i64: 0, 2, 2>/' %t/order.mlir | not ampc-opt --ampc-verify=kernelized 2>&1 | FileCheck %s --check-prefix=PERMUTATION
// PERMUTATION: an order in memory that is no permutation of the dimensions
// RUN: sed 's/array<i64: 0, 2, 1>, array<i64>/array<i64: 0, 2, 1>/' %t/order.mlir | not ampc-opt --ampc-verify=kernelized 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: not one order in memory per operand and result
// RUN: sed 's/name = "x"/name = "x", orders = [array<i64>]/' %t/order.mlir | not ampc-opt --ampc-verify=kernelized 2>&1 | FileCheck %s --check-prefix=PLACE
// PLACE: an order in memory on an operation that has none

//--- order.mlir
func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<2x3x4xf32>
  %1 = ampc.kernel %0 {executor = "generated", name = "first", orders = [array<i64>, array<i64: 0, 2, 1>]} {
  ^bb0(%a: tensor<2x3x4xf32>):
    %r = ampc.relu %a {name = "r"} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
    ampc.yield %r : (tensor<2x3x4xf32>) -> ()
  } : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %2 = ampc.kernel %1 {executor = "generated", name = "second", orders = [array<i64: 0, 2, 1>, array<i64>]} {
  ^bb0(%a: tensor<2x3x4xf32>):
    %r = ampc.relu %a {name = "r"} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
    ampc.yield %r : (tensor<2x3x4xf32>) -> ()
  } : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return
}

//--- plain.mlir
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  ampc.output %0 {index = 0 : i64, name = "y"} : (tensor<4xf32>) -> ()
  return
}

//--- foreign.mlir
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  %1 = builtin.unrealized_conversion_cast %0 : tensor<4xf32> to tensor<4xf32>
  return
}

//--- foreign_in_class.mlir
func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  %1 = builtin.unrealized_conversion_cast %0 : tensor<4xf32> to tensor<4xf32>
  return
}

//--- no_name.mlir
func.func @main() {
  %0 = ampc.input {index = 0 : i64} : () -> tensor<4xf32>
  return
}

//--- same_name.mlir
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  %1 = ampc.relu %0 {name = "x"} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

//--- two_functions.mlir
func.func @main() {
  return
}
func.func @other() {
  return
}

//--- reshard_in_main.mlir
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  %1 = ampc.reshard %0 {axes = array<i64>, from = "[*]", kind = "slice", name = "x/slice", shapes = [array<i64: 4>], shardings = ["[4:0]"]} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

//--- no_sharding.mlir
func.func @stage0() attributes {stage = 0 : i64} {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  return
}

//--- kernel.mlir
func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"]} : () -> tensor<4xf32>
  %1 = ampc.kernel %0 {executor = "generated", name = "r", shapes = [array<i64: 4>], shardings = ["[*]"]} {
  ^bb0(%a: tensor<4xf32>):
    %r = ampc.relu %a {name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    ampc.yield %r : (tensor<4xf32>) -> ()
  } : (tensor<4xf32>) -> tensor<4xf32>
  return
}

//--- outside_kernel.mlir
func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  %1 = ampc.relu %0 {name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
  return
}
