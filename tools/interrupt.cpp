// The signal handler and its fixed table of files: a handler may neither allocate nor lock.
#include "tools/interrupt.h"

#include <array>
#include <csignal>
#include <cstring>
#include <unistd.h>

namespace ampc::tools {

namespace {

constexpr size_t maxPathBytes = 4096;
struct Slot {
  std::atomic<int> state{0}; // 0 free, 1 being filled, 2 in use
  char path[maxPathBytes];
};
std::array<Slot, 128> slots;
std::atomic<bool> flag{false};
std::atomic<int> listeners{0};
std::atomic<int> lastSignal{0};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void onSignal(int signal) {
  lastSignal = signal;
  bool isFirst = !flag.exchange(true);
  if (isFirst && listeners > 0)
    return;
  for (Slot &slot : slots)
    if (slot.state == 2)
      ::unlink(slot.path);
  const char text[] = "\nampc: interrupted\n";
  [[maybe_unused]] ssize_t written = ::write(2, text, sizeof text - 1);
  ::_exit(128 + signal);
}

} // namespace

void installInterruptHandler() {
  struct sigaction action = {};
  action.sa_handler = onSignal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (int signal : {SIGINT, SIGTERM}) {
    struct sigaction before = {};
    // A shell that starts jobs in the background tells them to ignore SIGINT; that stays so.
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
      sigaction(signal, &action, nullptr);
  }
}

const std::atomic<bool> &interruptFlag() { return flag; }
bool wasInterrupted() { return flag; }
int interruptExitCode() { return 128 + (lastSignal ? lastSignal.load() : SIGINT); }

InterruptListener::InterruptListener() { ++listeners; }
InterruptListener::~InterruptListener() { --listeners; }

int registerForRemoval(const std::string &path) {
  if (path.size() >= maxPathBytes)
    return -1;
  for (size_t i = 0; i < slots.size(); ++i) {
    int expected = 0;
    if (!slots[i].state.compare_exchange_strong(expected, 1))
      continue;
    std::memcpy(slots[i].path, path.c_str(), path.size() + 1);
    slots[i].state = 2;
    return int(i);
  }
  return -1;
}

void unregisterRemoval(int slot) {
  if (slot >= 0)
    slots[size_t(slot)].state = 0;
}

} // namespace ampc::tools
