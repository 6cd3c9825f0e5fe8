// Walks the steps with a map from bytes to the value that was written there last, and with the steps of every queue
// that are known to be done.
#include "passes/overwrites.h"

#include <algorithm>
#include <map>

namespace ampc {

namespace {

class Arena {
public:
  void write(int value, const ValuePlace &place) {
    const uint64_t begin = place.offsetBytes, end = begin + place.sizeBytes;
    cutAt(begin);
    cutAt(end);
    spans.erase(spans.lower_bound(begin), spans.lower_bound(end));
    spans[begin] = {end, value};
  }

  /// The values of which bytes lie there.
  std::vector<int> valuesAt(const ValuePlace &place) const {
    std::vector<int> values;
    auto span = spans.upper_bound(place.offsetBytes);
    if (span != spans.begin())
      --span;
    for (; span != spans.end() && span->first < place.offsetBytes + place.sizeBytes; ++span)
      if (span->second.end > place.offsetBytes)
        values.push_back(span->second.value);
    return values;
  }

  bool holds(int value, const ValuePlace &place) const {
    const uint64_t end = place.offsetBytes + place.sizeBytes;
    uint64_t at = place.offsetBytes;
    auto span = spans.upper_bound(at);
    if (span == spans.begin())
      return false;
    for (--span; at < end; ++span) {
      if (span == spans.end() || span->first > at || span->second.end <= at || span->second.value != value)
        return false;
      at = span->second.end;
    }
    return true;
  }

private:
  struct Span {
    uint64_t end;
    int value;
  };
  /// No span has `byte` in its middle afterwards.
  void cutAt(uint64_t byte) {
    auto span = spans.lower_bound(byte);
    if (span == spans.begin())
      return;
    --span;
    if (span->second.end <= byte)
      return;
    spans[byte] = span->second;
    span->second.end = byte;
  }
  std::map<uint64_t, Span> spans; // by first byte
};

/// Who is done when a step begins, and who touched which value last.
class Progress {
public:
  Progress(const std::vector<StepValues> &steps, size_t numValues) : steps(steps), uses(numValues) {
    uint32_t numQueues = 1;
    for (const StepValues &step : steps)
      numQueues = std::max(numQueues, step.queue + 1);
    queues.assign(numQueues, std::vector<size_t>(numQueues, 0));
    for (Use &use : uses)
      use.lastRead.assign(numQueues, 0), use.lastWrite.assign(numQueues, 0);
  }

  void begin(size_t step) {
    std::vector<size_t> &own = queues[steps[step].queue];
    for (size_t other : steps[step].waits)
      for (size_t queue = 0; queue < own.size(); ++queue)
        own[queue] = std::max(own[queue], afterwards[other][queue]);
    own[steps[step].queue] = step + 1;
    afterwards.push_back(own);
  }
  void note(size_t step, int value, bool isWrite) {
    Use &use = uses[size_t(value)];
    (isWrite ? use.lastWrite : use.lastRead)[steps[step].queue] = step + 1;
  }
  /// Have all that wrote the value come to their end, and, for somebody who writes, all that read it?
  bool isDone(size_t step, int value, bool alsoReads) const {
    const std::vector<size_t> &done = queues[steps[step].queue];
    const Use &use = uses[size_t(value)];
    for (size_t queue = 0; queue < done.size(); ++queue)
      if (use.lastWrite[queue] > done[queue] || (alsoReads && use.lastRead[queue] > done[queue]))
        return false;
    return true;
  }

private:
  struct Use {
    std::vector<size_t> lastRead, lastWrite; // by queue: one more than the last step, 0 for none
  };
  const std::vector<StepValues> &steps;
  std::vector<Use> uses;
  std::vector<std::vector<size_t>> queues;     // by queue: of every queue, the steps before this one are done
  std::vector<std::vector<size_t>> afterwards; // by step
};

/// Does the step write a byte of `value`, which it reads, other than as a whole and where it may?
bool isWrittenBy(const StepValues &step, int value, const std::vector<std::optional<ValuePlace>> &places) {
  const ValuePlace &read = *places[size_t(value)];
  for (int result : step.writes) {
    const std::optional<ValuePlace> &written = places[size_t(result)];
    if (!written || written->sizeBytes == 0 || written->offsetBytes >= read.offsetBytes + read.sizeBytes ||
        read.offsetBytes >= written->offsetBytes + written->sizeBytes)
      continue;
    if (*written != read || std::find(step.inPlace.begin(), step.inPlace.end(), std::pair(value, result)) ==
                                step.inPlace.end())
      return true;
  }
  return false;
}

} // namespace

std::optional<Overwrite> findOverwrite(const std::vector<StepValues> &steps,
                                       const std::vector<std::optional<ValuePlace>> &places,
                                       const std::vector<int> &kept) {
  Arena arena;
  Progress progress(steps, places.size());
  std::vector<bool> isBegun(places.size(), false);
  auto isChecked = [&](int value) { return places[size_t(value)] && places[size_t(value)]->sizeBytes > 0; };
  for (size_t k = 0; k < steps.size(); ++k) {
    progress.begin(k);
    for (int value : steps[k].reads) {
      if (isChecked(value) &&
          (!arena.holds(value, *places[size_t(value)]) || !progress.isDone(k, value, /*alsoReads=*/false) ||
           isWrittenBy(steps[k], value, places)))
        return Overwrite{k, value};
      progress.note(k, value, false);
    }
    for (int value : steps[k].writes) {
      if (!isChecked(value))
        continue;
      // Several steps may fill one value, part by part: what the first ones wrote must still be there.
      if (isBegun[size_t(value)] && !arena.holds(value, *places[size_t(value)]))
        return Overwrite{k, value};
      for (int other : arena.valuesAt(*places[size_t(value)]))
        if (!progress.isDone(k, other, /*alsoReads=*/true))
          return Overwrite{k, value};
      progress.note(k, value, true);
      isBegun[size_t(value)] = true;
      arena.write(value, *places[size_t(value)]);
    }
  }
  for (int value : kept)
    if (isChecked(value) && !arena.holds(value, *places[size_t(value)]))
      return Overwrite{steps.size(), value};
  return std::nullopt;
}

} // namespace ampc
