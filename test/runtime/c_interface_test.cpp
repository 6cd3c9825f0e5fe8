// The public interface, as an embedding program sees it: through the shared library and both headers.
#include "test/runtime/sample_plan.h"

#include <ampc/ampc.hpp>
#include <gtest/gtest.h>

#include <cstring>
#include <sched.h>
#include <thread>

namespace ampc::test {
namespace {

struct PlanOnDisk {
  TemporaryFolder folder;
  std::string path = folder.path("a.plan");
  explicit PlanOnDisk(plan::Plan plan = samplePlan(), const std::string &kernels = sampleKernels()) {
    if (auto error = writeSample(path, std::move(plan), kernels))
      ADD_FAILURE() << error->message;
  }
};

TEST(CInterface, RunsAndDescribes) {
  PlanOnDisk plan;
  ampc_session_options options = AMPC_SESSION_OPTIONS_INIT;
  options.collect_trace = 1;
  Session session(plan.path, &options);
  EXPECT_EQ(session.rankCount(), 2u);
  EXPECT_EQ(session.slotCount(), 2u);
  ASSERT_EQ(session.inputs().size(), 1u);
  ASSERT_EQ(session.outputs().size(), 2u);
  EXPECT_STREQ(session.outputs()[1].name, "sum");
  EXPECT_EQ(session.outputs()[1].byte_count, 40u);
  EXPECT_EQ(session.outputs()[1].type, AMPC_F32);
  EXPECT_EQ(session.inputs()[0].shape[0], 10);
  EXPECT_EQ(ampc_session_find_input(session.get(), "x"), 0);
  EXPECT_EQ(ampc_session_find_output(session.get(), "sum"), 1);
  EXPECT_EQ(ampc_session_find_output(session.get(), "nothing"), -1);
  const char *name = nullptr, *value = nullptr;
  EXPECT_EQ(ampc_session_bound_value(session.get(), 0, &name, &value), 1);
  EXPECT_STREQ(name, "n");
  EXPECT_STREQ(value, "3");
  EXPECT_EQ(ampc_session_bound_value(session.get(), 1, &name, &value), 0);

  const std::vector<float> x(10, 1.0f);
  std::vector<float> y(10);
  session.run({buffer(x)}, {buffer(y), noBuffer()});
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(y[size_t(i)], 1 + 2 * float(i));
  EXPECT_NE(session.takeTrace().find("scatter_g"), std::string::npos);

  ampc_rank_statistics statistics = {};
  statistics.size = sizeof statistics;
  check(ampc_session_rank_statistics(session.get(), 1, &statistics));
  EXPECT_EQ(statistics.steps, 10u);
  EXPECT_GT(statistics.busy_seconds, 0);
  EXPECT_EQ(ampc_status_code(nullptr), AMPC_OK);
  EXPECT_EQ(ampc_version(), std::to_string(AMPC_VERSION_MAJOR) + "." + std::to_string(AMPC_VERSION_MINOR) + "." +
                                std::to_string(AMPC_VERSION_PATCH));
}

TEST(CInterface, ErrorsAreStatuses) {
  PlanOnDisk plan;
  try {
    Session session(plan.folder.path("missing.plan"));
    FAIL();
  } catch (const RuntimeError &error) {
    EXPECT_EQ(error.code(), AMPC_FILE_SYSTEM);
    EXPECT_NE(error.field("file"), "");
  }
  ampc_session *raw = nullptr;
  ampc_status *status = ampc_session_open(nullptr, nullptr, &raw);
  EXPECT_EQ(ampc_status_code(status), AMPC_USAGE);
  ampc_status_free(status);
  status = ampc_session_open(plan.path.c_str(), nullptr, nullptr);
  EXPECT_EQ(ampc_status_code(status), AMPC_USAGE);
  ampc_status_free(status);
  ampc_session_options options = {};
  status = ampc_session_open(plan.path.c_str(), &options, &raw); // size not set
  EXPECT_EQ(ampc_status_code(status), AMPC_USAGE);
  ampc_status_free(status);
  Session session(plan.path);
  std::vector<int32_t> wrong(10);
  std::vector<float> x(10), y(10), z(10), small(3);
  EXPECT_THROW(session.run({buffer(wrong)}, {buffer(y), buffer(z)}), RuntimeError);
  EXPECT_THROW(session.run({buffer(x)}, {buffer(y), buffer(small)}), RuntimeError);
  EXPECT_THROW(session.run({buffer(x)}, {buffer(y)}), RuntimeError);
  EXPECT_THROW(session.takeTrace(), RuntimeError);
  EXPECT_THROW(session.setState("x", buffer(x)), RuntimeError);
  session.run({buffer(x)}, {buffer(y), buffer(z)});
}

TEST(CInterface, ManyCallersAtOnce) {
  PlanOnDisk plan;
  Session session(plan.path);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 25; ++round) {
        std::vector<float> x(10, float(caller * 100 + round)), y(10), sum(10);
        if (round % 5 == 4) {
          Request request = session.submit({buffer(x)}, {buffer(y), buffer(sum)});
          request.cancel();
          try {
            request.wait();
          } catch (const RuntimeError &error) {
            wrong += error.code() != AMPC_CANCELLED;
          }
          continue;
        }
        session.run({buffer(x)}, {buffer(y), buffer(sum)});
        for (int i = 0; i < 10; ++i)
          wrong += y[size_t(i)] != x[0] + 2 * float(i);
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(CInterface, RequestsOutliveTheirHandles) {
  PlanOnDisk plan;
  Session session(plan.path);
  std::vector<float> x(10), y(10), sum(10);
  for (int round = 0; round < 20; ++round)
    session.submit({buffer(x)}, {buffer(y), buffer(sum)}); // freed at once: cancelled and waited for
  session.run({buffer(x)}, {buffer(y), buffer(sum)});
  EXPECT_EQ(y[9], 18);
}

TEST(CInterface, MemoryAndAllocator) {
  PlanOnDisk plan;
  std::string bytes = readFile(plan.path);
  std::unique_ptr<void, decltype(&std::free)> aligned(std::aligned_alloc(64, (bytes.size() / 64 + 1) * 64),
                                                      &std::free);
  std::memcpy(aligned.get(), bytes.data(), bytes.size());
  struct Counter {
    std::atomic<int64_t> bytes{0};
  } counter;
  ampc_session_options options = AMPC_SESSION_OPTIONS_INIT;
  options.user = &counter;
  options.allocate = [](void *user, uint64_t size, uint64_t alignment, uint32_t) {
    static_cast<Counter *>(user)->bytes += int64_t(size);
    void *data = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    std::memset(data, 0, size);
    return data;
  };
  options.deallocate = [](void *user, void *data, uint64_t size, uint32_t) {
    static_cast<Counter *>(user)->bytes -= int64_t(size);
    std::free(data);
  };
  ampc_session *raw = nullptr;
  check(ampc_session_open_memory(aligned.get(), bytes.size(), &options, &raw));
  EXPECT_EQ(counter.bytes, 2 * (2 * 7 * 64 + 64));
  std::vector<float> x(10), y(10), sum(10);
  ampc_buffer input = buffer(x), outputs[] = {buffer(y), buffer(sum)};
  check(ampc_session_run(raw, &input, 1, outputs, 2));
  EXPECT_EQ(y[1], 2);
  ampc_session_close(raw);
  EXPECT_EQ(counter.bytes, 0);
  ampc_session_close(nullptr);
}

struct Log {
  std::vector<std::pair<ampc_log_level, std::string>> lines;
  void listen(ampc_session_options &options) {
    options.user = this;
    options.log = [](void *user, ampc_log_level level, const char *message) {
      static_cast<Log *>(user)->lines.emplace_back(level, message);
    };
  }
  int count(ampc_log_level level, const std::string &part) const {
    int number = 0;
    for (const auto &[other, message] : lines)
      number += other == level && message.find(part) != std::string::npos;
    return number;
  }
};

TEST(CInterface, LogTellsWhatHappens) {
  PlanOnDisk plan(samplePlan(), slowKernels());
  Log log;
  ampc_session_options options = AMPC_SESSION_OPTIONS_INIT;
  log.listen(options);
  options.deadline_seconds = 0.1;
  {
    Session session(plan.path, &options);
    EXPECT_EQ(log.count(AMPC_LOG_INFO, "is ready after"), 2);
    EXPECT_EQ(log.count(AMPC_LOG_INFO, "960 bytes of memory, 1 steps done, 9 per request"), 2);
    EXPECT_EQ(log.lines.size(), 2u);
    std::vector<float> x(10), y(10), sum(10);
    x[5] = -100; // rank 1 takes longer than the deadline
    EXPECT_THROW(session.run({buffer(x)}, {buffer(y), buffer(sum)}), RuntimeError);
    x[5] = 0;
    session.run({buffer(x)}, {buffer(y), buffer(sum)});
  }
  EXPECT_EQ(log.count(AMPC_LOG_WARNING, "recovered from a failure (rank 0 waited longer"), 1);
  EXPECT_EQ(log.lines.size(), 3u);
}

TEST(CInterface, PinsAreToldAbout) {
  cpu_set_t usual, single;
  ASSERT_EQ(sched_getaffinity(0, sizeof usual, &usual), 0);
  CPU_ZERO(&single);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&single) == 0; ++cpu)
    if (CPU_ISSET(size_t(cpu), &usual))
      CPU_SET(size_t(cpu), &single);
  ampc_session_options options = AMPC_SESSION_OPTIONS_INIT;
  options.pin_threads = 1;
  PlanOnDisk two;
  {
    Log log;
    log.listen(options);
    ASSERT_EQ(sched_setaffinity(0, sizeof single, &single), 0);
    Session session(two.path, &options);
    ASSERT_EQ(sched_setaffinity(0, sizeof usual, &usual), 0);
    EXPECT_EQ(log.count(AMPC_LOG_WARNING, "not pinned: there are 2, and the process may use 1 CPUs"), 1);
    EXPECT_EQ(log.count(AMPC_LOG_INFO, "on CPU"), 0);
  }
  if (CPU_COUNT(&usual) > 1) {
    Log log;
    log.listen(options);
    Session session(two.path, &options);
    EXPECT_EQ(log.count(AMPC_LOG_INFO, "on CPU"), 2);
  }
  plan::Plan severalThreads = samplePlan();
  severalThreads.threadsPerDevice = 2;
  PlanOnDisk several(severalThreads);
  {
    Log log;
    log.listen(options);
    Session session(several.path, &options);
    EXPECT_EQ(log.count(AMPC_LOG_WARNING, "each has several threads"), 1);
  }
  plan::Plan alone = samplePlan(); // one rank: the copy in, the sum, a copy out
  alone.stages[0].grid.axisSizes = {1};
  alone.ranks.resize(1);
  alone.communications.clear();
  auto &steps = alone.programs[1].steps;
  steps.erase(steps.begin() + 2, steps.begin() + 8);
  steps[2].reads = steps[1].writes;
  steps[2].waits = {1};
  PlanOnDisk one(alone);
  {
    Log log;
    log.listen(options);
    Session session(one.path, &options);
    EXPECT_EQ(log.count(AMPC_LOG_INFO, "is ready after"), 1);
    EXPECT_EQ(log.count(AMPC_LOG_INFO, "on CPU"), 0); // nobody to be kept apart from
    EXPECT_EQ(log.count(AMPC_LOG_WARNING, ""), 0);
  }
}

TEST(CInterface, State) {
  plan::Plan plan = samplePlan();
  plan.entry.states = {{"x", "y", 0, 0}};
  PlanOnDisk onDisk(plan);
  Session session(onDisk.path);
  ASSERT_EQ(session.states().size(), 1u);
  EXPECT_EQ(session.inputs()[0].is_state, 1);
  std::vector<float> state(10);
  for (int step = 1; step < 4; ++step) {
    session.run({noBuffer()}, {noBuffer(), noBuffer()});
    session.getState("x", buffer(state));
    EXPECT_EQ(state[2], 4.0f * float(step));
  }
  session.zeroStates();
  session.getState("y", buffer(state));
  EXPECT_EQ(state[2], 0);
  // A given state input stands in for the session's in one request; what that leaves is carried on.
  std::vector<float> given(10, 100);
  for (int step = 0; step < 2; ++step) {
    session.run({buffer(given)}, {noBuffer(), noBuffer()});
    session.getState("x", buffer(state));
    EXPECT_EQ(state[2], 104.0f);
  }
  session.run({noBuffer()}, {noBuffer(), noBuffer()});
  session.getState("x", buffer(state));
  EXPECT_EQ(state[2], 108.0f);
  EXPECT_EQ(given[2], 100);
}

} // namespace
} // namespace ampc::test
