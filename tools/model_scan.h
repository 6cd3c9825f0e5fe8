// What the command line itself wants to know of an ONNX model without compiling it: its inputs, which integers index
// tables, and which files belong to it. Reads the wire format lazily; tensor payloads are skipped over, and nothing is
// checked.
#pragma once

#include "runtime/plan/data_type.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ampc::tools {

struct ScannedInput {
  std::string name;
  std::optional<DataType> type;
  std::vector<int64_t> shape; // -1: not fixed by the model
  bool hasShape = false;
};

struct ScannedModel {
  /// The graph's inputs that are no initializers, in graph order.
  std::vector<ScannedInput> inputs;
  std::set<std::string> defaults; // names of inputs that are initializers too: the model has a value for them
  /// Inputs that index a table: the number of its rows (the least, where there are several).
  std::map<std::string, int64_t> indexBounds;
  size_t numOutputs = 0;
  /// Files with weights, as the model names them: relative to its folder.
  std::vector<std::string> externalFiles;
};

/// Nothing when the bytes are not a model.
std::optional<ScannedModel> scanModel(std::string_view modelBytes);
/// The same for a file, which is mapped.
std::optional<ScannedModel> scanModelFile(const std::string &path);

} // namespace ampc::tools
