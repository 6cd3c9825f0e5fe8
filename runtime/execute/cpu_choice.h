// Which CPUs devices may use, and in which order they take them.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ampc {

/// The CPUs of the process's mask: first one of every physical core, then the second ones of all; each in the mask's
/// order. Two devices on one core would share its arithmetic.
std::vector<int> allowedCpus();

/// That order. `coreOf` names a CPU's core; a CPU with an empty name has one of its own.
std::vector<int> coresFirst(std::vector<int> cpus, const std::function<std::string(int cpu)> &coreOf);

} // namespace ampc
