// Writes the outputs of an execution into a folder, and says in a line each what they hold.
#pragma once

#include "runtime/plan/plan.h"
#include "tools/options.h"
#include "tools/tensor.h"
#include "tools/tensor_file.h"

namespace ampc::tools {

/// output_0.npy..., outputs.json. Nothing gets its final name before everything is written.
Status writeOutputs(const std::string &folder, TensorFormat format, const plan::EntryPoint &entry,
                    const std::vector<Tensor> &outputs);

/// The file of one output, and the list of all, inside the folder.
std::string outputFileName(TensorFormat format, size_t output);
inline constexpr const char *outputListName = "outputs.json";

/// Fails with Usage when an output cannot be stored in the format; called before anything is executed.
Status checkOutputFormat(const Options &options, const plan::EntryPoint &entry);

/// "probabilities  f32 1x40x6625  least 0  greatest 0.98  mean 0.00015"
std::string describe(const plan::Tensor &output, const Tensor &value);

TensorFormat formatOf(const Options &options);

} // namespace ampc::tools
