// Renders plans for people.
#include "tools/summary.h"
#include "tools/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <map>

namespace ampc::tools {

using Json = nlohmann::ordered_json;

static std::string print(const char *form, ...) __attribute__((format(printf, 1, 2)));
static std::string print(const char *form, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, form);
  std::vsnprintf(text, sizeof text, form, arguments);
  va_end(arguments);
  return text;
}

std::string secondsText(double seconds) {
  if (seconds >= 1)
    return print("%.3g s", seconds);
  if (seconds >= 1e-3)
    return print("%.3g ms", seconds * 1e3);
  return print("%.3g us", seconds < 1e-10 ? 0 : seconds * 1e6);
}

std::string bytesText(double bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit < 4) {
    bytes /= 1024;
    ++unit;
  }
  return print(unit == 0 ? "%.0f %s" : "%.3g %s", bytes, units[unit]);
}

/// Start of a character at or before `position`: names may hold any UTF-8.
static size_t boundary(const std::string &text, size_t position) {
  while (position > 0 && position < text.size() && (static_cast<unsigned char>(text[position]) & 0xc0) == 0x80)
    --position;
  return position;
}

std::string fitted(const std::string &text, size_t columns) {
  std::string clean = text;
  for (char &c : clean)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '?';
  if (clean.size() <= columns || columns < 8)
    return clean;
  size_t head = boundary(clean, (columns - 2) / 2);
  size_t tail = boundary(clean, clean.size() - (columns - 2 - (columns - 2) / 2));
  return clean.substr(0, head) + ".." + clean.substr(tail);
}

/// Lines of at most 80 columns that begin under the values of the summary.
static std::string wrapped(const std::string &text) {
  constexpr size_t columns = 65;
  std::string lines;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.size() - begin <= columns ? text.size() : text.rfind(' ', begin + columns);
    if (end == std::string::npos || end <= begin)
      end = boundary(text, begin + columns);
    lines += std::string(15, ' ') + text.substr(begin, end - begin) + "\n";
    begin = end < text.size() && text[end] == ' ' ? end + 1 : end;
  }
  return lines;
}

static std::string gridText(const Grid &grid) {
  std::string text;
  for (int64_t size : grid.axisSizes)
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text.empty() ? "1" : text;
}

/// What a grid axis splits: loops by how many operators split them, from the recorded decisions.
static std::string axisText(const Json &decisions, size_t stage, size_t axis) {
  auto operators = decisions.find("operators");
  if (operators == decisions.end() || !operators->is_array())
    return "";
  size_t total = 0, split = 0;
  std::map<std::string, size_t> loops;
  for (const Json &op : *operators) {
    if (!op.is_object() || op.value("stage", size_t(0)) != stage)
      continue;
    ++total;
    bool isSplit = false;
    for (const Json &loop : op.value("loops", Json::array())) {
      if (!loop.is_object())
        continue;
      for (const Json &used : loop.value("axes", Json::array()))
        if (used.is_number_unsigned() && used.get<size_t>() == axis) {
          isSplit = true;
          std::string kind = loop.value("kind", std::string("parallel"));
          ++loops[(kind == "parallel" ? "" : kind + " ") + loop.value("name", std::string("?"))];
        }
    }
    split += isSplit;
  }
  std::vector<std::pair<size_t, std::string>> order;
  for (const auto &[loop, count] : loops)
    order.emplace_back(count, loop);
  std::sort(order.rbegin(), order.rend());
  std::string text = print("splits %zu of %zu operators", split, total);
  for (size_t i = 0; i < order.size() && i < 3; ++i)
    text += (i == 0 ? ", by loop " : ", ") + order[i].second + print(" (%zu)", order[i].first);
  return text;
}

static std::string decisionText(const PlanFacts &facts) {
  const plan::Plan &plan = *facts.plan;
  std::string text;
  auto strategy = facts.decisions.find("strategy");
  if (strategy != facts.decisions.end() && strategy->is_string())
    text += "  strategy     " + fitted(strategy->get<std::string>(), 64) + "\n";
  for (size_t s = 0; s < plan.stages.size(); ++s) {
    const plan::Stage &stage = plan.stages[s];
    int64_t first = stage.firstRank, last = first + stage.grid.numDevices() - 1;
    std::string devices = first == last ? print("device %lld", (long long)first)
                                        : print("devices %lld-%lld", (long long)first, (long long)last);
    text += print("  stage %-6zu %s, grid %s\n", s, devices.c_str(), gridText(stage.grid).c_str());
    for (size_t axis = 0; axis < stage.grid.axisSizes.size(); ++axis)
      if (std::string what = axisText(facts.decisions, s, axis); !what.empty())
        text += wrapped(print("axis %zu ", axis) + what);
  }
  return text;
}

static std::string timeText(const PlanFacts &facts) {
  std::string text = "  step         " + secondsText(facts.stepSeconds) + " predicted";
  if (facts.devices.size() > 1 && facts.oneDeviceSeconds > 0 && facts.stepSeconds > 0)
    text += ", one device " + secondsText(facts.oneDeviceSeconds) +
            print(" (%.2fx)", facts.oneDeviceSeconds / facts.stepSeconds);
  text += "\n";
  if (facts.boundSeconds > 0)
    text += "  bound        " + secondsText(facts.boundSeconds) + print(", gap %.1f %%\n", facts.gap * 100);
  auto note = facts.decisions.find("note");
  if (note != facts.decisions.end() && note->is_string())
    text += "  note         " + wrapped(fitted(note->get<std::string>(), 400)).substr(15);
  return text;
}

static std::string collectiveText(const PlanFacts &facts) {
  if (facts.collectives.empty())
    return "  collectives  none\n";
  std::string text;
  for (const CollectiveFacts &entry : facts.collectives) {
    std::string what = print("%llu ", (unsigned long long)entry.count) + entry.kind;
    if (!entry.axes.empty())
      what += " over " + entry.axes;
    text += (text.empty() ? "  collectives  " : "               ") + fitted(what, 30) + ", " +
            bytesText(entry.bytesPerDevice) + " a device, " + secondsText(entry.seconds) + "\n";
  }
  return text;
}

std::string summaryText(const PlanFacts &facts) {
  const plan::Plan &plan = *facts.plan;
  std::string text = decisionText(facts) + timeText(facts);
  uint64_t most = 0, least = UINT64_MAX;
  for (const DeviceFacts &device : facts.devices) {
    most = std::max(most, device.bytes);
    least = std::min(least, device.bytes);
  }
  if (!facts.devices.empty()) {
    text += "  memory       " + bytesText(double(most)) + " on the fullest device";
    if (facts.devices.size() > 1)
      text += ", " + bytesText(double(least)) + " on the emptiest";
    text += "\n";
  }
  if (plan.memoryLimitBytes)
    text += "  limit        " + bytesText(double(plan.memoryLimitBytes)) + " a device\n";
  text += "  weights      " + bytesText(double(facts.memory.mappedBytes)) + "\n";
  if (facts.devices.size() > 1)
    text += collectiveText(facts);
  if (plan.entry.slots > 1)
    text += print("  in flight    %u requests, one every ", plan.entry.slots) +
            secondsText(facts.timeline.secondsPerRequest) + "\n";
  return text;
}

static std::string deviceTable(const PlanFacts &facts) {
  constexpr size_t shown = 32;
  std::string text = "\n  device  stage  kernels      memory        busy    exchange        wait\n";
  for (size_t i = 0; i < facts.devices.size() && i < shown; ++i) {
    const DeviceFacts &device = facts.devices[i];
    text += print("  %6u  %5u  %7llu  %10s  %10s  %10s  %10s\n", device.id, device.stage,
                  (unsigned long long)device.ops, bytesText(double(device.bytes)).c_str(),
                  secondsText(device.busySeconds).c_str(), secondsText(device.communicationSeconds).c_str(),
                  secondsText(device.waitSeconds).c_str());
  }
  if (facts.devices.size() > shown)
    text += print("  ... and %zu more (--format json shows all)\n", facts.devices.size() - shown);
  return text;
}

static std::string kernelTable(const PlanFacts &facts) {
  struct Row {
    double seconds;
    const plan::Step *step;
    size_t program;
  };
  const plan::Plan &plan = *facts.plan;
  std::vector<std::vector<double>> seconds = cost::predictSteps(plan, facts.cluster);
  std::vector<Row> rows;
  for (size_t p = 0; p < plan.programs.size() && p < seconds.size(); ++p)
    for (size_t s = 0; s < plan.programs[p].steps.size() && s < seconds[p].size(); ++s)
      if (plan.programs[p].role == plan::ProgramRole::Forward)
        rows.push_back({seconds[p][s], &plan.programs[p].steps[s], p});
  size_t shown = std::min<size_t>(rows.size(), 12);
  std::partial_sort(rows.begin(), rows.begin() + long(shown), rows.end(),
                    [](const Row &a, const Row &b) { return a.seconds > b.seconds; });
  std::string text = "\n  longest steps                                              program       time\n";
  for (size_t i = 0; i < shown; ++i)
    text += print("  %-46s  %18s  %9s\n",
                  fitted(std::string(plan::name(rows[i].step->kind)) + " " + rows[i].step->name, 46).c_str(),
                  fitted(plan.programs[rows[i].program].name, 18).c_str(), secondsText(rows[i].seconds).c_str());
  return text;
}

static std::string tensorTable(const PlanFacts &facts) {
  std::string text = "\n";
  auto add = [&](const char *role, const std::vector<plan::Tensor> &tensors) {
    for (size_t i = 0; i < tensors.size() && i < 16; ++i) {
      std::string shape = typeText(tensors[i].type, tensors[i].shape);
      text += print("  %-7s %-40s %s\n", role, fitted(tensors[i].name, 40).c_str(), fitted(shape, 28).c_str());
    }
    if (tensors.size() > 16)
      text += print("  ... and %zu more %ss\n", tensors.size() - 16, role);
  };
  add("input", facts.plan->entry.inputs);
  add("output", facts.plan->entry.outputs);
  for (const auto &[input, value] : facts.plan->entry.boundValues)
    text += "  bound   " + fitted(input + " = " + value, 70) + "\n";
  for (const plan::StateTensor &state : facts.plan->entry.states)
    text += "  state   " + fitted(state.input + " = " + state.output, 70) + "\n";
  return text;
}

static std::string candidateTable(const PlanFacts &facts) {
  auto candidates = facts.decisions.find("candidates");
  if (candidates == facts.decisions.end() || !candidates->is_array() || candidates->empty())
    return "";
  std::string text = "\n  considered                                              simulated\n";
  size_t shown = 0;
  for (const Json &candidate : *candidates) {
    if (!candidate.is_object() || ++shown > 10)
      continue;
    std::string strategy = candidate.value("strategy", std::string("?"));
    bool isPriced = candidate.contains("seconds") && candidate["seconds"].is_number();
    text += print("  %-54s  %9s\n", fitted(strategy, 54).c_str(),
                  isPriced ? secondsText(candidate["seconds"].get<double>()).c_str() : "-");
  }
  return text;
}

std::string reportText(const PlanFacts &facts) {
  const plan::Plan &plan = *facts.plan;
  std::string text = print("plan for %zu %s device%s by %s", plan.ranks.size(), plan.deviceKind.c_str(),
                           plan.ranks.size() == 1 ? "" : "s", plan.producer.c_str());
  if (!plan.targetCpu.empty())
    text += ", code for " + fitted(plan.targetCpu, 24);
  text += "\n\n" + summaryText(facts) + deviceTable(facts) + kernelTable(facts) + candidateTable(facts);
  return text + tensorTable(facts);
}

} // namespace ampc::tools
