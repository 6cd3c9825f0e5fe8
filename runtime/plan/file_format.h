// The outer layout of a plan file: a fixed header with a table of sections. All numbers little-endian. The
// sections' contents are described in docs/plan_format.md.
//
//   header | section 0 | ... | section n-1        every section begins at a multiple of sectionAlignmentBytes
#pragma once

#include <cstdint>

namespace ampc::plan {

inline constexpr char fileMagic[8] = {'A', 'M', 'P', 'C', 'P', 'L', 'A', 'N'};
inline constexpr uint32_t fileVersion = 1;
inline constexpr uint64_t sectionAlignmentBytes = 4096;
/// Of every blob within its section, so that kernels may rely on it.
inline constexpr uint64_t blobAlignmentBytes = 64;
inline constexpr uint64_t maxMetadataBytes = uint64_t(1) << 30;

enum class SectionKind : uint32_t {
  Blobs = 1,    // weights, constants; padding between them is zero
  Kernels = 2,  // one ELF shared object, empty when the plan has no generated kernels
  Model = 3,    // the ONNX model without its weights; the executor never reads it
  Metadata = 4, // plan.proto
};
inline constexpr uint32_t numSections = 4;

struct SectionEntry {
  uint32_t kind = 0;
  uint32_t reserved = 0; // 0
  uint64_t offsetBytes = 0, sizeBytes = 0;
  uint64_t hash = 0; // of the sizeBytes bytes
};

struct FileHeader {
  char magic[8] = {};
  uint32_t version = 0;
  uint32_t sectionCount = 0; // numSections
  uint64_t fileBytes = 0;
  uint64_t headerHash = 0; // of this struct with headerHash = 0
  SectionEntry sections[numSections];
};
static_assert(sizeof(SectionEntry) == 32 && sizeof(FileHeader) == 32 + 32 * numSections);

} // namespace ampc::plan
