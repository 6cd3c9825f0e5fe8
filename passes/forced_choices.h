// What a forced strategy leaves of an operator's choices.
#pragma once

#include "passes/choice_problem.h"
#include "passes/compile.h"

namespace ampc {

/// Data parallelism replicates weights, tensor parallelism splits them; both split products wherever a loop allows it.
/// Nothing for strategies that restrict no choices.
ChoiceProblem::Filter forcedChoices(Strategy strategy);

} // namespace ampc
