// What the dialect itself refuses, whatever the stage.
// RUN: not ampc-opt %s 2>&1 | FileCheck %s

// CHECK: 'ampc.relu' op has 0 operands
func.func @main() {
  %0 = ampc.relu {name = "r"} : () -> tensor<4xf32>
  return
}

// -----

// CHECK: 'ampc.input' op has a type outside the dialect: 'tensor<?xf32>'
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<?xf32>
  return
}

// -----

// CHECK: 'ampc.input' op has a type outside the dialect: 'tensor<4xi7>'
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xi7>
  return
}

// -----

// CHECK: 'ampc.input' op has a type outside the dialect: 'f32'
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> f32
  return
}

// -----

// CHECK: custom op 'ampc.no_such_row' is unknown
func.func @main() {
  %0 = ampc.no_such_row {name = "x"} : () -> tensor<4xf32>
  return
}

// -----

// CHECK: number of operands and types do not match: got 2 operands and 1 types
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  %1 = ampc.add %0, %0 {name = "s"} : (tensor<4xf32>) -> tensor<4xf32>
  return
}
