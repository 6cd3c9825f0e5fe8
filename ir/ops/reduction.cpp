// Reductions over named axes: reduce_sum, reduce_max, reduce_min, reduce_prod {axes, keepdims}. The ONNX Reduce family
// is one of them with elementwise operators before and after.
#include "ir/ops/expansion.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace ampc {

static std::vector<bool> reducedDims(const OpInstance &op) {
  std::vector<bool> reduced(op.in(0).size(), false);
  for (int64_t axis : op.integers("axes"))
    if (axis >= 0 && axis < int64_t(reduced.size()))
      reduced[axis] = true;
  return reduced;
}

static llvm::Expected<std::vector<TensorType>> inferReduce(const OpInstance &op) {
  for (int64_t axis : op.integers("axes"))
    if (axis < 0 || axis >= int64_t(op.in(0).size()))
      return opError("axis " + llvm::Twine(axis) + " is outside a tensor of rank " + llvm::Twine(op.in(0).size()));
  std::vector<bool> reduced = reducedDims(op);
  TensorType result{op.operands[0].type, {}};
  for (size_t d = 0; d < reduced.size(); ++d) {
    if (!reduced[d])
      result.shape.push_back(op.in(0)[d]);
    else if (op.integer("keepdims"))
      result.shape.push_back(1);
  }
  return std::vector<TensorType>{result};
}

static RuleFn reduceRule(Reduction kind) {
  return [kind](const OpInstance &op) {
    IterationRule rule;
    std::vector<bool> reduced = reducedDims(op);
    Access operand, result;
    for (size_t d = 0; d < reduced.size(); ++d) {
      rule.loops.push_back(
          {"d" + std::to_string(d), op.in(0)[d], reduced[d] ? LoopKind::Reduce : LoopKind::Parallel});
      operand.dims.push_back(DimAccess::loop(int(d)));
      if (!reduced[d])
        result.dims.push_back(DimAccess::loop(int(d)));
      else if (op.integer("keepdims"))
        result.dims.push_back(DimAccess::zero());
      if (reduced[d])
        rule.reduction = kind;
    }
    rule.operands = {operand};
    rule.results = {result};
    rule.flopsPerPoint = 1;
    return rule;
  };
}

// --- ONNX ------------------------------------------------------------------------------------------------------------

struct ReduceForm {
  const char *onnx;
  const char *row; // the reduction proper
  int axesInputVersion = 18; // since when the axes are an operand
};

static ImportResults importReduce(ImportContext &context, const ReduceForm &form) {
  Expansion e(context);
  Value x = e.operand(0);
  int64_t rank = e.rank(x);
  Expansion::Shape axes;
  if (context.version() >= form.axesInputVersion) {
    if (e.operand(1))
      axes = e.knownIntegers(1, "axes");
  } else {
    axes = context.integers("axes");
  }
  for (int64_t &axis : axes)
    axis = e.axis(axis, rank);
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  if (axes.empty() && !context.integer("noop_with_empty_axes"))
    axes = axesFrom(0, rank);
  bool keep = context.integer("keepdims", 1);
  DataType type = e.element(x);
  llvm::StringRef name = form.onnx;

  if (type == DataType::Bool) // ReduceMax and ReduceMin since opset 20
    x = e.cast(x, DataType::U8, "widen");
  auto plain = [&](Value value, llvm::StringRef suffix) { return e.reduce(form.row, value, axes, keep, suffix); };
  if (name == "ReduceMean") {
    Expansion::Shape shape = e.shape(x);
    int64_t count = 1;
    for (int64_t axis : axes)
      count *= e.failed() ? 1 : shape[size_t(axis)];
    // The mean of nothing is undefined in ONNX and 0 in ONNX Runtime: the sum alone.
    if (count == 0)
      return e.done({plain(x, "")});
    // Integers are added in f64, which does not wrap around, and divided: the quotient is truncated, so it must be exact
    // where it is a whole number.
    if (!isFloat(type))
      return e.done({e.cast(e.div(plain(e.cast(x, DataType::F64, "widen"), "sum"), double(count), "mean"), type, "")});
    return e.done({e.cast(e.reduceMean(e.toComputeType(x), axes, keep, computeType(type) == type ? "" : "mean"), type, "")});
  }
  if (name == "ReduceL1")
    return e.done({plain(e.unary("abs", x), "")});
  if (name == "ReduceSumSquare")
    return e.done({plain(e.mul(x, x), "")});
  if (name == "ReduceL2") {
    // In f32 for the 16-bit types and in f64 for integers, whose result is truncated.
    Value wide = isFloat(type) ? e.toComputeType(x) : e.cast(x, DataType::F64, "widen");
    Value sum = plain(e.mul(wide, wide), "sum");
    return e.done({e.cast(e.unary("sqrt", sum, type == e.element(wide) ? "" : "sqrt"), type, "")});
  }
  if (name == "ReduceLogSum" || name == "ReduceLogSumExp") {
    Value wide = isFloat(type) ? e.toComputeType(x) : e.cast(x, DataType::F64, "widen");
    DataType compute = e.element(wide);
    if (name == "ReduceLogSum")
      return e.done({e.cast(e.unary("log", plain(wide, "sum")), type, "")});
    // Shifted by the maximum so that exp does not overflow; an infinite maximum must not become inf - inf.
    Value top = e.reduceMax(wide, axes, true);
    Value finite = e.where(e.unary("isinf", top), e.number(compute, 0), top, "shift");
    Value sum = plain(e.unary("exp", e.sub(wide, finite)), "sum");
    Value shift = e.reshape(finite, e.shape(sum));
    return e.done({e.cast(e.add(e.unary("log", sum), shift, compute == type ? "" : "add"), type, "")});
  }
  return e.done({e.cast(plain(x, type == DataType::Bool ? "reduce" : ""), type, "")});
}

void addReductionRows(OpTable &table) {
  for (auto [name, kind] : {std::pair("reduce_sum", Reduction::Sum), {"reduce_max", Reduction::Max},
                            {"reduce_min", Reduction::Min}, {"reduce_prod", Reduction::Product}})
    table.add({name, OpClass::Reduction, 1, 1, inferReduce, reduceRule(kind), [](Body &x) { return x(0); }, {}, false});

  const ReduceForm forms[] = {{"ReduceSum", "reduce_sum", 13},    {"ReduceMax", "reduce_max"},
                              {"ReduceMin", "reduce_min"},        {"ReduceProd", "reduce_prod"},
                              {"ReduceMean", "reduce_sum"},       {"ReduceL1", "reduce_sum"},
                              {"ReduceL2", "reduce_sum"},         {"ReduceSumSquare", "reduce_sum"},
                              {"ReduceLogSum", "reduce_sum"},     {"ReduceLogSumExp", "reduce_sum"}};
  for (const ReduceForm &form : forms)
    table.addOnnx({"", form.onnx, 1, 1 << 20, [form](ImportContext &context) { return importReduce(context, form); },
                   form.row});
  for (const char *name : {"reduce_sum", "reduce_max", "reduce_min", "reduce_prod"})
    table.example(name, "(tensor<4x6xf32>) {axes = array<i64: 1>, keepdims = 0 : i64}");
}

} // namespace ampc
