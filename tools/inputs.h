// Brings together the inputs of an execution: from files, from a folder, or random; each checked against what the plan
// expects.
#pragma once

#include "runtime/plan/plan.h"
#include "tools/model_scan.h"
#include "tools/options.h"
#include "tools/tensor.h"

namespace ampc::tools {

/// What the inputs are for decides what a missing one means.
enum class MissingInput { IsError, IsRandom };

/// One tensor per input of the entry point; a state input that nobody gave has no bytes (it starts at zero).
/// `model` tells positions and index bounds.
Result<std::vector<Tensor>> gatherInputs(const plan::EntryPoint &entry, const ScannedModel &model,
                                         const Options &options, MissingInput missing);

/// The files given for the inputs of a model, by input name: `--input`, and what `--inputs FOLDER` holds.
Result<std::map<std::string, std::string>> findInputFiles(const std::vector<std::string> &inputNames,
                                                          const ScannedModel &model, const Options &options);

/// Names that an input may be given by: the model's own inputs, by position, then what else the entry point has. Those
/// that were bound are no inputs of the plan any more.
std::vector<std::string> inputNames(const plan::EntryPoint &entry, const ScannedModel &model);

bool isState(const plan::EntryPoint &entry, size_t input);

} // namespace ampc::tools
