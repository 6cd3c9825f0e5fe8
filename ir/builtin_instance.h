// The plan kernel that executes an instance of a Builtin row: types, shapes and attributes taken over as they
// stand.
#pragma once

#include "ir/op_table.h"
#include "runtime/plan/plan.h"

namespace ampc {

/// For rows of OpClass::Builtin only. The shapes are the instance's own, so a local instance gives a local
/// kernel.
plan::Kernel builtinKernelOf(const OpInstance &instance);

} // namespace ampc
