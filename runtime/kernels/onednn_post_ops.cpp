// The chain of operations that oneDNN applies to a result before it is stored.
#include "runtime/kernels/kernel_attributes.h"
#include "runtime/kernels/onednn_objects.h"

#include <span>

namespace ampc {

namespace {
struct Entry {
  std::string_view name;
  dnnl_alg_kind_t kind;
  float alpha, beta; // when the kernel gives none
};
constexpr Entry elementwise[] = {
    {"relu", dnnl_eltwise_relu, 0, 0},
    {"leaky_relu", dnnl_eltwise_relu, 0.01f, 0},
    {"gelu_erf", dnnl_eltwise_gelu_erf, 0, 0},
    {"gelu_tanh", dnnl_eltwise_gelu_tanh, 0, 0},
    {"swish", dnnl_eltwise_swish, 1, 0},
    {"hardswish", dnnl_eltwise_hardswish, 1.0f / 6, 0.5f},
    {"hardsigmoid", dnnl_eltwise_hardsigmoid, 0.2f, 0.5f},
    {"clip", dnnl_eltwise_clip, 0, 6},
    {"sigmoid", dnnl_eltwise_logistic, 0, 0},
    {"tanh", dnnl_eltwise_tanh, 0, 0},
    {"elu", dnnl_eltwise_elu, 1, 0},
    {"linear", dnnl_eltwise_linear, 1, 0},
    {"exp", dnnl_eltwise_exp, 0, 0},
    {"sqrt", dnnl_eltwise_sqrt, 0, 0},
    {"abs", dnnl_eltwise_abs, 0, 0},
};
constexpr Entry binary[] = {
    {"add", dnnl_binary_add, 0, 0}, {"sub", dnnl_binary_sub, 0, 0}, {"mul", dnnl_binary_mul, 0, 0},
    {"div", dnnl_binary_div, 0, 0}, {"max", dnnl_binary_max, 0, 0}, {"min", dnnl_binary_min, 0, 0},
};

const Entry *find(std::span<const Entry> table, std::string_view name) {
  for (const Entry &entry : table)
    if (entry.name == name)
      return &entry;
  return nullptr;
}
} // namespace

OneDnnPostOps makePostOps(OneDnnBuilder &builder, const plan::Kernel &kernel, size_t firstOperand,
                          const std::function<OwnedDesc(const plan::KernelOperand &)> &toDesc,
                          std::vector<OneDnnArgument> &arguments) {
  OneDnnPostOps result;
  std::string_view names = text(kernel, "post_ops");
  if (names.empty() || builder.error)
    return result;
  dnnl_post_ops_t raw = nullptr;
  if (!builder.ok(builder.library.post_ops_create(&raw), "post-ops"))
    return result;
  result.list = OwnedPostOps(builder.library, raw);
  const auto *numbers = findReals(kernel, "post_ops");
  size_t operand = firstOperand;
  for (size_t index = 0; !names.empty() && !builder.error; ++index) {
    const size_t comma = names.find(',');
    const std::string_view name = names.substr(0, comma);
    names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
    if (const Entry *entry = find(elementwise, name)) {
      float alpha = entry->alpha, beta = entry->beta;
      if (numbers && 2 * index + 1 < numbers->size()) {
        alpha = float((*numbers)[2 * index]);
        beta = float((*numbers)[2 * index + 1]);
      }
      if (name == "relu")
        alpha = 0;
      builder.ok(builder.library.post_ops_append_eltwise(raw, entry->kind, alpha, beta),
                 "an element-wise post-op");
    } else if (const Entry *entry = find(binary, name)) {
      if (operand >= kernel.operands.size()) {
        builder.fail("a binary post-op has no operand");
        break;
      }
      OwnedDesc desc = toDesc(kernel.operands[operand]);
      if (builder.error)
        break;
      builder.ok(builder.library.post_ops_append_binary(raw, entry->kind, desc.get()), "a binary post-op");
      arguments.push_back(
          {int(DNNL_ARG_ATTR_MULTIPLE_POST_OP(int(index)) | DNNL_ARG_SRC_1), desc.get(), int(operand), 0});
      result.descs.push_back(std::move(desc));
      ++operand;
    } else if (name == "sum") {
      builder.ok(builder.library.post_ops_append_sum(raw, 1.0f, 0, dnnl_data_type_undef), "a sum post-op");
    } else {
      builder.fail("unknown post-op " + std::string(name));
    }
  }
  if (operand != kernel.operands.size())
    builder.fail("the kernel has operands that no post-op takes");
  return result;
}

} // namespace ampc
