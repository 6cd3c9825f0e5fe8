// Parts of a problem that no edge joins are problems of their own as far as their memory does not take from others:
// solved exactly where that is cheap, equal ones once.
#pragma once

#include "work_graph.h"

namespace ampc::search {

/// Decides the parts whose optimum was found and takes no memory beyond the smallest choices, or none that matters, and
/// all parts if their optima fit together; they are gone from the graph afterwards. Leaves a graph that is one part to
/// the search proper.
Shrinkage settleComponents(WorkGraph &graph, const std::vector<char> &memoryMatters, const Stop &stop);

} // namespace ampc::search
