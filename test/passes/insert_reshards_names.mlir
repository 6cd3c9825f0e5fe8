// Names of what is inserted avoid those that the model has, whichever come first: a copy of `w` must not be `w@1` here.
// RUN: ampc-opt --ampc-insert-reshards --ampc-split-stages --ampc-verify=staged %s
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {at_load = false, index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.parameter {at_load = true, name = "w", weight = 0 : i64} : () -> tensor<4xf32>
    %2 = ampc.add %0, %1 {at_load = false, loops = [array<i64>], name = "w@1", stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %3 = ampc.sub %2, %1 {at_load = false, loops = [array<i64: 0>], name = "w@1/slice", stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ampc.output %3 {index = 0 : i64, loops = [array<i64: 0>], name = "y", stage = 0 : i64} : (tensor<4xf32>) -> ()
    return
  }
}
