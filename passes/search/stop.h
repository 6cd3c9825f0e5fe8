// How whatever takes long is told to end.
#pragma once

#include <functional>

namespace ampc::search {

/// Asked now and then; true means end with what there is. May be empty.
using Stop = std::function<bool()>;

} // namespace ampc::search
