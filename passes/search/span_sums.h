// Amounts added over spans of time points, summed up once at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampc::search {

class SpanSums {
public:
  explicit SpanSums(size_t times) : change(times + 1, 0) {}

  /// Adds `amount` at every time of [begin, end); nothing when that is empty.
  void add(int begin, int end, int64_t amount) {
    if (begin >= end)
      return;
    change[size_t(begin)] += amount;
    change[size_t(end)] -= amount;
  }

  /// Per time point, what has been added there.
  std::vector<int64_t> totals() const {
    std::vector<int64_t> result(change.begin(), change.end() - 1);
    for (size_t t = 1; t < result.size(); ++t)
      result[t] += result[t - 1];
    return result;
  }

private:
  std::vector<int64_t> change; ///< against the time point before
};

} // namespace ampc::search
