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

/// Why there are stages, and how long each waits for the others.
static std::string pipelineText(const PlanFacts &facts) {
  auto pipeline = facts.decisions.find("pipeline");
  if (pipeline == facts.decisions.end() || !pipeline->is_object())
    return "";
  const char *bubble = facts.plan->entry.slots > 1 ? "bubble_in_flight" : "bubble_alone";
  std::string text = pipeline->value("reason", std::string()) + "; bubbles";
  size_t shown = 0;
  const Json stages = pipeline->value("stages", Json::array());
  for (const Json &stage : stages)
    if (stage.is_object() && shown++ < 16)
      text += print(" %.0f %%", stage.value(bubble, 0.0) * 100);
  return "  pipeline     " + wrapped(text).substr(15);
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
    bool isTransfer = entry.axes.starts_with("stage"); // names its stages itself
    if (facts.plan->stages.size() > 1 && !isTransfer)
      what += print(", stage %u", entry.stage);
    text += (text.empty() ? "  collectives  " : "               ") + fitted(what, 34) + ", " +
            bytesText(entry.bytesPerDevice) + " a device, " + secondsText(entry.seconds) + "\n";
  }
  return text;
}

/// How much communication costs no time, on the device that communicates most.
static std::string overlapText(const PlanFacts &facts) {
  const DeviceFacts *most = nullptr;
  double hiddenSeconds = 0;
  for (const DeviceFacts &device : facts.devices) {
    hiddenSeconds += device.hiddenSeconds;
    if (!most || device.communicationSeconds > most->communicationSeconds)
      most = &device;
  }
  if (hiddenSeconds == 0)
    return "";
  return "  overlap      " + secondsText(most->hiddenSeconds) + " of " + secondsText(most->communicationSeconds) +
         print(" communication hidden (device %u)\n", most->id);
}

std::string summaryText(const PlanFacts &facts) {
  const plan::Plan &plan = *facts.plan;
  std::string text = decisionText(facts) + pipelineText(facts) + timeText(facts);
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
    text += collectiveText(facts) + overlapText(facts);
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

/// The loops that a decision splits, "nothing" without any.
static std::string splitText(const Json &decision) {
  std::string text;
  const Json loops = decision.value("loops", Json::array());
  if (loops.is_array())
    for (const Json &loop : loops)
      if (loop.is_object())
        text += (text.empty() ? "" : " ") + loop.value("name", std::string("?"));
  return text.empty() ? "nothing" : text;
}

/// The decisions that matter most: groups of equal operators by what their runner-up would cost more.
static std::string runnerUpTable(const PlanFacts &facts) {
  auto groups = facts.decisions.find("groups"), operators = facts.decisions.find("operators");
  if (groups == facts.decisions.end() || !groups->is_array() || operators == facts.decisions.end() ||
      !operators->is_array() || facts.devices.size() < 2)
    return "";
  struct Row {
    double totalSeconds, extraSeconds; // of the group, of one operator
    std::string name, chosen, other;
  };
  std::vector<Row> rows;
  for (const Json &group : *groups) {
    if (!group.is_object() || !group.contains("runner_up") || !group["runner_up"].is_object())
      continue;
    const Json members = group.value("operators", Json::array());
    if (!members.is_array() || members.empty() || !members[0].is_number_unsigned() ||
        members[0].get<size_t>() >= operators->size())
      continue;
    const Json &first = (*operators)[members[0].get<size_t>()];
    double extra = group["runner_up"].value("extra_seconds", 0.0);
    if (!first.is_object() || !(extra > 0))
      continue;
    std::string name = first.value("name", std::string("?"));
    if (members.size() > 1)
      name += print(" and %zu more", members.size() - 1);
    rows.push_back({extra * double(members.size()), extra, name, splitText(first), splitText(group["runner_up"])});
  }
  if (rows.empty())
    return "";
  size_t shown = std::min<size_t>(rows.size(), 8);
  std::stable_sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) { return a.totalSeconds > b.totalSeconds; });
  std::string text = "\n  decision                           splits        next best    each costs +\n";
  for (size_t i = 0; i < shown; ++i)
    text += print("  %-33s  %-12s  %-12s  %12s\n", fitted(rows[i].name, 33).c_str(), fitted(rows[i].chosen, 12).c_str(),
                  fitted(rows[i].other, 12).c_str(), secondsText(rows[i].extraSeconds).c_str());
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

/// In which form recurrences are, where there was a choice.
static std::string recurrenceText(const PlanFacts &facts) {
  auto recurrences = facts.decisions.find("recurrences");
  if (recurrences == facts.decisions.end() || !recurrences->is_object())
    return "";
  auto countOf = [&](const char *form) {
    auto list = recurrences->find(form);
    return list != recurrences->end() && list->is_array() ? list->size() : size_t(0);
  };
  return print("  recurrences  %zu whole, %zu unrolled over time\n", countOf("whole"), countOf("unrolled"));
}

/// Who executes products and convolutions that the library and generated code could both execute, and what the choice
/// saves by their prices.
static std::string executorText(const PlanFacts &facts) {
  auto executors = facts.decisions.find("executors");
  if (executors == facts.decisions.end() || !executors->is_array())
    return "";
  std::string text;
  for (const auto &[kind, label] : {std::pair("product", "products"), std::pair("convolution", "convolutions")}) {
    std::string line;
    for (const Json &entry : *executors) {
      if (!entry.is_object() || entry.value("kind", std::string()) != kind)
        continue;
      const bool isLibrary = entry.value("executor", std::string()) == "library";
      const double saved = entry.value("generated_seconds", 0.0) - entry.value("library_seconds", 0.0);
      line += (line.empty() ? "" : ", ") +
              print("%llu ", (unsigned long long)entry.value("count", uint64_t(0))) +
              (isLibrary ? "by oneDNN" : "generated") + " (saves " +
              secondsText(std::max(isLibrary ? saved : -saved, 0.0)) + ")";
    }
    if (!line.empty())
      text += print("  %-12s ", label) + line + "\n";
  }
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
    if (std::string form = candidate.value("recurrences", std::string()); !form.empty())
      strategy += ", recurrences " + form;
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
  text += "\n\n" + summaryText(facts) + recurrenceText(facts) + executorText(facts) + deviceTable(facts) + kernelTable(facts);
  text += candidateTable(facts) + runnerUpTable(facts);
  return text + tensorTable(facts);
}

} // namespace ampc::tools
