// Prints failures, translates those of plan reader and runtime, and finds what a misspelt word meant.
#include "tools/failure.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace ampc::tools {

static ErrorCode codeOf(plan::ErrorCode code) {
  switch (code) {
  case plan::ErrorCode::Usage:
    return ErrorCode::Usage;
  case plan::ErrorCode::Invalid:
    return ErrorCode::InvalidPlan;
  case plan::ErrorCode::Unsupported:
    return ErrorCode::Unsupported;
  case plan::ErrorCode::Infeasible:
    return ErrorCode::Infeasible;
  case plan::ErrorCode::FileSystem:
    return ErrorCode::FileSystem;
  case plan::ErrorCode::Execution:
  case plan::ErrorCode::Cancelled:
    return ErrorCode::Execution;
  case plan::ErrorCode::Internal:
    return ErrorCode::Internal;
  }
  return ErrorCode::Internal;
}

static std::string remedyOf(plan::ErrorCode code) {
  switch (code) {
  case plan::ErrorCode::Invalid:
    return "compile the model again";
  case plan::ErrorCode::Unsupported:
    return "compile the model on this machine, or with --target-cpu for it; `ampc doctor` shows what it offers";
  case plan::ErrorCode::Infeasible:
    return "raise --memory-limit, or compile for more devices";
  case plan::ErrorCode::Internal:
    return "this is a bug in ampc: please report it with the command line and the plan";
  default:
    return "";
  }
}

Failure failureOf(const plan::Error &error, Facts facts) {
  Failure failure{codeOf(error.code), error.message, std::move(facts), remedyOf(error.code)};
  for (const auto &[name, value] : error.fields) {
    bool isKnown = std::any_of(failure.facts.begin(), failure.facts.end(),
                               [&, &key = name](const auto &fact) { return fact.first == key; });
    if (!isKnown)
      failure.facts.emplace_back(name, value);
  }
  return failure;
}

/// Control characters of names that come from files would garble a terminal.
static std::string printable(const std::string &text) {
  std::string result;
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      result += '?';
    else
      result += c;
  }
  return result;
}

int print(const Failure &failure) {
  std::string sentence = printable(failure.sentence);
  while (!sentence.empty() && sentence.back() == '.')
    sentence.pop_back();
  std::fflush(stdout);
  std::string text = "ampc: error AMPC-" + std::to_string(int(failure.code)) + ": " + sentence + "\n";
  for (const auto &[name, value] : failure.facts)
    text += "  " + name + ": " + printable(value) + "\n";
  std::string remedy = failure.remedy;
  if (remedy.empty() && exitCode(failure.code) == 1)
    remedy = "this is a bug in ampc: please report it with the command line and, if possible, the model";
  if (!remedy.empty())
    text += "remedy: " + printable(remedy) + "\n";
  std::fputs(text.c_str(), stderr);
  return exitCode(failure.code);
}

static size_t editDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t(0));
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string closest(const std::string &text, const std::vector<std::string> &candidates) {
  std::string best;
  if (text.empty() || text.size() > 200)
    return best;
  size_t limit = text.size() / 3 + 1;
  for (const std::string &candidate : candidates) {
    if (candidate.size() == 1 || candidate.size() > 400)
      continue;
    size_t distance = editDistance(text, candidate);
    // A beginning of the word counts as close: --dev means --devices.
    if (text.size() >= 2 && candidate.compare(0, text.size(), text) == 0)
      distance = std::min<size_t>(distance, 1);
    if (distance <= limit) {
      best = candidate;
      limit = distance == 0 ? 0 : distance - 1;
      if (distance == 0)
        break;
    }
  }
  return best;
}

} // namespace ampc::tools
