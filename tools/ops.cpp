// `ampc ops`: which ONNX operators this version compiles, and into what.
#include "tools/compiler.h"
#include "tools/files.h"
#include "tools/summary.h"
#include "tools/verbs.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace ampc::tools {

static std::string versionsText(const OperatorRow &row) {
  if (row.lastVersion >= 1 << 20)
    return std::to_string(row.firstVersion) + "+";
  if (row.firstVersion == row.lastVersion)
    return std::to_string(row.firstVersion);
  return std::to_string(row.firstVersion) + "-" + std::to_string(row.lastVersion);
}

/// Element types in a few words: classes that are complete by one, others by name.
static std::string typesText(const std::vector<DataType> &types) {
  struct Class {
    const char *word;
    bool (*contains)(DataType);
  };
  static constexpr Class classes[] = {
      {"float", [](DataType type) { return isFloat(type); }},
      {"int", [](DataType type) { return isSignedInteger(type); }},
      {"uint", [](DataType type) { return isUnsignedInteger(type); }},
      {"bool", [](DataType type) { return type == DataType::Bool; }},
  };
  std::string text;
  for (const Class &each : classes) {
    size_t wanted = 0, found = 0;
    std::string names;
    for (int t = int(DataType::F64); t <= int(DataType::Bool); ++t) {
      bool has = std::find(types.begin(), types.end(), DataType(t)) != types.end();
      wanted += each.contains(DataType(t));
      found += has && each.contains(DataType(t));
      if (has && each.contains(DataType(t)))
        names += (names.empty() ? "" : " ") + std::string(name(DataType(t)));
    }
    if (found)
      text += (text.empty() ? "" : " ") + (found == wanted ? std::string(each.word) : names);
  }
  return text;
}

static std::string tableText(const std::vector<OperatorRow> &rows) {
  std::string text = "  operator                    versions  types                form      loops         becomes\n";
  char line[256];
  for (const OperatorRow &row : rows) {
    std::string name = row.domain.empty() ? row.name : row.domain + "." + row.name;
    std::snprintf(line, sizeof line, "  %-26s  %-8s  %-19s  %-8s  %-12s  %s\n", fitted(name, 26).c_str(),
                  versionsText(row).c_str(), fitted(typesText(row.types), 19).c_str(), row.form.c_str(),
                  row.loops.empty() ? "-" : fitted(row.loops, 12).c_str(), fitted(row.becomes, 30).c_str());
    text += line;
  }
  return text + "\nform: row = one operator of ours; expanded = several, fused into kernels again; inlined = through its ONNX\n"
                "function. types: of the first operand. loops: those of a typical case, or of its product, that may be\n"
                "split over devices; (k) leaves partial results; - : several parts, `ampc report --format json` lists\n"
                "them for a model, or a constant.\n";
}

Status runOps(const Options &options) {
  auto compiler = loadCompiler();
  if (!compiler)
    return compiler.takeFailure();
  std::vector<OperatorRow> rows = (*compiler)->operators();
  std::sort(rows.begin(), rows.end(), [](const OperatorRow &a, const OperatorRow &b) {
    return std::tie(a.domain, a.name, a.firstVersion) < std::tie(b.domain, b.name, b.firstVersion);
  });
  std::string text;
  if (options.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const OperatorRow &row : rows) {
      std::vector<std::string> types;
      for (DataType type : row.types)
        types.emplace_back(name(type));
      list.push_back({{"domain", row.domain},
                      {"name", row.name},
                      {"versions", versionsText(row)},
                      {"types", types},
                      {"form", row.form},
                      {"loops", row.loops},
                      {"becomes", row.becomes}});
    }
    text = dump(list) + "\n";
  } else {
    text = tableText(rows);
  }
  if (!options.outputFile.empty())
    return writeFileAtomically(options.outputFile, text);
  std::fputs(text.c_str(), stdout);
  return std::nullopt;
}

} // namespace ampc::tools
