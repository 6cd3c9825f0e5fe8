// The shapes that the probe times tell the parameters of the cost model apart, and timing gives times for all of them.
#include "tools/product_times.h"

#include "cost_model/probe.h"
#include "runtime/kernels/library_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

using namespace ampc;
using namespace ampc::tools;
using cost::WorkKind;

namespace {

/// What a core with these parameters would take for everything that the probe executes.
std::vector<cost::TimedWork> syntheticTimes(cost::Device core) {
  core.launchSeconds = 0;
  std::vector<cost::TimedWork> times;
  auto add = [&](const cost::Work &work) { times.push_back({work, cost::computeSeconds(work, core)}); };
  for (const ProductShape &shape : probedProducts()) {
    add(workOf(shape, generatedKernelOf(shape)));
    for (bool isPacked : {false, true})
      if (isTimedByLibrary(shape, isPacked))
        add(workOf(shape, libraryKernelOf(shape, isPacked)));
  }
  return times;
}

TEST(ProbedProducts, tellTheParametersApart) {
  const cost::Device given = cost::cpuHostCluster(1, 1, 1, "avx512", uint64_t(8) << 30).devices[0];
  cost::Device truth = given;
  truth.cacheReadBytesPerSecond = 2 * truth.cacheBandwidthBytesPerSecond;
  truth.libraryCallSeconds = 0.3e-6;
  const std::pair<WorkKind, cost::Efficiency> known[] = {{WorkKind::Contraction, {0.7, 2, 20, 9, 0}},
                                                         {WorkKind::Convolution, {0.5, 5, 10, 20, 0}},
                                                         {WorkKind::GeneratedContraction, {0.8, 0.6, 30, 3, 900}},
                                                         {WorkKind::GeneratedConvolution, {0.6, 6, 25, 8, 0}}};
  for (const auto &[kind, efficiency] : known)
    truth.efficiency[size_t(kind)] = efficiency;
  const cost::ProductFit fit = cost::fitProducts(given, syntheticTimes(truth));
  for (const auto &[kind, efficiency] : known) {
    SCOPED_TRACE(std::string(cost::name(kind)));
    const cost::Efficiency &found = fit.device.efficiencyOf(kind);
    EXPECT_LT(fit.logError[size_t(kind)], 1e-3);
    EXPECT_NEAR(found.fraction, efficiency.fraction, 0.02 * efficiency.fraction);
    EXPECT_NEAR(found.halfM, efficiency.halfM, 0.05 * efficiency.halfM + 0.05);
    EXPECT_NEAR(found.halfN, efficiency.halfN, 0.05 * efficiency.halfN + 0.05);
    EXPECT_NEAR(found.halfK, efficiency.halfK, 0.05 * efficiency.halfK + 0.05);
    EXPECT_NEAR(found.fadeN, efficiency.fadeN, 0.02 * efficiency.fadeN);
  }
  EXPECT_NEAR(fit.device.libraryCallSeconds, truth.libraryCallSeconds, 0.01 * truth.libraryCallSeconds);
  EXPECT_NEAR(fit.device.cacheReadBytesPerSecond, truth.cacheReadBytesPerSecond, 0.01 * truth.cacheReadBytesPerSecond);
}

TEST(ProbedProducts, areDescribedAsPlansDescribeThem) {
  size_t timed = 0;
  for (const ProductShape &shape : probedProducts()) {
    const plan::Kernel library = libraryKernelOf(shape, true), generated = generatedKernelOf(shape);
    const cost::Work byLibrary = workOf(shape, library), byCode = workOf(shape, generated);
    EXPECT_EQ(byLibrary.kind, shape.isConvolution ? WorkKind::Convolution : WorkKind::Contraction);
    EXPECT_EQ(byCode.kind, shape.isConvolution ? WorkKind::GeneratedConvolution : WorkKind::GeneratedContraction);
    EXPECT_EQ(byLibrary.flops, byCode.flops);
    EXPECT_EQ(byLibrary.bytesRead, byCode.bytesRead);
    EXPECT_TRUE(byLibrary.libraryCalls == 1 && byCode.libraryCalls == 0);
    EXPECT_EQ(byLibrary.channelsInFront, shape.isConvolution && !shape.isChannelsLast);
    EXPECT_FALSE(byLibrary.readsPlainRows);
    EXPECT_EQ(byCode.readsPlainRows, !shape.isConvolution);
    timed += shape.isConvolution && isTimedByLibrary(shape, true);
    if (shape.second.size() == 2) {
      EXPECT_EQ(byLibrary.m * byLibrary.n * byLibrary.k * 2, byLibrary.flops);
    }
  }
  EXPECT_GE(timed, cost::leastTimesOfKind);
}

TEST(ProductTimes, measureWhatIsThere) {
  // Neither the compiler nor oneDNN has to be there.
  std::vector<ProductShape> shapes = probedProducts();
  shapes.resize(3);
  const ProductTimes times = timeProducts(shapes, 1e-4);
  LibraryKernelFacts facts;
  EXPECT_EQ(times.libraryMissing.has_value(),
            libraryKernelFacts(libraryKernelOf(shapes[0], false), 1, facts).has_value());
  size_t library = 0, generated = 0;
  for (const cost::TimedWork &timed : times.times) {
    EXPECT_GT(timed.seconds, 0);
    (timed.work.libraryCalls > 0 ? library : generated) += 1;
  }
  EXPECT_EQ(library, times.libraryMissing ? 0 : 6u);
  EXPECT_EQ(generated, times.generatedMissing ? 0 : 3u);
}

TEST(ProductTimesDeathTest, haveNoneOfALibraryThatFails) {
  GTEST_FLAG_SET(death_test_style, "threadsafe"); // a process that has not loaded the library yet
  EXPECT_EXIT(
      {
        setenv("AMPC_ONEDNN", FAILING_ONEDNN, 1);
        std::vector<ProductShape> shapes = probedProducts();
        shapes.resize(3);
        const ProductTimes times = timeProducts(shapes, 1e-4);
        for (const cost::TimedWork &timed : times.times)
          if (timed.work.libraryCalls > 0)
            std::fputs("timed by the library; ", stderr);
        std::fputs(times.libraryMissing ? times.libraryMissing->sentence.c_str() : "nothing missing", stderr);
        std::exit(times.times.size() == (times.generatedMissing ? 0 : shapes.size()) ? 0 : 1);
      },
      testing::ExitedWithCode(0), "^a kernel of oneDNN reported an error$");
}

} // namespace
