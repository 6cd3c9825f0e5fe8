// Writes a plan file: metadata by the generated Protocol Buffers code, kernels, the stripped model, and the
// weights streamed from their source. Equal contents give equal bytes.
#pragma once

#include "runtime/plan/error.h"
#include "runtime/plan/plan.h"

#include <functional>
#include <string>
#include <string_view>

namespace ampc::codegen {

/// Takes a piece of a blob's bytes; false: stop, writing failed.
using BlobSink = std::function<bool(const void *data, size_t sizeBytes)>;
/// Hands the bytes of blob `index`, in order and in pieces of any size, to `sink`; returns what went wrong,
/// if anything. Stops when the sink says so.
using BlobSource = std::function<plan::Status(uint32_t index, const BlobSink &sink)>;

struct PlanContents {
  /// Blobs without externalFile are embedded: their fileOffset and hash are set here. For external ones both
  /// are the caller's business, their bytes are not asked for.
  plan::Plan *plan = nullptr;
  BlobSource blobs;
  std::string_view kernels; // the shared object; empty when there are no generated kernels
  std::string_view model;   // the ONNX model without its weights
};

/// Writes to `path` by way of a file that gets its name only when it is complete. FileSystem: the text names
/// the cause. An existing regular file is replaced. A blob source that delivers another number of bytes than
/// the blob has is an error.
plan::Status writePlan(const std::string &path, const PlanContents &contents);

/// The metadata section alone (for golden tests and sizes).
std::string serializePlan(const plan::Plan &plan);

} // namespace ampc::codegen
