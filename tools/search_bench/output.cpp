// What both commands print and write.
#include "commands.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/resource.h>
#include <sys/stat.h>

namespace ampc::search_bench {

int reportReadError(const search::ReadError &error) {
  std::fprintf(stderr, "search_bench: error: %s\n", error.message.c_str());
  return error.kind == search::ReadError::Kind::FileSystem ? 6 : 3;
}

bool ResultFile::open(const std::string &path) {
  if (path.empty())
    return true;
  target = path;
  // A device or a pipe cannot be replaced, only written to.
  struct stat found {};
  bool replace = ::stat(path.c_str(), &found) != 0 || S_ISREG(found.st_mode);
  temporary = replace ? path + ".part" : path;
  file = std::fopen(temporary.c_str(), "w");
  return file || fail();
}

bool ResultFile::write(const std::string &text) {
  if (target.empty())
    return true;
  bool good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  good = std::fclose(file) == 0 && good;
  file = nullptr;
  if (good && temporary != target)
    good = std::rename(temporary.c_str(), target.c_str()) == 0;
  if (!good)
    return fail();
  target.clear();
  return true;
}

bool ResultFile::fail() {
  std::fprintf(stderr, "search_bench: error: cannot write '%s': %s\n", target.c_str(), std::strerror(errno));
  return false;
}

ResultFile::~ResultFile() {
  if (file)
    std::fclose(file);
  if (!target.empty() && temporary != target)
    std::remove(temporary.c_str());
}

std::string quoted(const std::string &text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", c);
      result += code;
    } else {
      result += c;
    }
  }
  return result + '"';
}

long peakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024L;
}

double searchLimit(double timeLimitSeconds) {
  if (timeLimitSeconds <= 0)
    return 0;
  double reserve = std::min(0.1 + 0.01 * timeLimitSeconds, 0.2 * timeLimitSeconds);
  return timeLimitSeconds - std::min(reserve, 1.0);
}

} // namespace ampc::search_bench
