// The inner loops of every algorithm here: minima of a vector plus a matrix, in doubles. Compiled for several
// instruction sets; all give the same bits.
#pragma once

namespace ampc::search {

/// out[j] = min over i of x[i] + rows[i * columns + j].
void minPlus(const double *x, const double *rows, int count, int columns, double *out);

/// x[i] += y[i].
void addTo(double *x, const double *y, int count);

/// Smallest entry.
double smallest(const double *x, int count);

/// Index of the smallest entry, the first of equals.
int smallestAt(const double *x, int count);

} // namespace ampc::search
