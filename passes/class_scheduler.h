// The programs of one class of ranks while they are made: from the operations of its function to steps, from values to
// buffers without a place, from those to offsets. `schedule` is the only user.
#pragma once

#include "passes/attributes.h"
#include "passes/communication.h"
#include "passes/overwrites.h"
#include "passes/schedule.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>

namespace ampc {

/// Builds the two programs (init, forward) of one class.
class ClassScheduler {
public:
  ClassScheduler(mlir::func::FuncOp function, ScheduledPlan &out, WeightStore &weights, const std::vector<Grid> &grids,
                 std::map<std::string, uint32_t> &kernels, std::map<std::string, uint32_t> &communications,
                 std::map<uint32_t, uint32_t> &blobs, const ScheduleOptions &options)
      : function(function), out(out), weights(weights), grids(grids), kernels(kernels), communications(communications),
        blobs(blobs), options(options), stage(ampc::stageOf(function)) {
    for (int64_t rank : function->getAttrOfType<mlir::DenseI64ArrayAttr>("ranks").asArrayRef())
      ranks.push_back(uint32_t(rank));
  }
  /// The step list, and a check of its memory. With `stepSeconds` the forward steps are reordered: their communications
  /// get the order in `communicationOrder`, by name, or leave theirs there if it is empty; false if they cannot take
  /// it.
  llvm::Expected<bool> run(const std::vector<double> *stepSeconds, std::vector<std::string> &communicationOrder);

private:
  /// A buffer before it has an offset. Storage decides which arena it goes to.
  struct Virtual {
    plan::Buffer buffer;
    std::string computedBy;     // the operator; empty if it is none that a kernel holds
    bool atLoad = false;        // written by the init program
    bool readByForward = false; // atLoad buffers that outlive the init program
    bool needsPlace = true;     // Activation or Persistent: placed below
    int partOf = -1;            // the buffer that it is a part of, from buffer.offsetBytes; it is only read
    int64_t begin = -1, end = -1;
  };

  int newBuffer(mlir::Value value, bool atLoad);
  int fixedBuffer(plan::Buffer buffer, bool atLoad);
  bool isPart(mlir::Operation *op);
  bool livesLongEnough(mlir::Value part, mlir::Value whole);
  int64_t lastReader(mlir::Value value);
  /// The buffer that `buffer` is, or is a part of: that one lives, is written over, or works in place.
  int wholeOf(int buffer) const { return buffers[buffer].partOf >= 0 ? buffers[buffer].partOf : buffer; }
  std::vector<int> wholesOf(std::vector<int> list) const {
    for (int &buffer : list)
      buffer = wholeOf(buffer);
    return list;
  }
  /// The buffers whose places the list takes, once that is decided.
  std::vector<int> placesOf(std::vector<int> list) const {
    for (int &buffer : list)
      buffer = placeOf[wholeOf(buffer)];
    return list;
  }
  plan::Buffer whereIs(int buffer) const;
  void addStep(plan::Step step, std::vector<int> reads, std::vector<int> writes, bool atLoad);
  void addCopy(mlir::Operation *op, int read, int write, bool atLoad,
               const std::function<std::vector<plan::Move>(uint32_t rank)> &moves);
  void storage(mlir::Operation *op);
  void kernel(mlir::Operation *op);
  void libraryKernel(mlir::Operation *op);
  bool pack(plan::Kernel &kernel, mlir::Operation *op, std::vector<int> &reads);
  uint32_t kernelIndex(plan::Kernel kernel, const std::string &key);
  void communication(mlir::Operation *op);
  void slice(mlir::Operation *op);
  bool reorder(const std::vector<double> &seconds, std::vector<std::string> &communicationOrder);
  void chooseInPlace();
  void place();
  void stretchLifetimes();
  llvm::Error checkMemory();
  uint32_t kernelIndex(mlir::Operation *op);
  uint32_t blobOf(mlir::Operation *op);
  Tile tileOf(const Sharding &sharding, uint32_t rank) const {
    return sharding.tile(grids[stage], coordinatesOf(rank));
  }
  std::vector<int64_t> coordinatesOf(uint32_t rank) const {
    return grids[stage].coordinates(int64_t(rank) - firstRankOf(grids, stage));
  }

  mlir::func::FuncOp function;
  ScheduledPlan &out;
  WeightStore &weights;
  const std::vector<Grid> &grids;
  std::map<std::string, uint32_t> &kernels;
  std::map<std::string, uint32_t> &communications;
  std::map<uint32_t, uint32_t> &blobs; // weight -> blob
  const ScheduleOptions &options;
  int stage;
  std::vector<uint32_t> ranks;

  llvm::DenseMap<mlir::Value, int> bufferOf;
  llvm::DenseMap<mlir::Operation *, int64_t> positions; // in the function
  llvm::DenseMap<mlir::Value, int64_t> lastReaders;
  llvm::DenseMap<mlir::Value, mlir::Value> wholes;      // of values that are parts or views of others
  std::map<std::pair<std::vector<int>, uint32_t>, int> packedForms; // by weights and packing kernel
  std::vector<Virtual> buffers;
  struct Pending {
    plan::Step step;
    std::vector<int> reads, writes;
    bool atLoad;
    std::optional<plan::Kernel> libraryKernel = std::nullopt; // not in the plan yet: it may work in place
    std::string kernelKey = {};
    std::vector<plan::InPlacePair> inPlace = {}; // what a generated kernel may do
    StepValues values = {}; // `reads` and `writes` before any kernel works in place
  };
  std::vector<Pending> steps;
  bool isReordered = false;
  uint32_t programs[2] = {}; // forward, init
  std::vector<int> placeOf; // the buffer whose place a buffer takes: its own, or another's that is worked on in place
};

} // namespace ampc
