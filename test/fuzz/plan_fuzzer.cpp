// libFuzzer target for plans. The first byte chooses: 0: the rest is a whole plan file; else the rest is the
// metadata of a file whose header and hashes are right, so that decoder, checks and executor see damage that
// hashes would hide. A plan that passes the checks is executed (its kernels can only be builtin ones).
#include "runtime/execute/session.h"
#include "runtime/plan/file_format.h"
#include "runtime/plan/hash.h"

#include <cstdlib>
#include <cstring>

using namespace ampc;

namespace {
constexpr uint64_t smallBytes = 1 << 20;

std::string wholeFile(const uint8_t *metadata, size_t sizeBytes) {
  std::string file(sizeof(plan::FileHeader), '\0');
  plan::FileHeader header;
  std::memcpy(header.magic, plan::fileMagic, sizeof header.magic);
  header.version = plan::fileVersion;
  header.sectionCount = plan::numSections;
  const std::string contents[plan::numSections] = {
      std::string(64, '\1'), "", "model", std::string(reinterpret_cast<const char *>(metadata), sizeBytes)};
  for (uint32_t i = 0; i < plan::numSections; ++i) {
    file.resize((file.size() + plan::sectionAlignmentBytes - 1) / plan::sectionAlignmentBytes *
                plan::sectionAlignmentBytes);
    header.sections[i] = {i + 1, 0, file.size(), contents[i].size(),
                          plan::hashBytes(contents[i].data(), contents[i].size())};
    file += contents[i];
  }
  header.fileBytes = file.size();
  header.headerHash = plan::hashBytes(&header, sizeof header);
  std::memcpy(file.data(), &header, sizeof header);
  return file;
}

bool isSmall(const plan::Plan &plan) {
  uint64_t bytes = 0;
  auto add = [&](const std::vector<plan::Tensor> &tensors) {
    for (const plan::Tensor &tensor : tensors) {
      uint64_t elements = 1;
      for (int64_t size : tensor.shape)
        elements =
            std::min<uint64_t>(elements * uint64_t(std::min<int64_t>(size, int64_t(smallBytes))), smallBytes);
      bytes += elements * 8;
    }
  };
  add(plan.entry.inputs);
  add(plan.entry.outputs);
  return bytes < smallBytes && plan.ranks.size() <= 4 && plan.threadsPerDevice <= 2;
}

void execute(std::unique_ptr<plan::PlanFile> file) {
  SessionOptions options;
  options.memoryLimitBytes = smallBytes;
  options.deadlineSeconds = 5;
  std::unique_ptr<Session> session;
  if (Session::open(std::move(file), options, session))
    return;
  std::vector<std::vector<std::byte>> memory;
  auto views = [&](const std::vector<plan::Tensor> &tensors) {
    std::vector<TensorView> result;
    for (const plan::Tensor &tensor : tensors) {
      int64_t elements = 1;
      for (int64_t size : tensor.shape)
        elements *= size;
      const uint64_t bytes = uint64_t(sizeBytes(tensor.type, elements));
      memory.emplace_back(bytes + 1);
      result.push_back({memory.back().data(), bytes, tensor.type});
    }
    return result;
  };
  std::shared_ptr<Request> request;
  if (!session->submit(views(session->plan().entry.inputs), views(session->plan().entry.outputs), request))
    session->wait(*request, -1);
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const std::string bytes = data[0] ? wholeFile(data + 1, size - 1)
                                    : std::string(reinterpret_cast<const char *>(data + 1), size - 1);
  std::unique_ptr<void, decltype(&std::free)> aligned(std::aligned_alloc(64, (bytes.size() / 64 + 1) * 64),
                                                      &std::free);
  std::memcpy(aligned.get(), bytes.data(), bytes.size());
  plan::OpenOptions options;
  options.openWeights = false;
  std::unique_ptr<plan::PlanFile> file;
  if (plan::PlanFile::openMemory({static_cast<const std::byte *>(aligned.get()), bytes.size()}, options,
                                 file))
    return 0;
  for (const plan::Blob &blob : file->plan().blobs)
    if (!blob.externalFile.empty())
      return 0; // not opened, so there is nothing to execute on
  if (isSmall(file->plan()))
    execute(std::move(file));
  return 0;
}
