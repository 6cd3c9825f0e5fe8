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

static std::string tableText(const std::vector<OperatorRow> &rows) {
  std::string text = "  operator                        versions  becomes\n";
  char line[256];
  for (const OperatorRow &row : rows) {
    std::string name = row.domain.empty() ? row.name : row.domain + "." + row.name;
    std::snprintf(line, sizeof line, "  %-30s  %-8s  %s\n", fitted(name, 30).c_str(), versionsText(row).c_str(),
                  fitted(row.lowersTo, 36).c_str());
    text += line;
  }
  std::snprintf(line, sizeof line, "\n%zu rows. Operators without a row are inlined through their ONNX function, if "
                "they\nhave one.\n", rows.size());
  return text + line;
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
    for (const OperatorRow &row : rows)
      list.push_back({{"domain", row.domain},
                      {"name", row.name},
                      {"versions", versionsText(row)},
                      {"becomes", row.lowersTo}});
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
