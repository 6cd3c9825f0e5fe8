// Generated kernels and all_reduces work in the buffer of an operand where that is possible, and nobody reads the operand
// afterwards.
// RUN: ampc-opt --ampc-partition --ampc-fuse --ampc-choose-kernels --ampc-verify=kernelized %s | FileCheck %s --check-prefix=KERNEL
// RUN: ampc-opt --ampc-partition --ampc-fuse --ampc-choose-kernels --ampc-schedule %s | FileCheck %s --check-prefix=STEP

// What a kernel may do: rows of a softmax, not a transpose; either operand of a product or sum, a broadcast one not.
// KERNEL-LABEL: func.func @stage0.class0
// KERNEL:       executor = "generated", in_place = [array<i64: 0, 0>], name = "first"
// KERNEL:       executor = "generated", name = "turn"
// KERNEL:       executor = "generated", in_place = [array<i64: 0, 0>], name = "rows"
// KERNEL:       executor = "generated", name = "back"
// KERNEL:       executor = "generated", in_place = [array<i64: 0, 0>], name = "shifted"
// KERNEL:       executor = "generated", name = "other"
// KERNEL:       executor = "generated", in_place = [array<i64: 0, 0>, array<i64: 1, 0>], name = "product"
// KERNEL:       executor = "generated", name = "late"
// KERNEL:       executor = "generated", in_place = [array<i64: 0, 0>, array<i64: 1, 0>], name = "kept"

// What the plan does: the caller's input stays; of two operands that die the first is written over; one that has been
// sent stays, so the other one is.
// STEP:      forward.stage0.class0: stage 0, ranks 0, activations 8192 bytes, 1 slots
// STEP-NEXT:   0 launch first ({{.*}}): input 0[0:4096] -> activation[0:4096]
// STEP-NEXT:   1 launch turn ({{.*}}): activation[0:4096] -> activation[4096:8192]
// STEP-NEXT:   2 launch rows ({{.*}}): activation[4096:8192] -> activation[4096:8192]
// STEP-NEXT:   3 launch back ({{.*}}): activation[4096:8192] -> activation[0:4096]
// STEP-NEXT:   4 launch shifted ({{.*}}): activation[0:4096], weight 0[0:128] -> activation[0:4096]
// STEP-NEXT:   5 launch other ({{.*}}): activation[0:4096] -> activation[4096:8192]
// STEP-NEXT:   6 launch product ({{.*}}): activation[0:4096], activation[4096:8192] -> activation[0:4096]
// STEP-NEXT:   7 send t (communication 0): activation[0:4096] -> nothing
// STEP-NEXT:   8 launch late ({{.*}}): activation[0:4096] -> activation[4096:8192]
// STEP-NEXT:   9 launch kept ({{.*}}): activation[0:4096], activation[4096:8192] -> activation[4096:8192]
// STEP-NEXT:   10 copy z (table 0): activation[4096:8192] -> output 1[0:4096]
module attributes {ampc.grids = [array<i64: 1>, array<i64: 1>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %x = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<32x32xf32>
    %w = ampc.parameter {at_load = true, name = "w", weight = 0 : i64, shapes = [array<i64: 32>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<32xf32>
    %first = ampc.relu %x {at_load = false, name = "first", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %turn = ampc.transpose %first {perm = array<i64: 1, 0>, at_load = false, name = "turn", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %m = ampc.reduce_max %turn {axes = array<i64: 1>, keepdims = 1 : i64, at_load = false, name = "rows/m", shapes = [array<i64: 32, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x1xf32>
    %d = ampc.sub %turn, %m {at_load = false, name = "rows/d", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>, tensor<32x1xf32>) -> tensor<32x32xf32>
    %e = ampc.exp %d {at_load = false, name = "rows/e", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %s = ampc.reduce_sum %e {axes = array<i64: 1>, keepdims = 1 : i64, at_load = false, name = "rows/s", shapes = [array<i64: 32, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x1xf32>
    %rows = ampc.div %e, %s {at_load = false, name = "rows", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>, tensor<32x1xf32>) -> tensor<32x32xf32>
    %back = ampc.transpose %rows {perm = array<i64: 1, 0>, at_load = false, name = "back", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %shifted = ampc.add %back, %w {at_load = false, name = "shifted", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>, tensor<32xf32>) -> tensor<32x32xf32>
    %other = ampc.transpose %shifted {perm = array<i64: 1, 0>, at_load = false, name = "other", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %product = ampc.mul %shifted, %other {at_load = false, name = "product", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
    ampc.transfer %product {from = "[* | *]", from_stage = 0 : i64, name = "t", role = "send", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<32x32xf32>) -> ()
    %late = ampc.transpose %product {perm = array<i64: 1, 0>, at_load = false, name = "late", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %kept = ampc.add %product, %late {at_load = false, name = "kept", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x32xf32>
    ampc.output %kept {index = 1 : i64, name = "z", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    %t = ampc.transfer {from = "[* | *]", from_stage = 0 : i64, name = "t", role = "receive", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 1 : i64, to_stage = 1 : i64} : () -> tensor<32x32xf32>
    ampc.output %t {index = 0 : i64, name = "y", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 1 : i64} : (tensor<32x32xf32>) -> ()
    return
  }
}

// -----

// A sum over devices takes the place of its parts, and the result of its reader that of the sum.
// STEP:      forward.stage0.class0: stage 0, ranks 0 1, activations 2176 bytes, 1 slots
// STEP-NEXT:   0 copy x (table 0): input 0[0:4096] -> activation[0:2048]
// STEP-NEXT:   1 launch part ({{.*}}): activation[0:2048] -> activation[2048:2176]
// STEP-NEXT:   2 all_reduce sum (communication 0): activation[2048:2176] -> activation[2048:2176]
// STEP-NEXT:   3 launch r ({{.*}}): activation[2048:2176] -> activation[2048:2176]
// STEP-NEXT:   4 copy y (table 1): activation[2048:2176] -> output 0[0:128]
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %x = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 32, 32>], shardings = ["[* | 32:0]"], stage = 0 : i64} : () -> tensor<32x32xf32>
    %p = ampc.reduce_sum %x {at_load = false, axes = array<i64: 1>, keepdims = 0 : i64, name = "part", shapes = [array<i64: 32>], shardings = ["[*] sum(0)"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32xf32>
    %s = ampc.reshard %p {at_load = false, axes = array<i64: 0>, from = "[*] sum(0)", kind = "all_reduce", name = "sum", shapes = [array<i64: 32>], shardings = ["[*]"], stage = 0 : i64} : (tensor<32xf32>) -> tensor<32xf32>
    %r = ampc.relu %s {at_load = false, name = "r", shapes = [array<i64: 32>], shardings = ["[*]"], stage = 0 : i64} : (tensor<32xf32>) -> tensor<32xf32>
    ampc.output %r {index = 0 : i64, name = "y", shapes = [array<i64: 32>], shardings = ["[*]"], stage = 0 : i64} : (tensor<32xf32>) -> ()
    return
  }
}
