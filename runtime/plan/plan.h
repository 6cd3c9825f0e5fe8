// The plan: everything a runtime needs to execute a partitioned model, and the step list that simulator, executor,
// reports and tests share. Plain structs; the file format is plan.proto, read by plan_reader, written by codegen.
//
// Two levels: programs (lists of steps) and a schedule of (program, slot). Ranks with equal local shapes form a class
// and share programs; what differs between them (peers, offsets, weight slices) stands in per-rank tables.
#pragma once

#include "ir/sharding.h"
#include "runtime/plan/data_type.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ampc::plan {

/// A tensor at the border of the model.
struct Tensor {
  std::string name;
  DataType type = DataType::F32;
  std::vector<int64_t> shape;
};

/// Where the bytes of a buffer live.
enum class Space : uint8_t {
  None = 0,
  Activation = 1, // arena of the rank, reused within a request: offset + slot * Program::slotStrideBytes
  Persistent = 2, // arena of the rank, written by the init program, read-only afterwards
  Blob = 3,       // index into RankTable::blobs: bytes of the mapped plan file, read-only
  Input = 4,      // index of the entry point's input: the caller's whole tensor, read-only
  Output = 5,     // index of the entry point's output: the caller's whole tensor
  State = 6,      // arena of the rank that survives from step to step
};

struct Buffer {
  Space space = Space::None;
  uint32_t index = 0;       // Blob, Input, Output
  uint64_t offsetBytes = 0; // Activation, Persistent, State; for Blob added to the blob's own offset
  uint64_t sizeBytes = 0;
  bool operator==(const Buffer &) const = default;
};

/// A strided copy of elements between two buffers, or a fill when `source` has no bytes. Offsets and strides in
/// elements.
struct MoveDim {
  int64_t count = 1, sourceStride = 0, targetStride = 0;
};
struct Move {
  uint32_t sourceMember = 0, targetMember = 0; // positions in the communication's group; 0 for local copies
  int64_t sourceOffset = 0, targetOffset = 0;
  std::vector<MoveDim> dims; // outermost first
};

enum class StepKind : uint8_t {
  Launch = 1,
  Copy = 2,
  AllReduce = 3,
  AllGather = 4,
  ReduceScatter = 5,
  AllToAll = 6,
  Broadcast = 7,
  Exchange = 8,
  Wait = 9,
  Send = 10,
};
std::string_view name(StepKind kind);
/// Do ranks exchange data in such a step? All but Send meet: nobody leaves before all have come.
constexpr bool isCommunication(StepKind kind) {
  return (kind >= StepKind::AllReduce && kind <= StepKind::Exchange) || kind == StepKind::Send;
}

/// Of a device. Steps of one queue run in order, those of different queues side by side but for `Step::waits`.
inline constexpr uint32_t maxQueues = 2;
inline constexpr uint32_t computeQueue = 0, communicationQueue = 1;

struct Step {
  StepKind kind = StepKind::Launch;
  std::string name;             // unique within the program, derived from the ONNX nodes
  std::string nodes;            // ONNX node names, comma separated, for error messages
  uint32_t queue = computeQueue;
  uint32_t event = 0;           // signalled when the step is done; unique within the program
  std::vector<uint32_t> waits;  // events of other queues that must be signalled first
  std::vector<Buffer> reads, writes;
  Buffer workspace;
  uint32_t kernel = 0;                // Launch: index into Plan::kernels
  std::vector<uint32_t> indexArgs;    // Launch: indices into RankTable::indexValues
  uint32_t copyTable = 0;             // Copy: index into RankTable::copies
  DataType type = DataType::F32;      // Copy: element type of the moves
  uint64_t fillBits = 0;              // Copy without a source: the bits of the element that is written
  uint32_t communication = 0;         // collectives: index into Plan::communications
  double flops = 0, bytes = 0;        // work of one execution on this class, for cost model and report
  double predictedSeconds = 0;
};

/// One collective operation, the same object for all members of all groups. Every member reads its own reads[0] and
/// writes its own writes[0].
struct Communication {
  StepKind kind = StepKind::AllReduce;
  DataType type = DataType::F32;
  Reduction reduction = Reduction::None;
  std::vector<std::vector<uint32_t>> groups; // global ranks; a rank is in at most one group
  /// AllReduce: elements of the buffer, equal on all members. Others: empty, see moves.
  int64_t elements = 0;
  /// What goes where, in member indices, equal for all groups. ReduceScatter: all moves into the same target elements
  /// are combined in member order.
  std::vector<Move> moves;
  double bytesPerRank = 0; // sent by the busiest rank
  std::string axes;        // grid axes, for reports ("1", "0,1", "stage 0 -> 1")
};

enum class KernelKind : uint8_t {
  Generated = 1, // symbol of the plan's shared object
  Library = 2,   // executed by a library the runtime opens (oneDNN...)
  Builtin = 3,   // executed by code of the runtime itself
};

/// A kernel is a pure function of its buffers (operands, then results), index arguments, workspace and outer rows:
///   extern "C" void symbol(void *const *buffers, const int64_t *indexArgs, void *workspace, int64_t rowBegin,
///                          int64_t rowEnd);
/// `rows` = 0: not divisible, called once with (0, 0). Else threads of the device share the rows: each calls the kernel
/// for its part of [0, rows), with a workspace of its own; no result element depends on how rows are shared.
struct KernelOperand {
  DataType type = DataType::F32;
  std::vector<int64_t> shape;
};
/// Generated kernels: a result that may have exactly the bytes of an operand, because each element is read for the last
/// time before it is written. All other results share no byte with anything else.
struct InPlacePair {
  uint32_t operand = 0, result = 0;
  auto operator<=>(const InPlacePair &) const = default;
};
struct Kernel {
  KernelKind kind = KernelKind::Generated;
  std::string symbol; // Generated: symbol; Library: "onednn.matmul", "onednn.convolution"...; Builtin: "topk"...
  std::vector<KernelOperand> operands, results;
  std::vector<std::pair<std::string, std::vector<int64_t>>> integers; // Library, Builtin: attributes by name
  std::vector<std::pair<std::string, std::vector<double>>> reals;
  std::vector<std::pair<std::string, std::string>> strings;
  uint64_t workspaceBytes = 0; // of one call
  int64_t rows = 0;
  std::vector<InPlacePair> inPlace;
};
/// Threads of a device that a recurrence of the library uses: one where a time step (its product has `roundFlops`) is too
/// little work to meet for.
inline uint32_t recurrenceThreads(double roundFlops, uint32_t threadsPerDevice) {
  constexpr double leastFlops = 4e6; // about 20 us of a core
  return roundFlops < leastFlops ? 1 : threadsPerDevice;
}

/// How many threads of a device share the kernel.
uint32_t numSharers(const Kernel &kernel, uint32_t threadsPerDevice);
/// Workspaces of several threads begin at multiples of this in the launch's workspace.
uint64_t workspaceStrideBytes(const Kernel &kernel);
/// What a launch needs for all of them; nothing if no memory is that large.
std::optional<uint64_t> launchWorkspaceBytes(const Kernel &kernel, uint32_t threadsPerDevice);

enum class ProgramRole : uint8_t { Init = 1, Forward = 2 };

struct Program {
  std::string name; // "init.0", "stage0.0" (stage, class)
  ProgramRole role = ProgramRole::Forward;
  uint32_t stage = 0;
  std::vector<Step> steps;
  uint64_t activationBytes = 0; // arena of one slot
  uint64_t slotStrideBytes = 0;
};

struct BlobView {
  uint32_t blob = 0;
  uint64_t offsetBytes = 0;
};

struct RankTable {
  uint32_t stage = 0;
  std::vector<int64_t> coordinates; // in the stage's grid
  uint32_t initProgram = 0, forwardProgram = 0;
  std::vector<BlobView> blobs;
  std::vector<int64_t> indexValues;
  std::vector<std::vector<Move>> copies; // by Step::copyTable; an empty list is legal (an empty shard)
  uint64_t activationBytes = 0;          // all slots
  uint64_t persistentBytes = 0, stateBytes = 0;
  uint64_t peakBytes = 0; // activation + persistent + state + workspace, without mapped blobs
};

/// Bytes taken over unchanged from the model: initializers, constants.
struct Blob {
  std::string name;
  DataType type = DataType::F32;
  std::vector<int64_t> shape;
  uint64_t fileOffset = 0, sizeBytes = 0; // in the plan file's blob section
  uint64_t hash = 0;                      // XXH64-style 64-bit hash of the bytes
  std::string externalFile;               // base name when weights are external, else empty
};

struct StateTensor {
  std::string input, output; // names in the model
  uint32_t inputIndex = 0, outputIndex = 0;
};

struct Stage {
  Grid grid;
  uint32_t firstRank = 0;
};

struct EntryPoint {
  std::string name = "main";
  std::vector<Tensor> inputs, outputs;
  std::vector<StateTensor> states;
  std::vector<std::pair<std::string, std::string>> boundValues; // --value: input name -> canonical text
  uint32_t slots = 1; // requests in flight
};

struct Plan {
  std::string producer; // "ampc " and the version of the compiler
  std::string deviceKind = "cpu";
  std::string targetCpu;                    // LLVM name
  std::vector<std::string> cpuFeatures;     // required, checked at load ("avx512f"...)
  uint64_t memoryLimitBytes = 0;            // per device; 0 = none
  uint32_t threadsPerDevice = 1;
  std::vector<Stage> stages;
  std::vector<RankTable> ranks;
  std::vector<Program> programs;
  std::vector<Kernel> kernels;
  std::vector<Communication> communications;
  std::vector<Blob> blobs;
  EntryPoint entry;
  double predictedStepSeconds = 0, boundSeconds = 0, gap = 0;
  std::string reportJson; // decisions and reasons, written by the compiler, shown by `ampc report`
};

} // namespace ampc::plan
