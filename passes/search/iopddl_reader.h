// Reader of the public sharding contest's JSON (google/iopddl) into a Problem. Not a general JSON reader.
#pragma once

#include "byte_source.h"
#include "problem.h"

#include <string_view>

namespace ampc::search {

/// Parses `text`. A malformed text gives Kind::Malformed with line, byte offset and what was expected there;
/// `problem` is then unspecified. Equal matrices are stored once. The result passes check(). When `stop` asks, the
/// result is Kind::Stopped.
ReadError parseIopddl(std::string_view text, Problem &problem, const Stop &stop = {});

/// Reads and parses a plain or gzip file.
ReadError readIopddl(const std::string &path, Problem &problem, const Stop &stop = {});

} // namespace ampc::search
