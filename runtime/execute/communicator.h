// How the ranks of a plan exchange data. One object serves all ranks of a session; a rank calls `run` on its
// own thread. Transports: threads of one process, and the null transport of the null device.
#pragma once

#include "runtime/execute/waiting.h"
#include "runtime/plan/plan.h"

#include <atomic>
#include <memory>

namespace ampc {

/// One rank's part in a communication.
struct CommunicationPart {
  uint32_t communication = 0, group = 0, member = 0;
};

class Communicator {
public:
  virtual ~Communicator() = default;
  /// Takes part; returns when `target` is complete and `source` may be overwritten; after a Send that is only when
  /// the request has ended on all ranks. Not Done: the contents of both sides are undefined, and nothing may be run
  /// before all ranks have left and `reset` was called.
  virtual WaitResult run(const CommunicationPart &part, const void *source, void *target,
                         const std::atomic<bool> &interrupt, const WaitPolicy &policy) = 0;
  /// A member of the group that has not come yet while `part`'s rank waits; its own rank when all have.
  virtual uint32_t missingRank(const CommunicationPart &part) const = 0;
  /// Makes waiting ranks look at their interrupt flag.
  virtual void wake() = 0;
  /// Forgets broken-off communications. Only while no rank is inside `run`.
  virtual void reset() = 0;
};

/// Ranks are threads of this process; data goes by direct copy between their buffers.
/// `slots`: a rank begins request r only when request r - slots has ended on all ranks.
std::unique_ptr<Communicator> makeThreadsCommunicator(const plan::Plan &plan, uint32_t slots);
/// Waits for nobody and moves nothing.
std::unique_ptr<Communicator> makeNullCommunicator();

} // namespace ampc
