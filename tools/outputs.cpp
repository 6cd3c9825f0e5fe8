// Output files under temporary names, renamed together at the end.
#include "tools/outputs.h"
#include "tools/files.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>

namespace ampc::tools {

TensorFormat formatOf(const Options &options) {
  return options.outputFormat == "pb" ? TensorFormat::Pb : TensorFormat::Npy;
}

std::string outputFileName(TensorFormat format, size_t output) {
  return "output_" + std::to_string(output) + (format == TensorFormat::Pb ? ".pb" : ".npy");
}

Status checkOutputFormat(const Options &options, const plan::EntryPoint &entry) {
  if (options.outputFolder.empty())
    return std::nullopt;
  for (const plan::Tensor &output : entry.outputs)
    if (!canStore(formatOf(options), output.type))
      return Failure{ErrorCode::Usage, "an .npy file cannot hold elements of type " + std::string(name(output.type)),
                     {{"tensor", output.name}}, "add --output-format pb"};
  return std::nullopt;
}

Status writeOutputs(const std::string &folder, TensorFormat format, const plan::EntryPoint &entry,
                    const std::vector<Tensor> &outputs) {
  if (Status failure = createFolder(folder))
    return failure;
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::deque<TemporaryFile> files;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const plan::Tensor &output = entry.outputs[i];
    std::string file = outputFileName(format, i);
    files.emplace_back(folder + "/" + file);
    if (Status failure = writeTensorFile(files.back().path(), format, outputs[i], output.name))
      return failure;
    list.push_back({{"name", output.name},
                    {"dtype", std::string(name(output.type))},
                    {"shape", output.shape},
                    {"file", file}});
  }
  files.emplace_back(folder + "/" + outputListName);
  using Json = nlohmann::ordered_json;
  if (Status failure = writeFile(files.back().path(), {list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"}))
    return failure;
  for (TemporaryFile &file : files)
    if (Status failure = file.commit())
      return failure;
  return std::nullopt;
}

std::string describe(const plan::Tensor &output, const Tensor &value) {
  std::string text = output.name + "  " + typeText(output.type, output.shape);
  int64_t count = value.elements();
  if (count == 0)
    return text + "  (empty)";
  double least = INFINITY, greatest = -INFINITY, sum = 0;
  int64_t notANumber = 0;
  for (int64_t i = 0; i < count; ++i) {
    double x = value.real(i);
    if (std::isnan(x)) {
      ++notANumber;
      continue;
    }
    least = std::min(least, x);
    greatest = std::max(greatest, x);
    sum += x;
  }
  char numbers[160];
  if (count == 1)
    std::snprintf(numbers, sizeof numbers, "  value %.6g", value.real(0));
  else
    std::snprintf(numbers, sizeof numbers, "  least %.6g  greatest %.6g  mean %.6g", least, greatest,
                  sum / double(std::max<int64_t>(1, count - notANumber)));
  text += numbers;
  if (notANumber)
    text += "  NaN " + std::to_string(notANumber);
  return text;
}

} // namespace ampc::tools
