// Links object files into one shared object with lld, in process.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace ampc::codegen {

/// A library that the shared object needs at load time, known by name alone: the build machine's copy is not
/// read.
struct NeededLibrary {
  std::string soname;
  llvm::SmallVector<char, 0> importObject; // object that defines the symbols taken from it
};

/// One link runs at a time. The bytes depend only on the arguments.
llvm::Expected<std::vector<char>> linkSharedObject(llvm::ArrayRef<llvm::SmallVector<char, 0>> objects,
                                                   llvm::ArrayRef<NeededLibrary> needed);

} // namespace ampc::codegen
