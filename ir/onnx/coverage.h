// Which ONNX operators are imported, and how: derived from the op table and ONNX's schemas, for `ampc ops`.
#pragma once

#include "runtime/plan/data_type.h"

#include <string>
#include <vector>

namespace ampc {

struct OperatorCoverage {
  std::string domain, name;
  int firstVersion = 1, lastVersion = 1 << 20; // since_versions
  std::vector<DataType> types;                 // of the first operand, as far as ampc has them
  /// "row": one dialect operator; "expanded": several, which kernels fuse again; "inlined": ONNX's own function.
  std::string form;
  std::string becomes; // dialect operators; empty for inlined ones
  /// Loops of the dialect operator that may be split over devices, those that leave partial results in parentheses;
  /// empty where attributes or parts decide.
  std::string loops;
};

/// In the order of the table, then the inlined ones by name.
std::vector<OperatorCoverage> operatorCoverage();

} // namespace ampc
