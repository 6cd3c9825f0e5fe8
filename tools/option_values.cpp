// The form of every option's value, and the messages for those that do not have it.
#include "tools/option_values.h"

#include <charconv>
#include <cmath>
#include <functional>

namespace ampc::tools {

namespace {

using Store = std::function<Status(Options &, const std::string &)>;

/// The sentence is added where the option's name is known.
Status wrong(const std::string &expected) { return Failure{ErrorCode::Usage, "", {}, "give " + expected}; }

template <class T> std::optional<T> parseNumber(const std::string &text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

template <class T> Store integer(T Options::*field, T least, T most, std::string expected) {
  return [=](Options &options, const std::string &text) -> Status {
    auto value = parseNumber<T>(text);
    if (!value || *value < least || *value > most)
      return wrong(expected);
    options.*field = *value;
    return std::nullopt;
  };
}

Store text(std::string Options::*field) {
  return [=](Options &options, const std::string &value) -> Status {
    if (value.empty())
      return wrong("a name");
    options.*field = value;
    return std::nullopt;
  };
}

Store oneOf(std::string Options::*field, std::vector<std::string> words) {
  return [=](Options &options, const std::string &value) -> Status {
    std::string list;
    for (const std::string &word : words) {
      if (word == value) {
        options.*field = value;
        return std::nullopt;
      }
      list += (list.empty() ? "" : &word == &words.back() ? " or " : ", ") + word;
    }
    return wrong(list);
  };
}

Store boolean(bool Options::*field) {
  return [=](Options &options, const std::string &) -> Status {
    options.*field = true;
    return std::nullopt;
  };
}

/// Names may contain '=', paths and values hardly do where it matters: `atLast` says at which one to split.
bool splitPair(const std::string &text, bool atLast, std::string &left, std::string &right) {
  size_t equals = atLast ? text.rfind('=') : text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    return false;
  left = text.substr(0, equals);
  right = text.substr(equals + 1);
  return true;
}

Status twice(const std::string &option, const std::string &name) {
  return Failure{ErrorCode::Usage, option + " is given twice for '" + name + "'", {}, "give it once"};
}

Status storeDim(Options &options, const std::string &text) {
  std::string name, number;
  auto value = splitPair(text, true, name, number) ? parseNumber<int64_t>(number) : std::nullopt;
  if (!value || *value < 1)
    return wrong("NAME=VALUE with a value of at least 1");
  return options.dims.emplace(name, *value).second ? std::nullopt : twice("--dim", name);
}

Status storeShape(Options &options, const std::string &text) {
  std::string name, rest;
  if (!splitPair(text, true, name, rest))
    return wrong("INPUT=SHAPE, for example x=1x3x48x320");
  std::vector<int64_t> shape;
  for (size_t begin = 0; rest != "scalar" && begin <= rest.size();) {
    size_t end = std::min(rest.find_first_of("x,", begin), rest.size());
    auto extent = parseNumber<int64_t>(rest.substr(begin, end - begin));
    if (!extent || *extent < 0 || shape.size() == 64)
      return wrong("INPUT=SHAPE, for example x=1x3x48x320");
    shape.push_back(*extent);
    begin = end + 1;
  }
  return options.shapes.emplace(name, shape).second ? std::nullopt : twice("--shape", name);
}

Status storeValuePair(Options &options, const std::string &text) {
  std::string name, value;
  if (!splitPair(text, true, name, value))
    return wrong("INPUT=VALUE, for example sr=16000");
  return options.values.emplace(name, value).second ? std::nullopt : twice("--value", name);
}

Status storeState(Options &options, const std::string &text) {
  std::string input, output;
  if (!splitPair(text, false, input, output))
    return wrong("IN=OUT, the names of an input and an output");
  for (const auto &[otherInput, otherOutput] : options.states)
    if (otherInput == input || otherOutput == output)
      return twice("--state", otherInput == input ? input : output);
  options.states.emplace_back(input, output);
  return std::nullopt;
}

Status storeInput(Options &options, const std::string &text) {
  std::string name, file;
  if (!splitPair(text, false, name, file))
    return wrong("NAME=FILE");
  options.inputFiles.push_back(text);
  return std::nullopt;
}

Status storeStrategy(Options &options, const std::string &text) {
  const std::string expected = "auto, data, tensor, pipeline or random:SEED, for example random:1";
  if (text.rfind("random:", 0) == 0) {
    auto seed = parseNumber<uint64_t>(text.substr(7));
    if (!seed)
      return wrong(expected);
    options.strategy = "random";
    options.seed = *seed;
    return std::nullopt;
  }
  for (const char *word : {"auto", "data", "tensor", "pipeline"})
    if (text == word) {
      options.strategy = text;
      return std::nullopt;
    }
  return wrong(expected);
}

Status storeSeconds(Options &options, const std::string &text) {
  auto value = parseNumber<double>(text);
  if (!value || !std::isfinite(*value) || *value <= 0)
    return wrong("a number of seconds above 0");
  options.timeLimitSeconds = *value;
  return std::nullopt;
}

Status storeTolerance(Options &options, const std::string &text) {
  auto value = parseNumber<double>(text);
  if (!value || !std::isfinite(*value) || *value < 0)
    return wrong("a number of at least 0, for example 1e-4");
  options.tolerance = *value;
  return std::nullopt;
}

Status storeMemoryLimit(Options &options, const std::string &text) {
  auto bytes = parseBytes(text);
  if (!bytes || *bytes == 0)
    return wrong("a size, for example 8GiB or 400MiB");
  options.memoryLimitBytes = *bytes;
  return std::nullopt;
}

Status storeRandomInputs(Options &options, const std::string &text) {
  options.randomInputs = parseNumber<uint64_t>(text);
  return options.randomInputs ? std::nullopt : wrong("a seed, for example 0");
}

Status storeWeights(Options &options, const std::string &text) {
  if (text != "embed" && text != "external")
    return wrong("embed or external");
  options.externalWeights = text == "external";
  return std::nullopt;
}

const std::map<std::string, Store> &stores() {
  static const std::map<std::string, Store> table = {
      {"devices", integer(&Options::devices, 1, 4096, "a number from 1 to 4096")},
      {"device-kind", oneOf(&Options::deviceKind, {"cpu", "cuda", "auto"})},
      {"cluster", text(&Options::cluster)},
      {"strategy", storeStrategy},
      {"objective", oneOf(&Options::objective, {"latency", "throughput", "step-time"})},
      {"dim", storeDim},
      {"shape", storeShape},
      {"value", storeValuePair},
      {"state", storeState},
      {"memory-limit", storeMemoryLimit},
      {"time-limit", storeSeconds},
      {"jobs", integer(&Options::jobs, 1, 1024, "a number from 1 to 1024")},
      {"threads-per-device", integer(&Options::threadsPerDevice, 1, 1024, "a number from 1 to 1024")},
      {"target-cpu", text(&Options::targetCpu)},
      {"weights", storeWeights},
      {"weights-dir", text(&Options::weightsFolder)},
      {"input", storeInput},
      {"inputs", text(&Options::inputFolder)},
      {"random-inputs", storeRandomInputs},
      {"output-dir", text(&Options::outputFolder)},
      {"output-format", oneOf(&Options::outputFormat, {"npy", "pb"})},
      {"repeat", integer<int64_t>(&Options::repeat, 1, 1000000000, "a number of at least 1")},
      {"trace", text(&Options::traceFile)},
      {"tolerance", storeTolerance},
      {"format", oneOf(&Options::format, {"text", "json", "html", "trace", "onnx"})},
      {"o", text(&Options::outputFile)},
      {"json", boolean(&Options::json)},
      {"quiet", boolean(&Options::quiet)},
      {"stop-after", text(&Options::stopAfter)},
      {"dump", text(&Options::dumpFolder)},
  };
  return table;
}

} // namespace

Status storeValue(Options &options, const OptionRow &row, const std::string &value) {
  auto store = stores().find(row.name);
  if (store == stores().end())
    return Failure{ErrorCode::Internal, std::string("the option ") + row.name + " has no parser"};
  Status failure = store->second(options, value);
  if (failure && failure->sentence.empty())
    failure->sentence = "'" + value + "' is not a valid value of " + (store->first.size() == 1 ? "-" : "--") + store->first;
  return failure;
}

std::optional<uint64_t> parseBytes(const std::string &text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(value) || value < 0) // from_chars takes nan and inf
    return std::nullopt;
  static const std::map<std::string, double> units = {
      {"", 1},        {"B", 1},          {"KB", 1e3},         {"MB", 1e6},          {"GB", 1e9},  {"TB", 1e12},
      {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
  auto unit = units.find(std::string(end, text.data() + text.size()));
  if (unit == units.end() || value * unit->second > 0x1p60)
    return std::nullopt;
  return uint64_t(value * unit->second);
}

} // namespace ampc::tools
