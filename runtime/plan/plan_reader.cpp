// plan.proto -> plan.h by protozero: one function per message, field numbers as in plan.proto.
#include "runtime/plan/plan_reader.h"

#include <protozero/pbf_reader.hpp>

#include <exception>

namespace ampc::plan {

namespace {
/// Thrown inside this file only.
struct Malformed : std::exception {
  explicit Malformed(const char *what) : text(what) {}
  const char *what() const noexcept override { return text; }
  const char *text;
};

/// protozero only asserts that a field is read as what it is; damaged files need a check that is always
/// there.
class Reader : protozero::pbf_reader {
public:
  explicit Reader(protozero::pbf_reader reader) : pbf_reader(reader) {}
  using pbf_reader::next;
  using pbf_reader::skip;
  using pbf_reader::tag;
  bool isPacked() const { return wire_type() == protozero::pbf_wire_type::length_delimited; }

  uint32_t get_uint32() { return scalar(protozero::pbf_wire_type::varint).pbf_reader::get_uint32(); }
  uint64_t get_uint64() { return scalar(protozero::pbf_wire_type::varint).pbf_reader::get_uint64(); }
  int64_t get_int64() { return scalar(protozero::pbf_wire_type::varint).pbf_reader::get_int64(); }
  int64_t get_sint64() { return scalar(protozero::pbf_wire_type::varint).pbf_reader::get_sint64(); }
  uint64_t get_fixed64() { return scalar(protozero::pbf_wire_type::fixed64).pbf_reader::get_fixed64(); }
  double get_double() { return scalar(protozero::pbf_wire_type::fixed64).pbf_reader::get_double(); }
  std::string get_string() {
    return scalar(protozero::pbf_wire_type::length_delimited).pbf_reader::get_string();
  }
  Reader get_message() {
    return Reader(scalar(protozero::pbf_wire_type::length_delimited).pbf_reader::get_message());
  }
  auto get_packed_int64() { return pbf_reader::get_packed_int64(); }
  auto get_packed_sint64() { return pbf_reader::get_packed_sint64(); }
  auto get_packed_uint32() { return pbf_reader::get_packed_uint32(); }
  auto get_packed_double() { return pbf_reader::get_packed_double(); }

private:
  Reader &scalar(protozero::pbf_wire_type expected) {
    if (wire_type() != expected)
      throw Malformed("a field has another type");
    return *this;
  }
};

template <typename Enum> Enum toEnum(uint32_t value, uint32_t first, uint32_t last, const char *what) {
  if (value < first || value > last)
    throw Malformed(what);
  return Enum(value);
}
DataType toType(uint32_t value) {
  return toEnum<DataType>(value, 1, uint32_t(DataType::Bool), "unknown element type");
}

std::string text(Reader &in) { return in.get_string(); }

/// Repeated scalars come packed from our writer; the unpacked form is as legal.
template <typename T, typename Packed, typename Single>
void append(Reader &in, std::vector<T> &target, Packed packed, Single single) {
  if (in.isPacked())
    for (auto value : (in.*packed)())
      target.push_back(T(value));
  else
    target.push_back(T((in.*single)()));
}
void appendInt64(Reader &in, std::vector<int64_t> &target) {
  append(in, target, &Reader::get_packed_int64, &Reader::get_int64);
}
void appendSint64(Reader &in, std::vector<int64_t> &target) {
  append(in, target, &Reader::get_packed_sint64, &Reader::get_sint64);
}
void appendUint32(Reader &in, std::vector<uint32_t> &target) {
  append(in, target, &Reader::get_packed_uint32, &Reader::get_uint32);
}

Tensor readTensor(Reader in) {
  Tensor tensor;
  uint32_t type = 0;
  while (in.next())
    switch (in.tag()) {
    case 1: tensor.name = text(in); break;
    case 2: type = in.get_uint32(); break;
    case 3: appendInt64(in, tensor.shape); break;
    default: in.skip();
    }
  tensor.type = toType(type);
  return tensor;
}

Buffer readBuffer(Reader in) {
  Buffer buffer;
  while (in.next())
    switch (in.tag()) {
    case 1:
      buffer.space = toEnum<Space>(in.get_uint32(), 0, uint32_t(Space::State), "unknown buffer space");
      break;
    case 2: buffer.index = in.get_uint32(); break;
    case 3: buffer.offsetBytes = in.get_uint64(); break;
    case 4: buffer.sizeBytes = in.get_uint64(); break;
    default: in.skip();
    }
  return buffer;
}

Move readMove(Reader in) {
  Move move;
  std::vector<int64_t> numbers;
  while (in.next())
    switch (in.tag()) {
    case 1: move.sourceMember = in.get_uint32(); break;
    case 2: move.targetMember = in.get_uint32(); break;
    case 3: move.sourceOffset = in.get_sint64(); break;
    case 4: move.targetOffset = in.get_sint64(); break;
    case 5: appendSint64(in, numbers); break;
    default: in.skip();
    }
  if (numbers.size() % 3)
    throw Malformed("the dimensions of a move are not triples");
  for (size_t i = 0; i < numbers.size(); i += 3)
    move.dims.push_back({numbers[i], numbers[i + 1], numbers[i + 2]});
  return move;
}

std::vector<Move> readMoveList(Reader in) {
  std::vector<Move> moves;
  while (in.next())
    if (in.tag() == 1)
      moves.push_back(readMove(in.get_message()));
    else
      in.skip();
  return moves;
}

StepKind toStepKind(uint32_t value) {
  return toEnum<StepKind>(value, 1, uint32_t(StepKind::Send), "unknown step kind");
}

Step readStep(Reader in) {
  Step step;
  uint32_t kind = 0;
  while (in.next())
    switch (in.tag()) {
    case 1: kind = in.get_uint32(); break;
    case 2: step.name = text(in); break;
    case 3: step.nodes = text(in); break;
    case 4: step.queue = in.get_uint32(); break;
    case 5: step.event = in.get_uint32(); break;
    case 6: appendUint32(in, step.waits); break;
    case 7: step.reads.push_back(readBuffer(in.get_message())); break;
    case 8: step.writes.push_back(readBuffer(in.get_message())); break;
    case 9: step.workspace = readBuffer(in.get_message()); break;
    case 10: step.kernel = in.get_uint32(); break;
    case 11: appendUint32(in, step.indexArgs); break;
    case 12: step.copyTable = in.get_uint32(); break;
    case 13: step.type = toType(in.get_uint32()); break;
    case 14: step.fillBits = in.get_fixed64(); break;
    case 15: step.communication = in.get_uint32(); break;
    case 16: step.flops = in.get_double(); break;
    case 17: step.bytes = in.get_double(); break;
    case 18: step.predictedSeconds = in.get_double(); break;
    default: in.skip();
    }
  step.kind = toStepKind(kind);
  return step;
}

Communication readCommunication(Reader in) {
  Communication communication;
  uint32_t kind = 0, type = 0;
  while (in.next())
    switch (in.tag()) {
    case 1: kind = in.get_uint32(); break;
    case 2: type = in.get_uint32(); break;
    case 3:
      communication.reduction =
          toEnum<Reduction>(in.get_uint32(), 0, uint32_t(Reduction::Product), "unknown reduction");
      break;
    case 4: {
      communication.groups.emplace_back();
      Reader group = in.get_message();
      while (group.next())
        if (group.tag() == 1)
          appendUint32(group, communication.groups.back());
        else
          group.skip();
      break;
    }
    case 5: communication.elements = in.get_int64(); break;
    case 6: communication.moves.push_back(readMove(in.get_message())); break;
    case 7: communication.bytesPerRank = in.get_double(); break;
    case 8: communication.axes = text(in); break;
    default: in.skip();
    }
  communication.kind = toStepKind(kind);
  communication.type = toType(type);
  return communication;
}

KernelOperand readOperand(Reader in) {
  KernelOperand operand;
  uint32_t type = 0;
  while (in.next())
    switch (in.tag()) {
    case 1: type = in.get_uint32(); break;
    case 2: appendInt64(in, operand.shape); break;
    default: in.skip();
    }
  operand.type = toType(type);
  return operand;
}

std::pair<std::string, std::vector<int64_t>> readIntegers(Reader in) {
  std::pair<std::string, std::vector<int64_t>> entry;
  while (in.next())
    switch (in.tag()) {
    case 1: entry.first = text(in); break;
    case 2: appendSint64(in, entry.second); break;
    default: in.skip();
    }
  return entry;
}

std::pair<std::string, std::vector<double>> readReals(Reader in) {
  std::pair<std::string, std::vector<double>> entry;
  while (in.next())
    switch (in.tag()) {
    case 1: entry.first = text(in); break;
    case 2: append(in, entry.second, &Reader::get_packed_double, &Reader::get_double); break;
    default: in.skip();
    }
  return entry;
}

std::pair<std::string, std::string> readText(Reader in) {
  std::pair<std::string, std::string> entry;
  while (in.next())
    switch (in.tag()) {
    case 1: entry.first = text(in); break;
    case 2: entry.second = text(in); break;
    default: in.skip();
    }
  return entry;
}

Kernel readKernel(Reader in) {
  Kernel kernel;
  uint32_t kind = 0;
  std::vector<uint32_t> inPlace; // operand, result, operand...
  while (in.next())
    switch (in.tag()) {
    case 1: kind = in.get_uint32(); break;
    case 2: kernel.symbol = text(in); break;
    case 3: kernel.operands.push_back(readOperand(in.get_message())); break;
    case 4: kernel.results.push_back(readOperand(in.get_message())); break;
    case 5: kernel.integers.push_back(readIntegers(in.get_message())); break;
    case 6: kernel.reals.push_back(readReals(in.get_message())); break;
    case 7: kernel.strings.push_back(readText(in.get_message())); break;
    case 8: kernel.workspaceBytes = in.get_uint64(); break;
    case 9: kernel.rows = in.get_int64(); break;
    case 10: append(in, inPlace, &Reader::get_packed_uint32, &Reader::get_uint32); break;
    default: in.skip();
    }
  if (inPlace.size() % 2)
    throw Malformed("half of a pair of operand and result");
  for (size_t k = 0; k < inPlace.size(); k += 2)
    kernel.inPlace.push_back({inPlace[k], inPlace[k + 1]});
  kernel.kind = toEnum<KernelKind>(kind, 1, uint32_t(KernelKind::Builtin), "unknown kernel kind");
  return kernel;
}

Program readProgram(Reader in) {
  Program program;
  uint32_t role = 0;
  while (in.next())
    switch (in.tag()) {
    case 1: program.name = text(in); break;
    case 2: role = in.get_uint32(); break;
    case 3: program.stage = in.get_uint32(); break;
    case 4: program.steps.push_back(readStep(in.get_message())); break;
    case 5: program.activationBytes = in.get_uint64(); break;
    case 6: program.slotStrideBytes = in.get_uint64(); break;
    default: in.skip();
    }
  program.role = toEnum<ProgramRole>(role, 1, uint32_t(ProgramRole::Forward), "unknown program role");
  return program;
}

BlobView readBlobView(Reader in) {
  BlobView view;
  while (in.next())
    switch (in.tag()) {
    case 1: view.blob = in.get_uint32(); break;
    case 2: view.offsetBytes = in.get_uint64(); break;
    default: in.skip();
    }
  return view;
}

RankTable readRank(Reader in) {
  RankTable rank;
  while (in.next())
    switch (in.tag()) {
    case 1: rank.stage = in.get_uint32(); break;
    case 2: appendInt64(in, rank.coordinates); break;
    case 3: rank.initProgram = in.get_uint32(); break;
    case 4: rank.forwardProgram = in.get_uint32(); break;
    case 5: rank.blobs.push_back(readBlobView(in.get_message())); break;
    case 6: appendSint64(in, rank.indexValues); break;
    case 7: rank.copies.push_back(readMoveList(in.get_message())); break;
    case 8: rank.activationBytes = in.get_uint64(); break;
    case 9: rank.persistentBytes = in.get_uint64(); break;
    case 10: rank.stateBytes = in.get_uint64(); break;
    case 11: rank.peakBytes = in.get_uint64(); break;
    default: in.skip();
    }
  return rank;
}

Blob readBlob(Reader in) {
  Blob blob;
  uint32_t type = 0;
  while (in.next())
    switch (in.tag()) {
    case 1: blob.name = text(in); break;
    case 2: type = in.get_uint32(); break;
    case 3: appendInt64(in, blob.shape); break;
    case 4: blob.fileOffset = in.get_uint64(); break;
    case 5: blob.sizeBytes = in.get_uint64(); break;
    case 6: blob.hash = in.get_fixed64(); break;
    case 7: blob.externalFile = text(in); break;
    default: in.skip();
    }
  blob.type = toType(type);
  return blob;
}

StateTensor readState(Reader in) {
  StateTensor state;
  while (in.next())
    switch (in.tag()) {
    case 1: state.input = text(in); break;
    case 2: state.output = text(in); break;
    case 3: state.inputIndex = in.get_uint32(); break;
    case 4: state.outputIndex = in.get_uint32(); break;
    default: in.skip();
    }
  return state;
}

Stage readStage(Reader in) {
  Stage stage;
  while (in.next())
    switch (in.tag()) {
    case 1: appendInt64(in, stage.grid.axisSizes); break;
    case 2: stage.firstRank = in.get_uint32(); break;
    default: in.skip();
    }
  return stage;
}

EntryPoint readEntry(Reader in) {
  EntryPoint entry;
  entry.name.clear();
  entry.slots = 0;
  while (in.next())
    switch (in.tag()) {
    case 1: entry.name = text(in); break;
    case 2: entry.inputs.push_back(readTensor(in.get_message())); break;
    case 3: entry.outputs.push_back(readTensor(in.get_message())); break;
    case 4: entry.states.push_back(readState(in.get_message())); break;
    case 5: entry.boundValues.push_back(readText(in.get_message())); break;
    case 6: entry.slots = in.get_uint32(); break;
    default: in.skip();
    }
  return entry;
}

void readFields(Reader in, Plan &plan) {
  plan = Plan();
  plan.deviceKind.clear();
  plan.threadsPerDevice = 0;
  while (in.next())
    switch (in.tag()) {
    case 1: plan.producer = text(in); break;
    case 2: plan.deviceKind = text(in); break;
    case 3: plan.targetCpu = text(in); break;
    case 4: plan.cpuFeatures.push_back(text(in)); break;
    case 5: plan.memoryLimitBytes = in.get_uint64(); break;
    case 6: plan.threadsPerDevice = in.get_uint32(); break;
    case 7: plan.stages.push_back(readStage(in.get_message())); break;
    case 8: plan.ranks.push_back(readRank(in.get_message())); break;
    case 9: plan.programs.push_back(readProgram(in.get_message())); break;
    case 10: plan.kernels.push_back(readKernel(in.get_message())); break;
    case 11: plan.communications.push_back(readCommunication(in.get_message())); break;
    case 12: plan.blobs.push_back(readBlob(in.get_message())); break;
    case 13: plan.entry = readEntry(in.get_message()); break;
    case 14: plan.predictedStepSeconds = in.get_double(); break;
    case 15: plan.boundSeconds = in.get_double(); break;
    case 16: plan.gap = in.get_double(); break;
    case 17: plan.reportJson = in.get_string(); break;
    default: in.skip();
    }
}
} // namespace

Status readPlan(std::string_view metadata, Plan &plan) {
  try {
    readFields(Reader(protozero::pbf_reader(metadata.data(), metadata.size())), plan);
    return {};
  } catch (const std::exception &error) {
    return Error{ErrorCode::Invalid, std::string("the plan's metadata cannot be read: ") + error.what()};
  }
}

} // namespace ampc::plan
