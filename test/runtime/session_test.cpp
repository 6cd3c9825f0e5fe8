// The executor on a hand-made plan: numbers, several requests, failures, cancel, state, trace, null device.
#include "runtime/execute/cpu_choice.h"
#include "runtime/execute/session.h"
#include "runtime/kernels/library_kernels.h"
#include "runtime/plan/hash.h"
#include "test/runtime/sample_plan.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstring>

namespace ampc::test {
namespace {

using plan::ErrorCode;
using plan::Status;

struct Opened {
  std::unique_ptr<Session> session;
  Status error;
};

Opened openPlan(plan::Plan plan, SessionOptions options = {}, const std::string &kernels = sampleKernels()) {
  TemporaryFolder folder;
  Opened result;
  result.error = writeSample(folder.path("a.plan"), std::move(plan), kernels);
  std::unique_ptr<plan::PlanFile> file;
  if (!result.error)
    result.error = plan::PlanFile::open(folder.path("a.plan"), {}, file);
  if (!result.error)
    result.error = Session::open(std::move(file), std::move(options), result.session);
  return result;
}

struct Numbers {
  alignas(64) float x[10], y[10] = {}, sum[10] = {};
  std::vector<TensorView> inputs() { return {{x, sizeof x, DataType::F32}}; }
  std::vector<TensorView> outputs() {
    return {{y, sizeof y, DataType::F32}, {sum, sizeof sum, DataType::F32}};
  }
  explicit Numbers(float start = 0) {
    for (int i = 0; i < 10; ++i)
      x[i] = start + 0.5f * float(i * i);
  }
  void expectRight() const {
    float g[10];
    for (int i = 0; i < 10; ++i) {
      g[i] = x[i] + 2 * float(i);
      EXPECT_EQ(y[i], g[i]) << i;
    }
    for (int k = 0; k < 10; ++k)
      EXPECT_EQ(sum[k], 2 * g[k] + g[k % 5] + g[k % 5 + 5]) << k;
  }
};

/// One request after the other, each with its own numbers.
void expectRightRequests(Session &session, int count, double timeoutSeconds = 60) {
  for (int round = 0; round < count; ++round) {
    Numbers numbers{float(round)};
    std::shared_ptr<Request> request;
    ASSERT_FALSE(session.submit(numbers.inputs(), numbers.outputs(), request));
    ASSERT_TRUE(session.wait(*request, timeoutSeconds));
    ASSERT_FALSE(request->error) << request->error->message;
    numbers.expectRight();
  }
}

TEST(Session, ComputesTheSample) {
  Opened opened = openPlan(samplePlan());
  ASSERT_FALSE(opened.error) << opened.error->message;
  expectRightRequests(*opened.session, 50, -1);
  EXPECT_EQ(opened.session->statistics(0).steps, 1 + 50 * 9u);
  EXPECT_EQ(opened.session->statistics(1).allocatedBytes, 2 * 7 * 64 + 64u);
}

TEST(Session, ManyRequestsInFlight) {
  Opened opened = openPlan(samplePlan());
  ASSERT_FALSE(opened.error);
  EXPECT_EQ(opened.session->slots(), 2u);
  std::vector<Numbers> numbers;
  for (int i = 0; i < 100; ++i)
    numbers.emplace_back(float(i));
  std::vector<std::shared_ptr<Request>> requests(100);
  for (int i = 0; i < 100; ++i)
    ASSERT_FALSE(opened.session->submit(numbers[i].inputs(), numbers[i].outputs(), requests[i]));
  for (int i = 99; i >= 0; --i) {
    ASSERT_TRUE(opened.session->wait(*requests[i], 60));
    EXPECT_FALSE(requests[i]->error);
    numbers[i].expectRight();
  }
}

TEST(Session, UnalignedAndUnwantedTensors) {
  plan::Plan plan = samplePlan();
  // A kernel reads the input itself: alignment becomes the session's business.
  plan.programs[1].steps[1].reads[0] = {plan::Space::Input, 0, 0, 20};
  plan.ranks[0].copies[0] = plan.ranks[1].copies[0];
  Opened opened = openPlan(plan);
  ASSERT_FALSE(opened.error) << opened.error->message;
  alignas(64) char raw[44];
  Numbers numbers;
  std::memcpy(raw + 4, numbers.x, 40);
  std::shared_ptr<Request> request;
  ASSERT_FALSE(
      opened.session->submit({{raw + 4, 40, DataType::F32}}, {{numbers.y, 40, DataType::F32}, {}}, request));
  ASSERT_TRUE(opened.session->wait(*request, 60));
  EXPECT_FALSE(request->error);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(numbers.y[i], numbers.x[i % 5] + 2 * float(i));
}

TEST(Session, RefusesWrongTensors) {
  Opened opened = openPlan(samplePlan());
  ASSERT_FALSE(opened.error);
  Numbers numbers;
  std::shared_ptr<Request> request;
  EXPECT_EQ(opened.session->submit({}, numbers.outputs(), request)->code, ErrorCode::Usage);
  EXPECT_EQ(opened.session->submit({{}}, numbers.outputs(), request)->code, ErrorCode::Usage);
  EXPECT_EQ(opened.session->submit({{numbers.x, 40, DataType::I32}}, numbers.outputs(), request)->code,
            ErrorCode::Invalid);
  EXPECT_EQ(opened.session->submit({{numbers.x, 36, DataType::F32}}, numbers.outputs(), request)->code,
            ErrorCode::Invalid);
}

TEST(Session, MemoryLimit) {
  SessionOptions options;
  options.memoryLimitBytes = 2 * 7 * 64 + 63;
  Opened opened = openPlan(samplePlan(), options);
  ASSERT_TRUE(opened.error);
  EXPECT_EQ(opened.error->code, ErrorCode::Infeasible);
  EXPECT_NE(opened.error->message.find("959"), std::string::npos) << opened.error->message;
  options.memoryLimitBytes += 1;
  EXPECT_FALSE(openPlan(samplePlan(), options).error);
}

TEST(Session, WeightsReadInPlaceCountAgainstTheLimit) {
  plan::Plan plan = samplePlan();
  // Both ranks read the first half of the weight in place.
  for (plan::RankTable &rank : plan.ranks)
    rank.blobs.push_back({0, 0});
  plan.programs[1].steps[7].reads[1] = {plan::Space::Blob, 1, 0, 20};
  SessionOptions options;
  options.memoryLimitBytes = 2 * 7 * 64 + 64 + 9; // each holds half of 20 bytes
  Opened opened = openPlan(plan, options);
  ASSERT_TRUE(opened.error);
  EXPECT_EQ(opened.error->code, ErrorCode::Infeasible);
  options.memoryLimitBytes += 1;
  opened = openPlan(plan, options);
  ASSERT_FALSE(opened.error) << opened.error->message;
  EXPECT_EQ(opened.session->statistics(0).allocatedBytes, options.memoryLimitBytes);
}

TEST(Session, CopiesOfExternalWeightsGoAfterInit) {
  const std::vector<float> weights = sampleWeights();
  const std::string raw(reinterpret_cast<const char *>(weights.data()), weights.size() * 4);
  for (bool isReadInPlace : {false, true}) {
    plan::Plan plan = samplePlan();
    plan.blobs[0].externalFile = "w.bin";
    plan.blobs[0].fileOffset = 3;
    plan.blobs[0].hash = plan::hashBytes(raw.data(), raw.size());
    if (isReadInPlace)
      plan.programs[1].steps[7].reads[1] = {plan::Space::Blob, 0, 0, 20};
    TemporaryFolder folder;
    writeFile(folder.path("w.bin"), "abc" + raw);
    ASSERT_FALSE(writeSample(folder.path("a.plan"), plan));
    std::unique_ptr<plan::PlanFile> file;
    ASSERT_FALSE(plan::PlanFile::open(folder.path("a.plan"), {}, file));
    const plan::PlanFile *opened = file.get();
    EXPECT_EQ(opened->copiedBytes(), 40u);
    SessionOptions options;
    options.memoryLimitBytes = 2 * 7 * 64 + 64 + (isReadInPlace ? 20 : 0); // each its half
    std::unique_ptr<Session> session;
    plan::Status error = Session::open(std::move(file), options, session);
    ASSERT_FALSE(error) << error->message;
    EXPECT_EQ(session->statistics(0).allocatedBytes, options.memoryLimitBytes);
    EXPECT_EQ(opened->copiedBytes(), isReadInPlace ? 40u : 0u);
    Numbers numbers;
    std::shared_ptr<Request> request;
    ASSERT_FALSE(session->submit(numbers.inputs(), numbers.outputs(), request));
    ASSERT_TRUE(session->wait(*request, 60));
    ASSERT_FALSE(request->error);
    if (!isReadInPlace)
      numbers.expectRight();
    else
      for (int k = 0; k < 10; ++k)
        EXPECT_EQ(numbers.sum[k], 2 * (numbers.x[k] + 2 * float(k)) + weights[size_t(k)]);
  }
}

TEST(Session, ScratchMemoryBeyondThePlan) {
  // A convolution whose weights come with the request: they are brought into another form in a workspace.
  plan::Kernel kernel;
  kernel.kind = plan::KernelKind::Library;
  kernel.symbol = "onednn.convolution";
  kernel.operands = {{DataType::F32, {1, 16, 10, 10}}, {DataType::F32, {32, 16, 3, 3}}};
  kernel.results = {{DataType::F32, {1, 32, 8, 8}}};
  kernel.strings = {{"layout", "nchw"}};
  kernel.integers = {
      {"strides", {1, 1}}, {"dilations", {1, 1}}, {"pads_begin", {0, 0}}, {"pads_end", {0, 0}}, {"groups", {1}}};
  LibraryKernelFacts facts;
  ASSERT_FALSE(libraryKernelFacts(kernel, 1, facts));
  ASSERT_GT(facts.workspaceBytes, 0u);

  plan::Plan plan = samplePlan(); // as if the compiler's library had needed no workspace
  plan.stages[0].grid.axisSizes = {1};
  plan.ranks.resize(1);
  plan.communications.clear();
  plan.kernels[0] = kernel;
  plan.entry.inputs = {{"x", DataType::F32, {1, 16, 10, 10}}, {"w", DataType::F32, {32, 16, 3, 3}}};
  plan.entry.outputs = {{"y", DataType::F32, {1, 32, 8, 8}}};
  plan::Step step = plan.programs[1].steps[1];
  step.waits.clear();
  step.reads = {{plan::Space::Input, 0, 0, 1600 * 4}, {plan::Space::Input, 1, 0, 4608 * 4}};
  step.writes = {{plan::Space::Output, 0, 0, 2048 * 4}};
  plan.programs[1].steps = {step};
  std::vector<std::string> warnings;
  SessionOptions options;
  options.log = [&](LogLevel level, const std::string &message) {
    if (level == LogLevel::Warning)
      warnings.push_back(message);
  };
  Opened opened = openPlan(plan, options);
  ASSERT_FALSE(opened.error) << opened.error->message;
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("rank 0 needs " + std::to_string(facts.workspaceBytes) + " bytes"), std::string::npos)
      << warnings[0];
  EXPECT_EQ(opened.session->statistics(0).allocatedBytes, 2 * 7 * 64 + 64 + facts.workspaceBytes);
  std::vector<float> x(1600, 1), w(4608, 2), y(2048);
  std::shared_ptr<Request> request;
  ASSERT_FALSE(opened.session->submit({{x.data(), 6400, DataType::F32}, {w.data(), 18432, DataType::F32}},
                                      {{y.data(), 8192, DataType::F32}}, request));
  ASSERT_TRUE(opened.session->wait(*request, 60));
  ASSERT_FALSE(request->error) << request->error->message;
  EXPECT_EQ(y, std::vector<float>(2048, 16 * 9 * 2));
}

TEST(Session, MissingThingsAreUnsupported) {
  plan::Plan plan = samplePlan();
  plan.cpuFeatures = {"sse2", "warp-drive"};
  Opened opened = openPlan(plan);
  ASSERT_TRUE(opened.error);
  EXPECT_EQ(opened.error->code, ErrorCode::Unsupported);
  EXPECT_NE(opened.error->message.find("warp-drive"), std::string::npos);
  plan = samplePlan();
  plan.deviceKind = "cuda";
  EXPECT_EQ(openPlan(plan).error->code, ErrorCode::Unsupported);
  EXPECT_EQ(openPlan(samplePlan(), {}, "").error->code, ErrorCode::Unsupported);
  EXPECT_EQ(openPlan(samplePlan(), {}, "not an object").error->code, ErrorCode::Invalid);
  plan = samplePlan();
  for (const char *symbol : {"nowhere", "memcpy"}) { // the second one is the C library's
    plan.kernels[0].symbol = symbol;
    opened = openPlan(plan);
    ASSERT_TRUE(opened.error);
    EXPECT_EQ(opened.error->code, ErrorCode::Invalid);
  }
  plan.kernels[0].kind = plan::KernelKind::Builtin;
  EXPECT_EQ(openPlan(plan).error->code, ErrorCode::Unsupported);
  plan.kernels[0].kind = plan::KernelKind::Library;
  EXPECT_EQ(openPlan(plan).error->code, ErrorCode::Unsupported);
}

TEST(Session, DeadlineNamesTheMissingRankAndTheSessionGoesOn) {
  SessionOptions options;
  options.deadlineSeconds = 0.1;
  Opened opened = openPlan(samplePlan(), options, slowKernels());
  ASSERT_FALSE(opened.error) << opened.error->message;
  Numbers slow;
  slow.x[5] = -100; // only rank 1 sleeps
  std::shared_ptr<Request> request;
  ASSERT_FALSE(opened.session->submit(slow.inputs(), slow.outputs(), request));
  ASSERT_TRUE(opened.session->wait(*request, 60));
  ASSERT_TRUE(request->error);
  EXPECT_EQ(request->error->code, ErrorCode::Execution);
  EXPECT_NE(request->error->message.find("rank 0 waited"), std::string::npos) << request->error->message;
  EXPECT_NE(request->error->message.find("for rank 1, which was last seen in step add_p"), std::string::npos);
  bool hasNodes = false;
  for (auto &[name, value] : request->error->fields)
    hasNodes |= name == "nodes" && value == "node_gather_b";
  EXPECT_TRUE(hasNodes);
  Numbers numbers;
  ASSERT_FALSE(opened.session->submit(numbers.inputs(), numbers.outputs(), request));
  ASSERT_TRUE(opened.session->wait(*request, 60));
  ASSERT_FALSE(request->error) << request->error->message;
  numbers.expectRight();
}

TEST(Session, RanksThatLoadForLongAreNamed) {
  SessionOptions options;
  options.deadlineSeconds = 0.1;
  std::vector<std::string> warnings;
  options.log = [&](LogLevel level, const std::string &message) {
    if (level == LogLevel::Warning)
      warnings.push_back(message);
  };
  Opened opened = openPlan(samplePlan(), options, compileKernels(R"(
#include <stdint.h>
#include <time.h>
void ampc_add(void *const *b, const int64_t *i, void *w, int64_t begin, int64_t end) {
  (void)b; (void)i; (void)w; (void)begin; (void)end;
}
void ampc_double(void *const *b, const int64_t *i, void *w, int64_t begin, int64_t end) {
  (void)b; (void)i; (void)w; (void)begin; (void)end;
  struct timespec t = {0, 400000000};
  nanosleep(&t, 0);
})"));
  ASSERT_FALSE(opened.error) << opened.error->message;
  ASSERT_GE(warnings.size(), 2u);
  for (const std::string &warning : warnings)
    EXPECT_NE(warning.find("is still being prepared, in or before step scale_w"), std::string::npos) << warning;
}

TEST(Session, CancelEndsOneRequestOnly) {
  Opened opened = openPlan(samplePlan(), {}, slowKernels());
  ASSERT_FALSE(opened.error);
  for (int round = 0; round < 3; ++round) {
    Numbers slow, beside(1), queued(2), after(3);
    slow.x[5] = -100;
    std::shared_ptr<Request> first, second, third, fourth;
    ASSERT_FALSE(opened.session->submit(slow.inputs(), slow.outputs(), first));
    ASSERT_FALSE(opened.session->submit(beside.inputs(), beside.outputs(), second));
    ASSERT_FALSE(opened.session->submit(queued.inputs(), queued.outputs(), third));
    ASSERT_FALSE(opened.session->submit(after.inputs(), after.outputs(), fourth));
    EXPECT_FALSE(opened.session->wait(*first, 0.05));
    opened.session->cancel(*first);
    opened.session->cancel(*third); // still queued
    for (auto &request : {first, second, third, fourth})
      ASSERT_TRUE(opened.session->wait(*request, 60));
    ASSERT_TRUE(first->error);
    EXPECT_EQ(first->error->code, ErrorCode::Cancelled);
    ASSERT_TRUE(third->error);
    EXPECT_EQ(third->error->code, ErrorCode::Cancelled);
    EXPECT_FALSE(second->error);
    EXPECT_FALSE(fourth->error);
    beside.expectRight();
    after.expectRight();
  }
}

TEST(Session, CoresComeBeforeTheirSecondThreads) {
  const std::vector<std::string> cores = {"0,2", "1,3", "0,2", "1,3", "", ""};
  const auto coreOf = [&](int cpu) { return cores[size_t(cpu)]; };
  EXPECT_EQ(coresFirst({0, 1, 2, 3}, coreOf), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(coresFirst({3, 1, 2, 0, 5}, coreOf), (std::vector<int>{3, 2, 5, 1, 0}));
  EXPECT_EQ(coresFirst({4, 0, 5, 2}, coreOf), (std::vector<int>{4, 0, 5, 2}));
}

TEST(Session, CloseWithRequestsInFlight) {
  Opened opened = openPlan(samplePlan(), {}, slowKernels());
  ASSERT_FALSE(opened.error);
  Numbers slow, next;
  slow.x[0] = -100;
  std::shared_ptr<Request> first, second;
  ASSERT_FALSE(opened.session->submit(slow.inputs(), slow.outputs(), first));
  ASSERT_FALSE(opened.session->submit(next.inputs(), next.outputs(), second));
  opened.session.reset();
  EXPECT_TRUE(first->isDone);
  EXPECT_TRUE(second->isDone);
  EXPECT_TRUE(second->error);
}

TEST(Session, StateGoesFromStepToStep) {
  plan::Plan plan = samplePlan();
  plan.entry.states = {{"x", "y", 0, 0}};
  Opened opened = openPlan(plan);
  ASSERT_FALSE(opened.error);
  EXPECT_EQ(opened.session->slots(), 1u);
  std::vector<std::shared_ptr<Request>> requests(3);
  for (auto &request : requests)
    ASSERT_FALSE(opened.session->submit({{}}, {{}, {}}, request));
  for (auto &request : requests)
    ASSERT_TRUE(opened.session->wait(*request, 60));
  float state[10];
  TensorView view{state, sizeof state, DataType::F32};
  ASSERT_FALSE(opened.session->getState("x", view));
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(state[i], 3 * 2 * float(i));
  for (float &value : state)
    value = 100;
  ASSERT_FALSE(opened.session->setState("y", view));
  float y[10];
  std::shared_ptr<Request> request;
  ASSERT_FALSE(opened.session->submit({{}}, {{y, sizeof y, DataType::F32}, {}}, request));
  ASSERT_TRUE(opened.session->wait(*request, 60));
  EXPECT_EQ(y[9], 100 + 18);
  ASSERT_FALSE(opened.session->zeroStates());
  ASSERT_FALSE(opened.session->getState("x", view));
  EXPECT_EQ(state[3], 0);
  EXPECT_EQ(opened.session->getState("z", view)->code, ErrorCode::Usage);
}

TEST(Session, StateAndTraceRightAfterEarlyEnds) {
  plan::Plan plan = samplePlan();
  plan.entry.states = {{"x", "y", 0, 0}};
  SessionOptions options;
  options.collectTrace = true;
  Opened opened = openPlan(plan, options, slowKernels());
  ASSERT_FALSE(opened.error);
  float values[10];
  TensorView view{values, sizeof values, DataType::F32};
  int cancelled = 0;
  for (int round = 0; round < 100; ++round) {
    std::fill(std::begin(values), std::end(values), round % 20 ? 0.0f : -100.0f); // some are broken off while they run
    plan::Status error = opened.session->setState("x", view);
    ASSERT_FALSE(error) << round << ": " << error->message;
    std::vector<std::shared_ptr<Request>> requests(3);
    for (auto &request : requests)
      ASSERT_FALSE(opened.session->submit({{}}, {{}, {}}, request));
    if (round % 20 == 0)
      opened.session->wait(*requests[0], 0.01);
    for (auto &request : requests)
      opened.session->cancel(*request);
    for (auto &request : requests) {
      ASSERT_TRUE(opened.session->wait(*request, 60));
      cancelled += request->error.has_value();
    }
    error = opened.session->getState("x", view);
    ASSERT_FALSE(error) << round << ": " << error->message;
    error = opened.session->zeroStates();
    ASSERT_FALSE(error) << round << ": " << error->message;
    std::string trace;
    error = opened.session->takeTrace(trace);
    ASSERT_FALSE(error) << round << ": " << error->message;
  }
  EXPECT_GT(cancelled, 20);
}

TEST(Session, StateIsBusyWhileARequestRuns) {
  plan::Plan plan = samplePlan();
  plan.entry.states = {{"x", "y", 0, 0}};
  Opened opened = openPlan(plan, {}, slowKernels());
  ASSERT_FALSE(opened.error);
  float values[10];
  std::fill(std::begin(values), std::end(values), -100.0f);
  ASSERT_FALSE(opened.session->setState("x", {values, sizeof values, DataType::F32}));
  std::shared_ptr<Request> slow, queued;
  ASSERT_FALSE(opened.session->submit({{}}, {{}, {}}, slow));
  ASSERT_FALSE(opened.session->submit({{}}, {{}, {}}, queued));
  opened.session->cancel(*queued);
  ASSERT_TRUE(opened.session->wait(*queued, 60));
  EXPECT_EQ(opened.session->zeroStates()->code, ErrorCode::Usage);
  ASSERT_TRUE(opened.session->wait(*slow, 60));
  EXPECT_FALSE(opened.session->zeroStates());
}

TEST(Session, TraceHasTheStepsNames) {
  SessionOptions options;
  options.collectTrace = true;
  Opened opened = openPlan(samplePlan(), options);
  ASSERT_FALSE(opened.error);
  Numbers numbers;
  std::shared_ptr<Request> request;
  ASSERT_FALSE(opened.session->submit(numbers.inputs(), numbers.outputs(), request));
  ASSERT_TRUE(opened.session->wait(*request, 60));
  std::string text;
  ASSERT_FALSE(opened.session->takeTrace(text));
  auto json = nlohmann::json::parse(text);
  // Names of two processes with two threads each, init and forward steps, the end.
  EXPECT_EQ(json["traceEvents"].size(), 2 * 3 + 2 * 10 + 1u);
  int gathers = 0;
  for (const auto &event : json["traceEvents"])
    if (event["name"] == "gather_b") {
      EXPECT_EQ(event["pid"], gathers);
      EXPECT_EQ(event["tid"], 1);
      EXPECT_EQ(event["cat"], "communication");
      EXPECT_EQ(event["args"]["step"], "all_gather");
      EXPECT_EQ(event["args"]["program"], "stage0.0");
      EXPECT_EQ(event["args"]["nodes"], "node_gather_b");
      EXPECT_GT(event["dur"], 0);
      ++gathers;
    }
  EXPECT_EQ(gathers, 2);
}

TEST(Session, NullDeviceWalksTheSchedule) {
  SessionOptions options;
  options.device = "null";
  Opened opened = openPlan(samplePlan(), options, "");
  ASSERT_FALSE(opened.error) << opened.error->message;
  std::shared_ptr<Request> request;
  ASSERT_FALSE(opened.session->submit({{}}, {{}, {}}, request));
  ASSERT_TRUE(opened.session->wait(*request, 60));
  EXPECT_FALSE(request->error);
  EXPECT_EQ(opened.session->statistics(1).steps, 10u);
  EXPECT_EQ(opened.session->statistics(1).allocatedBytes, 0u);
}

TEST(Session, SeveralThreadsPerDevice) {
  plan::Plan plan = samplePlan();
  plan.threadsPerDevice = 3;
  Opened opened = openPlan(plan);
  ASSERT_FALSE(opened.error);
  expectRightRequests(*opened.session, 20);
}

TEST(Session, ResultsOverOperands) {
  for (uint32_t operand : {0u, 1u}) {
    plan::Plan plan = samplePlan();
    plan.threadsPerDevice = 3;
    plan.kernels[0].inPlace = {{operand, 0}};
    plan::Program &forward = plan.programs[1];
    forward.steps[7].writes[0] = forward.steps[8].reads[0] = forward.steps[7].reads[operand];
    Opened opened = openPlan(plan);
    ASSERT_FALSE(opened.error) << opened.error->message;
    expectRightRequests(*opened.session, 20);
    // The same without permission.
    plan.kernels[0].inPlace.clear();
    EXPECT_TRUE(openPlan(plan).error);
  }
}

TEST(Session, ThreadsThatShareAKernelHaveWorkspacesOfTheirOwn) {
  plan::Plan plan = samplePlan();
  plan.threadsPerDevice = 3;
  plan.kernels[0].workspaceBytes = 4;
  plan::Program &forward = plan.programs[1];
  for (plan::Step &step : forward.steps)
    if (step.kind == plan::StepKind::Launch)
      step.workspace = {plan::Space::Activation, 0, forward.activationBytes, 2 * 64 + 4};
  forward.activationBytes += 3 * 64;
  forward.slotStrideBytes = forward.activationBytes;
  for (plan::RankTable &rank : plan.ranks)
    rank.activationBytes = 2 * forward.slotStrideBytes;
  // What stands in the workspace is read again when every other thread has written its own.
  Opened opened = openPlan(plan, {}, compileKernels(R"(
#include <stdint.h>
#include <unistd.h>
void ampc_add(void *const *b, const int64_t *i, void *w, int64_t begin, int64_t end) {
  const float *x = b[0], *y = b[1]; float *z = b[2]; volatile float *sum = w; (void)i;
  for (int64_t r = begin; r < end; ++r) { *sum = x[r] + y[r]; usleep(2000); z[r] = *sum; }
}
void ampc_double(void *const *b, const int64_t *i, void *w, int64_t begin, int64_t end) {
  const float *x = b[0]; float *z = b[1]; (void)w; (void)begin; (void)end;
  for (int64_t r = 0; r < 5; ++r) z[r] = x[r] * (float)i[0];
}
)"));
  ASSERT_FALSE(opened.error) << opened.error->message;
  expectRightRequests(*opened.session, 5);
}

TEST(Session, TwoSessionsSideBySide) {
  Opened a = openPlan(samplePlan()), b = openPlan(samplePlan(), {}, slowKernels());
  ASSERT_FALSE(a.error);
  ASSERT_FALSE(b.error);
  Numbers x(1), y(2);
  std::shared_ptr<Request> first, second;
  ASSERT_FALSE(a.session->submit(x.inputs(), x.outputs(), first));
  ASSERT_FALSE(b.session->submit(y.inputs(), y.outputs(), second));
  ASSERT_TRUE(a.session->wait(*first, 60));
  ASSERT_TRUE(b.session->wait(*second, 60));
  x.expectRight();
  y.expectRight();
}

} // namespace
} // namespace ampc::test
