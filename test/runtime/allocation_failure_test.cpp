// Threads of devices when memory runs out at any point: errors come back, the session goes on, nothing ends the
// process. And steps that meet allocate nothing. The operators new of this test count and fail on demand.
#include "runtime/execute/communicator.h"
#include "runtime/execute/session.h"
#include "test/runtime/sample_plan.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <new>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace {
constexpr int64_t never = INT64_MAX;
/// Allocations of device threads until they fail; from then on one fails, or all.
std::atomic<int64_t> allocationsLeft{never};
std::atomic<bool> failOnce{false};
std::atomic<int64_t> allocations{0};
thread_local bool isTestThread = false; // never fails: it stands for the embedding program

void *allocate(std::size_t size, std::size_t alignment) {
  if (!isTestThread) {
    ++allocations;
    if (allocationsLeft != never) {
      const int64_t left = --allocationsLeft;
      if (left == 0 || (left < 0 && !failOnce))
        throw std::bad_alloc();
    }
  }
  void *data = alignment ? std::aligned_alloc(alignment, (size + alignment) / alignment * alignment)
                         : std::malloc(size + 1);
  if (!data)
    throw std::bad_alloc();
  return data;
}
} // namespace

void *operator new(std::size_t size) { return allocate(size, 0); }
void *operator new[](std::size_t size) { return allocate(size, 0); }
void *operator new(std::size_t size, std::align_val_t alignment) { return allocate(size, std::size_t(alignment)); }
void *operator new[](std::size_t size, std::align_val_t alignment) { return allocate(size, std::size_t(alignment)); }
void operator delete(void *data) noexcept { std::free(data); }
void operator delete[](void *data) noexcept { std::free(data); }
void operator delete(void *data, std::size_t) noexcept { std::free(data); }
void operator delete[](void *data, std::size_t) noexcept { std::free(data); }
void operator delete(void *data, std::align_val_t) noexcept { std::free(data); }
void operator delete[](void *data, std::align_val_t) noexcept { std::free(data); }
void operator delete(void *data, std::size_t, std::align_val_t) noexcept { std::free(data); }
void operator delete[](void *data, std::size_t, std::align_val_t) noexcept { std::free(data); }

namespace ampc::test {
namespace {

class Starving : public testing::Test {
protected:
  void SetUp() override {
    isTestThread = true;
    ASSERT_FALSE(writeSample(path, plan));
  }
  void TearDown() override { allocationsLeft = never; }

  plan::Status open(std::unique_ptr<Session> &session) {
    std::unique_ptr<plan::PlanFile> file;
    if (plan::Status error = plan::PlanFile::open(path, {}, file))
      return error;
    SessionOptions options;
    options.collectTrace = true; // its events grow while steps run
    return Session::open(std::move(file), options, session);
  }

  plan::Status run(Session &session) {
    alignas(64) float x[10] = {1}, y[10] = {}, sum[10] = {};
    std::shared_ptr<Request> request;
    if (plan::Status error =
            session.submit({{x, sizeof x, DataType::F32}},
                           {{y, sizeof y, DataType::F32}, {sum, sizeof sum, DataType::F32}}, request))
      return error;
    session.wait(*request, -1);
    EXPECT_TRUE(request->error || y[9] == 18);
    return request->error;
  }

  plan::Plan plan = samplePlan();
  TemporaryFolder folder;
  std::string path = folder.path("a.plan");
};

TEST_F(Starving, WhileLoading) {
  for (bool once : {true, false}) {
    int64_t left = 1;
    for (; left < 1000; ++left) {
      std::unique_ptr<Session> session;
      failOnce = once;
      allocationsLeft = left;
      plan::Status error = open(session);
      const bool isOver = allocationsLeft > 0;
      allocationsLeft = never;
      if (isOver) { // there was memory for everything
        ASSERT_FALSE(error) << error->message;
        break;
      }
      ASSERT_TRUE(error || session);
      if (error)
        ASSERT_EQ(error->code, plan::ErrorCode::Infeasible) << error->message;
      else
        ASSERT_FALSE(run(*session));
    }
    EXPECT_GT(left, 20);
    EXPECT_LT(left, 1000);
  }
}

TEST_F(Starving, WhileExecuting) {
  std::unique_ptr<Session> session;
  ASSERT_FALSE(open(session));
  int failures = 0;
  for (bool once : {true, false})
    for (int64_t left = 1; left < 8; ++left)
      for (int round = 0; round < 5; ++round) {
        // A fresh list of events grows at nearly every step.
        std::string trace;
        plan::Status untaken = session->takeTrace(trace);
        ASSERT_FALSE(untaken) << untaken->message;
        failOnce = once;
        allocationsLeft = left;
        plan::Status error = run(*session);
        allocationsLeft = never;
        if (error) {
          ++failures;
          ASSERT_EQ(error->code, plan::ErrorCode::Infeasible) << error->message;
        }
        error = run(*session);
        ASSERT_FALSE(error) << error->message;
      }
  EXPECT_GT(failures, 20);
}

TEST_F(Starving, TooFewThreads) {
  plan.threadsPerDevice = 300;
  ASSERT_FALSE(writeSample(path, plan));
  // Address space for some of the threads' stacks, not for all.
  rlimit usual = {};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &usual), 0);
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  ASSERT_TRUE(statm >> pages);
  const rlimit small = {pages * uint64_t(sysconf(_SC_PAGESIZE)) + (uint64_t(1) << 30), usual.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &small), 0);
  std::unique_ptr<Session> session;
  plan::Status error = open(session);
  setrlimit(RLIMIT_AS, &usual);
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("cannot prepare its device"), std::string::npos) << error->message;
}

TEST_F(Starving, StepsThatMeetAllocateNothing) {
  constexpr uint32_t large = 5000; // combined in parts, where small ones are combined by everybody
  plan.communications.push_back(plan.communications[2]);
  plan.communications.back().elements = large;
  auto communicator = makeThreadsCommunicator(plan, 1);
  std::vector<float> sources[2], targets[2];
  for (uint32_t member : {0u, 1u}) {
    sources[member].assign(large, float(member));
    targets[member].assign(large, 0);
  }
  const std::atomic<bool> interrupt{false};
  const int64_t before = allocations;
  std::vector<std::thread> threads;
  for (uint32_t member : {0u, 1u})
    threads.emplace_back([&, member] {
      for (uint32_t number = 0; number < plan.communications.size(); ++number)
        communicator->run({number, 0, member}, sources[member].data(), targets[member].data(), interrupt, {});
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(targets[1][large - 1], 1);
}

} // namespace
} // namespace ampc::test
