// What rows that read at computed places share.
#pragma once

#include "ir/ops/expansion.h"

namespace ampc {

/// `index` as i64 with negative values counted from the end, clamped to [0, extent).
Scalar clampedIndex(Scalar index, int64_t extent);
/// A load from operand k at `access`: loops where the access is one, `computed` (in order) where it is
/// indirect.
Scalar loadAt(Body &x, int k, const Access &access, const std::vector<Scalar> &computed);

// Indices that are literals may rise or fall steadily along the axis (resizing). Attribute `reach` {scale, divisor, low,
// high} then says where the index at a position lies, so that positions can be split: a device has the part of the axis
// that its positions read, and `origin` says where it begins.

/// The dimension of operand 0 that is indexed at positions of loop `loop`; makes that a Window loop if there is a reach.
DimAccess indexedDim(const OpInstance &op, IterationRule &rule, int loop);
/// `index` relative to the part of the axis that the instance has.
Scalar relativeIndex(Body &x, Scalar index);
/// `origin` of one device's part, for rows whose attribute `axis` is the indexed dimension.
std::vector<std::pair<std::string, std::vector<int64_t>>> localOrigin(const OpInstance &local, const LocalPart &part);

} // namespace ampc
