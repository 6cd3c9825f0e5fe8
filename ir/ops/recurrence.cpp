// The row of a recurrence that stays whole, and how ONNX's weights become its operands. Samples can be split over
// devices; hidden states only in the form that is unrolled over time (recurrent.cpp).
#include "ir/ops/recurrence.h"

#include "ir/builtin_instance.h"
#include "runtime/kernels/recurrence.h"

using namespace mlir;

namespace ampc {

using Shape = std::vector<int64_t>;
using Types = std::vector<TensorType>;

/// Sizes of an instance whose types have been inferred.
static Recurrence sizesOf(const OpInstance &op) {
  Recurrence sizes;
  sizes.cell = recurrentCellOf(op.string("cell").str()).value_or(RecurrentCell::Lstm);
  sizes.steps = op.in(0)[0];
  sizes.batch = op.in(0)[1];
  sizes.inputs = op.in(0)[2];
  sizes.hidden = op.in(4)[1];
  return sizes;
}

static llvm::Expected<Types> inferRecurrence(const OpInstance &op) {
  if (!recurrentCellOf(op.string("cell").str()))
    return opError("there is no recurrent cell of this name");
  if (op.in(0).size() != 3 || op.in(4).size() != 2)
    return opError("a recurrence takes [steps, batch, inputs] and a state [batch, hidden]");
  Recurrence sizes = sizesOf(op);
  TensorType state{DataType::F32, {sizes.batch, sizes.hidden}};
  Types results = {{DataType::F32, {sizes.steps, sizes.batch, sizes.hidden}}, state};
  if (sizes.hasCellState())
    results.push_back(state);
  // The kernel's own check is the definition of what fits together.
  OpInstance complete = op;
  complete.results = results;
  std::string fault = checkRecurrence(builtinKernelOf(complete));
  if (!fault.empty())
    return opError(fault);
  return results;
}

/// Samples are independent of each other; everything else is needed whole by every device.
static IterationRule recurrenceRule(const OpInstance &op) {
  const Recurrence sizes = sizesOf(op);
  IterationRule rule;
  rule.loops = {{"t", sizes.steps, LoopKind::Whole}, {"n", sizes.batch}, {"h", sizes.hidden, LoopKind::Whole}};
  const DimAccess t = DimAccess::loop(0), n = DimAccess::loop(1), h = DimAccess::loop(2), whole = DimAccess::wholeDim();
  rule.operands = {{{t, n, whole}}, {{whole, whole}}, {{whole, whole}}, {{whole}}};
  rule.results = {{{t, n, h}}};
  for (size_t k = 4; k < op.operands.size(); ++k) {
    rule.operands.push_back({{n, whole}});
    rule.results.push_back({{n, h}});
  }
  // Multiply-adds of both products, and about ten operations for each activation.
  constexpr double activationFlops = 10;
  rule.flopsPerPoint = double(sizes.gates()) * (2 * double(sizes.inputs + sizes.hidden) + activationFlops);
  return rule;
}

SmallVector<Value> buildRecurrence(Expansion &e, const RecurrentLayer &layer, StringRef suffix) {
  if (e.failed())
    return {};
  Recurrence sizes;
  sizes.cell = *recurrentCellOf(layer.cell);
  const int64_t hidden = e.shape(layer.r)[1], width = sizes.gates() * hidden;
  // ONNX has the gates of an LSTM as i, o, f, c.
  auto ordered = [&](Value gates, StringRef name) {
    if (sizes.cell != RecurrentCell::Lstm)
      return gates;
    SmallVector<Value> pieces;
    for (int64_t gate : {0, 2, 3, 1})
      pieces.push_back(e.slice(gates, 0, gate * hidden, hidden, 1, "gate"));
    return e.concat(pieces, 0, name);
  };
  Value bias;
  if (!layer.bias) {
    bias = e.zeros(DataType::F32, {sizes.biases() * hidden});
  } else {
    Value input = e.slice(layer.bias, 0, 0, width, 1, "input_bias");
    Value state = e.slice(layer.bias, 0, width, width, 1, "recurrent_bias");
    if (sizes.cell == RecurrentCell::LbrGru) {
      auto part = [&](Value of, int64_t from, int64_t count) { return e.slice(of, 0, from, count, 1, "bias_part"); };
      Value both = e.add(part(input, 0, 2 * hidden), part(state, 0, 2 * hidden), "bias_zr");
      bias = e.concat({both, part(input, 2 * hidden, hidden), part(state, 2 * hidden, hidden)}, 0, "bias");
    } else {
      bias = ordered(e.add(input, state, "bias_sum"), "bias");
    }
  }
  Value w = e.swapLastTwo(ordered(layer.w, "w_gates"), "w_transposed");
  Value r = e.swapLastTwo(ordered(layer.r, "r_gates"), "r_transposed");
  SmallVector<Value> operands = {layer.x, w, r, bias, layer.h};
  if (sizes.hasCellState())
    operands.push_back(layer.c);
  return e.buildAll("recurrence", operands,
                    {e.attribute("cell", layer.cell), e.attribute("reverse", int64_t(layer.isReversed))}, suffix);
}

StringRef nodeOfRecurrence(StringRef name) { return name.rsplit('.').first; }

void addRecurrenceRow(OpTable &table) {
  table.add({"recurrence", OpClass::Builtin, 5, 6, inferRecurrence, recurrenceRule, {}, "recurrence"});
  table.example("recurrence", "(tensor<8x4x6xf32>, tensor<6x9xf32>, tensor<3x9xf32>, tensor<9xf32>, tensor<4x3xf32>) "
                              "{cell = \"gru\", reverse = 0 : i64}");
}

} // namespace ampc
