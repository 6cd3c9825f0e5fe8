// Which CPU features, by LLVM's names, this machine has.
#pragma once

#include <string>
#include <vector>

namespace ampc {

/// Comma-separated names of those in `required` that the CPU or the system lacks, or that this runtime does
/// not know; empty when all are there. A leading '+' is ignored.
std::string missingCpuFeatures(const std::vector<std::string> &required);

} // namespace ampc
