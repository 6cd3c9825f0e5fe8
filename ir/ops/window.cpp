// Window geometry; formulas are those of ONNX's Conv, MaxPool and AveragePool.
#include "ir/ops/window.h"

#include <algorithm>

using namespace mlir;

namespace ampc {

// Far above any real model and low enough that products of two do not overflow.
constexpr int64_t largestWindowNumber = int64_t(1) << 30;

static std::vector<int64_t> perDim(Expansion &e, const char *name, size_t count, int64_t otherwise, int64_t smallest) {
  std::vector<int64_t> values = e.context.integers(name);
  if (values.empty())
    values.assign(count, otherwise);
  if (values.size() != count)
    e.invalid(llvm::Twine(name) + " has " + llvm::Twine(values.size()) + " values, expected " + llvm::Twine(count));
  for (int64_t value : values)
    if (value < smallest || value > largestWindowNumber)
      e.invalid(llvm::Twine(name) + " holds " + llvm::Twine(value) + ", which is out of range");
  values.resize(count, otherwise);
  return values;
}

Window windowOf(Expansion &e, const std::vector<int64_t> &input, const std::vector<int64_t> &kernel, bool mayRoundUp) {
  size_t count = input.size();
  Window window;
  window.kernel = kernel;
  if (kernel.size() != count)
    e.invalid("kernel has " + llvm::Twine(kernel.size()) + " dimensions, expected " + llvm::Twine(count));
  for (int64_t extent : kernel)
    if (extent < 1 || extent > largestWindowNumber)
      e.invalid("kernel extent " + llvm::Twine(extent) + " is out of range");
  window.strides = perDim(e, "strides", count, 1, 1);
  window.dilations = perDim(e, "dilations", count, 1, 1);
  std::vector<int64_t> pads = perDim(e, "pads", 2 * count, 0, 0);
  std::string automatic = e.context.string("auto_pad", "NOTSET");
  if (automatic != "NOTSET" && automatic != "VALID" && automatic != "SAME_UPPER" && automatic != "SAME_LOWER")
    e.invalid("auto_pad is '" + automatic + "'");
  bool roundUp = mayRoundUp && e.context.integer("ceil_mode");
  if (e.failed())
    return window;

  for (size_t d = 0; d < count; ++d) {
    int64_t begin = pads[d], end = pads[count + d], stride = window.strides[d], span = window.span(d), positions;
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      positions = (input[d] + stride - 1) / stride;
      int64_t total = std::max<int64_t>(0, (positions - 1) * stride + span - input[d]);
      begin = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      end = total - begin;
    } else {
      if (automatic == "VALID")
        begin = end = 0;
      int64_t room = input[d] + begin + end - span;
      if (room < 0)
        e.invalid("a window of " + llvm::Twine(span) + " does not fit a padded extent of " +
                  llvm::Twine(input[d] + begin + end));
      positions = room / stride + 1;
      if (roundUp && room > 0 && room % stride != 0) {
        // A further window counts only if it starts inside the input or the leading padding.
        if (positions * stride < input[d] + begin)
          ++positions;
        end += std::max<int64_t>(0, (positions - 1) * stride - room);
      }
    }
    window.padsBegin.push_back(begin);
    window.padsEnd.push_back(end);
    window.output.push_back(positions);
  }
  return window;
}

llvm::SmallVector<NamedAttribute> windowAttributes(Expansion &e, const Window &window) {
  std::vector<int64_t> pads = window.padsBegin;
  pads.insert(pads.end(), window.padsEnd.begin(), window.padsEnd.end());
  return {e.attribute("strides", window.strides), e.attribute("dilations", window.dilations), e.attribute("pads", pads)};
}

Window windowOf(const OpInstance &op, const std::vector<int64_t> &kernel) {
  Window window;
  size_t count = kernel.size();
  auto orDefault = [&](const char *name, size_t size, int64_t otherwise) {
    std::vector<int64_t> values = op.integers(name);
    values.resize(size, otherwise);
    return values;
  };
  window.kernel = kernel;
  window.strides = orDefault("strides", count, 1);
  window.dilations = orDefault("dilations", count, 1);
  std::vector<int64_t> pads = orDefault("pads", 2 * count, 0);
  window.padsBegin.assign(pads.begin(), pads.begin() + count);
  window.padsEnd.assign(pads.begin() + count, pads.end());
  return window;
}

llvm::Expected<std::vector<int64_t>> windowPositions(const Window &window, const std::vector<int64_t> &input) {
  std::vector<int64_t> output;
  for (size_t d = 0; d < input.size(); ++d) {
    if (window.strides[d] < 1 || window.dilations[d] < 1 || window.kernel[d] < 1)
      return opError("strides, dilations and kernel extents must be positive");
    int64_t room = input[d] + window.padsBegin[d] + window.padsEnd[d] - window.span(d);
    if (room < 0)
      return opError("a window of " + llvm::Twine(window.span(d)) + " does not fit its input");
    output.push_back(room / window.strides[d] + 1);
  }
  return output;
}

// Inner parts read no padding, those at the ends what is left of it.
std::vector<std::pair<std::string, std::vector<int64_t>>> localPads(const OpInstance &local, const LocalPart &part,
                                                                    const std::vector<int64_t> &kernel, size_t first) {
  Window window = windowOf(local, kernel);
  size_t count = kernel.size();
  std::vector<int64_t> pads(2 * count, 0);
  for (size_t d = 0; d < count; ++d) {
    int64_t positions = local.out()[first + d], stride = window.strides[d];
    if (positions == 0)
      continue;
    pads[d] = window.padsBegin[d] + part.operandOrigins[0][first + d] - stride * part.resultOrigin[first + d];
    int64_t read = (positions - 1) * stride + window.span(d) - pads[d];
    pads[count + d] = std::max<int64_t>(0, read - local.in(0)[first + d]);
  }
  return {{"pads", pads}};
}

// Written so that it never is a product of loops when there are several taps: kernel extent, stride and dilation are
// attributes, which do not shrink with a shard, so taps may not be split then.
DimAccess windowAccess(const Window &window, size_t dim, int position, int tap) {
  LinearTerm byPosition{position, window.strides[dim]}, byTap{tap, window.dilations[dim]};
  if (window.kernel[dim] == 1)
    return {{byPosition}, -window.padsBegin[dim], false};
  if (window.strides[dim] == window.kernel[dim])
    return {{byTap, byPosition}, -window.padsBegin[dim], false};
  return {{byPosition, byTap}, -window.padsBegin[dim], false};
}

bool reachesOutside(const Window &window, const std::vector<int64_t> &input, const std::vector<int64_t> &output) {
  for (size_t d = 0; d < input.size(); ++d)
    if (window.padsBegin[d] > 0 ||
        (output[d] - 1) * window.strides[d] + window.span(d) - window.padsBegin[d] > input[d])
      return true;
  return false;
}

} // namespace ampc
