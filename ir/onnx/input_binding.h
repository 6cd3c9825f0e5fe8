// Fixes the shapes of the graph's inputs from --dim, --shape and --value: everything after it sees static
// shapes.
#pragma once

#include "ir/onnx/import.h"

#include <onnx/onnx_pb.h>

namespace ampc {

struct BoundInput {
  std::string name;
  TensorType type;
  std::optional<HostTensor> value; // bound by --value, or null
};

/// The graph's inputs that are not initializers (unless an option names them), in order.
llvm::Expected<std::vector<BoundInput>> bindInputs(const onnx::GraphProto &graph,
                                                   const ImportOptions &options);

/// Reads "16000", "1,2,3" or "[[1, 2], [3, 4]]" as a tensor of `type`. Dimensions of -1 in the shape follow
/// from the text; a flat list fits any shape with as many elements.
llvm::Expected<HostTensor> parseValue(const std::string &text, const TensorType &type);

} // namespace ampc
