// The inner loops of every algorithm here: minima of a vector plus a matrix, in doubles. Compiled for several
// instruction sets; all give the same bits.
#pragma once

#include <cstdint>

namespace ampc::search {

/// out[j] = min over i of x[i] + rows[i * columns + j].
void minPlus(const double *x, const double *rows, int count, int columns, double *out);

/// The same in integers, never above `most`, with the first i that gives the minimum (0 where nothing is below `most`).
void minPlusAt(const int64_t *x, const int64_t *rows, int count, int columns, int64_t most, int64_t *out, int64_t *at);

/// out[j] = min(out[j], base + x[j]).
void lowerTo(int64_t base, const int64_t *x, int count, int64_t *out);

/// x[i] += y[i].
void addTo(double *x, const double *y, int count);

/// Smallest entry.
double smallest(const double *x, int count);

/// Index of the smallest entry, the first of equals.
int smallestAt(const double *x, int count);

} // namespace ampc::search
