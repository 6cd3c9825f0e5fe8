// Slices in the step list: parts of other buffers.
// RUN: ampc-opt --ampc-partition --ampc-fuse --ampc-choose-kernels --ampc-schedule %s | FileCheck %s

// A slice that is one piece of its operand's bytes is the operand's buffer at an offset: of a computed value, of an input,
// of a view, of another part.
// CHECK:      forward.stage0.class0: stage 0, ranks 0, activations 5888 bytes, 1 slots
// CHECK-NEXT:   0 launch t ({{.*}}): input 0[0:4096] -> activation[0:4096]
// CHECK-NEXT:   1 launch a_turned ({{.*}}): activation[1024:2048] -> activation[4096:5120]
// CHECK-NEXT:   2 launch b_turned ({{.*}}): input 0[2048:2560] -> activation[5120:5632]
// CHECK-NEXT:   3 launch d_turned ({{.*}}): activation[2560:2816] -> activation[5632:5888]
// CHECK-NEXT:   4 copy
module attributes {ampc.grids = [array<i64: 1>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<32x32xf32>
    %t = ampc.transpose %x {perm = array<i64: 1, 0>, at_load = false, name = "t", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %a = ampc.slice %t {shape = array<i64: 8, 32>, starts = array<i64: 8, 0>, steps = array<i64: 1, 1>, at_load = false, name = "a", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<8x32xf32>
    %a_turned = ampc.transpose %a {perm = array<i64: 1, 0>, at_load = false, name = "a_turned", shapes = [array<i64: 32, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> tensor<32x8xf32>
    %b = ampc.slice %x {shape = array<i64: 4, 32>, starts = array<i64: 16, 0>, steps = array<i64: 1, 1>, at_load = false, name = "b", shapes = [array<i64: 4, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<4x32xf32>
    %b_turned = ampc.transpose %b {perm = array<i64: 1, 0>, at_load = false, name = "b_turned", shapes = [array<i64: 32, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x32xf32>) -> tensor<32x4xf32>
    %v = ampc.reshape %t {shape = array<i64: 4, 8, 32>, at_load = false, name = "v", shapes = [array<i64: 4, 8, 32>], shardings = ["[* | * | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<4x8x32xf32>
    %c = ampc.slice %v {shape = array<i64: 2, 8, 32>, starts = array<i64: 1, 0, 0>, steps = array<i64: 1, 1, 1>, at_load = false, name = "c", shapes = [array<i64: 2, 8, 32>], shardings = ["[* | * | *]"], stage = 0 : i64} : (tensor<4x8x32xf32>) -> tensor<2x8x32xf32>
    %d = ampc.slice %c {shape = array<i64: 1, 2, 32>, starts = array<i64: 1, 4, 0>, steps = array<i64: 1, 1, 1>, at_load = false, name = "d", shapes = [array<i64: 1, 2, 32>], shardings = ["[* | * | *]"], stage = 0 : i64} : (tensor<2x8x32xf32>) -> tensor<1x2x32xf32>
    %d_turned = ampc.transpose %d {perm = array<i64: 2, 1, 0>, at_load = false, name = "d_turned", shapes = [array<i64: 32, 2, 1>], shardings = ["[* | * | *]"], stage = 0 : i64} : (tensor<1x2x32xf32>) -> tensor<32x2x1xf32>
    ampc.output %a_turned {index = 0 : i64, name = "y0", shapes = [array<i64: 32, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x8xf32>) -> ()
    ampc.output %b_turned {index = 1 : i64, name = "y1", shapes = [array<i64: 32, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x4xf32>) -> ()
    ampc.output %d_turned {index = 2 : i64, name = "y2", shapes = [array<i64: 32, 2, 1>], shardings = ["[* | * | *]"], stage = 0 : i64} : (tensor<32x2x1xf32>) -> ()
    return
  }
}

// -----

// Columns lie apart, a piece within a row is not aligned, and reversed rows are in another order: these are copied.
// CHECK:      forward.stage0.class0:
// CHECK-NEXT:   0 launch t 
// CHECK-NEXT:   1 launch columns ({{.*}}): activation[0:4096] -> activation[4096:6144]
// CHECK-NEXT:   2 launch columns_turned
// CHECK-NEXT:   3 launch within ({{.*}}): activation[0:4096] ->
// CHECK-NEXT:   4 launch within_turned
// CHECK-NEXT:   5 launch reversed ({{.*}}): activation[0:4096] ->
module attributes {ampc.grids = [array<i64: 1>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<32x32xf32>
    %t = ampc.transpose %x {perm = array<i64: 1, 0>, at_load = false, name = "t", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %columns = ampc.slice %t {shape = array<i64: 32, 16>, starts = array<i64: 0, 16>, steps = array<i64: 1, 1>, at_load = false, name = "columns", shapes = [array<i64: 32, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x16xf32>
    %columns_turned = ampc.transpose %columns {perm = array<i64: 1, 0>, at_load = false, name = "columns_turned", shapes = [array<i64: 16, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x16xf32>) -> tensor<16x32xf32>
    %within = ampc.slice %t {shape = array<i64: 1, 8>, starts = array<i64: 1, 8>, steps = array<i64: 1, 1>, at_load = false, name = "within", shapes = [array<i64: 1, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<1x8xf32>
    %within_turned = ampc.transpose %within {perm = array<i64: 1, 0>, at_load = false, name = "within_turned", shapes = [array<i64: 8, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x8xf32>) -> tensor<8x1xf32>
    %reversed = ampc.slice %t {shape = array<i64: 8, 32>, starts = array<i64: 9, 0>, steps = array<i64: -1, 1>, at_load = false, name = "reversed", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<8x32xf32>
    %reversed_turned = ampc.transpose %reversed {perm = array<i64: 1, 0>, at_load = false, name = "reversed_turned", shapes = [array<i64: 32, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> tensor<32x8xf32>
    ampc.output %columns_turned {index = 0 : i64, name = "y0", shapes = [array<i64: 16, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<16x32xf32>) -> ()
    ampc.output %within_turned {index = 1 : i64, name = "y1", shapes = [array<i64: 8, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x1xf32>) -> ()
    ampc.output %reversed_turned {index = 2 : i64, name = "y2", shapes = [array<i64: 32, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x8xf32>) -> ()
    return
  }
}

// -----

// While a part is read, its whole is not written over (by s); afterwards it is (by z).
// CHECK:      forward.stage0.class0:
// CHECK-NEXT:   0 launch t ({{.*}}): input 0[0:4096] -> activation[0:4096]
// CHECK-NEXT:   1 launch s ({{.*}}): activation[0:4096] -> activation[4096:8192]
// CHECK-NEXT:   2 launch a_turned ({{.*}}): activation[1024:2048] -> activation[8192:9216]
// CHECK-NEXT:   3 launch r_turned ({{.*}}): activation[4096:8192] -> activation[0:4096]
// CHECK-NEXT:   4 launch e_turned ({{.*}}): activation[0:2048] -> activation[4096:6144]
// CHECK-NEXT:   5 launch z ({{.*}}): activation[0:4096] -> activation[0:4096]
module attributes {ampc.grids = [array<i64: 1>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<32x32xf32>
    %t = ampc.transpose %x {perm = array<i64: 1, 0>, at_load = false, name = "t", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %a = ampc.slice %t {shape = array<i64: 8, 32>, starts = array<i64: 8, 0>, steps = array<i64: 1, 1>, at_load = false, name = "a", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<8x32xf32>
    %r = ampc.relu %t {at_load = false, name = "r", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %a_turned = ampc.transpose %a {perm = array<i64: 1, 0>, at_load = false, name = "a_turned", shapes = [array<i64: 32, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> tensor<32x8xf32>
    %s = ampc.relu %r {at_load = false, name = "s", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %r_turned = ampc.transpose %r {perm = array<i64: 1, 0>, at_load = false, name = "r_turned", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    %e = ampc.slice %r_turned {shape = array<i64: 16, 32>, starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, at_load = false, name = "e", shapes = [array<i64: 16, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<16x32xf32>
    %e_turned = ampc.transpose %e {perm = array<i64: 1, 0>, at_load = false, name = "e_turned", shapes = [array<i64: 32, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<16x32xf32>) -> tensor<32x16xf32>
    %z = ampc.relu %r_turned {at_load = false, name = "z", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> tensor<32x32xf32>
    ampc.output %a_turned {index = 0 : i64, name = "y0", shapes = [array<i64: 32, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x8xf32>) -> ()
    ampc.output %e_turned {index = 1 : i64, name = "y1", shapes = [array<i64: 32, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x16xf32>) -> ()
    ampc.output %z {index = 2 : i64, name = "y2", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<32x32xf32>) -> ()
    return
  }
}

// -----

// A large value does not live on for a small part (late) beyond what reads it anyway (early), but does for its half.
// CHECK:      forward.stage0.class0:
// CHECK-NEXT:   0 launch t ({{.*}}): input 0[0:524288] -> activation[0:524288]
// CHECK-NEXT:   1 launch early_turned ({{.*}}): activation[16384:20480] ->
// CHECK-NEXT:   2 launch late ({{.*}}): activation[0:524288] -> activation[524288:532480]
// CHECK-NEXT:   3 launch late_turned ({{.*}}): activation[524288:532480] ->
// CHECK-NEXT:   4 launch half_turned ({{.*}}): activation[262144:524288] ->
// CHECK-NEXT:   5 copy
module attributes {ampc.grids = [array<i64: 1>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<256x512xf32>
    %t = ampc.transpose %x {perm = array<i64: 1, 0>, at_load = false, name = "t", shapes = [array<i64: 512, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> tensor<512x256xf32>
    %early = ampc.slice %t {shape = array<i64: 4, 256>, starts = array<i64: 16, 0>, steps = array<i64: 1, 1>, at_load = false, name = "early", shapes = [array<i64: 4, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<4x256xf32>
    %early_turned = ampc.transpose %early {perm = array<i64: 1, 0>, at_load = false, name = "early_turned", shapes = [array<i64: 256, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x256xf32>) -> tensor<256x4xf32>
    %late = ampc.slice %t {shape = array<i64: 8, 256>, starts = array<i64: 8, 0>, steps = array<i64: 1, 1>, at_load = false, name = "late", shapes = [array<i64: 8, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<8x256xf32>
    %half = ampc.slice %t {shape = array<i64: 256, 256>, starts = array<i64: 256, 0>, steps = array<i64: 1, 1>, at_load = false, name = "half", shapes = [array<i64: 256, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<256x256xf32>
    %late_turned = ampc.transpose %late {perm = array<i64: 1, 0>, at_load = false, name = "late_turned", shapes = [array<i64: 256, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x256xf32>) -> tensor<256x8xf32>
    %half_turned = ampc.transpose %half {perm = array<i64: 1, 0>, at_load = false, name = "half_turned", shapes = [array<i64: 256, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x256xf32>) -> tensor<256x256xf32>
    ampc.output %early_turned {index = 0 : i64, name = "y0", shapes = [array<i64: 256, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x4xf32>) -> ()
    ampc.output %late_turned {index = 1 : i64, name = "y1", shapes = [array<i64: 256, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x8xf32>) -> ()
    ampc.output %half_turned {index = 2 : i64, name = "y2", shapes = [array<i64: 256, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x256xf32>) -> ()
    return
  }
}

// -----

// A large value that lives on for its half, a part, is there for a small part as well (early), but not beyond (late).
// CHECK:      forward.stage0.class0:
// CHECK-NEXT:   0 launch t ({{.*}}): input 0[0:524288] -> activation[0:524288]
// CHECK-NEXT:   1 launch late ({{.*}}): activation[0:524288] ->
// CHECK-NEXT:   2 launch early_turned ({{.*}}): activation[16384:20480] ->
// CHECK-NEXT:   3 launch half_turned ({{.*}}): activation[262144:524288] ->
// CHECK-NEXT:   4 launch late_turned ({{.*}}): activation[
// CHECK-NEXT:   5 copy
module attributes {ampc.grids = [array<i64: 1>]} {
  func.func @stage0() attributes {stage = 0 : i64} {
    %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<256x512xf32>
    %t = ampc.transpose %x {perm = array<i64: 1, 0>, at_load = false, name = "t", shapes = [array<i64: 512, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> tensor<512x256xf32>
    %half = ampc.slice %t {shape = array<i64: 256, 256>, starts = array<i64: 256, 0>, steps = array<i64: 1, 1>, at_load = false, name = "half", shapes = [array<i64: 256, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<256x256xf32>
    %late = ampc.slice %t {shape = array<i64: 8, 256>, starts = array<i64: 8, 0>, steps = array<i64: 1, 1>, at_load = false, name = "late", shapes = [array<i64: 8, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<8x256xf32>
    %early = ampc.slice %t {shape = array<i64: 4, 256>, starts = array<i64: 16, 0>, steps = array<i64: 1, 1>, at_load = false, name = "early", shapes = [array<i64: 4, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<4x256xf32>
    %early_turned = ampc.transpose %early {perm = array<i64: 1, 0>, at_load = false, name = "early_turned", shapes = [array<i64: 256, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x256xf32>) -> tensor<256x4xf32>
    %half_turned = ampc.transpose %half {perm = array<i64: 1, 0>, at_load = false, name = "half_turned", shapes = [array<i64: 256, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x256xf32>) -> tensor<256x256xf32>
    %late_turned = ampc.transpose %late {perm = array<i64: 1, 0>, at_load = false, name = "late_turned", shapes = [array<i64: 256, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x256xf32>) -> tensor<256x8xf32>
    ampc.output %early_turned {index = 0 : i64, name = "y0", shapes = [array<i64: 256, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x4xf32>) -> ()
    ampc.output %late_turned {index = 1 : i64, name = "y1", shapes = [array<i64: 256, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x8xf32>) -> ()
    ampc.output %half_turned {index = 2 : i64, name = "y2", shapes = [array<i64: 256, 256>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x256xf32>) -> ()
    return
  }
}
