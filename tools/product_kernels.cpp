// Writes the text of the kernels, as `passes` would, and compiles it for this machine.
#include "tools/product_kernels.h"

#include "tools/compiler.h"

namespace ampc::tools {

static std::string tensorText(const std::vector<int64_t> &shape) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + "f32>";
}

static std::string textOf(const ProductShape &shape) {
  const std::string first = tensorText(shape.first), second = tensorText(shape.second),
                    result = tensorText(shape.result);
  std::string op = "matmul", attributes, orders;
  if (shape.isConvolution) {
    op = "conv";
    const std::string pad = std::to_string(shape.pad), stride = std::to_string(shape.stride);
    attributes = ", pads = array<i64: " + pad + ", " + pad + ", " + pad + ", " + pad +
                 ">, strides = array<i64: " + stride + ", " + stride + ">";
  }
  // With channels last in the activations, output channels are last in the weights (choose_layouts).
  if (shape.isChannelsLast)
    orders = " attributes {orders = [array<i64: 0, 2, 3, 1>, array<i64: 1, 2, 3, 0>, array<i64: 0, 2, 3, 1>]}";
  return "module { func.func @kernel(%a: " + first + ", %b: " + second + ") -> (" + result + ")" + orders +
         " {\n%0 = ampc." + op + " %a, %b {name = \"0\"" + attributes + "} : (" + first + ", " + second + ") -> " +
         result + "\nreturn %0 : " + result + "\n} }";
}

llvm::Expected<KernelLibrary> compileProductKernels(const std::vector<ProductShape> &shapes, int jobs) {
  std::vector<KernelRequest> requests;
  for (size_t k = 0; k < shapes.size(); ++k)
    requests.push_back({productSymbol(k), textOf(shapes[k])});
  return compileKernels(requests, {}, jobs);
}

} // namespace ampc::tools
