// Filters of choices by strategy.
#include "passes/forced_choices.h"

namespace ampc {

static bool splitsWeight(const GraphOp &op, const Choice &choice) {
  for (size_t k = 0; k < op.sources.size(); ++k)
    if (op.sources[k].op < 0 && op.sources[k].isWeight && !choice.operands[k].isReplicated())
      return true;
  return false;
}

static bool splitsReduction(const GraphOp &op, const Choice &choice) {
  for (size_t l = 0; l < choice.loopAxes.size(); ++l)
    if (!choice.loopAxes[l].empty() && op.rule.loops[l].kind == LoopKind::Reduce)
      return true;
  return false;
}

static bool isSplit(const Choice &choice) {
  for (const std::vector<int> &axes : choice.loopAxes)
    if (!axes.empty())
      return true;
  return false;
}

template <typename Wanted> static void keep(std::vector<Choice> &choices, const Wanted &wanted) {
  std::vector<Choice> kept;
  for (const Choice &choice : choices)
    if (wanted(choice))
      kept.push_back(choice);
  if (!kept.empty())
    choices = std::move(kept);
}

ChoiceProblem::Filter forcedChoices(Strategy strategy) {
  if (strategy == Strategy::Data)
    return [](const GraphOp &op, std::vector<Choice> &choices) {
      keep(choices, [&](const Choice &choice) { return !splitsWeight(op, choice) && !splitsReduction(op, choice); });
      if (op.isProduct)
        keep(choices, isSplit);
    };
  if (strategy == Strategy::Tensor)
    return [](const GraphOp &op, std::vector<Choice> &choices) {
      if (op.isProduct)
        keep(choices, [&](const Choice &choice) { return splitsWeight(op, choice); });
    };
  return nullptr;
}

} // namespace ampc
