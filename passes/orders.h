// The order in memory of the dimensions of a value, from *kernelized* on. Types and shapes stay in logical order; kernels,
// views, reshards and transfers carry the orders of what they read and write, everything else reads and writes row-major.
#pragma once

#include "ir/dialect.h"

namespace ampc {

/// Dimensions from the outermost to the innermost; empty: as in the shape (row-major).
using Order = std::vector<int64_t>;

/// [n, spatial..., c] for a value [n, c, spatial...].
Order channelsLast(size_t rank);

/// True if a value of `shape` has the same bytes in both orders.
bool sameBytes(const std::vector<int64_t> &shape, const Order &a, const Order &b);

/// `shape` as it lies in memory.
std::vector<int64_t> storedShape(const std::vector<int64_t> &shape, const Order &order);

/// Of a kernel or view: the orders of its operands, then of its results.
void setOrders(mlir::Operation *op, const std::vector<Order> &orders);
Order operandOrder(mlir::Operation *op, unsigned operand);
Order resultOrder(mlir::Operation *op, unsigned result);

/// The order that the operation behind `value` writes.
Order writtenOrder(mlir::Value value);

} // namespace ampc
