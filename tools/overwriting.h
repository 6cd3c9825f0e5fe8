// A command must not write over what it reads: the user would be left without the model, plan or tensor.
#pragma once

#include "tools/options.h"

namespace ampc::tools {

/// Fails with Usage if a file that the command is going to write is one that it reads, by whatever path or link. Called
/// before a verb begins. What cannot be read is no matter of this check: the verb says it.
Status refuseOverwriting(const Options &options);

} // namespace ampc::tools
