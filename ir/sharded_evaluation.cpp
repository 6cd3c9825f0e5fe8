// Shards are cut and put together element by element through the tiles of the shardings.
#include "ir/sharded_evaluation.h"
#include "ir/diagnostic.h"
#include "ir/local_instance.h"

#include <algorithm>
#include <cmath>

namespace ampc {

// Flat indices into the whole, in the storage order of the shard.
static std::vector<int64_t> elementsOf(const Sharding &sharding, const std::vector<int64_t> &shape,
                                       const Grid &grid, const std::vector<int64_t> &coordinates) {
  auto tile = sharding.tile(grid, coordinates);
  std::vector<int64_t> result = {0};
  for (size_t d = 0; d < shape.size(); ++d) {
    std::vector<int64_t> next;
    for (int64_t outer : result)
      for (const Interval &interval : tile[d])
        for (int64_t k = interval.begin; k < interval.end; ++k)
          next.push_back(outer * shape[d] + k);
    result = std::move(next);
  }
  return result;
}

static void copyElement(const HostTensor &from, int64_t source, HostTensor &to, int64_t target) {
  size_t width = bitWidth(from.type.type) / 8;
  std::memcpy(&to.bytes[size_t(target) * width], &from.bytes[size_t(source) * width], width);
}

static bool isSame(const HostTensor &a, int64_t source, const HostTensor &b, int64_t target) {
  size_t width = bitWidth(a.type.type) / 8;
  return std::memcmp(&a.bytes[size_t(source) * width], &b.bytes[size_t(target) * width], width) == 0;
}

HostTensor shardOf(const HostTensor &whole, const Sharding &sharding, const Grid &grid,
                   const std::vector<int64_t> &coordinates) {
  HostTensor result(TensorType{whole.type.type, sharding.localShape(grid, coordinates)});
  std::vector<int64_t> elements = elementsOf(sharding, whole.type.shape, grid, coordinates);
  for (size_t k = 0; k < elements.size(); ++k)
    copyElement(whole, elements[k], result, int64_t(k));
  return result;
}

static void combineElement(Reduction reduction, const HostTensor &part, int64_t source, HostTensor &whole,
                           int64_t target) {
  auto combine = [reduction](auto a, auto b) {
    switch (reduction) {
    case Reduction::Sum:
      return a + b;
    case Reduction::Product:
      return a * b;
    case Reduction::Max:
      return a > b || a != a ? a : b;
    case Reduction::Min:
      return a < b || a != a ? a : b;
    case Reduction::None:
      break;
    }
    return b;
  };
  if (isFloat(part.type.type))
    whole.setReal(target, combine(whole.real(target), part.real(source)));
  else if (reduction == Reduction::Sum || reduction == Reduction::Product || part.type.type == DataType::U64)
    whole.setInteger(target,
                     int64_t(combine(uint64_t(whole.integer(target)), uint64_t(part.integer(source)))));
  else
    whole.setInteger(target, combine(whole.integer(target), part.integer(source)));
}

llvm::Expected<std::vector<HostTensor>> evaluateSharded(const OpInstance &instance, llvm::ArrayRef<HostTensor> operands,
                                                        const Grid &grid,
                                                        const std::vector<std::vector<int>> &loopAxes) {
  IterationRule rule = ruleOf(instance);
  auto internal = [&](const llvm::Twine &what) {
    std::string split;
    for (size_t l = 0; l < loopAxes.size(); ++l)
      if (!loopAxes[l].empty())
        split += " " + rule.loops[l].name;
    return makeError(ErrorCode::Internal, "ampc." + instance.row->name + ", split loops" + split + " on " +
                                              llvm::Twine(grid.numDevices()) + " devices: " + what);
  };
  std::vector<HostTensor> results;
  std::vector<std::vector<bool>> written;
  for (const TensorType &type : instance.results) {
    results.emplace_back(type);
    written.emplace_back(size_t(type.numElements()), false);
  }
  for (int64_t device = 0; device < grid.numDevices(); ++device) {
    std::vector<int64_t> coordinates = grid.coordinates(device);
    OpInstance local = localInstance(instance, rule, loopAxes, grid, coordinates);
    std::vector<HostTensor> localOperands;
    for (size_t k = 0; k < operands.size(); ++k) {
      Sharding sharding = rule.operandSharding(int(k), instance.in(k), loopAxes);
      if (sharding.globalShape() != instance.in(k))
        return internal("the sharding of operand " + llvm::Twine(k) + " has another shape");
      sharding.canonicalize(grid);
      localOperands.push_back(shardOf(operands[k], sharding, grid, coordinates));
    }
    std::vector<Sharding> shardings;
    bool isEmpty = false;
    for (size_t k = 0; k < results.size(); ++k) {
      shardings.push_back(rule.resultSharding(int(k), instance.out(k), loopAxes));
      if (shardings[k].globalShape() != instance.out(k))
        return internal("the sharding of result " + llvm::Twine(k) + " has another shape");
      isEmpty |= numElements(local.results[k].shape) == 0;
    }
    if (isEmpty)
      continue;
    llvm::Expected<std::vector<HostTensor>> parts = evaluate(local, localOperands);
    if (!parts)
      return internal(sentenceOf(parts.takeError()));
    for (size_t k = 0; k < results.size(); ++k) {
      std::vector<int64_t> elements = elementsOf(shardings[k], instance.out(k), grid, coordinates);
      for (size_t n = 0; n < elements.size(); ++n) {
        bool repeats = written[k][size_t(elements[n])] && !shardings[k].isPartial();
        if (repeats && !isSame((*parts)[k], int64_t(n), results[k], elements[n]))
          return internal("two devices disagree on an element");
        if (shardings[k].isPartial() && written[k][size_t(elements[n])])
          combineElement(shardings[k].partialKind, (*parts)[k], int64_t(n), results[k], elements[n]);
        else
          copyElement((*parts)[k], int64_t(n), results[k], elements[n]);
        written[k][size_t(elements[n])] = true;
      }
    }
  }
  for (const std::vector<bool> &flags : written)
    if (std::find(flags.begin(), flags.end(), false) != flags.end())
      return internal("an element has no owner");
  return results;
}

llvm::Expected<std::vector<HostTensor>>
evaluateSharded(const OpInstance &instance, llvm::ArrayRef<HostTensor> operands, int loop, int64_t devices) {
  std::vector<std::vector<int>> loopAxes(ruleOf(instance).loops.size());
  loopAxes[size_t(loop)] = {0};
  return evaluateSharded(instance, operands, Grid{{devices}}, loopAxes);
}

} // namespace ampc
