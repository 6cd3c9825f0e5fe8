// Queues run side by side: what two of them touch is safe only if events order it. Every program is walked in the
// list's order with two things in hand: per step, how far each queue is known to have come when the step begins, and
// per byte, who wrote it last and who has read it since.
#include "runtime/plan/plan_checks.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <vector>

namespace ampc::plan {

namespace {

/// Of each queue: the steps before this number in the list are done.
using Progress = std::array<size_t, maxQueues>;

/// Bytes of one memory. Whoever writes is alone with them afterwards: those before it have been found to be done by
/// then, so that whoever comes after it comes after them.
class SharedBytes {
public:
  /// A step of another queue that touches bytes of [begin, end) and need not be done; notes the access.
  const size_t *access(uint64_t begin, uint64_t end, bool isWrite, uint32_t queue, size_t step, const Progress &done) {
    cutAt(begin);
    cutAt(end);
    uint64_t known = begin; // up to here there are spans
    for (auto span = spans.lower_bound(begin); span != spans.end() && span->first < end; ++span) {
      if (const size_t *other = span->second.conflict(isWrite, queue, done))
        return &(found = *other);
      if (isWrite)
        continue;
      if (span->first > known)
        spans.emplace_hint(span, known, Span{span->first})->second.readers[queue] = step;
      span->second.readers[queue] = step;
      known = span->second.end;
    }
    if (isWrite) {
      spans.erase(spans.lower_bound(begin), spans.lower_bound(end));
      Span whole{end};
      whole.writer = step;
      whole.writerQueue = queue;
      spans.emplace(begin, whole);
    } else if (known < end) {
      spans.emplace(known, Span{end}).first->second.readers[queue] = step;
    }
    return nullptr;
  }

private:
  static constexpr size_t nobody = ~size_t(0);

  struct Span {
    explicit Span(uint64_t end) : end(end) { readers.fill(nobody); }
    const size_t *conflict(bool isWrite, uint32_t queue, const Progress &done) const {
      if (writer != nobody && writerQueue != queue && writer >= done[writerQueue])
        return &writer;
      if (isWrite)
        for (uint32_t other = 0; other < maxQueues; ++other)
          if (other != queue && readers[other] != nobody && readers[other] >= done[other])
            return &readers[other];
      return nullptr;
    }
    uint64_t end;
    size_t writer = nobody;
    uint32_t writerQueue = 0;
    std::array<size_t, maxQueues> readers; // the last one of each queue since the bytes were written
  };

  /// No span has `byte` in its middle afterwards.
  void cutAt(uint64_t byte) {
    auto span = spans.lower_bound(byte);
    if (span == spans.begin() || (--span)->second.end <= byte)
      return;
    spans.emplace(byte, span->second);
    span->second.end = byte;
  }

  std::map<uint64_t, Span> spans; // by first byte
  size_t found = 0;
};

class QueueWalk {
public:
  explicit QueueWalk(const Program &program) : program(program) {}

  Status run() {
    for (size_t index = 0; index < program.steps.size(); ++index) {
      const Step &step = program.steps[index];
      if (step.queue >= maxQueues)
        return fail(step, "a step names queue " + std::to_string(step.queue));
      if (Status error = begin(step, index))
        return error;
      for (const Buffer &read : step.reads)
        if (Status error = access(read, false, index))
          return error;
      for (const Buffer &write : step.writes)
        if (Status error = access(write, true, index))
          return error;
      if (Status error = access(step.workspace, true, index))
        return error;
    }
    return {};
  }

private:
  Error fail(const Step &step, std::string message, const Step *other = nullptr) const {
    Error error{ErrorCode::Invalid,
                "the plan is inconsistent: " + std::move(message),
                {{"program", program.name}, {"step", step.name}, {"nodes", step.nodes}}};
    if (other)
      error.fields.push_back({"other step", other->name});
    return error;
  }

  /// What is known to be done when the step begins: all before it in its queue, what those knew, and what it waits for.
  Status begin(const Step &step, size_t index) {
    Progress &own = queues[step.queue];
    own[step.queue] = index;
    for (uint32_t event : step.waits) {
      auto signal = signalled.find(event);
      if (signal == signalled.end())
        return fail(step, "a step waits for an event that no earlier step signals");
      for (uint32_t queue = 0; queue < maxQueues; ++queue)
        own[queue] = std::max(own[queue], signal->second[queue]);
    }
    Progress after = own;
    after[step.queue] = index + 1;
    if (!signalled.emplace(step.event, after).second)
      return fail(step, "two steps signal the same event");
    return {};
  }

  Status access(const Buffer &buffer, bool isWrite, size_t index) {
    if (buffer.sizeBytes == 0)
      return {};
    const Step &step = program.steps[index];
    const bool hasIndex = buffer.space == Space::Blob || buffer.space == Space::Input || buffer.space == Space::Output;
    SharedBytes &memory = memories[{buffer.space, hasIndex ? buffer.index : 0}];
    const size_t *other = memory.access(buffer.offsetBytes, buffer.offsetBytes + buffer.sizeBytes, isWrite, step.queue,
                                        index, queues[step.queue]);
    if (!other)
      return {};
    return fail(step, "a step touches bytes that a step of another queue may still use, and does not wait for it",
                &program.steps[*other]);
  }

  const Program &program;
  std::array<Progress, maxQueues> queues = {};
  std::unordered_map<uint32_t, Progress> signalled; // by event: what is done once it is signalled
  std::map<std::pair<Space, uint32_t>, SharedBytes> memories;
};

} // namespace

Status checkQueues(const Plan &plan) {
  std::vector<bool> isUsed(plan.programs.size()); // others have buffers that nobody has looked at
  for (const RankTable &rank : plan.ranks)
    isUsed[rank.initProgram] = isUsed[rank.forwardProgram] = true;
  for (size_t program = 0; program < plan.programs.size(); ++program)
    if (isUsed[program])
      if (Status error = QueueWalk(plan.programs[program]).run())
        return error;
  return {};
}

} // namespace ampc::plan
