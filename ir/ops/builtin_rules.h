// What the rules of rows with builtin kernels are written with.
#pragma once

#include "ir/iteration.h"

#include <utility>

namespace ampc {

inline int addLoop(IterationRule &rule, std::string name, int64_t extent, LoopKind kind) {
  rule.loops.push_back({std::move(name), extent, kind});
  return int(rule.loops.size()) - 1;
}

/// Adds a dimension to the access: a Whole loop that no other tensor shares.
inline void addWholeDim(IterationRule &rule, Access &access, std::string name, int64_t extent) {
  access.dims.push_back(DimAccess::loop(addLoop(rule, std::move(name), extent, LoopKind::Whole)));
}

} // namespace ampc
