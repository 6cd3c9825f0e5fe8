// Kernels that the runtime itself executes, by name: operators whose loops cannot be generated ("whole" loops such as
// top-k). The compiler's reference evaluator calls the same functions.
#pragma once

#include "runtime/plan/plan.h"

#include <span>
#include <string>
#include <string_view>

namespace ampc {

/// `buffers`: operands, then results, row-major, as the kernel's KernelOperands say.
using BuiltinFunction = void (*)(const plan::Kernel &kernel, void *const *buffers);

struct BuiltinKernel {
  std::string_view name;
  BuiltinFunction run;
  /// Empty: types, shapes and attributes of `kernel` are ones that `run` accepts; otherwise what is wrong.
  std::string (*check)(const plan::Kernel &kernel);
};

std::span<const BuiltinKernel> builtinKernels();
const BuiltinKernel *findBuiltinKernel(std::string_view name);

// "topk": operand X; results values (type of X), indices (I64), both with k along `axis`.
//   integers "axis" {a >= 0}, "k" {k}, "largest" {0|1} (default 1). Equal values: lower index first. Always sorted.
//   NaN counts as larger than every number.
// "scatter_elements": data, indices, updates; result. integers "axis"; string "reduction" none|add|mul|max|min.
// "scatter_nd": data, indices, updates; result. string "reduction".
// "cumulate": X; running sums along "axis" (integers "exclusive", "reverse", "product" {0|1}).
// "arg_extreme": X; I64 with extent 1 along "axis". integers "largest" (default 1), "select_last_index" {0|1}.
// "roi_align": image, regions, batch indices; result. real "spatial_scale", integers "half_pixel" {0|1},
//   "sampling_ratio", string "mode" avg|max.
// "col2im": columns; image. integers "block_shape", "dilations", "strides", "pads" per spatial dimension.
// "recurrence": x [steps, batch, inputs], w [inputs, gates * hidden], r [hidden, gates * hidden], bias
//   [biases * hidden], h0 [batch, hidden], of an LSTM also c0; results y [steps, batch, hidden], the last h, of an LSTM
//   also the last c. All f32. string "cell" (recurrence.h), integers "reverse" {0|1}: from the last step to the first;
//   y has the order of x. Weights and biases gate after gate, in the order of recurrence.h; the fourth bias of
//   "lbr_gru" is that of the product which the reset gate scales.
// "bitcast": X; the same bytes as another type of the same width.

} // namespace ampc
