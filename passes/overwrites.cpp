// Walks the steps with a map from bytes to the value that was written there last.
#include "passes/overwrites.h"

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

} // namespace

std::optional<Overwrite> findOverwrite(const std::vector<StepValues> &steps,
                                       const std::vector<std::optional<ValuePlace>> &places,
                                       const std::vector<int> &kept) {
  Arena arena;
  std::vector<bool> isBegun(places.size(), false);
  auto isChecked = [&](int value) { return places[size_t(value)] && places[size_t(value)]->sizeBytes > 0; };
  for (size_t k = 0; k < steps.size(); ++k) {
    for (int value : steps[k].reads)
      if (isChecked(value) && !arena.holds(value, *places[size_t(value)]))
        return Overwrite{k, value};
    for (int value : steps[k].writes) {
      if (!isChecked(value))
        continue;
      // Several steps may fill one value, part by part: what the first ones wrote must still be there.
      if (isBegun[size_t(value)] && !arena.holds(value, *places[size_t(value)]))
        return Overwrite{k, value};
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
