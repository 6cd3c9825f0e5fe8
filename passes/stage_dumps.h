// Numbered files that show the module after each stage, and where --stop-after ends.
#pragma once

#include "ir/dialect.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <string>

namespace llvm {
class raw_ostream;
}

namespace ampc {

class StageDumps {
public:
  /// `folder`: empty for none. `stopAfter`: a stage, or empty.
  StageDumps(std::string folder, std::string stopAfter) : folder(std::move(folder)), stopAfter(std::move(stopAfter)) {}

  /// Verifies the border after `stage`; with `dump` writes the file, unless an earlier stage was the last wanted one.
  llvm::Error reached(mlir::ModuleOp module, llvm::StringRef stage, bool dump);
  /// FOLDER/NN_STAGE.EXTENSION with what `print` writes: complete or not at all.
  llvm::Error write(llvm::StringRef stage, llvm::StringRef extension,
                    llvm::function_ref<void(llvm::raw_ostream &)> print);

  /// The stage of --stop-after has been reached.
  bool hasStopped() const { return stopped; }
  /// Number of the next file; set back when stages are gone through again.
  int next = 0;

private:
  std::string folder, stopAfter;
  bool stopped = false;
};

} // namespace ampc
