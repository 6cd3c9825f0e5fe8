// The text form of a plan's facts, at most 80 columns wide.
#pragma once

#include "tools/plan_facts.h"

#include <string>

namespace ampc::tools {

/// What was decided, predicted times, memory, collectives.
std::string summaryText(const PlanFacts &facts);
/// The same, then every device, the largest kernels, and the recorded decisions.
std::string reportText(const PlanFacts &facts);

std::string secondsText(double seconds); // "1.84 ms"
std::string bytesText(double bytes);     // "3.2 MiB"
/// Shortens in the middle to `columns`.
std::string fitted(const std::string &text, size_t columns);

} // namespace ampc::tools
