// Finds, reads and checks input tensors.
#include "tools/inputs.h"
#include "tools/random_tensor.h"
#include "tools/tensor_file.h"

#include <algorithm>
#include <charconv>
#include <dirent.h>
#include <set>
#include <sstream>

namespace ampc::tools {

static Failure unknownInput(const std::string &name, const std::vector<std::string> &names,
                            const ScannedModel &model) {
  if (model.defaults.count(name))
    return {ErrorCode::UnknownName, "the model has a value of its own for '" + name + "' and the plan takes none", {},
            "compile the model with --value " + name + "=... for another value, or remove the initializer '" + name +
                "' from the model to have an input"};
  Failure failure{ErrorCode::UnknownName, "the model has no input '" + name + "'", {}, ""};
  std::string list;
  for (const std::string &known : names)
    list += (list.empty() ? "" : ", ") + known;
  failure.facts = {{"inputs", list.empty() ? "none" : list}};
  if (std::string meant = closest(name, names); !meant.empty())
    failure.remedy = "did you mean '" + meant + "'?";
  return failure;
}

static Result<std::vector<std::string>> listFolder(const std::string &path) {
  DIR *folder = ::opendir(path.c_str());
  if (!folder)
    return Failure{ErrorCode::FileSystem, "cannot open the folder", {{"folder", path}}, "check the path"};
  std::vector<std::string> names;
  while (dirent *entry = ::readdir(folder))
    names.push_back(entry->d_name);
  ::closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

/// "input_12.pb" -> 12
static std::optional<size_t> positionOf(const std::string &file) {
  const std::string prefix = "input_", suffix = ".pb";
  if (file.size() <= prefix.size() + suffix.size() || file.rfind(prefix, 0) != 0 ||
      file.compare(file.size() - suffix.size(), suffix.size(), suffix) != 0)
    return std::nullopt;
  const char *begin = file.data() + prefix.size(), *end = file.data() + file.size() - suffix.size();
  size_t position = 0;
  auto [stop, error] = std::from_chars(begin, end, position);
  return error == std::errc() && stop == end ? std::optional(position) : std::nullopt;
}

static Status findInFolder(const std::string &folder, const std::vector<std::string> &inputNames,
                           const ScannedModel &model, std::map<std::string, std::string> &files) {
  auto entries = listFolder(folder);
  if (!entries)
    return entries.takeFailure();
  for (const std::string &entry : *entries) {
    std::string path = folder + "/" + entry, input;
    if (auto position = positionOf(entry)) {
      if (*position >= inputNames.size())
        return Failure{ErrorCode::UnknownName, "the model has only " + std::to_string(inputNames.size()) + " inputs",
                       {{"file", path}}, "remove the file"};
      input = inputNames[*position];
    } else if (entry.size() > 4 && entry.compare(entry.size() - 4, 4, ".npy") == 0) {
      std::string stem = entry.substr(0, entry.size() - 4);
      if (stem.rfind("output_", 0) == 0)
        continue;
      // File names cannot hold the slashes of tensor names.
      auto match = std::find_if(inputNames.begin(), inputNames.end(), [&](std::string name) {
        bool isEqual = name == stem;
        std::replace(name.begin(), name.end(), '/', '_');
        return isEqual || name == stem;
      });
      if (match == inputNames.end()) {
        Failure failure = unknownInput(stem, inputNames, model);
        failure.facts.insert(failure.facts.begin(), {"file", path});
        return failure;
      }
      input = *match;
    } else {
      continue;
    }
    if (!files.emplace(input, path).second)
      return Failure{ErrorCode::Usage, "the folder holds two files for the input '" + input + "'",
                     {{"file", files[input]}, {"file", path}}, "remove one of them"};
  }
  return std::nullopt;
}

/// Of NAME=FILE: names and paths may both hold '='. The last one that ends an input's name, else the first. So every
/// input can be given; a path that would make a name longer is written as ./FILE.
static size_t endOfName(const std::string &text, const std::vector<std::string> &inputNames) {
  size_t end = text.find('=');
  for (size_t equals = end; equals < text.size() - 1; equals = text.find('=', equals + 1)) // a file follows
    if (std::find(inputNames.begin(), inputNames.end(), text.substr(0, equals)) != inputNames.end())
      end = equals;
  return end;
}

Result<std::map<std::string, std::string>> findInputFiles(const std::vector<std::string> &inputNames,
                                                          const ScannedModel &model, const Options &options) {
  std::map<std::string, std::string> files;
  if (!options.inputFolder.empty())
    if (Status failure = findInFolder(options.inputFolder, inputNames, model, files))
      return *failure;
  std::set<std::string> given;
  for (const std::string &text : options.inputFiles) {
    size_t equals = endOfName(text, inputNames);
    std::string name = text.substr(0, equals);
    if (std::find(inputNames.begin(), inputNames.end(), name) == inputNames.end())
      return unknownInput(name, inputNames, model);
    if (!given.insert(name).second)
      return Failure{ErrorCode::Usage, "--input is given twice for '" + name + "'", {}, "give it once"};
    files[name] = text.substr(equals + 1); // stands above the folder
  }
  return files;
}

bool isState(const plan::EntryPoint &entry, size_t input) {
  return std::any_of(entry.states.begin(), entry.states.end(),
                     [&](const plan::StateTensor &state) { return state.inputIndex == input; });
}

/// The value in the file must be the one that the plan was made for.
static Status checkBoundValue(const std::string &name, const std::string &text, const std::string &file) {
  auto tensor = readTensorFile(file);
  if (!tensor)
    return tensor.takeFailure();
  std::vector<double> expected;
  std::string spaced = text;
  for (char &c : spaced)
    if (c == ',' || c == '[' || c == ']')
      c = ' ';
  std::istringstream words(spaced);
  for (std::string word; words >> word;) {
    double number = word == "true" ? 1 : 0;
    if (word != "true" && word != "false" &&
        std::from_chars(word.data(), word.data() + word.size(), number).ec != std::errc())
      return std::nullopt; // a form that this version does not know
    expected.push_back(number);
  }
  bool isEqual = tensor->elements() == int64_t(expected.size());
  for (size_t i = 0; isEqual && i < expected.size(); ++i)
    isEqual = tensor->type == DataType::F32 ? tensor->real(int64_t(i)) == double(float(expected[i]))
                                            : tensor->real(int64_t(i)) == expected[i];
  if (isEqual)
    return std::nullopt;
  return Failure{ErrorCode::InvalidTensor, "the plan was made for another value of this input",
                 {{"tensor", name}, {"bound to", text}, {"file", file}},
                 "compile the model with --value " + name + "=... for this value"};
}

static Status checkTensor(const Tensor &tensor, const plan::Tensor &expected, const std::string &file) {
  if (tensor.type == expected.type && tensor.shape == expected.shape)
    return std::nullopt;
  return Failure{ErrorCode::InvalidTensor, "the input has the wrong type or shape",
                 {{"tensor", expected.name},
                  {"file", file},
                  {"expected", typeText(expected.type, expected.shape)},
                  {"found", typeText(tensor.type, tensor.shape)}},
                 "convert the file, or compile the model for this shape with --shape or --dim"};
}

std::vector<std::string> inputNames(const plan::EntryPoint &entry, const ScannedModel &model) {
  std::vector<std::string> names;
  for (const ScannedInput &input : model.inputs)
    names.push_back(input.name);
  for (const plan::Tensor &input : entry.inputs)
    if (std::find(names.begin(), names.end(), input.name) == names.end())
      names.push_back(input.name);
  return names;
}

Result<std::vector<Tensor>> gatherInputs(const plan::EntryPoint &entry, const ScannedModel &model,
                                         const Options &options, MissingInput missing) {
  auto files = findInputFiles(inputNames(entry, model), model, options);
  if (!files)
    return files.takeFailure();
  for (const auto &[name, text] : entry.boundValues)
    if (auto file = files->find(name); file != files->end())
      if (Status failure = checkBoundValue(name, text, file->second))
        return *failure;

  std::vector<Tensor> inputs;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const plan::Tensor &expected = entry.inputs[i];
    if (auto file = files->find(expected.name); file != files->end()) {
      auto tensor = readTensorFile(file->second);
      if (!tensor) {
        Failure failure = tensor.takeFailure();
        failure.facts.insert(failure.facts.begin(), {"tensor", expected.name});
        return failure;
      }
      if (Status failure = checkTensor(*tensor, expected, file->second))
        return *failure;
      inputs.push_back(std::move(*tensor));
      continue;
    }
    if (isState(entry, i)) {
      inputs.push_back(Tensor{expected.type, expected.shape, {}});
      continue;
    }
    if (missing == MissingInput::IsError && !options.randomInputs)
      return Failure{ErrorCode::Usage, "the input '" + expected.name + "' is missing",
                     {{"tensor", expected.name}, {"expected", typeText(expected.type, expected.shape)}},
                     "add --input " + expected.name + "=FILE.npy, or --random-inputs 0"};
    auto tensor = allocateTensor(expected.type, expected.shape);
    if (!tensor)
      return Failure{ErrorCode::Execution, "there is not enough memory for the input",
                     {{"tensor", expected.name}, {"expected", typeText(expected.type, expected.shape)}}, ""};
    auto bound = model.indexBounds.find(expected.name);
    fillRandom(*tensor, options.randomInputs.value_or(0), expected.name,
               bound == model.indexBounds.end() ? 0 : bound->second);
    inputs.push_back(std::move(*tensor));
  }
  return inputs;
}

} // namespace ampc::tools
