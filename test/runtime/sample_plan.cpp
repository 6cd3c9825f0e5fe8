// The sample plan, its kernels and its file.
#include "test/runtime/sample_plan.h"

#include "codegen/plan_writer.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <unistd.h>

namespace ampc::test {

using plan::Buffer;
using plan::Move;
using plan::Space;
using plan::Step;
using plan::StepKind;

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> counter;
  folder = std::filesystem::temp_directory_path() /
           ("ampc-test-" + std::to_string(getpid()) + "-" + std::to_string(counter++));
  std::filesystem::create_directories(folder);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

std::string readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

std::string compileKernels(const std::string &source) {
  TemporaryFolder folder;
  writeFile(folder.path("kernels.c"), source);
  const std::string command =
      "cc -O1 -shared -fPIC -o " + folder.path("kernels.so") + " " + folder.path("kernels.c");
  if (std::system(command.c_str()) != 0)
    return {};
  return readFile(folder.path("kernels.so"));
}

const std::string &sampleKernels() {
  static const std::string bytes = compileKernels(R"(
#include <stdint.h>
void ampc_add(void *const *b, const int64_t *i, void *w, int64_t begin, int64_t end) {
  const float *x = b[0], *y = b[1]; float *z = b[2]; (void)i; (void)w;
  for (int64_t r = begin; r < end; ++r) z[r] = x[r] + y[r];
}
void ampc_double(void *const *b, const int64_t *i, void *w, int64_t begin, int64_t end) {
  const float *x = b[0]; float *z = b[1]; (void)w; (void)begin; (void)end;
  for (int64_t r = 0; r < 5; ++r) z[r] = x[r] * (float)i[0];
}
)");
  return bytes;
}

const std::string &slowKernels() {
  static const std::string bytes = compileKernels(R"(
#include <stdint.h>
#include <time.h>
void ampc_add(void *const *b, const int64_t *i, void *w, int64_t begin, int64_t end) {
  const float *x = b[0], *y = b[1]; float *z = b[2]; (void)i; (void)w;
  struct timespec t = {0, (long)(x[0] < 0 ? 400000000 : 0)}; nanosleep(&t, 0);
  for (int64_t r = begin; r < end; ++r) z[r] = x[r] + y[r];
}
void ampc_double(void *const *b, const int64_t *i, void *w, int64_t begin, int64_t end) {
  const float *x = b[0]; float *z = b[1]; (void)w; (void)begin; (void)end;
  for (int64_t r = 0; r < 5; ++r) z[r] = x[r] * (float)i[0];
})");
  return bytes;
}

std::vector<float> sampleWeights() {
  std::vector<float> weights;
  for (int i = 0; i < sampleElements; ++i)
    weights.push_back(float(i));
  return weights;
}

namespace {
constexpr uint64_t sliceBytes = 5 * 4, wholeBytes = 10 * 4;
Buffer activation(uint64_t slot64, uint64_t sizeBytes) {
  return {Space::Activation, 0, slot64 * 64, sizeBytes};
}

Step step(StepKind kind, std::string name, std::vector<Buffer> reads, std::vector<Buffer> writes) {
  Step result;
  result.kind = kind;
  result.name = name;
  result.nodes = "node_" + name;
  result.reads = std::move(reads);
  result.writes = std::move(writes);
  return result;
}
} // namespace

plan::Plan samplePlan() {
  plan::Plan plan;
  plan.producer = "test";
  plan.stages = {{Grid{{2}}, 0}};
  plan.entry.inputs = {{"x", DataType::F32, {10}}};
  plan.entry.outputs = {{"y", DataType::F32, {10}}, {"sum", DataType::F32, {10}}};
  plan.entry.slots = 2;
  plan.entry.boundValues = {{"n", "3"}};
  plan.blobs = {{"w", DataType::F32, {10}, 0, wholeBytes, 0, ""}};

  plan::Kernel add;
  add.symbol = "ampc_add";
  add.operands = {{DataType::F32, {5}}, {DataType::F32, {5}}};
  add.results = {{DataType::F32, {5}}};
  add.rows = 5;
  plan::Kernel twice;
  twice.symbol = "ampc_double";
  twice.operands = {{DataType::F32, {5}}};
  twice.results = {{DataType::F32, {5}}};
  plan.kernels = {add, twice};

  const std::vector<uint32_t> both = {0, 1};
  auto communication = [&](StepKind kind, std::vector<Move> moves) {
    plan::Communication result;
    result.kind = kind;
    result.groups = {both};
    result.reduction = Reduction::Sum;
    result.moves = std::move(moves);
    result.axes = "0";
    plan.communications.push_back(result);
    return uint32_t(plan.communications.size() - 1);
  };
  auto move = [](uint32_t source, uint32_t target, int64_t sourceOffset, int64_t targetOffset) {
    return Move{source, target, sourceOffset, targetOffset, {{5, 1, 1}}};
  };
  uint32_t gather = communication(StepKind::AllGather,
                                  {move(0, 0, 0, 0), move(1, 0, 0, 5), move(0, 1, 0, 0), move(1, 1, 0, 5)});
  uint32_t exchange = communication(StepKind::Exchange, {move(0, 1, 0, 0), move(1, 0, 0, 0)});
  uint32_t reduce = communication(StepKind::AllReduce, {});
  plan.communications[reduce].elements = 5;
  uint32_t scatter = communication(StepKind::ReduceScatter,
                                   {move(0, 0, 0, 0), move(1, 0, 0, 0), move(0, 1, 5, 0), move(1, 1, 5, 0)});

  plan::Program init;
  init.name = "init.0";
  init.role = plan::ProgramRole::Init;
  init.steps = {step(StepKind::Launch, "scale_w", {{Space::Blob, 0, 0, sliceBytes}},
                     {{Space::Persistent, 0, 0, sliceBytes}})};
  init.steps[0].kernel = 1;
  init.steps[0].indexArgs = {0};

  // a 0, b 1, g 2, c 3, r 4, s 5, t 6 in units of 64 bytes
  plan::Program forward;
  forward.name = "stage0.0";
  forward.activationBytes = forward.slotStrideBytes = 7 * 64;
  auto &steps = forward.steps;
  steps.push_back(
      step(StepKind::Copy, "take_x", {{Space::Input, 0, 0, wholeBytes}}, {activation(0, sliceBytes)}));
  steps.push_back(step(StepKind::Launch, "add_p",
                       {activation(0, sliceBytes), {Space::Persistent, 0, 0, sliceBytes}},
                       {activation(1, sliceBytes)}));
  steps.push_back(
      step(StepKind::AllGather, "gather_b", {activation(1, sliceBytes)}, {activation(2, wholeBytes)}));
  steps.back().communication = gather;
  steps.push_back(
      step(StepKind::Exchange, "exchange_b", {activation(1, sliceBytes)}, {activation(3, sliceBytes)}));
  steps.back().communication = exchange;
  steps.push_back(
      step(StepKind::AllReduce, "reduce_c", {activation(3, sliceBytes)}, {activation(4, sliceBytes)}));
  steps.back().communication = reduce;
  steps.push_back(
      step(StepKind::ReduceScatter, "scatter_g", {activation(2, wholeBytes)}, {activation(5, sliceBytes)}));
  steps.back().communication = scatter;
  steps.push_back(
      step(StepKind::Copy, "give_y", {activation(2, wholeBytes)}, {{Space::Output, 0, 0, wholeBytes}}));
  steps.back().copyTable = 1;
  steps.push_back(step(StepKind::Launch, "add_r", {activation(5, sliceBytes), activation(4, sliceBytes)},
                       {activation(6, sliceBytes)}));
  steps.push_back(
      step(StepKind::Copy, "give_sum", {activation(6, sliceBytes)}, {{Space::Output, 1, 0, wholeBytes}}));
  steps.back().copyTable = 2;
  for (uint32_t i = 0; i < steps.size(); ++i) {
    steps[i].event = i;
    steps[i].queue = steps[i].kind == StepKind::Launch || steps[i].kind == StepKind::Copy ? 0 : 1;
    if (i)
      steps[i].waits = {i - 1};
  }
  plan.programs = {init, forward};

  for (int64_t r = 0; r < 2; ++r) {
    plan::RankTable rank;
    rank.coordinates = {r};
    rank.initProgram = 0;
    rank.forwardProgram = 1;
    rank.blobs = {{0, uint64_t(r) * sliceBytes}};
    rank.indexValues = {2};
    rank.copies = {{Move{0, 0, 5 * r, 0, {{5, 1, 1}}}}, {}, {Move{0, 0, 0, 5 * r, {{5, 1, 1}}}}};
    if (r == 0)
      rank.copies[1] = {Move{0, 0, 0, 0, {{10, 1, 1}}}};
    rank.activationBytes = 2 * forward.slotStrideBytes;
    rank.persistentBytes = 64;
    rank.peakBytes = rank.activationBytes + rank.persistentBytes;
    plan.ranks.push_back(rank);
  }
  return plan;
}

plan::Plan builtinSample() {
  plan::Plan plan = samplePlan();
  for (plan::Kernel &kernel : plan.kernels) {
    kernel.kind = plan::KernelKind::Builtin;
    kernel.symbol = "cumulate";
    kernel.operands.resize(1);
    kernel.integers = {{"axis", {0}}, {"reverse", {1}}};
  }
  plan.kernels[1].symbol = "bitcast";
  for (plan::Program &program : plan.programs)
    for (plan::Step &step : program.steps)
      if (step.kind == plan::StepKind::Launch)
        step.reads.resize(1);
  return plan;
}

std::string toSparseHex(const std::string &bytes) {
  constexpr size_t lineBytes = 32;
  std::string text;
  char number[24];
  for (size_t begin = 0; begin < bytes.size(); begin += lineBytes) {
    const std::string line = bytes.substr(begin, lineBytes);
    if (line.find_first_not_of('\0') == std::string::npos)
      continue;
    std::snprintf(number, sizeof number, "%zx: ", begin);
    text += number;
    for (unsigned char byte : line) {
      std::snprintf(number, sizeof number, "%02x", byte);
      text += number;
    }
    text += "\n";
  }
  std::snprintf(number, sizeof number, "%zx:\n", bytes.size());
  return text + number;
}

std::string fromSparseHex(const std::string &text) {
  std::string bytes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    bytes.resize(std::stoul(line.substr(0, colon), nullptr, 16), '\0');
    for (size_t at = colon + 2; at + 1 < line.size(); at += 2)
      bytes.push_back(char(std::stoul(line.substr(at, 2), nullptr, 16)));
  }
  return bytes;
}

plan::Status writeSample(const std::string &path, plan::Plan plan, const std::string &kernels) {
  const std::vector<float> weights = sampleWeights();
  codegen::PlanContents contents;
  contents.plan = &plan;
  contents.kernels = kernels;
  contents.model = "the model";
  contents.blobs = [&](uint32_t, const codegen::BlobSink &sink) -> plan::Status {
    // In two pieces, as a stream would come.
    if (sink(weights.data(), 12))
      sink(weights.data() + 3, weights.size() * 4 - 12);
    return {};
  };
  return codegen::writePlan(path, contents);
}

} // namespace ampc::test
