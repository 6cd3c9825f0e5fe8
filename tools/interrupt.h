// Ctrl-C: the first one asks whatever is going on to end early, where it listens; otherwise, and the second time, the
// process ends at once. Either way no partial file stays behind.
#pragma once

#include <atomic>
#include <string>

namespace ampc::tools {

void installInterruptHandler();
/// Set by the first SIGINT or SIGTERM while somebody listens.
const std::atomic<bool> &interruptFlag();
bool wasInterrupted();
/// 130 after SIGINT, 143 after SIGTERM.
int interruptExitCode();

/// While one of these lives, an interrupt only sets the flag.
class InterruptListener {
public:
  InterruptListener();
  ~InterruptListener();
  InterruptListener(const InterruptListener &) = delete;
};

/// Files that the handler removes when it ends the process. Returns a slot, -1 when all are taken.
int registerForRemoval(const std::string &path);
void unregisterRemoval(int slot);

} // namespace ampc::tools
