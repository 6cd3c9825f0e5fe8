// Operators of a graph that planning cannot tell apart: the layers of a transformer have the same few kinds. Choices
// are enumerated once per kind, matrices exist once per pair of kinds.
#pragma once

#include "passes/decision.h"

namespace ampc {

struct OpKinds {
  std::vector<uint32_t> kindOf; // per op
  std::vector<uint32_t> first;  // per kind: its first op
};

OpKinds kindsOf(const Graph &graph);

} // namespace ampc
