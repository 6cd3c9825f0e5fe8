// Sums up the prices that chooseKernels leaves on kernels.
#include "passes/executor_choices.h"

#include "ir/op_table.h"

#include <array>
#include <map>

using namespace mlir;

namespace ampc {

std::vector<ExecutorChoice> executorChoicesOf(ModuleOp module) {
  // By the name of the product, which it has in the function of every class of ranks. Classes may differ in who is
  // cheaper: then the more expensive one counts.
  std::map<std::string, ExecutorChoice> products;
  module.walk([&](Operation *kernel) {
    auto librarySeconds = kernel->getAttrOfType<FloatAttr>("library_seconds");
    auto generatedSeconds = kernel->getAttrOfType<FloatAttr>("generated_seconds");
    auto atLoad = kernel->getAttrOfType<BoolAttr>("at_load");
    if (!librarySeconds || !generatedSeconds || (atLoad && atLoad.getValue()))
      return;
    Operation &first = kernel->getRegion(0).front().front();
    ExecutorChoice choice;
    choice.isConvolution = OpTable::get().find(&first)->opClass == OpClass::Convolution;
    choice.isLibrary = kernel->getAttrOfType<StringAttr>("executor").getValue() != "generated";
    choice.count = 1;
    choice.librarySeconds = librarySeconds.getValueAsDouble();
    choice.generatedSeconds = generatedSeconds.getValueAsDouble();
    auto seconds = [](const ExecutorChoice &c) { return c.isLibrary ? c.librarySeconds : c.generatedSeconds; };
    auto [known, isNew] = products.try_emplace(nameOf(&first).str(), choice);
    if (!isNew && seconds(known->second) < seconds(choice))
      known->second = choice;
  });
  std::array<ExecutorChoice, 4> sums;
  for (const auto &[name, choice] : products) {
    ExecutorChoice &sum = sums[(choice.isConvolution ? 2 : 0) + (choice.isLibrary ? 0 : 1)];
    sum.isConvolution = choice.isConvolution;
    sum.isLibrary = choice.isLibrary;
    sum.count += choice.count;
    sum.librarySeconds += choice.librarySeconds;
    sum.generatedSeconds += choice.generatedSeconds;
  }
  std::vector<ExecutorChoice> choices;
  for (const ExecutorChoice &sum : sums)
    if (sum.count > 0)
      choices.push_back(sum);
  return choices;
}

} // namespace ampc
