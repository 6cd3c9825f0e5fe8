// The simulated timeline as a file: as runtime/plan/trace_writer says.
#pragma once

#include "cost_model/simulate.h"

namespace ampc::cost {

/// JSON text, deterministic; times in microseconds. Events carry nodes, kernel, FLOPs and bytes as arguments.
std::string writeTrace(const Timeline &timeline, const plan::Plan &plan);

} // namespace ampc::cost
