// What a search that is going on has found; for progress lines. Plain structs.
#pragma once

#include <cstddef>

namespace ampc {

struct SearchState {
  size_t layouts = 0, solved = 0; // candidates for stages and grid
  /// Of the best layout, by the search's own prices. bestSeconds 0: none yet.
  double bestSeconds = 0, boundSeconds = 0, gap = 0;
};

} // namespace ampc
