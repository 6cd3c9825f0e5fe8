// What attributes and types must say together at the borders from annotated on, one module per thing that is refused.
// RUN: split-file %s %t

// RUN: ampc-opt --ampc-verify=annotated %t/good_annotated.mlir
// RUN: not ampc-opt --ampc-verify=annotated %t/no_grids.mlir 2>&1 | FileCheck %s --check-prefix=NO-GRIDS
// NO-GRIDS: AMPC-100: the module after stage 'annotated' is not well formed: no grids
// RUN: not ampc-opt --ampc-verify=annotated %t/empty_axis.mlir 2>&1 | FileCheck %s --check-prefix=EMPTY-AXIS
// EMPTY-AXIS: AMPC-100: the module after stage 'annotated' is not well formed: a grid axis without devices
// RUN: not ampc-opt --ampc-verify=annotated %t/no_stage.mlir 2>&1 | FileCheck %s --check-prefix=NO-STAGE
// NO-STAGE: AMPC-100: the module after stage 'annotated' is not well formed: no stage, or one that does not exist
// RUN: not ampc-opt --ampc-verify=annotated %t/far_stage.mlir 2>&1 | FileCheck %s --check-prefix=FAR-STAGE
// FAR-STAGE: AMPC-100: the module after stage 'annotated' is not well formed: no stage, or one that does not exist
// RUN: not ampc-opt --ampc-verify=annotated %t/few_loops.mlir 2>&1 | FileCheck %s --check-prefix=FEW-LOOPS
// FEW-LOOPS: AMPC-100: the module after stage 'annotated' is not well formed: not one list of grid axes per loop
// RUN: not ampc-opt --ampc-verify=annotated %t/many_loops.mlir 2>&1 | FileCheck %s --check-prefix=MANY-LOOPS
// MANY-LOOPS: AMPC-100: the module after stage 'annotated' is not well formed: not one list of grid axes per loop
// RUN: not ampc-opt --ampc-verify=annotated %t/wrong_axis.mlir 2>&1 | FileCheck %s --check-prefix=WRONG-AXIS
// WRONG-AXIS: AMPC-100: the module after stage 'annotated' is not well formed: loop d0 is split by an axis that the grid has not, or twice
// RUN: not ampc-opt --ampc-verify=annotated %t/axis_twice.mlir 2>&1 | FileCheck %s --check-prefix=AXIS-TWICE
// AXIS-TWICE: AMPC-100: the module after stage 'annotated' is not well formed: loop d0 is split by an axis that the grid has not, or twice
// RUN: not ampc-opt --ampc-verify=annotated %t/whole_loop.mlir 2>&1 | FileCheck %s --check-prefix=WHOLE-LOOP
// WHOLE-LOOP: AMPC-100: the module after stage 'annotated' is not well formed: {{.*}}is split and must not be
// RUN: not ampc-opt --ampc-verify=annotated %t/backwards.mlir 2>&1 | FileCheck %s --check-prefix=BACKWARDS
// BACKWARDS: AMPC-100: the module after stage 'annotated' is not well formed: a stage before that of an operand
// RUN: not ampc-opt --ampc-verify=annotated %t/staged_input.mlir 2>&1 | FileCheck %s --check-prefix=STAGED-INPUT
// STAGED-INPUT: AMPC-100: the module after stage 'annotated' is not well formed: a stage on an operation whose readers decide it
// RUN: ampc-opt --ampc-verify=staged %t/good_staged.mlir
// RUN: not ampc-opt --ampc-verify=staged %t/no_stage_function.mlir 2>&1 | FileCheck %s --check-prefix=NO-STAGE-FUNCTION
// NO-STAGE-FUNCTION: AMPC-100: the module after stage 'staged' is not well formed: a function of no stage
// RUN: not ampc-opt --ampc-verify=staged %t/second_function.mlir 2>&1 | FileCheck %s --check-prefix=SECOND-FUNCTION
// SECOND-FUNCTION: AMPC-100: the module after stage 'staged' is not well formed: a second function for a stage
// RUN: not ampc-opt --ampc-verify=staged %t/missing_function.mlir 2>&1 | FileCheck %s --check-prefix=MISSING-FUNCTION
// MISSING-FUNCTION: AMPC-100: the module after stage 'staged' is not well formed: a stage without a function
// RUN: not ampc-opt --ampc-verify=staged %t/foreign_op.mlir 2>&1 | FileCheck %s --check-prefix=FOREIGN-OP
// FOREIGN-OP: AMPC-100: the module after stage 'staged' is not well formed: an operation in the function of another stage
// RUN: not ampc-opt --ampc-verify=staged %t/foreign_axis.mlir 2>&1 | FileCheck %s --check-prefix=FOREIGN-AXIS
// FOREIGN-AXIS: AMPC-100: the module after stage 'staged' is not well formed: a sharding that the grid of its stage cannot have
// RUN: not ampc-opt --ampc-verify=staged %t/unreadable_sharding.mlir 2>&1 | FileCheck %s --check-prefix=UNREADABLE-SHARDING
// UNREADABLE-SHARDING: AMPC-100: the module after stage 'staged' is not well formed: a sharding that the grid of its stage cannot have
// RUN: not ampc-opt --ampc-verify=staged %t/other_extent.mlir 2>&1 | FileCheck %s --check-prefix=OTHER-EXTENT
// OTHER-EXTENT: AMPC-100: the module after stage 'staged' is not well formed: a sharding that the grid of its stage cannot have
// RUN: not ampc-opt --ampc-verify=staged %t/local_type.mlir 2>&1 | FileCheck %s --check-prefix=LOCAL-TYPE
// LOCAL-TYPE: AMPC-100: the module after stage 'staged' is not well formed: a type that is not the global one of its sharding
// RUN: not ampc-opt --ampc-verify=staged %t/backward_transfer.mlir 2>&1 | FileCheck %s --check-prefix=BACKWARD-TRANSFER
// BACKWARD-TRANSFER: AMPC-100: the module after stage 'staged' is not well formed: a transfer that does not lead to a later stage
// RUN: not ampc-opt --ampc-verify=staged %t/no_role.mlir 2>&1 | FileCheck %s --check-prefix=NO-ROLE
// NO-ROLE: AMPC-100: the module after stage 'staged' is not well formed: a transfer without a role
// RUN: not ampc-opt --ampc-verify=staged %t/wrong_role.mlir 2>&1 | FileCheck %s --check-prefix=WRONG-ROLE
// WRONG-ROLE: AMPC-100: the module after stage 'staged' is not well formed: a transfer whose role does not fit its stage, operands and results
// RUN: not ampc-opt --ampc-verify=staged %t/wrong_source.mlir 2>&1 | FileCheck %s --check-prefix=WRONG-SOURCE
// WRONG-SOURCE: AMPC-100: the module after stage 'staged' is not well formed: a transfer from a sharding that its stage cannot have
// RUN: not ampc-opt --ampc-verify=staged %t/late_receive.mlir 2>&1 | FileCheck %s --check-prefix=LATE-RECEIVE
// LATE-RECEIVE: AMPC-100: the module after stage 'staged' is not well formed: a receive behind another operation
// RUN: not ampc-opt --ampc-verify=staged %t/lost_send.mlir 2>&1 | FileCheck %s --check-prefix=LOST-SEND
// LOST-SEND: AMPC-100: the module after stage 'staged' is not well formed: a send without a receive
// RUN: not ampc-opt --ampc-verify=staged %t/lost_receive.mlir 2>&1 | FileCheck %s --check-prefix=LOST-RECEIVE
// LOST-RECEIVE: AMPC-100: the module after stage 'staged' is not well formed: a receive without a send
// RUN: not ampc-opt --ampc-verify=staged %t/send_twice.mlir 2>&1 | FileCheck %s --check-prefix=SEND-TWICE
// SEND-TWICE: AMPC-100: the module after stage 'staged' is not well formed: two transfers of one name
// RUN: ampc-opt --ampc-verify=partitioned %t/good_partitioned.mlir
// RUN: not ampc-opt --ampc-verify=partitioned %t/no_ranks.mlir 2>&1 | FileCheck %s --check-prefix=NO-RANKS
// NO-RANKS: AMPC-100: the module after stage 'partitioned' is not well formed: a class without ranks
// RUN: not ampc-opt --ampc-verify=partitioned %t/foreign_rank.mlir 2>&1 | FileCheck %s --check-prefix=FOREIGN-RANK
// FOREIGN-RANK: AMPC-100: the module after stage 'partitioned' is not well formed: a class with a rank of another stage or class
// RUN: not ampc-opt --ampc-verify=partitioned %t/rank_twice.mlir 2>&1 | FileCheck %s --check-prefix=RANK-TWICE
// RANK-TWICE: AMPC-100: the module after stage 'partitioned' is not well formed: a class with a rank of another stage or class
// RUN: not ampc-opt --ampc-verify=partitioned %t/lost_rank.mlir 2>&1 | FileCheck %s --check-prefix=LOST-RANK
// LOST-RANK: AMPC-100: the module after stage 'partitioned' is not well formed: a rank without a function
// RUN: not ampc-opt --ampc-verify=partitioned %t/global_type.mlir 2>&1 | FileCheck %s --check-prefix=GLOBAL-TYPE
// GLOBAL-TYPE: AMPC-100: the module after stage 'partitioned' is not well formed: a type that is not the local one of its sharding
// RUN: not ampc-opt --ampc-verify=partitioned %t/other_class.mlir 2>&1 | FileCheck %s --check-prefix=OTHER-CLASS
// OTHER-CLASS: AMPC-100: the module after stage 'partitioned' is not well formed: a type that is not the local one of its sharding
// RUN: not ampc-opt --ampc-verify=partitioned %t/no_groups.mlir 2>&1 | FileCheck %s --check-prefix=NO-GROUPS
// NO-GROUPS: AMPC-100: the module after stage 'partitioned' is not well formed: a communication without groups
// RUN: not ampc-opt --ampc-verify=partitioned %t/uneven_groups.mlir 2>&1 | FileCheck %s --check-prefix=UNEVEN-GROUPS
// UNEVEN-GROUPS: AMPC-100: the module after stage 'partitioned' is not well formed: a communication with groups of several sizes
// RUN: not ampc-opt --ampc-verify=partitioned %t/rank_in_two_groups.mlir 2>&1 | FileCheck %s --check-prefix=RANK-IN-TWO-GROUPS
// RANK-IN-TWO-GROUPS: AMPC-100: the module after stage 'partitioned' is not well formed: a communication with a rank that does not exist or comes twice
// RUN: not ampc-opt --ampc-verify=partitioned %t/without_member.mlir 2>&1 | FileCheck %s --check-prefix=WITHOUT-MEMBER
// WITHOUT-MEMBER: AMPC-100: the module after stage 'partitioned' is not well formed: a communication without rank 1, which executes it
// RUN: ampc-opt --ampc-verify=kernelized %t/good_kernelized.mlir
// RUN: not ampc-opt --ampc-verify=kernelized %t/no_executor.mlir 2>&1 | FileCheck %s --check-prefix=NO-EXECUTOR
// NO-EXECUTOR: AMPC-100: the module after stage 'kernelized' is not well formed: a kernel that nobody executes
// RUN: not ampc-opt --ampc-verify=kernelized %t/unnamed_library.mlir 2>&1 | FileCheck %s --check-prefix=UNNAMED-LIBRARY
// UNNAMED-LIBRARY: AMPC-100: the module after stage 'kernelized' is not well formed: a kernel that nobody executes
// RUN: not ampc-opt --ampc-verify=kernelized %t/over_nothing.mlir 2>&1 | FileCheck %s --check-prefix=OVER-NOTHING
// RUN: not ampc-opt --ampc-verify=kernelized %t/over_less.mlir 2>&1 | FileCheck %s --check-prefix=OVER-NOTHING
// RUN: not ampc-opt --ampc-verify=kernelized %t/over_by_library.mlir 2>&1 | FileCheck %s --check-prefix=OVER-NOTHING
// OVER-NOTHING: AMPC-100: the module after stage 'kernelized' is not well formed: a kernel that writes over what is no operand of its result's size
// RUN: not ampc-opt --ampc-verify=kernelized %t/other_argument.mlir 2>&1 | FileCheck %s --check-prefix=OTHER-ARGUMENT
// OTHER-ARGUMENT: AMPC-100: the module after stage 'kernelized' is not well formed: a kernel whose body takes other types than its operands have
// RUN: not ampc-opt --ampc-verify=kernelized %t/other_result.mlir 2>&1 | FileCheck %s --check-prefix=OTHER-RESULT
// OTHER-RESULT: AMPC-100: the module after stage 'kernelized' is not well formed: a kernel whose body yields other types than its results have
// RUN: not ampc-opt --ampc-verify=kernelized %t/empty_kernel.mlir 2>&1 | FileCheck %s --check-prefix=EMPTY-KERNEL
// EMPTY-KERNEL: AMPC-100: the module after stage 'kernelized' is not well formed: a kernel that computes nothing
// RUN: not ampc-opt --ampc-verify=kernelized %t/storage_inside.mlir 2>&1 | FileCheck %s --check-prefix=STORAGE-INSIDE
// STORAGE-INSIDE: AMPC-100: the module after stage 'kernelized' is not well formed: an operation that computes nothing inside a kernel

//--- good_annotated.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0>], stage = 0 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    ampc.output %1 {index = 0 : i64, loops = [array<i64>], name = "y", stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
}

//--- no_grids.mlir
module {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0>], stage = 0 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- empty_axis.mlir
module attributes {ampc.grids = [array<i64: 0>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0>], stage = 0 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- no_stage.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0>], name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- far_stage.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0>], stage = 2 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- few_loops.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [], stage = 0 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- many_loops.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0>, array<i64>], stage = 0 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- wrong_axis.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 1>], stage = 0 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- axis_twice.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0, 0>], stage = 0 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- whole_loop.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<1xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0>], stage = 0 : i64, name = "r"} : (tensor<1xf32>) -> tensor<1xf32>
    return
  }
}

//--- backwards.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x"} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0>], stage = 1 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    ampc.output %1 {index = 0 : i64, loops = [array<i64>], name = "y", stage = 0 : i64} : (tensor<4xf32>) -> ()
    return
  }
}

//--- staged_input.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @main() {
    %0 = ampc.input {index = 0 : i64, name = "x", stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.relu %0 {loops = [array<i64: 0>], stage = 0 : i64, name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- good_staged.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    ampc.transfer %0 {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "send", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    %0 = ampc.transfer {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "receive", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 1 : i64, to_stage = 1 : i64} : () -> tensor<4xf32>
    return
  }
}

//--- no_stage_function.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 7 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    return
  }
}

//--- second_function.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    return
  }
  func.func @stage1() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    return
  }
}

//--- missing_function.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    return
  }
}

//--- foreign_op.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 1 : i64} : () -> tensor<4xf32>
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- foreign_axis.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:1]"], stage = 0 : i64} : () -> tensor<4xf32>
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- unreadable_sharding.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:]"], stage = 0 : i64} : () -> tensor<4xf32>
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- other_extent.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[5:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- local_type.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- backward_transfer.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    ampc.transfer %0 {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "send", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64, to_stage = 0 : i64} : (tensor<4xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- no_role.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    ampc.transfer %0 {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "give", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- wrong_role.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    ampc.transfer %0 {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "receive", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- wrong_source.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    ampc.transfer %0 {from = "[4:3]", from_stage = 0 : i64, name = "t", role = "send", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- late_receive.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    ampc.transfer %0 {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "send", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 1 : i64} : () -> tensor<4xf32>
    %1 = ampc.transfer {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "receive", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 1 : i64, to_stage = 1 : i64} : () -> tensor<4xf32>
    return
  }
}

//--- lost_send.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    ampc.transfer %0 {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "send", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    return
  }
}

//--- lost_receive.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    %0 = ampc.transfer {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "receive", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 1 : i64, to_stage = 1 : i64} : () -> tensor<4xf32>
    return
  }
}

//--- send_twice.mlir
module attributes {ampc.grids = [array<i64: 2>, array<i64: 2>, array<i64: 2>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    ampc.transfer %0 {from = "[4:0]", from_stage = 0 : i64, name = "t", role = "send", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64, to_stage = 1 : i64} : (tensor<4xf32>) -> ()
    return
  }
  func.func @stage1() attributes {stage = 1 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 1 : i64} : () -> tensor<4xf32>
    ampc.transfer %0 {from = "[4:0]", from_stage = 1 : i64, name = "t", role = "send", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 1 : i64, to_stage = 2 : i64} : (tensor<4xf32>) -> ()
    return
  }
  func.func @stage2() attributes {stage = 2 : i64} {
    %0 = ampc.transfer {from = "[4:0]", from_stage = 1 : i64, name = "t", role = "receive", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 2 : i64, to_stage = 2 : i64} : () -> tensor<4xf32>
    return
  }
}

//--- good_partitioned.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    %1 = ampc.reshard %0 {axes = array<i64: 0>, from = "[4:0]", groups = [array<i64: 0, 1>], kind = "all_gather", name = "g", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<2xf32>) -> tensor<4xf32>
    return
  }
}

//--- no_ranks.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    return
  }
}

//--- foreign_rank.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 2>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    return
  }
}

//--- rank_twice.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    return
  }
  func.func @stage0.class1() attributes {ranks = array<i64: 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    return
  }
}

//--- lost_rank.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    return
  }
}

//--- global_type.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<4xf32>
    return
  }
}

//--- other_class.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 5>], shardings = ["[5:0]"], stage = 0 : i64} : () -> tensor<3xf32>
    return
  }
}

//--- no_groups.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    %1 = ampc.reshard %0 {axes = array<i64: 0>, from = "[4:0]", kind = "all_gather", name = "g", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<2xf32>) -> tensor<4xf32>
    return
  }
}

//--- uneven_groups.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    %1 = ampc.reshard %0 {axes = array<i64: 0>, from = "[4:0]", groups = [array<i64: 0, 1>, array<i64: 2>], kind = "all_gather", name = "g", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<2xf32>) -> tensor<4xf32>
    return
  }
}

//--- rank_in_two_groups.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    %1 = ampc.reshard %0 {axes = array<i64: 0>, from = "[4:0]", groups = [array<i64: 0>, array<i64: 0>], kind = "all_gather", name = "g", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<2xf32>) -> tensor<4xf32>
    return
  }
}

//--- without_member.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[4:0]"], stage = 0 : i64} : () -> tensor<2xf32>
    %1 = ampc.reshard %0 {axes = array<i64: 0>, from = "[4:0]", groups = [array<i64: 0>], kind = "all_gather", name = "g", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : (tensor<2xf32>) -> tensor<4xf32>
    return
  }
}

//--- good_kernelized.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.kernel %0 {executor = "generated", name = "k"} {
    ^bb0(%a: tensor<4xf32>):
      %r = ampc.relu %a {name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
      ampc.yield %r : (tensor<4xf32>) -> ()
    } : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- over_nothing.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.kernel %0 {executor = "generated", in_place = [array<i64: 1, 0>], name = "k"} {
    ^bb0(%a: tensor<4xf32>):
      %r = ampc.relu %a {name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
      ampc.yield %r : (tensor<4xf32>) -> ()
    } : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- over_less.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf16>
    %1 = ampc.kernel %0 {executor = "generated", in_place = [array<i64: 0, 0>], name = "k"} {
    ^bb0(%a: tensor<4xf16>):
      %r = ampc.cast %a {name = "r", to = "f32"} : (tensor<4xf16>) -> tensor<4xf32>
      ampc.yield %r : (tensor<4xf32>) -> ()
    } : (tensor<4xf16>) -> tensor<4xf32>
    return
  }
}

//--- over_by_library.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.kernel %0 {executor = "library:onednn.matmul", in_place = [array<i64: 0, 0>], name = "k"} {
    ^bb0(%a: tensor<4xf32>):
      %r = ampc.relu %a {name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
      ampc.yield %r : (tensor<4xf32>) -> ()
    } : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- no_executor.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.kernel %0 {name = "k"} {
    ^bb0(%a: tensor<4xf32>):
      %r = ampc.relu %a {name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
      ampc.yield %r : (tensor<4xf32>) -> ()
    } : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- unnamed_library.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.kernel %0 {executor = "library:", name = "k"} {
    ^bb0(%a: tensor<4xf32>):
      %r = ampc.relu %a {name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
      ampc.yield %r : (tensor<4xf32>) -> ()
    } : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- other_argument.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.kernel %0 {executor = "generated", name = "k"} {
    ^bb0(%a: tensor<5xf32>):
      %r = ampc.relu %a {name = "r"} : (tensor<5xf32>) -> tensor<5xf32>
      ampc.yield %r : (tensor<5xf32>) -> ()
    } : (tensor<4xf32>) -> tensor<5xf32>
    return
  }
}

//--- other_result.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.kernel %0 {executor = "generated", name = "k"} {
    ^bb0(%a: tensor<4xf32>):
      %r = ampc.relu %a {name = "r"} : (tensor<4xf32>) -> tensor<4xf32>
      ampc.yield %r : (tensor<4xf32>) -> ()
    } : (tensor<4xf32>) -> tensor<5xf32>
    return
  }
}

//--- empty_kernel.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.kernel %0 {executor = "generated", name = "k"} {
    ^bb0(%a: tensor<4xf32>):
      ampc.yield %a : (tensor<4xf32>) -> ()
    } : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}

//--- storage_inside.mlir
module attributes {ampc.grids = [array<i64: 2>]} {
  func.func @stage0.class0() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
    %0 = ampc.input {index = 0 : i64, name = "x", shapes = [array<i64: 4>], shardings = ["[*]"], stage = 0 : i64} : () -> tensor<4xf32>
    %1 = ampc.kernel %0 {executor = "generated", name = "k"} {
    ^bb0(%a: tensor<4xf32>):
      %r = ampc.input {index = 1 : i64, name = "z"} : () -> tensor<4xf32>
      ampc.yield %r : (tensor<4xf32>) -> ()
    } : (tensor<4xf32>) -> tensor<4xf32>
    return
  }
}
