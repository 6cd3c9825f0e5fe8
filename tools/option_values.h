// Turns the text after an option into its field of Options.
#pragma once

#include "tools/option_table.h"

namespace ampc::tools {

/// Fails with Usage when `text` does not have the form that the option takes.
Status storeValue(Options &options, const OptionRow &row, const std::string &text);

} // namespace ampc::tools
