// The process's mask and the topology that Linux tells.
#include "runtime/execute/cpu_choice.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sched.h>

namespace ampc {

std::vector<int> coresFirst(std::vector<int> cpus, const std::function<std::string(int)> &coreOf) {
  std::map<std::string, int> taken;       // CPUs of a core that came before
  std::vector<std::pair<int, int>> turns; // which CPU of its core it is, and the CPU
  for (int cpu : cpus) {
    const std::string core = coreOf(cpu);
    turns.emplace_back(core.empty() ? 0 : taken[core]++, cpu);
  }
  std::stable_sort(turns.begin(), turns.end(), [](auto &a, auto &b) { return a.first < b.first; });
  std::transform(turns.begin(), turns.end(), cpus.begin(), [](auto &turn) { return turn.second; });
  return cpus;
}

std::vector<int> allowedCpus() {
  cpu_set_t set;
  std::vector<int> cpus;
  if (!sched_getaffinity(0, sizeof set, &set))
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(size_t(cpu), &set))
        cpus.push_back(cpu);
  return coresFirst(std::move(cpus), [](int cpu) {
    // Equal for all CPUs of a core, "0,32" or "0-1"; containers may hide it.
    std::ifstream list("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    std::getline(list, siblings);
    return siblings;
  });
}

} // namespace ampc
