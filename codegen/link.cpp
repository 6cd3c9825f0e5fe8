// lld wants files: they live in a private folder that is removed at once.
#include "codegen/link.h"
#include "ir/diagnostic.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

using namespace llvm;

LLD_HAS_DRIVER(elf)

namespace ampc::codegen {

static Error writeFile(StringRef path, ArrayRef<char> bytes) {
  std::error_code code;
  raw_fd_ostream stream(path, code);
  if (!code) {
    stream.write(bytes.data(), bytes.size());
    stream.close();
    code = stream.error();
  }
  if (!code)
    return Error::success();
  stream.clear_error();
  return makeError(ErrorCode::FileSystem, "cannot write a temporary file: " + code.message());
}

static Error runLinker(ArrayRef<std::string> arguments) {
  SmallVector<const char *> raw;
  for (const std::string &argument : arguments)
    raw.push_back(argument.c_str());
  std::string output, errors;
  raw_string_ostream outputStream(output), errorStream(errors);
  lld::Result result = lld::lldMain(raw, outputStream, errorStream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return makeError(ErrorCode::Internal, "the linker failed: " + StringRef(errors).rtrim());
  return Error::success();
}

Expected<std::vector<char>> linkSharedObject(ArrayRef<SmallVector<char, 0>> objects,
                                             ArrayRef<NeededLibrary> needed) {
  static std::mutex oneAtATime;
  std::lock_guard<std::mutex> lock(oneAtATime);
  SmallString<128> folder;
  if (std::error_code code = sys::fs::createUniqueDirectory("ampc-link", folder))
    return makeError(ErrorCode::FileSystem, "cannot create a temporary folder: " + code.message());
  scope_exit cleanUp([&] { sys::fs::remove_directories(folder); });
  auto path = [&](const Twine &name) {
    SmallString<128> result(folder);
    sys::path::append(result, name);
    return result.str().str();
  };
  // One thread: the caller's threads are its own business, and the result must not depend on them.
  std::vector<std::string> common = {
      "ld.lld",      "-shared", "--strip-all", "--build-id=none", "--threads=1", "--hash-style=gnu", "-z",
      "noexecstack", "-z",      "now"};
  std::vector<std::string> arguments = common;
  std::string output = path("kernels.so");
  arguments.insert(arguments.end(), {"-Bsymbolic", "-o", output});
  for (size_t k = 0; k < objects.size(); ++k) {
    arguments.push_back(path(Twine(k) + ".o"));
    if (Error error = writeFile(arguments.back(), objects[k]))
      return error;
  }
  arguments.push_back("--as-needed");
  for (size_t k = 0; k < needed.size(); ++k) {
    std::string importObject = path("import" + Twine(k) + ".o"), library = path("import" + Twine(k) + ".so");
    if (Error error = writeFile(importObject, needed[k].importObject))
      return error;
    std::vector<std::string> importArguments = common;
    importArguments.insert(importArguments.end(), {"-soname", needed[k].soname, "-o", library, importObject});
    if (Error error = runLinker(importArguments))
      return error;
    arguments.push_back(library);
  }
  arguments.push_back("--no-undefined");
  if (Error error = runLinker(arguments))
    return error;
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(output, false, false);
  if (!buffer)
    return makeError(ErrorCode::FileSystem, "cannot read what was linked: " + buffer.getError().message());
  return std::vector<char>((*buffer)->getBufferStart(), (*buffer)->getBufferEnd());
}

} // namespace ampc::codegen
