// One row per option: its name, the verbs that know it, its argument, its help.
#pragma once

#include "tools/options.h"

#include <string_view>

namespace ampc::tools {

struct OptionRow {
  const char *name;     // without dashes; one letter means one dash
  const char *argument; // empty: a switch
  const char *verbs;    // one letter each: c compile, p plan, r run, t train, v verify, s report (show), e explain,
                        // b bench, m probe (measure), o ops, d doctor
  const char *help;
  bool isRepeatable = false;
  bool decides = false; // decides how a model is compiled: contradicts a plan
  const char *later = ""; // what it belongs to, if that is not there yet
};

struct VerbRow {
  Verb verb;
  char letter;
  const char *name, *operands, *help;
  int minOperands, maxOperands;
};

const std::vector<OptionRow> &optionTable();
const std::vector<VerbRow> &verbTable();
const VerbRow &rowOf(Verb verb);

} // namespace ampc::tools
