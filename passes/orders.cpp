// Orders as the attribute `orders`; absent where all are row-major.
#include "passes/orders.h"

using namespace mlir;

namespace ampc {

Order channelsLast(size_t rank) {
  Order order = {0};
  for (size_t d = 2; d < rank; ++d)
    order.push_back(int64_t(d));
  order.push_back(1);
  return order;
}

std::vector<int64_t> storedShape(const std::vector<int64_t> &shape, const Order &order) {
  if (order.empty())
    return shape;
  std::vector<int64_t> stored;
  for (int64_t d : order)
    stored.push_back(shape[size_t(d)]);
  return stored;
}

bool sameBytes(const std::vector<int64_t> &shape, const Order &a, const Order &b) {
  if (numElements(shape) == 0)
    return true;
  // Dimensions of extent 1 may stand anywhere.
  auto extended = [&](const Order &order) {
    Order kept;
    for (size_t k = 0; k < shape.size(); ++k)
      if (int64_t d = order.empty() ? int64_t(k) : order[k]; shape[size_t(d)] != 1)
        kept.push_back(d);
    return kept;
  };
  return extended(a) == extended(b);
}

void setOrders(Operation *op, const std::vector<Order> &orders) {
  if (llvm::all_of(orders, [](const Order &order) { return order.empty(); })) {
    op->removeAttr("orders");
    return;
  }
  Builder builder(op->getContext());
  SmallVector<Attribute> attributes;
  for (const Order &order : orders)
    attributes.push_back(builder.getDenseI64ArrayAttr(order));
  op->setAttr("orders", builder.getArrayAttr(attributes));
}

static Order orderAt(Operation *op, unsigned position) {
  auto orders = op->getAttrOfType<ArrayAttr>("orders");
  if (!orders || position >= orders.size())
    return {};
  auto order = dyn_cast<DenseI64ArrayAttr>(orders[position]);
  return order ? order.asArrayRef().vec() : Order();
}

Order operandOrder(Operation *op, unsigned operand) { return orderAt(op, operand); }

Order resultOrder(Operation *op, unsigned result) { return orderAt(op, op->getNumOperands() + result); }

Order writtenOrder(Value value) { return resultOrder(value.getDefiningOp(), cast<OpResult>(value).getResultNumber()); }

} // namespace ampc
