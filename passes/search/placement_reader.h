// Reader of the public placement benchmarks' JSON (msr-fiddle/dnn-partitioning) into a PlacementProblem.
#pragma once

#include "byte_source.h"
#include "placement.h"

#include <string_view>

namespace ampc::search {

/// Malformed text names the place. The result passes check().
ReadError parsePlacement(std::string_view text, PlacementProblem &problem);
ReadError readPlacement(const std::string &path, PlacementProblem &problem);

} // namespace ampc::search
