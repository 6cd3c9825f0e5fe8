// Where the model's weights are: references into files, never bytes in the IR. `ampc.parameter` names one by index.
#pragma once

#include "ir/iteration.h"

#include <map>
#include <string>
#include <vector>

namespace ampc {

/// The bytes of one initializer, Constant node or typed field. Exactly one of `file` and `bytes` is set; `bytes`
/// holds what had to be decoded (typed fields, small literals).
struct WeightReference {
  std::string name;
  TensorType type;
  std::string file; // path as opened; never written to a plan
  uint64_t fileOffset = 0, sizeBytes = 0;
  std::vector<char> bytes;
};

struct WeightStore {
  std::vector<WeightReference> weights; // index = the `weight` attribute of ampc.parameter
};

} // namespace ampc
