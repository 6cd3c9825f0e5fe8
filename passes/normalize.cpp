// imported -> normal.
#include "ir/diagnostic.h"
#include "passes/fold_scales.h"
#include "passes/passes.h"

#include <map>


using namespace mlir;

namespace ampc {

/// Two operators that differ only in their name compute the same; names are kept out of the comparison.
static void mergeEqualOps(func::FuncOp main) {
  struct Key {
    OperationName name;
    DictionaryAttr attributes;
    SmallVector<Value> operands;
    SmallVector<Type> results;
    bool operator<(const Key &other) const {
      auto tie = [](const Key &k) { return std::make_tuple(k.name.getAsOpaquePointer(), k.attributes.getAsOpaquePointer()); };
      if (tie(*this) != tie(other))
        return tie(*this) < tie(other);
      auto pointers = [](const Key &k) {
        std::vector<const void *> all;
        for (Value value : k.operands)
          all.push_back(value.getAsOpaquePointer());
        for (Type type : k.results)
          all.push_back(type.getAsOpaquePointer());
        return all;
      };
      return pointers(*this) < pointers(other);
    }
  };
  std::map<Key, Operation *> seen;
  for (Operation &op : llvm::make_early_inc_range(main.getBody().front().without_terminator())) {
    if (op.getNumResults() == 0)
      continue;
    NamedAttrList attributes(op.getAttrDictionary());
    attributes.erase("name");
    Key key{op.getName(), attributes.getDictionary(op.getContext()), SmallVector<Value>(op.getOperands()),
            SmallVector<Type>(op.getResultTypes())};
    auto [it, isNew] = seen.try_emplace(std::move(key), &op);
    if (isNew)
      continue;
    op.replaceAllUsesWith(it->second->getResults());
    op.erase();
  }
}

static void dropDeadOps(func::FuncOp main) {
  std::vector<Operation *> ops;
  for (Operation &op : main.getBody().front().without_terminator())
    ops.push_back(&op);
  for (Operation *op : llvm::reverse(ops))
    if (op->getNumResults() > 0 && op->use_empty() && op->getName().stripDialect() != "input")
      op->erase();
}

llvm::Error normalize(ModuleOp module) {
  func::FuncOp main = mainFunction(module);
  mergeEqualOps(main);
  dropDeadOps(main);
  Builder builder(module.getContext());
  for (Operation &op : main.getBody().front().without_terminator())
    if (op.getNumResults() > 0)
      op.setAttr("at_load", builder.getBoolAttr(isWeight(op.getResult(0))));
  // For speed: BatchNormalization and the like cost nothing behind a product.
  foldScales(main);
  dropDeadOps(main);
  return llvm::Error::success();
}

} // namespace ampc
