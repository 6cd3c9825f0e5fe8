// Scales and shifts that follow a product with constant weights (a BatchNormalization behind a convolution, the factor
// of a projection) move into the weights and one addend. What is made of weights alone runs once, at load.
#include "passes/fold_scales.h"

#include "ir/affine_step.h"
#include "passes/graph.h"

using namespace mlir;

namespace ampc {

namespace {

/// One product and the scales and shifts behind it.
class ProductFolding {
public:
  explicit ProductFolding(Operation *product) : product(product), builder(product->getContext()) {}
  void run();

private:
  struct Step {
    Operation *op;
    AffineStep kind;
    Value other;
  };

  bool matchChannels();
  bool isPerChannel(Value value) const;
  void collect();
  Value replay(const Step &step, Value a, Value b, StringRef suffix);
  Value alongWeights(Value value);
  std::string madeName(StringRef what) { return (nameOf(product) + "/folded_" + what + std::to_string(numMade++)).str(); }
  NamedAttribute atLoad() { return builder.getNamedAttr("at_load", builder.getBoolAttr(true)); }

  Operation *product;
  OpBuilder builder;
  unsigned weightOperand = 0;
  size_t channelDim = 0, weightDim = 0; // the dimension of the result that only the weights have, and theirs
  std::vector<Step> steps;
  int numMade = 0;
};

} // namespace

/// Finds the operand that is known at load and the dimension that it shares with the result alone.
bool ProductFolding::matchChannels() {
  OpInstance instance = instanceOf(product);
  if (!isBilinear(instance) || !isFloat(instance.results[0].type))
    return false;
  IterationRule rule = ruleOf(instance);
  auto termsEqual = [](const DimAccess &a, const DimAccess &b) {
    return !a.terms.empty() && a.offset == b.offset &&
           llvm::equal(a.terms, b.terms, [](const LinearTerm &x, const LinearTerm &y) {
             return x.loop == y.loop && x.coefficient == y.coefficient;
           });
  };
  for (weightOperand = 0; weightOperand < 2; ++weightOperand) {
    if (!isWeight(product->getOperand(weightOperand)) || instance.operands[weightOperand].type != instance.results[0].type)
      continue;
    int found = 0;
    for (size_t d = 0; d < rule.results[0].dims.size(); ++d)
      for (size_t e = 0; e < rule.operands[weightOperand].dims.size(); ++e)
        if (termsEqual(rule.results[0].dims[d], rule.operands[weightOperand].dims[e]) && instance.out()[d] > 1) {
          channelDim = d;
          weightDim = e;
          ++found;
        }
    if (found == 1)
      return true;
  }
  return false;
}

/// One value, or one per channel, broadcast against the result.
bool ProductFolding::isPerChannel(Value value) const {
  std::vector<int64_t> shape = typeOf(value).shape, result = typeOf(product->getResult(0)).shape;
  if (shape.size() > result.size() || !isWeight(value))
    return false;
  size_t skip = result.size() - shape.size();
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] != 1 && (skip + d != channelDim || shape[d] != result[skip + d]))
      return false;
  return true;
}

void ProductFolding::collect() {
  Value chained = product->getResult(0);
  bool shifts = false, subtracts = false; // subtracts: the first shift is a subtraction
  while (chained.hasOneUse()) {
    Operation *op = *chained.user_begin();
    if (op->getNumOperands() != 2 || op->getNumResults() != 1)
      return;
    unsigned k = op->getOperand(0) == chained ? 0 : 1;
    Value other = op->getOperand(1 - k);
    std::optional<AffineStep> kind = affineStepOf(instanceOf(op), k);
    if (!kind || !isPerChannel(other) || op->getResult(0).getType() != chained.getType())
      return;
    // y - a + b would need the opposite operator for the addends.
    bool isShift = *kind == AffineStep::Add || *kind == AffineStep::Subtract;
    if (isShift && subtracts)
      return;
    subtracts |= *kind == AffineStep::Subtract && !shifts;
    shifts |= isShift;
    steps.push_back({op, *kind, other});
    chained = op->getResult(0);
  }
}

/// The operator of `step` on `a` and `b`, at load.
Value ProductFolding::replay(const Step &step, Value a, Value b, StringRef suffix) {
  OpInstance instance = instanceOf(step.op);
  instance.operands = {typeOf(a), typeOf(b)};
  instance.results.clear();
  std::vector<TensorType> result = llvm::cantFail(inferResults(instance));
  return createOp(builder, instance.row->name, madeName(suffix), {a, b}, atLoad(), result)->getResult(0);
}

/// `value`, one per channel or one in all, with its channels where the weights have them.
Value ProductFolding::alongWeights(Value value) {
  TensorType type = typeOf(value);
  std::vector<int64_t> shape(typeOf(product->getOperand(weightOperand)).shape.size(), 1);
  shape[weightDim] = type.numElements();
  if (type.shape == shape)
    return value;
  type.shape = shape;
  NamedAttribute attributes[] = {atLoad(), builder.getNamedAttr("shape", builder.getDenseI64ArrayAttr(shape))};
  return createOp(builder, "reshape", madeName("factor"), value, attributes, type)->getResult(0);
}

void ProductFolding::run() {
  if (!matchChannels())
    return;
  collect();
  auto isScale = [](const Step &step) {
    return step.kind == AffineStep::Multiply || step.kind == AffineStep::Divide;
  };
  // One addend alone is what a library takes with the product.
  if (steps.size() < 2 && !llvm::any_of(steps, isScale))
    return;
  // What the weights and the addends are made from may stand behind the product.
  Operation *last = steps.back().op;
  builder.setInsertionPoint(last);
  Value weights = product->getOperand(weightOperand), addend;
  const Step *shift = nullptr;
  for (const Step &step : steps) {
    if (isScale(step))
      weights = replay(step, weights, alongWeights(step.other), "weights");
    if (addend)
      addend = replay(step, addend, step.other, "addend");
    else if (!isScale(step)) {
      addend = step.other;
      shift = &step;
    }
  }
  product->moveBefore(last);
  product->setOperand(weightOperand, weights);
  Value result = product->getResult(0);
  if (shift)
    result = createOp(builder, shift->op->getName().stripDialect(), nameOf(last), {result, addend},
                      builder.getNamedAttr("at_load", builder.getBoolAttr(false)), typeOf(result))
                 ->getResult(0);
  last->getResult(0).replaceAllUsesWith(result);
  for (const Step &step : llvm::reverse(steps))
    step.op->erase();
}

void foldScales(func::FuncOp main) {
  std::vector<Operation *> products;
  for (Operation &op : main.getBody().front().without_terminator()) {
    const OpRow *row = OpTable::get().find(&op);
    if (row && (row->opClass == OpClass::Contraction || row->opClass == OpClass::Convolution) &&
        !isWeight(op.getResult(0)))
      products.push_back(&op);
  }
  for (Operation *product : products)
    ProductFolding(product).run();
}

} // namespace ampc
