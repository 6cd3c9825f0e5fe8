// Parts of a problem that no edge joins and whose memory cannot matter are problems of their own: solved exactly where
// that is cheap, equal ones once.
#pragma once

#include "work_graph.h"

namespace ampc::search {

/// Decides every node of the parts that could be solved; they are gone from the graph afterwards. Leaves a graph that is
/// one part alone, since the search proper does as well.
Shrinkage settleComponents(WorkGraph &graph, const std::vector<char> &memoryMatters, const Stop &stop);

} // namespace ampc::search
