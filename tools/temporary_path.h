// Names for files that exist only while a verb runs.
#pragma once

#include <string>

namespace ampc::tools {

/// A name in $TMPDIR (else /tmp) that nobody else uses, ending in `.extension`.
std::string temporaryPath(const std::string &extension);

} // namespace ampc::tools
