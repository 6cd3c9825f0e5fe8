// Orders the steps of a class, decides what works in place, gives buffers their offsets, and proves the result.
#include "ir/diagnostic.h"
#include "passes/class_scheduler.h"
#include "passes/library_kernel.h"
#include "passes/overlap_order.h"
#include "passes/place_buffers.h"
#include "passes/step_waits.h"

using namespace mlir;

namespace ampc {

/// Does the step run on the queue of communications, where there is one? Telling a receiver that its value is there
/// takes no time: on that queue it would only hold up what comes for the next request.
static bool usesLinks(const plan::Step &step, const std::vector<int> &writes) {
  return plan::isCommunication(step.kind) && !(step.kind == plan::StepKind::Send && writes.empty());
}

/// Puts the forward steps behind those of the load, in the order in which two queues do them best. All classes of a
/// stage keep one order of communications, or they would wait for each other.
bool ClassScheduler::reorder(const std::vector<double> &seconds, std::vector<std::string> &communicationOrder) {
  std::vector<Pending> loads, forwards;
  for (Pending &pending : steps)
    (pending.atLoad ? loads : forwards).push_back(std::move(pending));
  std::vector<TimedStep> timed;
  std::map<std::string, size_t> communicationSteps;
  for (size_t k = 0; k < forwards.size(); ++k) {
    const bool communicates = usesLinks(forwards[k].step, forwards[k].writes);
    const double stepTime = k < seconds.size() ? seconds[k] : 0;
    timed.push_back({wholesOf(forwards[k].reads), forwards[k].writes, communicates, stepTime});
    if (communicates)
      communicationSteps[forwards[k].step.name] = k;
  }
  const bool isFirst = communicationOrder.empty();
  std::vector<size_t> forced;
  for (const std::string &name : communicationOrder)
    if (auto step = communicationSteps.find(name); step != communicationSteps.end())
      forced.push_back(step->second);
  if (!isFirst && (forced.size() != communicationOrder.size() || forced.size() != communicationSteps.size()))
    return false;
  std::optional<std::vector<size_t>> order = overlapOrder(timed, forced);
  if (!order)
    return false;
  steps = std::move(loads);
  for (size_t step : *order) {
    if (isFirst && timed[step].isCommunication)
      communicationOrder.push_back(forwards[step].step.name);
    steps.push_back(std::move(forwards[step]));
  }
  isReordered = true;
  return true;
}

/// A kernel works in the buffer of an operand that nobody reads afterwards, where it may: less memory, and less traffic.
/// A library kernel that adds such an operand adds its product to it; a generated one writes a result over it, as does an
/// all_reduce. Registers the kernels of library steps.
void ClassScheduler::chooseInPlace() {
  std::vector<size_t> lastRead(buffers.size(), 0), writers(buffers.size(), 0);
  for (size_t k = 0; k < steps.size(); ++k) {
    for (int read : wholesOf(steps[k].reads))
      lastRead[read] = steps[k].step.kind == plan::StepKind::Send ? steps.size() : std::max(lastRead[read], k);
    for (int write : steps[k].writes)
      ++writers[write];
  }
  placeOf.resize(buffers.size());
  for (size_t k = 0; k < placeOf.size(); ++k)
    placeOf[k] = int(k);
  for (size_t k = 0; k < steps.size(); ++k) {
    Pending &pending = steps[k];
    pending.values.reads = wholesOf(pending.reads);
    pending.values.writes = pending.writes;
    for (std::vector<int> *list : {&pending.reads, &pending.writes})
      for (int &buffer : *list)
        buffer = placeOf[buffer];
    const std::vector<int> placesRead = placesOf(pending.reads);
    // True if the result now has the operand's buffer. Weights, inputs and what is computed at load stay as they are.
    auto workIn = [&](size_t operand, size_t result) {
      const int target = pending.reads[operand], old = pending.writes[result];
      if (pending.atLoad || !buffers[target].needsPlace || buffers[target].atLoad || lastRead[target] != k ||
          writers[target] == 0 || buffers[target].buffer.sizeBytes != buffers[old].buffer.sizeBytes ||
          llvm::count(placesRead, target) != 1 || llvm::is_contained(pending.writes, target))
        return false;
      pending.values.inPlace.push_back({pending.values.reads[operand], pending.values.writes[result]});
      out.takenOver.push_back({buffers[pending.values.reads[operand]].computedBy, buffers[old].computedBy});
      pending.writes[result] = target;
      placeOf[old] = target;
      lastRead[target] = lastRead[old];
      buffers[old].needsPlace = false;
      return true;
    };
    for (const plan::InPlacePair &pair : pending.inPlace)
      if (pending.writes[pair.result] == pending.values.writes[pair.result] && workIn(pair.operand, pair.result)) {
        std::vector<plan::InPlacePair> &used = out.plan.kernels[pending.step.kernel].inPlace;
        if (!llvm::is_contained(used, pair))
          used.push_back(pair);
      }
    if (pending.step.kind == plan::StepKind::AllReduce)
      workIn(0, 0);
    if (!pending.libraryKernel)
      continue;
    std::optional<InPlaceSum> sum;
    if (!pending.atLoad)
      sum = inPlaceSumOf(*pending.libraryKernel, options.threads);
    if (sum && workIn(sum->operand, 0)) {
      pending.libraryKernel = std::move(sum->kernel);
      pending.kernelKey += "sum";
      pending.reads.erase(pending.reads.begin() + int64_t(sum->operand));
    }
    pending.step.kernel = kernelIndex(std::move(*pending.libraryKernel), pending.kernelKey);
  }
}

/// What communications touch lives as long as they may run beside computation.
void ClassScheduler::stretchLifetimes() {
  std::vector<TimedStep> timed;
  for (const Pending &pending : steps)
    if (!pending.atLoad)
      timed.push_back({placesOf(pending.reads), pending.writes, usesLinks(pending.step, pending.writes)});
  std::vector<StepRange> ranges = sideBySide(timed);
  for (size_t k = 0; k < timed.size(); ++k) {
    for (int read : timed[k].reads)
      buffers[read].end = std::max(buffers[read].end, ranges[k].end);
    for (int write : timed[k].writes) {
      buffers[write].begin = std::min(buffers[write].begin, ranges[k].begin);
      buffers[write].end = std::max(buffers[write].end, ranges[k].end);
    }
  }
}

/// Where a step finds a buffer.
plan::Buffer ClassScheduler::whereIs(int buffer) const {
  plan::Buffer place = buffers[placeOf[wholeOf(buffer)]].buffer;
  if (buffers[buffer].partOf < 0)
    return place;
  place.offsetBytes += buffers[buffer].buffer.offsetBytes;
  place.sizeBytes = buffers[buffer].buffer.sizeBytes;
  return place;
}

/// Lifetimes, offsets, and the final programs.
void ClassScheduler::place() {
  int64_t counts[2] = {0, 0};
  for (Pending &pending : steps) {
    int64_t time = counts[pending.atLoad]++;
    for (int read : placesOf(pending.reads)) {
      buffers[read].readByForward |= !pending.atLoad;
      bool isSent = pending.step.kind == plan::StepKind::Send;
      if (buffers[read].atLoad == pending.atLoad)
        buffers[read].end = std::max(buffers[read].end, isSent ? int64_t(steps.size()) : time);
    }
    for (int write : pending.writes) {
      if (buffers[write].begin < 0)
        buffers[write].begin = time;
      buffers[write].end = std::max(buffers[write].end, time);
    }
  }
  if (isReordered)
    stretchLifetimes();
  uint64_t persistentBytes = 0;
  std::vector<Lifetime> lifetimes[2];
  std::vector<int> placed[2];
  for (size_t k = 0; k < buffers.size(); ++k) {
    Virtual &buffer = buffers[k];
    if (!buffer.needsPlace)
      continue;
    if (buffer.atLoad && buffer.readByForward) {
      buffer.buffer.space = plan::Space::Persistent;
      buffer.buffer.offsetBytes = persistentBytes;
      persistentBytes += (buffer.buffer.sizeBytes + 63) / 64 * 64;
      continue;
    }
    buffer.buffer.space = plan::Space::Activation;
    lifetimes[buffer.atLoad].push_back({buffer.begin, buffer.end, buffer.buffer.sizeBytes});
    placed[buffer.atLoad].push_back(int(k));
  }
  uint64_t activationBytes[2];
  for (int load = 0; load < 2; ++load) {
    Placement placement = placeBuffers(lifetimes[load]);
    for (size_t k = 0; k < placed[load].size(); ++k)
      buffers[placed[load][k]].buffer.offsetBytes = placement.offsets[k];
    activationBytes[load] = placement.arenaBytes;
  }
  for (int load = 0; load < 2; ++load) {
    plan::Program program;
    program.name = (load ? "init." : "forward.") + function.getName().str();
    program.role = load ? plan::ProgramRole::Init : plan::ProgramRole::Forward;
    program.stage = uint32_t(stage);
    program.activationBytes = program.slotStrideBytes = activationBytes[load];
    for (Pending &pending : steps) {
      if (pending.atLoad != bool(load))
        continue;
      plan::Step step = pending.step;
      if (options.queues > 1 && usesLinks(step, pending.writes))
        step.queue = plan::communicationQueue;
      for (int read : pending.reads)
        step.reads.push_back(whereIs(read));
      for (int write : pending.writes)
        step.writes.push_back(buffers[write].buffer);
      program.steps.push_back(std::move(step));
    }
    deriveWaits(program.steps);
    programs[load] = uint32_t(out.plan.programs.size());
    out.plan.programs.push_back(std::move(program));
  }
  for (uint32_t rank : ranks) {
    plan::RankTable &table = out.plan.ranks[rank];
    table.stage = uint32_t(stage);
    table.coordinates = coordinatesOf(rank);
    table.initProgram = programs[1];
    table.forwardProgram = programs[0];
    table.activationBytes = std::max(activationBytes[1], activationBytes[0] * out.plan.entry.slots);
    table.persistentBytes = persistentBytes;
    table.peakBytes = table.activationBytes + table.persistentBytes;
  }
}

/// Proves that no step, and no receiver of what was sent, finds its value overwritten, however the queues advance; and
/// that parts lie inside the buffers that stand for them in that proof.
llvm::Error ClassScheduler::checkMemory() {
  for (const Virtual &part : buffers) {
    if (part.partOf < 0)
      continue;
    const Virtual &whole = buffers[part.partOf];
    const plan::Buffer &place = buffers[placeOf[part.partOf]].buffer;
    if (whole.partOf >= 0 || part.buffer.sizeBytes > place.sizeBytes ||
        part.buffer.offsetBytes > place.sizeBytes - part.buffer.sizeBytes)
      return makeError(ErrorCode::Internal, "the step list reads a part outside its buffer",
                       {{"program", function.getName().str()},
                        {"bytes", std::to_string(part.buffer.offsetBytes) + " + " +
                                      std::to_string(part.buffer.sizeBytes) + " of " +
                                      std::to_string(place.sizeBytes)}},
                       "report this with the model");
  }
  for (bool atLoad : {true, false}) {
    std::vector<std::optional<ValuePlace>> places(buffers.size());
    for (size_t k = 0; k < buffers.size(); ++k) {
      const Virtual &buffer = buffers[placeOf[k]];
      if (buffer.atLoad == atLoad && buffer.buffer.space == plan::Space::Activation)
        places[k] = ValuePlace{buffer.buffer.offsetBytes, buffer.buffer.sizeBytes};
    }
    std::vector<StepValues> values;
    std::vector<const Pending *> walked;
    std::vector<int> kept;
    for (const Pending &pending : steps) {
      if (pending.atLoad != atLoad)
        continue;
      // Events are places in the list.
      const plan::Step &step = out.plan.programs[programs[atLoad]].steps[values.size()];
      values.push_back(pending.values);
      values.back().queue = step.queue;
      values.back().waits.assign(step.waits.begin(), step.waits.end());
      walked.push_back(&pending);
      if (pending.step.kind == plan::StepKind::Send)
        kept.insert(kept.end(), pending.values.reads.begin(), pending.values.reads.end());
    }
    if (std::optional<Overwrite> overwrite = findOverwrite(values, places, kept))
      return makeError(ErrorCode::Internal, "the step list overwrites a value that is still needed",
                       {{"program", function.getName().str()},
                        {"step", overwrite->step < walked.size() ? walked[overwrite->step]->step.name : "the end"}},
                       "report this with the model");
  }
  return llvm::Error::success();
}

llvm::Expected<bool> ClassScheduler::run(const std::vector<double> *stepSeconds,
                                         std::vector<std::string> &communicationOrder) {
  for (Operation &op : function.getBody().front().without_terminator())
    positions[&op] = int64_t(positions.size());
  for (Operation &op : function.getBody().front().without_terminator()) {
    const OpRow *row = OpTable::get().find(&op);
    if (row && row->opClass == OpClass::Storage) {
      storage(&op);
    } else if (row && row->isView) {
      bufferOf[op.getResult(0)] = bufferOf.lookup(op.getOperand(0));
      wholes[op.getResult(0)] = op.getOperand(0);
    } else if (isCommunication(&op)) {
      communication(&op);
    } else if (op.getName().stripDialect() == "reshard") {
      slice(&op);
    } else if (!isPart(&op)) {
      kernel(&op);
    }
  }
  if (stepSeconds && !reorder(*stepSeconds, communicationOrder))
    return false;
  chooseInPlace();
  place();
  if (llvm::Error error = checkMemory())
    return error;
  return true;
}

} // namespace ampc
