// Operators of a runtime's own domain: ONNX has no schema for them, so their operands are checked here.
#pragma once

#include "ir/op_table.h"

namespace ampc {

/// `import` behind a check of the operands, a letter for each: T a float, of one type for all of them, I an i32 or i64;
/// lower case: may be absent.
ImportFn contributed(std::string operands, ImportFn import);

} // namespace ampc
