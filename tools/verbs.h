// The verbs of the command line, each in a file of its own. They print what they have to say on standard output.
#pragma once

#include "tools/options.h"

namespace ampc::tools {

Status runCompile(const Options &options); // also `ampc plan`
/// Where `ampc` or `ampc plan` writes the plan; empty: nowhere.
std::string planPathOf(const Options &options);
Status runPlan(const Options &options);    // `ampc run`
Status runVerify(const Options &options);
Status runReport(const Options &options);
Status runExplain(const Options &options);
Status runBench(const Options &options);
Status runProbe(const Options &options);
Status runOps(const Options &options);
Status runDoctor(const Options &options);
Status runTrain(const Options &options);

} // namespace ampc::tools
