// Reference evaluation: walks the loops of an instance's rule and interprets its body point by point. Slow
// and exact; constants at import and the conformance tests use it.
#include "ir/builtin_instance.h"
#include "ir/diagnostic.h"
#include "ir/loop_walk.h"
#include "ir/op_table.h"
#include "runtime/kernels/builtin_kernels.h"

namespace ampc {

// --- Rules
// -------------------------------------------------------------------------------------------------------

static std::string checkRule(const OpInstance &instance, const IterationRule &rule) {
  if (rule.operands.size() < instance.operands.size() || rule.results.empty())
    return "the rule lacks an access";
  for (size_t k = 0; k < instance.operands.size(); ++k)
    if (rule.operands[k].dims.size() != instance.in(k).size())
      return "the rule's access to operand " + std::to_string(k) + " has the wrong rank";
  if (rule.results[0].dims.size() != instance.out().size())
    return "the rule's access to the result has the wrong rank";
  auto inRange = [&](const Access &access) {
    for (const DimAccess &dim : access.dims)
      for (const LinearTerm &term : dim.terms)
        if (term.loop < 0 || size_t(term.loop) >= rule.loops.size())
          return false;
    return true;
  };
  for (const Access &access : rule.operands)
    if (!inRange(access))
      return "the rule uses a loop that does not exist";
  return inRange(rule.results[0]) ? "" : "the rule uses a loop that does not exist";
}

static llvm::Error internalError(const OpInstance &instance, const llvm::Twine &sentence) {
  return makeError(ErrorCode::Internal, "ampc." + instance.row->name + ": " + sentence);
}

static llvm::Expected<HostTensor> evaluateRule(const OpInstance &instance,
                                               llvm::ArrayRef<HostTensor> operands) {
  IterationRule rule = ruleOf(instance);
  if (std::string fault = checkRule(instance, rule); !fault.empty())
    return internalError(instance, fault);
  ScalarProgram program = bodyOf(instance);
  std::vector<ScalarInterpreter::Operand> inputs;
  for (size_t k = 0; k < operands.size(); ++k)
    inputs.push_back({operands[k].type, operands[k].bytes.data(), rule.operands[k].outside.value_or(0)});
  ScalarInterpreter interpreter(program, std::move(inputs));
  if (!interpreter.error.empty())
    return internalError(instance, interpreter.error);

  std::vector<AccessWalker> walkers;
  std::vector<int> walked; // operand number of each walker
  for (size_t k = 0; k < operands.size(); ++k)
    if (interpreter.usesOperand(int(k))) {
      walkers.emplace_back(rule, rule.operands[k], instance.in(k));
      walked.push_back(int(k));
    }
  AccessWalker resultWalker(rule, rule.results[0], instance.out());

  HostTensor result(instance.results[0]);
  Accumulators accumulators(rule.reduction, interpreter.resultType(), result.type.numElements());
  constexpr int batchSize = ScalarInterpreter::batchSize;
  std::vector<int64_t> resultOffsets(batchSize), index(rule.loops.size(), 0);
  int64_t remaining = rule.numPoints();
  while (remaining > 0) {
    int count = int(std::min<int64_t>(remaining, batchSize));
    for (int k = 0; k < count; ++k) {
      for (size_t w = 0; w < walkers.size(); ++w) {
        int64_t offset = walkers[w].current();
        if (offset < 0 && !rule.operands[walked[w]].outside)
          return internalError(instance, "the rule reads outside operand " + llvm::Twine(walked[w]));
        interpreter.offsets(walked[w])[k] = offset;
      }
      resultOffsets[k] = resultWalker.current();
      if (resultOffsets[k] < 0)
        return internalError(instance, "the rule writes outside the result");
      for (size_t l = 0; l < index.size(); ++l)
        if (interpreter.usesLoop(int(l)))
          interpreter.loopIndices(int(l))[k] = index[l];
      // To the next point: the innermost loop that is not at its end advances.
      int loop = int(index.size()) - 1;
      for (; loop >= 0 && index[loop] + 1 == rule.loops[loop].extent; --loop)
        index[loop] = 0;
      if (loop < 0)
        break;
      ++index[loop];
      for (AccessWalker &walker : walkers)
        walker.advance(loop);
      resultWalker.advance(loop);
    }
    if (!interpreter.run(count))
      return internalError(instance, interpreter.error);
    if (isFloat(interpreter.resultType()))
      for (int k = 0; k < count; ++k)
        accumulators.add(resultOffsets[k], interpreter.realResults()[k]);
    else
      for (int k = 0; k < count; ++k)
        accumulators.add(resultOffsets[k], interpreter.integerResults()[k]);
    remaining -= count;
  }
  accumulators.store(result);
  return result;
}

// --- Builtin kernels
// ---------------------------------------------------------------------------------------------

plan::Kernel builtinKernelOf(const OpInstance &instance) {
  plan::Kernel kernel;
  kernel.kind = plan::KernelKind::Builtin;
  kernel.symbol = instance.row->builtin;
  for (const TensorType &type : instance.operands)
    kernel.operands.push_back({type.type, type.shape});
  for (const TensorType &type : instance.results)
    kernel.results.push_back({type.type, type.shape});
  if (!instance.attributes)
    return kernel;
  for (mlir::NamedAttribute attribute : instance.attributes) {
    std::string name = attribute.getName().str();
    if (auto integer = mlir::dyn_cast<mlir::IntegerAttr>(attribute.getValue()))
      kernel.integers.emplace_back(name, std::vector<int64_t>{integer.getInt()});
    else if (auto list = mlir::dyn_cast<mlir::DenseI64ArrayAttr>(attribute.getValue()))
      kernel.integers.emplace_back(name, list.asArrayRef().vec());
    else if (auto real = mlir::dyn_cast<mlir::FloatAttr>(attribute.getValue()))
      kernel.reals.emplace_back(name, std::vector<double>{real.getValueAsDouble()});
    else if (auto text = mlir::dyn_cast<mlir::StringAttr>(attribute.getValue()); text && name != "name")
      kernel.strings.emplace_back(name, text.str());
  }
  return kernel;
}

static llvm::Expected<std::vector<HostTensor>> evaluateBuiltin(const OpInstance &instance,
                                                               llvm::ArrayRef<HostTensor> operands) {
  const BuiltinKernel *builtin = findBuiltinKernel(instance.row->builtin);
  if (!builtin)
    return internalError(instance, "there is no kernel named " + instance.row->builtin);
  plan::Kernel kernel = builtinKernelOf(instance);
  if (std::string fault = builtin->check(kernel); !fault.empty())
    return makeError(ErrorCode::Unsupported, "ampc." + instance.row->name + ": " + fault);
  std::vector<HostTensor> results;
  for (const TensorType &type : instance.results)
    results.emplace_back(type);
  std::vector<void *> buffers;
  for (const HostTensor &operand : operands)
    buffers.push_back(const_cast<char *>(operand.bytes.data()));
  for (HostTensor &result : results)
    buffers.push_back(result.bytes.data());
  builtin->run(kernel, buffers.data());
  return results;
}

llvm::Expected<std::vector<HostTensor>> evaluate(const OpInstance &instance,
                                                 llvm::ArrayRef<HostTensor> operands) {
  if (operands.size() != instance.operands.size() || instance.results.empty())
    return internalError(instance, "evaluated with the wrong number of operands or without results");
  for (size_t k = 0; k < operands.size(); ++k)
    if (operands[k].type != instance.operands[k] ||
        int64_t(operands[k].bytes.size()) != operands[k].type.sizeBytes())
      return internalError(instance, "operand " + llvm::Twine(k) + " is not of the instance's type");
  if (instance.row->opClass == OpClass::Builtin)
    return evaluateBuiltin(instance, operands);
  if (!instance.row->body)
    return internalError(instance, "has no body to evaluate");
  if (instance.row->isView && instance.operands[0].numElements() == instance.results[0].numElements()) {
    HostTensor result = operands[0];
    result.type = instance.results[0];
    return std::vector<HostTensor>{std::move(result)};
  }
  llvm::Expected<HostTensor> result = evaluateRule(instance, operands);
  if (!result)
    return result.takeError();
  return std::vector<HostTensor>{std::move(*result)};
}

} // namespace ampc
