// Slices become part of the kernels that read them, and an operator brings the kernels of all of its operands together.
// RUN: ampc-opt --ampc-fuse %s | FileCheck %s
// RUN: ampc-opt --ampc-fuse --ampc-choose-kernels --ampc-verify=kernelized %s

// A step of an LSTM is its product and one kernel for the gates and both states: operators bring the kernels of all of
// their operands along, and slices of the gates are read where they lie.
// CHECK-LABEL: func.func @lstm_step
// CHECK:       %[[C:.*]] = ampc.input {{.*}}name = "c"
// CHECK:       %[[G:.*]] = ampc.kernel {{.*}}nodes = ["product", "gates"]
// CHECK-NOT:   ampc.kernel
// CHECK:       %[[S:.*]]:2 = ampc.kernel %[[G]], %[[C]] {at_load = false, name = "hidden", nodes = ["at_i", "gate_i", "at_f", "gate_f", "at_c", "gate_c", "kept", "new", "cell", "at_o", "gate_o", "squashed", "hidden"]} {
// CHECK-NOT:   ampc.kernel
// CHECK:       ampc.output %[[S]]#1
// CHECK-NEXT:  ampc.output %[[S]]#0
func.func @lstm_step() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 4, 64>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<4x64xf32>
  %h = ampc.input {index = 1 : i64, at_load = false, name = "h", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<4x16xf32>
  %c = ampc.input {index = 2 : i64, at_load = false, name = "c", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<4x16xf32>
  %w = ampc.parameter {weight = 0 : i64, at_load = true, name = "w", shapes = [array<i64: 16, 64>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<16x64xf32>
  %product = ampc.matmul %h, %w {at_load = false, name = "product", shapes = [array<i64: 4, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<16x64xf32>) -> tensor<4x64xf32>
  %gates = ampc.add %product, %x {at_load = false, name = "gates", shapes = [array<i64: 4, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x64xf32>, tensor<4x64xf32>) -> tensor<4x64xf32>
  %at_i = ampc.slice %gates {shape = array<i64: 4, 16>, starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, at_load = false, name = "at_i", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x64xf32>) -> tensor<4x16xf32>
  %gate_i = ampc.sigmoid %at_i {at_load = false, name = "gate_i", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %at_f = ampc.slice %gates {shape = array<i64: 4, 16>, starts = array<i64: 0, 32>, steps = array<i64: 1, 1>, at_load = false, name = "at_f", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x64xf32>) -> tensor<4x16xf32>
  %gate_f = ampc.sigmoid %at_f {at_load = false, name = "gate_f", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %at_c = ampc.slice %gates {shape = array<i64: 4, 16>, starts = array<i64: 0, 48>, steps = array<i64: 1, 1>, at_load = false, name = "at_c", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x64xf32>) -> tensor<4x16xf32>
  %gate_c = ampc.tanh %at_c {at_load = false, name = "gate_c", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %kept = ampc.mul %gate_f, %c {at_load = false, name = "kept", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %new = ampc.mul %gate_i, %gate_c {at_load = false, name = "new", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %cell = ampc.add %kept, %new {at_load = false, name = "cell", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %at_o = ampc.slice %gates {shape = array<i64: 4, 16>, starts = array<i64: 0, 16>, steps = array<i64: 1, 1>, at_load = false, name = "at_o", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x64xf32>) -> tensor<4x16xf32>
  %gate_o = ampc.sigmoid %at_o {at_load = false, name = "gate_o", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %squashed = ampc.tanh %cell {at_load = false, name = "squashed", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %hidden = ampc.mul %gate_o, %squashed {at_load = false, name = "hidden", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  ampc.output %hidden {index = 0 : i64, name = "y0", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> ()
  ampc.output %cell {index = 1 : i64, name = "y1", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> ()
  return
}

// Between the products of a GRU stands what the second one waits for, and nothing of the other gate.
// CHECK-LABEL: func.func @gru_step
// CHECK:       ampc.kernel {{.*}}nodes = ["product", "gates"]
// CHECK:       %[[Z:.*]]:2 = ampc.kernel {{.*}}nodes = ["at_z", "z", "rest", "kept"]
// CHECK:       %[[R:.*]] = ampc.kernel {{.*}}nodes = ["at_r", "r", "reset"]
// CHECK:       ampc.kernel %[[R]], %{{.*}}, %[[Z]]#0, %[[Z]]#1 {{.*}}nodes = ["second", "candidate", "new", "hidden"]
// CHECK-NOT:   ampc.kernel
// CHECK:       ampc.output
func.func @gru_step() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 4, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<4x32xf32>
  %h = ampc.input {index = 1 : i64, at_load = false, name = "h", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<4x16xf32>
  %w = ampc.parameter {weight = 0 : i64, at_load = true, name = "w", shapes = [array<i64: 16, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<16x32xf32>
  %v = ampc.parameter {weight = 1 : i64, at_load = true, name = "v", shapes = [array<i64: 16, 16>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<16x16xf32>
  %product = ampc.matmul %h, %w {at_load = false, name = "product", shapes = [array<i64: 4, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<16x32xf32>) -> tensor<4x32xf32>
  %gates = ampc.add %product, %x {at_load = false, name = "gates", shapes = [array<i64: 4, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x32xf32>, tensor<4x32xf32>) -> tensor<4x32xf32>
  %at_z = ampc.slice %gates {shape = array<i64: 4, 16>, starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, at_load = false, name = "at_z", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x32xf32>) -> tensor<4x16xf32>
  %z = ampc.sigmoid %at_z {at_load = false, name = "z", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %at_r = ampc.slice %gates {shape = array<i64: 4, 16>, starts = array<i64: 0, 16>, steps = array<i64: 1, 1>, at_load = false, name = "at_r", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x32xf32>) -> tensor<4x16xf32>
  %r = ampc.sigmoid %at_r {at_load = false, name = "r", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %reset = ampc.mul %r, %h {at_load = false, name = "reset", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %second = ampc.matmul %reset, %v {at_load = false, name = "second", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<16x16xf32>) -> tensor<4x16xf32>
  %candidate = ampc.tanh %second {at_load = false, name = "candidate", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %rest = ampc.sub %h, %z {at_load = false, name = "rest", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %new = ampc.mul %rest, %candidate {at_load = false, name = "new", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %kept = ampc.mul %z, %h {at_load = false, name = "kept", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %hidden = ampc.add %new, %kept {at_load = false, name = "hidden", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  ampc.output %hidden {index = 0 : i64, name = "y0", shapes = [array<i64: 4, 16>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x16xf32>) -> ()
  return
}

// Slices of slices are read at one offset.
// CHECK-LABEL: func.func @chain_of_slices
// CHECK:       %[[X:[0-9]+]] = ampc.input
// CHECK-NEXT:  ampc.kernel %[[X]] {at_load = false, name = "a", nodes = ["rows", "part", "a"]} {
func.func @chain_of_slices() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<8x64xf32>
  %rows = ampc.slice %x {shape = array<i64: 4, 64>, starts = array<i64: 2, 0>, steps = array<i64: 1, 1>, at_load = false, name = "rows", shapes = [array<i64: 4, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>) -> tensor<4x64xf32>
  %part = ampc.slice %rows {shape = array<i64: 4, 32>, starts = array<i64: 0, 32>, steps = array<i64: 1, 1>, at_load = false, name = "part", shapes = [array<i64: 4, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x64xf32>) -> tensor<4x32xf32>
  %a = ampc.relu %part {at_load = false, name = "a", shapes = [array<i64: 4, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x32xf32>) -> tensor<4x32xf32>
  ampc.output %a {index = 0 : i64, name = "y0", shapes = [array<i64: 4, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x32xf32>) -> ()
  return
}

// Two kernels that cannot be one both read the operand.
// CHECK-LABEL: func.func @two_readers
// CHECK:       %[[X:[0-9]+]] = ampc.input
// CHECK:       ampc.kernel %[[X]] {{.*}}nodes = ["part", "a"]
// CHECK:       ampc.kernel {{.*}}nodes = ["product"]
// CHECK:       ampc.kernel %[[X]], {{.*}}nodes = ["part", "b", "c", "d"]
// CHECK-NOT:   nodes = ["part"]
// CHECK:       ampc.output
func.func @two_readers() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<8x64xf32>
  %w = ampc.parameter {weight = 0 : i64, at_load = true, name = "w", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<32x32xf32>
  %part = ampc.slice %x {shape = array<i64: 8, 32>, starts = array<i64: 0, 32>, steps = array<i64: 1, 1>, at_load = false, name = "part", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>) -> tensor<8x32xf32>
  %a = ampc.relu %part {at_load = false, name = "a", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> tensor<8x32xf32>
  %product = ampc.matmul %a, %w {at_load = false, name = "product", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>, tensor<32x32xf32>) -> tensor<8x32xf32>
  %b = ampc.exp %product {at_load = false, name = "b", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> tensor<8x32xf32>
  %c = ampc.pow %b, %part {at_load = false, name = "c", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %d = ampc.exp %c {at_load = false, name = "d", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> tensor<8x32xf32>
  ampc.output %d {index = 0 : i64, name = "y0", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> ()
  return
}

// A slice that somebody needs in a buffer has a kernel of its own, which everybody reads.
// CHECK-LABEL: func.func @read_by_a_product
// CHECK:       %[[S:.*]] = ampc.kernel {{.*}}nodes = ["part"]
// CHECK:       ampc.kernel %[[S]] {{.*}}nodes = ["a"]
// CHECK:       ampc.kernel %[[S]], {{.*}}nodes = ["product"]
func.func @read_by_a_product() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<8x64xf32>
  %w = ampc.parameter {weight = 0 : i64, at_load = true, name = "w", shapes = [array<i64: 32, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<32x32xf32>
  %part = ampc.slice %x {shape = array<i64: 8, 32>, starts = array<i64: 0, 32>, steps = array<i64: 1, 1>, at_load = false, name = "part", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>) -> tensor<8x32xf32>
  %a = ampc.relu %part {at_load = false, name = "a", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> tensor<8x32xf32>
  %product = ampc.matmul %part, %w {at_load = false, name = "product", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>, tensor<32x32xf32>) -> tensor<8x32xf32>
  ampc.output %a {index = 0 : i64, name = "y0", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> ()
  ampc.output %product {index = 1 : i64, name = "y1", shapes = [array<i64: 8, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x32xf32>) -> ()
  return
}

// Rows of two elements would leave vectors empty: copied first, they are computed in full vectors.
// CHECK-LABEL: func.func @short_rows
// CHECK:       %[[S:.*]] = ampc.kernel {{.*}}nodes = ["part"]
// CHECK:       ampc.kernel %[[S]] {{.*}}nodes = ["a"]
// CHECK:       ampc.kernel {{.*}}nodes = ["wide", "b"]
func.func @short_rows() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 512, 85>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<512x85xf32>
  %part = ampc.slice %x {shape = array<i64: 512, 2>, starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, at_load = false, name = "part", shapes = [array<i64: 512, 2>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x85xf32>) -> tensor<512x2xf32>
  %a = ampc.sigmoid %part {at_load = false, name = "a", shapes = [array<i64: 512, 2>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x2xf32>) -> tensor<512x2xf32>
  %wide = ampc.slice %x {shape = array<i64: 512, 80>, starts = array<i64: 0, 5>, steps = array<i64: 1, 1>, at_load = false, name = "wide", shapes = [array<i64: 512, 80>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x85xf32>) -> tensor<512x80xf32>
  %b = ampc.sigmoid %wide {at_load = false, name = "b", shapes = [array<i64: 512, 80>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x80xf32>) -> tensor<512x80xf32>
  ampc.output %a {index = 0 : i64, name = "y0", shapes = [array<i64: 512, 2>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x2xf32>) -> ()
  ampc.output %b {index = 1 : i64, name = "y1", shapes = [array<i64: 512, 80>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x80xf32>) -> ()
  return
}

// A large value does not live on for a small part of it.
// CHECK-LABEL: func.func @small_part
// CHECK:       ampc.kernel {{.*}}nodes = ["part"]
// CHECK:       ampc.kernel {{.*}}nodes = ["a"]
// CHECK:       ampc.kernel {{.*}}nodes = ["half", "b"]
func.func @small_part() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 512, 256>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<512x256xf32>
  %t = ampc.transpose %x {perm = array<i64: 1, 0>, at_load = false, name = "t", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<256x512xf32>
  %part = ampc.slice %t {shape = array<i64: 1, 512>, starts = array<i64: 3, 0>, steps = array<i64: 1, 1>, at_load = false, name = "part", shapes = [array<i64: 1, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> tensor<1x512xf32>
  %a = ampc.relu %part {at_load = false, name = "a", shapes = [array<i64: 1, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x512xf32>) -> tensor<1x512xf32>
  ampc.output %a {index = 0 : i64, name = "y0", shapes = [array<i64: 1, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x512xf32>) -> ()
  %half = ampc.slice %t {shape = array<i64: 128, 512>, starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, at_load = false, name = "half", shapes = [array<i64: 128, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> tensor<128x512xf32>
  %b = ampc.relu %half {at_load = false, name = "b", shapes = [array<i64: 128, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<128x512xf32>) -> tensor<128x512xf32>
  ampc.output %b {index = 1 : i64, name = "y1", shapes = [array<i64: 128, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<128x512xf32>) -> ()
  return
}

// Of a sequence that is cut into its steps every reader would be code of its own.
// CHECK-LABEL: func.func @many_pieces
// CHECK-COUNT-17: ampc.kernel {{.*}}nodes = ["x{{[0-9]+}}"]
// CHECK:       ampc.kernel {{.*}}nodes = ["s1", "s2",
func.func @many_pieces() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 17, 32>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<17x32xf32>
  %x0 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 0, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x0", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x1 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 1, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x1", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x2 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 2, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x2", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x3 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 3, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x3", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x4 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 4, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x4", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x5 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 5, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x5", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x6 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 6, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x6", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x7 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 7, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x7", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x8 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 8, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x8", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x9 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 9, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x9", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x10 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 10, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x10", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x11 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 11, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x11", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x12 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 12, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x12", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x13 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 13, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x13", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x14 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 14, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x14", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x15 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 15, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x15", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %x16 = ampc.slice %x {shape = array<i64: 1, 32>, starts = array<i64: 16, 0>, steps = array<i64: 1, 1>, at_load = false, name = "x16", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<17x32xf32>) -> tensor<1x32xf32>
  %s1 = ampc.add %x0, %x1 {at_load = false, name = "s1", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s2 = ampc.add %s1, %x2 {at_load = false, name = "s2", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s3 = ampc.add %s2, %x3 {at_load = false, name = "s3", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s4 = ampc.add %s3, %x4 {at_load = false, name = "s4", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s5 = ampc.add %s4, %x5 {at_load = false, name = "s5", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s6 = ampc.add %s5, %x6 {at_load = false, name = "s6", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s7 = ampc.add %s6, %x7 {at_load = false, name = "s7", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s8 = ampc.add %s7, %x8 {at_load = false, name = "s8", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s9 = ampc.add %s8, %x9 {at_load = false, name = "s9", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s10 = ampc.add %s9, %x10 {at_load = false, name = "s10", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s11 = ampc.add %s10, %x11 {at_load = false, name = "s11", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s12 = ampc.add %s11, %x12 {at_load = false, name = "s12", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s13 = ampc.add %s12, %x13 {at_load = false, name = "s13", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s14 = ampc.add %s13, %x14 {at_load = false, name = "s14", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s15 = ampc.add %s14, %x15 {at_load = false, name = "s15", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s16 = ampc.add %s15, %x16 {at_load = false, name = "s16", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  ampc.output %s16 {index = 0 : i64, name = "y0", shapes = [array<i64: 1, 32>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<1x32xf32>) -> ()
  return
}

// Kernels whose reductions run along the same axes become one; those along other axes stay.
// CHECK-LABEL: func.func @merged_reductions
// CHECK:       ampc.kernel {{.*}}nodes = ["m", "a", "n", "b", "d"]
// CHECK:       ampc.kernel {{.*}}nodes = ["o", "c", "e"]
func.func @merged_reductions() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<8x64xf32>
  %z = ampc.input {index = 1 : i64, at_load = false, name = "z", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<8x64xf32>
  %m = ampc.reduce_max %x {axes = array<i64: 1>, keepdims = 1 : i64, at_load = false, name = "m", shapes = [array<i64: 8, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %a = ampc.sub %x, %m {at_load = false, name = "a", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %n = ampc.reduce_max %z {axes = array<i64: 1>, keepdims = 1 : i64, at_load = false, name = "n", shapes = [array<i64: 8, 1>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %b = ampc.sub %z, %n {at_load = false, name = "b", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %o = ampc.reduce_max %z {axes = array<i64: 0>, keepdims = 1 : i64, at_load = false, name = "o", shapes = [array<i64: 1, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>) -> tensor<1x64xf32>
  %c = ampc.sub %z, %o {at_load = false, name = "c", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>, tensor<1x64xf32>) -> tensor<8x64xf32>
  %d = ampc.add %a, %b {at_load = false, name = "d", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %e = ampc.add %d, %c {at_load = false, name = "e", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  ampc.output %e {index = 0 : i64, name = "y0", shapes = [array<i64: 8, 64>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x64xf32>) -> ()
  return
}

// Of what waits for others the operands live on: two large ones are more than their sum, one is as much as its result.
// CHECK-LABEL: func.func @operands_live_longer
// CHECK:       ampc.kernel {{.*}}nodes = ["sum"]
// CHECK:       ampc.kernel {{.*}}nodes = ["r", "both"]
// CHECK:       ampc.kernel {{.*}}nodes = ["e", "g", "one"]
func.func @operands_live_longer() attributes {ranks = array<i64: 0>, stage = 0 : i64} {
  %x = ampc.input {index = 0 : i64, at_load = false, name = "x", shapes = [array<i64: 512, 256>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<512x256xf32>
  %y = ampc.input {index = 1 : i64, at_load = false, name = "y", shapes = [array<i64: 512, 256>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<512x256xf32>
  %z = ampc.input {index = 2 : i64, at_load = false, name = "z", shapes = [array<i64: 512, 256>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<512x256xf32>
  %tx = ampc.transpose %x {perm = array<i64: 1, 0>, at_load = false, name = "tx", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<256x512xf32>
  %ty = ampc.transpose %y {perm = array<i64: 1, 0>, at_load = false, name = "ty", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<256x512xf32>
  %sum = ampc.add %tx, %ty {at_load = false, name = "sum", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>, tensor<256x512xf32>) -> tensor<256x512xf32>
  %tz = ampc.transpose %z {perm = array<i64: 1, 0>, at_load = false, name = "tz", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<256x512xf32>
  %r = ampc.relu %tz {at_load = false, name = "r", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> tensor<256x512xf32>
  %both = ampc.add %sum, %r {at_load = false, name = "both", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>, tensor<256x512xf32>) -> tensor<256x512xf32>
  ampc.output %both {index = 0 : i64, name = "y0", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> ()
  %tu = ampc.transpose %x {perm = array<i64: 1, 0>, at_load = false, name = "tu", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<256x512xf32>
  %e = ampc.exp %tu {at_load = false, name = "e", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> tensor<256x512xf32>
  %tv = ampc.transpose %y {perm = array<i64: 1, 0>, at_load = false, name = "tv", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<512x256xf32>) -> tensor<256x512xf32>
  %g = ampc.exp %tv {at_load = false, name = "g", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> tensor<256x512xf32>
  %one = ampc.add %e, %g {at_load = false, name = "one", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>, tensor<256x512xf32>) -> tensor<256x512xf32>
  ampc.output %one {index = 1 : i64, name = "y1", shapes = [array<i64: 256, 512>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<256x512xf32>) -> ()
  return
}

// What others read does not wait for a communication; what nobody else reads does.
// CHECK-LABEL: func.func @received
// CHECK:       ampc.kernel {{.*}}nodes = ["a"]
// CHECK:       ampc.reshard {{.*}}name = "first"
// CHECK:       ampc.kernel {{.*}}nodes = ["d", "b", "c", "e"]
func.func @received() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
  %x = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 8, 4>], shardings = ["[8:0 | *]"], stage = 0 : i64} : () -> tensor<4x4xf32>
  %y = ampc.input {at_load = false, index = 1 : i64, name = "y", shapes = [array<i64: 8, 4>], shardings = ["[* | *]"], stage = 0 : i64} : () -> tensor<8x4xf32>
  %a = ampc.relu %y {at_load = false, name = "a", shapes = [array<i64: 8, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x4xf32>) -> tensor<8x4xf32>
  %d = ampc.sigmoid %y {at_load = false, name = "d", shapes = [array<i64: 8, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x4xf32>) -> tensor<8x4xf32>
  %r = ampc.reshard %x {at_load = false, axes = array<i64: 0>, from = "[8:0 | *]", groups = [array<i64: 0, 1>], kind = "all_gather", name = "first", shapes = [array<i64: 8, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x4xf32>) -> tensor<8x4xf32>
  %b = ampc.exp %r {at_load = false, name = "b", shapes = [array<i64: 8, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x4xf32>) -> tensor<8x4xf32>
  %c = ampc.add %a, %b {at_load = false, name = "c", shapes = [array<i64: 8, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %e = ampc.add %c, %d {at_load = false, name = "e", shapes = [array<i64: 8, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %t = ampc.transpose %a {at_load = false, name = "t", perm = array<i64: 1, 0>, shapes = [array<i64: 4, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x4xf32>) -> tensor<4x8xf32>
  ampc.output %e {index = 0 : i64, name = "y0", shapes = [array<i64: 8, 4>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<8x4xf32>) -> ()
  ampc.output %t {index = 1 : i64, name = "y1", shapes = [array<i64: 4, 8>], shardings = ["[* | *]"], stage = 0 : i64} : (tensor<4x8xf32>) -> ()
  return
}

// What is sent does not wait for others.
// CHECK-LABEL: func.func @sent
// CHECK:       ampc.kernel {{.*}}nodes = ["a"]
// CHECK:       ampc.kernel {{.*}}nodes = ["b", "c"]
func.func @sent() attributes {ranks = array<i64: 0, 1>, stage = 0 : i64} {
  %x = ampc.input {at_load = false, index = 0 : i64, name = "x", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : () -> tensor<4xf32>
  %y = ampc.input {at_load = false, index = 1 : i64, name = "y", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : () -> tensor<4xf32>
  %a = ampc.relu %x {at_load = false, name = "a", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %b = ampc.exp %y {at_load = false, name = "b", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  %r = ampc.reshard %a {at_load = false, axes = array<i64: 0>, from = "[8:0]", groups = [array<i64: 0, 1>], kind = "all_gather", name = "first", shapes = [array<i64: 8>], shardings = ["[*]"], stage = 0 : i64} : (tensor<4xf32>) -> tensor<8xf32>
  %c = ampc.add %a, %b {at_load = false, name = "c", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  ampc.output %r {index = 0 : i64, name = "y0", shapes = [array<i64: 8>], shardings = ["[*]"], stage = 0 : i64} : (tensor<8xf32>) -> ()
  ampc.output %c {index = 1 : i64, name = "y1", shapes = [array<i64: 8>], shardings = ["[8:0]"], stage = 0 : i64} : (tensor<4xf32>) -> ()
  return
}
