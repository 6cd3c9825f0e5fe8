// Reader of the public sharding contest's JSON (google/iopddl) into a Problem. Not a general JSON reader.
#pragma once

#include "byte_source.h"
#include "problem.h"

#include <string_view>

namespace ampc::search {

/// Parses `text`. A malformed text gives Kind::Malformed with the byte offset and what was expected there;
/// `problem` is then unspecified. Equal matrices are stored once; an edge from a node to itself is added to
/// the node's costs. The result passes check().
ReadError parseIopddl(std::string_view text, Problem &problem);

/// Reads and parses a plain or gzip file.
ReadError readIopddl(const std::string &path, Problem &problem);

} // namespace ampc::search
