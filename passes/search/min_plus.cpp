// See min_plus.h. The loops are written so that the compiler vectorises them; the clones are chosen at load
// time.
#include "min_plus.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&     \
    !defined(__SANITIZE_THREAD__)
#define AMPC_FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define AMPC_FOR_EACH_CPU
#endif

namespace ampc::search {

AMPC_FOR_EACH_CPU
void minPlus(const double *x, const double *rows, int count, int columns, double *out) {
  double first = x[0];
  for (int j = 0; j < columns; ++j)
    out[j] = first + rows[j];
  for (int i = 1; i < count; ++i) {
    rows += columns;
    double base = x[i];
    for (int j = 0; j < columns; ++j) {
      double sum = base + rows[j];
      out[j] = sum < out[j] ? sum : out[j];
    }
  }
}

AMPC_FOR_EACH_CPU
void minPlusAt(const int64_t *x, const int64_t *rows, int count, int columns, int64_t most, int64_t *out, int64_t *at) {
  for (int j = 0; j < columns; ++j) {
    out[j] = most;
    at[j] = 0;
  }
  for (int i = 0; i < count; ++i, rows += columns) {
    int64_t base = x[i];
    if (base >= most)
      continue;
    for (int j = 0; j < columns; ++j) {
      int64_t sum = base + rows[j];
      bool isLess = sum < out[j];
      out[j] = isLess ? sum : out[j];
      at[j] = isLess ? int64_t(i) : at[j];
    }
  }
}

AMPC_FOR_EACH_CPU
void lowerTo(int64_t base, const int64_t *x, int count, int64_t *out) {
  for (int j = 0; j < count; ++j) {
    int64_t sum = base + x[j];
    out[j] = sum < out[j] ? sum : out[j];
  }
}

AMPC_FOR_EACH_CPU
void addTo(double *x, const double *y, int count) {
  for (int i = 0; i < count; ++i)
    x[i] += y[i];
}

double smallest(const double *x, int count) {
  double least = x[0];
  for (int i = 1; i < count; ++i)
    least = x[i] < least ? x[i] : least;
  return least;
}

int smallestAt(const double *x, int count) {
  int at = 0;
  for (int i = 1; i < count; ++i)
    if (x[i] < x[at])
      at = i;
  return at;
}

} // namespace ampc::search
