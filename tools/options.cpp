// Parses the command line against the tables: `--option VALUE` and `--option=VALUE`, one way to write each thing, and a
// suggestion for everything that is none of them.
#include "tools/options.h"
#include "tools/option_table.h"
#include "tools/option_values.h"

#include <algorithm>
#include <cstring>

namespace ampc::tools {

namespace {

Failure usage(std::string sentence, std::string remedy = "") {
  return {ErrorCode::Usage, std::move(sentence), {}, std::move(remedy)};
}

std::string dashed(const std::string &name) { return (name.size() == 1 ? "-" : "--") + name; }

const OptionRow *find(const std::string &name) {
  for (const OptionRow &row : optionTable())
    if (name == row.name)
      return &row;
  return nullptr;
}

bool isOf(const OptionRow &row, Verb verb) { return std::strchr(row.verbs, rowOf(verb).letter) != nullptr; }

Failure unknownOption(const std::string &argument, const std::string &name, Verb verb) {
  std::vector<std::string> names = {"help"};
  for (const OptionRow &row : optionTable())
    if (isOf(row, verb))
      names.push_back(row.name);
  std::string meant = closest(name, names);
  std::string remedy = meant.empty() ? "`ampc help " + std::string(tools::name(verb)) + "` lists the options"
                                     : "did you mean " + dashed(meant) + "?";
  return usage("unknown option '" + argument + "'", remedy);
}

Failure foreignOption(const OptionRow &row, Verb verb) {
  std::string verbs;
  for (const VerbRow &candidate : verbTable())
    if (std::strchr(row.verbs, candidate.letter))
      verbs += (verbs.empty() ? "" : ", ") + std::string(candidate.name);
  return usage(dashed(row.name) + " is not an option of " + std::string(name(verb)), "it belongs to: " + verbs);
}

/// Takes the verb off the front; a first word that is no verb is the model to compile.
Result<Verb> takeVerb(std::vector<std::string> &arguments) {
  if (arguments.empty())
    return Verb::Help;
  const std::string first = arguments.front();
  if (first == "--help" || first == "-h" || first == "--version") {
    arguments.erase(arguments.begin());
    return first == "--version" ? Verb::Version : Verb::Help;
  }
  std::vector<std::string> names;
  for (const VerbRow &row : verbTable()) {
    if (first == row.name) {
      arguments.erase(arguments.begin());
      return row.verb;
    }
    names.push_back(row.name);
  }
  // A bare word without a dot or slash is more likely a misspelt verb than a model.
  bool isWord = !first.empty() && first[0] != '-' && first.find_first_of("./") == std::string::npos;
  if (std::string meant = isWord ? closest(first, names) : ""; !meant.empty())
    return usage("'" + first + "' is no verb of ampc", "did you mean `ampc " + meant + "`? A model in a file of this "
                 "name is given as ./" + first);
  return Verb::Compile;
}

/// For `ampc help WORD`.
Failure unknownVerb(const std::string &word) {
  std::vector<std::string> names;
  for (const VerbRow &row : verbTable())
    names.push_back(row.name);
  std::string meant = closest(word, names);
  return usage("'" + word + "' is no verb of ampc",
               meant.empty() ? "`ampc help` lists the verbs" : "did you mean `ampc help " + meant + "`?");
}

Status checkOperands(const Options &options) {
  const VerbRow &verb = rowOf(options.verb);
  int count = int(options.operands.size());
  std::string form = "ampc " + std::string(verb.verb == Verb::Compile ? "" : verb.name) +
                     (verb.verb == Verb::Compile ? "" : " ") + verb.operands;
  if (count < verb.minOperands)
    return usage("something is missing: " + form, "`ampc help` explains the verbs");
  if (count > verb.maxOperands)
    return usage("there is one word too many: '" + options.operands[size_t(verb.maxOperands)] + "'",
                 "the form is: " + form);
  if (options.verb == Verb::Help && count > 0) {
    auto isMeant = [&](const VerbRow &row) { return options.operands[0] == row.name; };
    if (std::none_of(verbTable().begin(), verbTable().end(), isMeant))
      return unknownVerb(options.operands[0]);
  }
  return std::nullopt;
}

Status checkContradictions(const Options &options) {
  auto both = [&](const char *a, const char *b, const char *why) -> Status {
    if (options.has(a) && options.has(b))
      return usage(dashed(a) + " and " + dashed(b) + " contradict each other: " + why, "give one of them");
    return std::nullopt;
  };
  if (Status failure = both("quiet", "json", "one prints nothing, the other JSON"))
    return failure;
  if (options.verb == Verb::Compile)
    if (Status failure = both("stop-after", "o", "a compilation that stops early makes no plan"))
      return failure;
  if (options.has("output-format") && !options.has("output-dir"))
    return usage("--output-format says how outputs are written, but none are", "add --output-dir FOLDER");
  for (const auto &[input, shape] : options.shapes)
    if (options.values.count(input))
      return usage("--shape and --value contradict each other: both bind the input '" + input + "'", "give one of them");
  for (const auto &[input, output] : options.states)
    if (options.values.count(input))
      return usage("--state and --value contradict each other: both bind the input '" + input + "'", "give one of them");
  if (options.has("json") && options.has("format") && options.format != "json")
    return usage("--json and --format " + options.format + " contradict each other", "give one of them");
  return std::nullopt;
}

} // namespace

Result<Options> parseOptions(const std::vector<std::string> &commandLine) {
  std::vector<std::string> arguments = commandLine;
  auto verb = takeVerb(arguments);
  if (!verb)
    return verb.takeFailure();
  Options options;
  options.verb = *verb;
  bool onlyOperands = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (onlyOperands || argument.size() < 2 || argument[0] != '-') {
      options.operands.push_back(argument);
      continue;
    }
    if (argument == "--") {
      onlyOperands = true;
      continue;
    }
    bool isLong = argument[1] == '-';
    size_t equals = argument.find('=');
    std::string name = argument.substr(isLong ? 2 : 1, equals == std::string::npos ? equals : equals - (isLong ? 2 : 1));
    if ((isLong && name == "help") || (!isLong && name == "h")) {
      options.operands = {std::string(tools::name(options.verb))};
      options.verb = Verb::Help;
      return options;
    }
    const OptionRow *row = find(name);
    if (!row || isLong != (name.size() > 1))
      return unknownOption(argument, name, options.verb);
    if (!isOf(*row, options.verb))
      return foreignOption(*row, options.verb);
    bool isSwitch = !*row->argument;
    if (isSwitch && equals != std::string::npos)
      return usage(dashed(name) + " takes no value");
    std::string value;
    if (!isSwitch && equals != std::string::npos)
      value = argument.substr(equals + 1);
    else if (!isSwitch && i + 1 < arguments.size())
      value = arguments[++i];
    else if (!isSwitch)
      return usage(dashed(name) + " needs a value", "write " + dashed(name) + " " + row->argument);
    if (!options.given.insert(name).second && !row->isRepeatable)
      return usage(dashed(name) + " is given twice", "give it once");
    if (*row->later)
      return Failure{ErrorCode::Unsupported, dashed(name) + " belongs to " + row->later +
                     ", which this version of ampc does not have yet", {}, "leave the option out"};
    if (Status failure = storeValue(options, *row, value))
      return *failure;
  }
  if (Status failure = checkOperands(options))
    return *failure;
  if (Status failure = checkContradictions(options))
    return *failure;
  return options;
}

Status refuseCompileOptions(const Options &options, const std::string &planPath) {
  for (const OptionRow &row : optionTable())
    if (row.decides && options.has(row.name))
      return Failure{ErrorCode::Usage, dashed(row.name) + " decides how a model is compiled, but this is a plan",
                     {{"plan", planPath}}, "leave the option out, or give the model instead of the plan"};
  return std::nullopt;
}

std::string helpText(const Options &options) {
  std::string text;
  auto line = [&](const std::string &left, const std::string &right) {
    text += "  " + left + std::string(left.size() < 28 ? 28 - left.size() : 1, ' ') + right + "\n";
  };
  const VerbRow *verb = nullptr;
  for (const VerbRow &row : verbTable())
    if (!options.operands.empty() && options.operands[0] == row.name)
      verb = &row;
  if (!verb || verb->verb == Verb::Help) {
    text = "ampc takes an ONNX model and makes a plan that executes it on several devices.\n\n";
    for (const VerbRow &row : verbTable()) {
      std::string form = row.verb == Verb::Compile ? row.operands : std::string(row.name) + " " + row.operands;
      line("ampc " + form, row.help);
    }
    return text + "\n`ampc help VERB` lists the options of a verb. Example:\n\n"
                  "  ampc model.onnx --devices 4\n"
                  "  ampc run model.plan --input x=x.npy --output-dir out\n"
                  "  ampc verify model.plan\n";
  }
  bool isCompile = verb->verb == Verb::Compile;
  text = "ampc " + (isCompile ? "" : std::string(verb->name) + " ") + verb->operands + "\n  " + verb->help + "\n\n";
  for (const OptionRow &row : optionTable())
    if (std::strchr(row.verbs, verb->letter))
      line(dashed(row.name) + (*row.argument ? " " + std::string(row.argument) : ""),
           std::string(row.help) + (*row.later ? " (a later version)" : ""));
  return text;
}

} // namespace ampc::tools
