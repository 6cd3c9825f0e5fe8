// What rows that read at computed places share.
#pragma once

#include "ir/ops/expansion.h"

namespace ampc {

/// `index` as i64 with negative values counted from the end, clamped to [0, extent).
Scalar clampedIndex(Scalar index, int64_t extent);
/// A load from operand k at `access`: loops where the access is one, `computed` (in order) where it is
/// indirect.
Scalar loadAt(Body &x, int k, const Access &access, const std::vector<Scalar> &computed);

} // namespace ampc
