// Brings the grids of a decision to the fewest axes that say the same.
#pragma once

#include "passes/decision.h"

namespace ampc {

/// Axes that no operator of a stage splits by are dropped (fewer devices then do the same), neighbouring axes that
/// always split together become one.
void simplifyGrid(Decision &decision);

} // namespace ampc
