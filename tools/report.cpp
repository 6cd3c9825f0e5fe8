// `ampc report` as text, JSON and predicted timeline; `ampc explain`.
#include "cost_model/trace.h"
#include "tools/executable_plan.h"
#include "tools/summary.h"
#include "tools/verbs.h"

#include <cstdio>

namespace ampc::tools {

static Result<std::string> render(const std::string &format, const plan::Plan &plan) {
  PlanFacts facts = factsOf(plan);
  if (format == "json")
    return dump(reportJson(facts)) + "\n";
  if (format == "trace")
    return cost::writeTrace(facts.timeline, plan);
  if (format == "text")
    return reportText(facts);
  return Failure{ErrorCode::Unsupported, "this version of ampc does not write reports as " + format, {},
                 "use --format text, json or trace"};
}

Status runReport(const Options &options) {
  const std::string &path = options.operands[0];
  auto isPlan = isPlanFile(path);
  if (!isPlan)
    return isPlan.takeFailure();
  if (!*isPlan)
    return Failure{ErrorCode::InvalidPlan, "this is not a plan", {{"file", path}},
                   "for a model, `ampc plan " + path + "` decides and reports"};
  auto file = openPlan(path, {.verifyBlobs = false, .openWeights = false});
  if (!file)
    return file.takeFailure();
  auto text = render(options.json ? "json" : options.format, (*file)->plan());
  if (!text)
    return text.takeFailure();
  if (!options.outputFile.empty())
    return writeFileAtomically(options.outputFile, *text);
  if (!options.quiet)
    std::fputs(text->c_str(), stdout);
  return std::nullopt;
}

Status runExplain(const Options &) {
  return Failure{ErrorCode::Unsupported, "`ampc explain` belongs to a later version of ampc", {},
                 "`ampc report PLAN --format json` holds the recorded decisions"};
}

Status runTrain(const Options &) {
  return Failure{ErrorCode::Unsupported, "training belongs to a later version of ampc", {},
                 "use ampc for inference"};
}

} // namespace ampc::tools
