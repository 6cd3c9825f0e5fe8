// Writes a timeline in the Chrome trace event format, which Perfetto and chrome://tracing open. One process
// per rank, one thread per queue, steps under their plan names.
#pragma once

#include "cost_model/simulate.h"

namespace ampc::cost {

/// JSON text, deterministic; times in microseconds. Events carry nodes, kernel, FLOPs and bytes as arguments.
std::string writeTrace(const Timeline &timeline, const plan::Plan &plan);

} // namespace ampc::cost
