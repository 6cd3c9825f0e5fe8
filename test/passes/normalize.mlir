// What normalize promises: every value says whether it is known at load, equal operators are one, dead ones are gone.
// RUN: ampc-opt --ampc-normalize --ampc-verify=normal %s | FileCheck %s

// Dead operators go, with what only they read; a model input stays even if nothing reads it.
// CHECK-LABEL: func.func @main
// CHECK-NOT:   "dead
// CHECK:       ampc.input {at_load = false, index = 0 : i64, name = "unread"}
// CHECK-NOT:   "dead
// CHECK:       return
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "unread"} : () -> tensor<4xf32>
  %1 = ampc.input {index = 1 : i64, name = "x"} : () -> tensor<4xf32>
  %2 = ampc.parameter {name = "dead_weight", weight = 0 : i64} : () -> tensor<4xf32>
  %3 = ampc.add %1, %2 {name = "dead_sum"} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = ampc.relu %3 {name = "dead"} : (tensor<4xf32>) -> tensor<4xf32>
  ampc.output %1 {index = 0 : i64, name = "y"} : (tensor<4xf32>) -> ()
  return
}

// -----

// Equal up to the name: one remains, and so do the readers' equal readers. The kept one is the first.
// CHECK-LABEL: func.func @main
// CHECK:       %[[X:.*]] = ampc.input
// CHECK:       %[[R:.*]] = ampc.relu %[[X]] {at_load = false, name = "first"}
// CHECK-NOT:   ampc.relu
// CHECK:       %[[E:.*]] = ampc.exp %[[R]] {at_load = false, name = "of_first"}
// CHECK-NOT:   ampc.exp
// CHECK:       ampc.add %[[E]], %[[E]]
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  %1 = ampc.relu %0 {name = "first"} : (tensor<4xf32>) -> tensor<4xf32>
  %2 = ampc.relu %0 {name = "second"} : (tensor<4xf32>) -> tensor<4xf32>
  %3 = ampc.exp %1 {name = "of_first"} : (tensor<4xf32>) -> tensor<4xf32>
  %4 = ampc.exp %2 {name = "of_second"} : (tensor<4xf32>) -> tensor<4xf32>
  %5 = ampc.add %3, %4 {name = "sum"} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  ampc.output %5 {index = 0 : i64, name = "y"} : (tensor<4xf32>) -> ()
  return
}

// -----

// Different attributes, operands or result types keep operators apart.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-2: ampc.reduce_sum
// CHECK-COUNT-2: ampc.sub
// CHECK-COUNT-2: ampc.cast
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4x4xf32>
  %1 = ampc.reduce_sum %0 {axes = array<i64: 0>, keepdims = 0 : i64, name = "a"} : (tensor<4x4xf32>) -> tensor<4xf32>
  %2 = ampc.reduce_sum %0 {axes = array<i64: 1>, keepdims = 0 : i64, name = "b"} : (tensor<4x4xf32>) -> tensor<4xf32>
  %3 = ampc.sub %1, %2 {name = "c"} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = ampc.sub %2, %1 {name = "d"} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %5 = ampc.cast %3 {name = "e"} : (tensor<4xf32>) -> tensor<4xf64>
  %6 = ampc.cast %3 {name = "f"} : (tensor<4xf32>) -> tensor<4xi32>
  ampc.output %4 {index = 0 : i64, name = "p"} : (tensor<4xf32>) -> ()
  ampc.output %5 {index = 1 : i64, name = "q"} : (tensor<4xf64>) -> ()
  ampc.output %6 {index = 2 : i64, name = "r"} : (tensor<4xi32>) -> ()
  return
}

// -----

// Known at load: weights, constants and what is computed from them alone.
// CHECK-LABEL: func.func @main
// CHECK:       ampc.input {at_load = false
// CHECK:       ampc.parameter {at_load = true
// CHECK:       ampc.constant {at_load = true
// CHECK:       ampc.mul {{.*}} {at_load = true
// CHECK:       ampc.exp {{.*}} {at_load = true
// CHECK:       ampc.add {{.*}} {at_load = false
func.func @main() {
  %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
  %1 = ampc.parameter {name = "w", weight = 0 : i64} : () -> tensor<4xf32>
  %2 = ampc.constant {name = "two", value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
  %3 = ampc.mul %1, %2 {name = "scaled"} : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = ampc.exp %3 {name = "of_scaled"} : (tensor<4xf32>) -> tensor<4xf32>
  %5 = ampc.add %0, %4 {name = "sum"} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  ampc.output %5 {index = 0 : i64, name = "y"} : (tensor<4xf32>) -> ()
  return
}
