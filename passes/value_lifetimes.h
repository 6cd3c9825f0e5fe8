// How long the values of a graph occupy memory, in the order of its operators. Time point k is the execution of
// operator k.
#pragma once

#include "passes/decision.h"

namespace ampc {

struct ValueLifetimes {
  /// Per operator: the last operator that reads one of its results, through views too; its own number if none does.
  std::vector<int> lastReader;
  /// Per operator: the first time point at which its results are no more: behind the last reader, or when another
  /// result is written over them.
  std::vector<int> end;
  /// Per operator: whether its results need a buffer. Views have that of their operand; what stays inside a kernel has
  /// none.
  std::vector<char> hasBuffer;
};

ValueLifetimes lifetimesOf(const Graph &graph);

/// Bytes per time point when nothing is split: all weights, each once, and the values that live then.
std::vector<int64_t> unsplitBytes(const Graph &graph, const ValueLifetimes &lifetimes);

} // namespace ampc
