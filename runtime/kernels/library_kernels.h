// Kernels that libraries execute (oneDNN, opened at run time): what the compiler may ask about them, and the
// objects that execute them on a device thread. The parameters of each kernel are listed here, once.
#pragma once

#include "runtime/plan/error.h"
#include "runtime/plan/plan.h"

#include <memory>
#include <string>

namespace ampc {

// Parameters (Kernel::integers, reals, strings). Types: f32, f16, bf16 (all operands of one kernel alike; the
// result may be f32), u8/i8 for reorders.
// clang-format off
//
// "onednn.matmul": operands A, B, [bias], [operands of post-ops...]; result C = A B + bias, then the post-ops.
//   integers "transA", "transB" {0|1}   the stored operand is [..., k, m] / [..., n, k]; default 0
//   integers "bias" {0|1}               operand 2 is a bias, [n] or of C's rank, broadcast; default 0
//   integers "packed" {0|1}             B is the result of "onednn.pack_matmul" (its operand shape stays the
//                                       logical one); default 0
//   integers "packed_bytes" {n}         size of the packed buffer, as LibraryKernelFacts::packedBytes
//   integers "stridesA", "stridesB", "stridesC"
//                                       strides in elements per dimension of the *stored* operand, for dense
//                                       permutations (heads of attention); default row-major
//   Batch dimensions of A and B broadcast (1 against n); A and B have equal rank.
//
// "onednn.pack_matmul": operand B; result U8 [packed_bytes]. Parameters as of the product it serves, and
//   integers "shapeA"                   the stored shape of A there
//   strings "result_type"               the type of C ("f32") when it is not that of B
//   The packed form does not depend on bias, post-ops, stridesA, stridesC.
//
// "onednn.convolution": operands X, W, [bias], [operands of post-ops...]; result Y.
//   strings "layout" nchw|nhwc          how X, Y and post-op operands are stored; their KernelOperand shapes are
//                                       the stored ones. W is [out, in / groups, spatial...] always (or packed).
//   integers "strides", "dilations", "pads_begin", "pads_end"
//                                       one per spatial dimension (1 to 3); dilation 1 = dense
//   integers "groups" {g}; "bias", "packed", "packed_bytes" as above
//
// "onednn.pack_convolution": operand W; result U8 [packed_bytes]. Parameters as of the convolution, and
//   integers "shapeX", "shapeY"         stored shapes there
//   strings "result_type"               the type of Y when it is not that of W
//
// "onednn.recurrence": as the builtin kernel "recurrence" (builtin_kernels.h), f32.
//   integers "packed" {0|1}             operand 1 is the result of "onednn.pack_recurrence", in place of w and r
//   integers "packed_bytes"             as above
//
// "onednn.pack_recurrence": operands w, r; result U8 [packed_bytes]. Parameters as of the recurrence, and
//   integers "shapeX"                   the shape of x there
//
// "onednn.reorder": operand X, result Y of the same logical shape; types may differ (conversion).
//   integers "stridesX", "stridesY"     default row-major
//
// Post-ops: strings "post_ops", comma separated, applied in order:
//   relu leaky_relu gelu_erf gelu_tanh swish hardswish hardsigmoid clip sigmoid tanh elu linear exp sqrt abs
//   add sub mul div max min             binary: takes the next operand (stored shape of the result, 1 where it
//                                       broadcasts; lower rank counts from the right)
//   sum                                 adds what the result buffer held before
//   reals "post_ops": two numbers (alpha, beta) per entry, in oneDNN's meaning: leaky_relu slope; swish alpha;
//   clip lower, upper; hardswish, hardsigmoid alpha, beta; elu alpha; linear a*x + b. Missing: 0.01; 1; 0, 6;
//   1/6, 1/2; 0.2, 0.5; 1; 1, 0.
// clang-format on

/// What the compiler needs to know about a library kernel. Depends on the CPU that asks.
struct LibraryKernelFacts {
  /// What the packed operand takes (of a product or convolution with "packed" = 1, or a packing kernel, without
  /// "packed_bytes"), to be stored in "packed_bytes"; at least the plain form's; 0: there is none.
  uint64_t packedBytes = 0;
  uint64_t workspaceBytes = 0; // user scratchpad: Kernel::workspaceBytes
  std::string implementation;  // the library's own name for it ("brgemm:avx512_core"...)
  bool isReference = false;    // the library's slow fallback: generate the kernel instead
};

/// Facts about a kernel as the library of this machine would execute it with `threads` threads per device; an
/// error when the library or its parameters do not allow it. Thread safe. Takes 0.1 to 3 ms.
plan::Status libraryKernelFacts(const plan::Kernel &kernel, uint32_t threads, LibraryKernelFacts &facts);

/// One kernel prepared for one device thread. Not thread safe: every rank makes its own.
class LibraryKernel {
public:
  virtual ~LibraryKernel() = default;
  virtual uint64_t workspaceBytes() const = 0;
  virtual std::string implementation() const = 0;
  /// `buffers`: operands, then results. False: the library reported an error.
  virtual bool run(void *const *buffers, void *workspace) = 0;
};

/// Checks the parameters and creates the primitives.
plan::Status createLibraryKernel(const plan::Kernel &kernel, uint32_t threads,
                                 std::unique_ptr<LibraryKernel> &result);

} // namespace ampc
