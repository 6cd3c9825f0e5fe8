// Imports the stored model and points its weights at the stretches of the plan file (or of external files) that hold
// them; both are named alike, because the plan's weights got their names from the same import.
#include "tools/stored_model.h"

#include "ir/diagnostic.h"
#include "runtime/plan/file_format.h"
#include "runtime/plan/plan_file.h"

#include <cstring>
#include <fstream>
#include <map>

namespace ampc::tools {

/// Where the section with the weights begins. The plan was opened before, so that the header is sound.
static uint64_t blobSectionOffset(const std::string &planPath) {
  plan::FileHeader header;
  char bytes[sizeof header] = {};
  std::ifstream(planPath, std::ios::binary).read(bytes, sizeof bytes);
  std::memcpy(&header, bytes, sizeof header);
  for (const plan::SectionEntry &section : header.sections)
    if (section.kind == uint32_t(plan::SectionKind::Blobs))
      return section.offsetBytes;
  return 0;
}

llvm::Expected<ImportedModel> importStoredModel(mlir::MLIRContext &context, const std::string &planPath,
                                                const std::string &weightsFolder, const ImportOptions &options) {
  plan::OpenOptions open;
  open.weightsDirectory = weightsFolder;
  std::unique_ptr<plan::PlanFile> file;
  if (plan::Status error = plan::PlanFile::open(planPath, open, file))
    return makeError(ErrorCode::InvalidPlan, error->message, error->fields);
  std::span<const std::byte> stored = file->model();
  if (stored.empty())
    return makeError(ErrorCode::InvalidPlan, "the plan does not hold its model", {}, "compile the model again");
  llvm::Expected<ImportedModel> model = importStripped(
      context, std::string(reinterpret_cast<const char *>(stored.data()), stored.size()), options);
  if (!model)
    return model;

  size_t slash = planPath.rfind('/');
  std::string planFolder = slash == std::string::npos ? "." : planPath.substr(0, slash);
  std::string folder = weightsFolder.empty() ? planFolder : weightsFolder;
  uint64_t sectionOffset = blobSectionOffset(planPath);
  std::map<std::string, const plan::Blob *> blobs;
  for (const plan::Blob &blob : file->plan().blobs)
    blobs[blob.name] = &blob;
  for (WeightReference &weight : model->weights.weights) {
    auto blob = blobs.find(weight.name);
    if (!weight.bytes.empty() || blob == blobs.end() || blob->second->sizeBytes != weight.sizeBytes)
      continue; // known already, or nothing reads it
    bool isExternal = !blob->second->externalFile.empty();
    weight.file = isExternal ? folder + "/" + blob->second->externalFile : planPath;
    weight.fileOffset = blob->second->fileOffset + (isExternal ? 0 : sectionOffset);
  }
  return model;
}

} // namespace ampc::tools
