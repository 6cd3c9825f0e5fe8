// Dumps are written under a temporary name first: what has a final name is complete.
#include "passes/stage_dumps.h"

#include "ir/diagnostic.h"
#include "passes/passes.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace ampc {

llvm::Error StageDumps::reached(ModuleOp module, StringRef stage, bool dump) {
  if (llvm::Error error = verifyStage(module, stage))
    return error;
  bool isWanted = dump && !stopped;
  stopped |= dump && stage == stopAfter;
  if (!isWanted)
    return llvm::Error::success();
  return write(stage, "mlir", [&](llvm::raw_ostream &os) { module.print(os); });
}

llvm::Error StageDumps::write(StringRef stage, StringRef extension,
                              llvm::function_ref<void(llvm::raw_ostream &)> print) {
  if (folder.empty())
    return llvm::Error::success();
  if (std::error_code error = llvm::sys::fs::create_directories(folder))
    return makeError(ErrorCode::FileSystem, "cannot create the dump folder: " + error.message(),
                     {{"folder", folder}});
  SmallString<128> path(folder);
  std::string number = std::to_string(next++);
  llvm::sys::path::append(path, (number.size() < 2 ? "0" : "") + number + "_" + stage + "." + extension);
  // A dump gets its name when it is complete.
  const std::string temporary = (path + ".partial-" + std::to_string(llvm::sys::Process::getProcessId())).str();
  std::error_code error;
  {
    llvm::raw_fd_ostream os(temporary, error);
    if (!error) {
      print(os);
      os.close();
      error = os.error();
      os.clear_error(); // the stream ends the process when it goes with an error
    }
  }
  if (!error)
    error = llvm::sys::fs::rename(temporary, path);
  if (!error)
    return llvm::Error::success();
  llvm::sys::fs::remove(temporary);
  return makeError(ErrorCode::FileSystem, "cannot write a dump: " + error.message(), {{"file", path.str().str()}},
                   error == std::errc::no_space_on_device ? "free some space, or dump to another file system" : "");
}

} // namespace ampc
