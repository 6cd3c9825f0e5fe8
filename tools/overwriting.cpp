// Lists what a command reads and what it writes, for all verbs, and compares the files themselves. Most commands write
// nothing that exists already: then nothing is opened.
#include "tools/overwriting.h"
#include "tools/executable_plan.h"
#include "tools/inputs.h"
#include "tools/outputs.h"
#include "tools/verbs.h"

#include <algorithm>
#include <sys/stat.h>

namespace ampc::tools {

namespace {

struct NamedFile {
  std::string meaning, path; // "the model", "--trace"
};

bool exists(const std::string &path) {
  struct stat facts = {};
  return !path.empty() && ::stat(path.c_str(), &facts) == 0;
}

/// Without the last slash.
std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// What the operand tells about the command: which files it reads, how many outputs an execution has.
struct Reading {
  std::vector<NamedFile> files;
  size_t numOutputs = 0;
};

void addPlan(const plan::PlanFile &file, const Options &options, Reading &reading) {
  const std::string &path = options.operands[0];
  const plan::Plan &plan = file.plan();
  reading.numOutputs = plan.entry.outputs.size();
  std::string folder = options.weightsFolder.empty() ? folderOf(path) : options.weightsFolder;
  for (const plan::Blob &blob : plan.blobs)
    if (!blob.externalFile.empty() && reading.files.back().path != folder + "/" + blob.externalFile)
      reading.files.push_back({"the plan's weights", folder + "/" + blob.externalFile});
}

void addModel(const ScannedModel &model, const std::string &path, Reading &reading) {
  reading.numOutputs = model.numOutputs;
  for (const std::string &file : model.externalFiles)
    reading.files.push_back({"the model's weights", folderOf(path) + "/" + file});
}

Reading readingOf(const Options &options, bool isPlan) {
  Reading reading;
  const std::string &path = options.operands[0];
  reading.files.push_back({isPlan ? "the plan" : "the model", path});
  ScannedModel model;
  std::vector<std::string> names;
  if (isPlan) {
    auto file = openPlan(path, {.verifyBlobs = false, .openWeights = false});
    if (!file)
      return reading;
    addPlan(**file, options, reading);
    model = scanStoredModel(**file);
    names = inputNames((*file)->plan().entry, model);
  } else {
    model = scanModelFile(path).value_or(ScannedModel{});
    addModel(model, path, reading);
    names = inputNames({}, model);
  }
  if (auto files = findInputFiles(names, model, options))
    for (const auto &[name, file] : *files)
      reading.files.push_back({"the input '" + name + "'", file});
  if (!options.cluster.empty())
    reading.files.push_back({"the cluster description", options.cluster}); // or a preset, which is no file
  return reading;
}

/// What it writes under names that are known without reading anything.
std::vector<NamedFile> writingOf(const Options &options) {
  std::vector<NamedFile> files;
  bool compiles = options.verb == Verb::Compile || options.verb == Verb::Plan;
  if (compiles)
    files.push_back({options.has("o") ? "-o" : "the plan", planPathOf(options)});
  else
    files.push_back({"-o", options.outputFile});
  files.push_back({"--trace", options.traceFile});
  if (!options.outputFolder.empty())
    files.push_back({"--output-dir", options.outputFolder + "/" + outputListName});
  return files;
}

} // namespace

Status refuseOverwriting(const Options &options) {
  std::vector<NamedFile> writing = writingOf(options);
  auto isThere = [](const NamedFile &file) { return exists(file.path); };
  bool mayOverwrite = std::any_of(writing.begin(), writing.end(), isThere) || exists(options.outputFolder);
  if (options.operands.empty() || !mayOverwrite)
    return std::nullopt;
  auto isPlan = isPlanFile(options.operands[0]);
  bool compiles = options.verb == Verb::Compile || options.verb == Verb::Plan;
  if (!isPlan || (*isPlan && compiles)) // the verb has more to say about it
    return std::nullopt;
  Reading reading = readingOf(options, *isPlan);
  if (!options.outputFolder.empty())
    for (size_t i = 0; i < reading.numOutputs; ++i)
      writing.push_back({"--output-dir", options.outputFolder + "/" + outputFileName(formatOf(options), i)});
  for (const NamedFile &target : writing)
    for (const NamedFile &source : reading.files)
      if (isSameFile(target.path, source.path))
        return Failure{ErrorCode::Usage, target.meaning + " would be written over " + source.meaning,
                       {{"written", target.path}, {"read", source.path}},
                       target.meaning == "the plan" ? "give it another name with -o FILE" : "choose another name"};
  return std::nullopt;
}

} // namespace ampc::tools
