// What executes the local steps of one rank: memory, kernels, copies. Kinds: cpu, null. All functions but
// `create` and the destructor are called on the rank's own thread.
#pragma once

#include "runtime/plan/error.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/plan_file.h"

#include <functional>
#include <memory>

namespace ampc {

/// The caller's tensors of one request, and its slot.
struct RequestBuffers {
  uint32_t slot = 0;
  std::vector<const void *> inputs;
  std::vector<void *> outputs;
};

/// Memory of arenas from the embedding program.
struct ArenaAllocator {
  std::function<void *(uint64_t sizeBytes, uint64_t alignmentBytes, uint32_t rank)> allocate; // zeroed
  std::function<void(void *data, uint64_t sizeBytes, uint32_t rank)> deallocate;
};

class KernelObject;

enum class LogLevel : int { Debug = 0, Info = 1, Warning = 2 }; // as ampc_log_level
using LogFunction = std::function<void(LogLevel level, const std::string &message)>;

struct DeviceOptions {
  uint64_t memoryLimitBytes = 0; // 0: none
  uint64_t mappedBytes = 0;      // its share of the weights that are read in place; counts against the limit
  ArenaAllocator allocator;      // empty: the system's
  int pinnedCpu = -1;            // -1: not pinned; for devices of one thread
  LogFunction log; // must be there
};

class Device {
public:
  virtual ~Device() = default;
  /// Allocates memory and makes everything ready that steps need.
  virtual plan::Status load() = 0;
  /// Executes a Launch, Copy or Wait step.
  virtual plan::Status run(plan::ProgramRole role, uint32_t step, const RequestBuffers &request) = 0;
  /// Addresses of the source and the target of a collective (null where there is none).
  virtual std::pair<const void *, void *> ends(plan::ProgramRole role, uint32_t step,
                                               const RequestBuffers &request) = 0;
  /// After the init program: drops what only that needed.
  virtual void initDone() = 0;
  virtual uint64_t allocatedBytes() const = 0;
  virtual void zeroState() = 0;
};

/// `file` and `kernels` outlive the device. `kernels` may be null when the plan has no generated kernels.
std::unique_ptr<Device> makeCpuDevice(const plan::PlanFile &file, const KernelObject *kernels, uint32_t rank,
                                      DeviceOptions options);
/// Executes nothing: for the cost of the executor itself, and for plans whose devices are not there.
std::unique_ptr<Device> makeNullDevice();

} // namespace ampc
