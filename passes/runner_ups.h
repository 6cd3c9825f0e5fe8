// For every decision of a solved choice problem, the next best one and what it would cost more.
#pragma once

#include "passes/choice_problem.h"

namespace ampc {

/// Operators of one kind that chose alike among neighbours that chose alike form a group: their alternatives are the
/// same. The runner-up of an operator is the best other split of its loops while all other operators stay as they are;
/// the reshards around it are chosen anew. Groups are in the order of their first operator; memory is not looked at.
std::vector<DecisionGroup> runnerUps(const Graph &graph, const OpKinds &kinds, const ChoiceProblem &choices,
                                     const search::Problem &problem, const std::vector<int32_t> &chosen,
                                     const Grid &grid);

} // namespace ampc
