// Reads weights where they are, in pieces.
#pragma once

#include "codegen/plan_writer.h"
#include "ir/weights.h"

namespace ampc::tools {

/// Hands the bytes of a weight to `sink`, so that memory does not grow with weights.
plan::Status streamWeight(const WeightReference &weight, const codegen::BlobSink &sink);

} // namespace ampc::tools
