// Prepares the kernels of each shape, then executes them in turns with warm caches.
#include "tools/product_times.h"

#include "runtime/execute/kernel_object.h"
#include "runtime/kernels/library_kernels.h"
#include "tools/compiler.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>

namespace ampc::tools {

namespace {

/// The operands, results and workspace of one kernel.
class Buffers {
public:
  /// Throws std::bad_alloc.
  void add(uint64_t sizeBytes) {
    const size_t rounded = (sizeBytes + 127) / 64 * 64;
    bytes.emplace_back(static_cast<float *>(std::aligned_alloc(64, rounded)), &std::free);
    if (!bytes.back())
      throw std::bad_alloc();
    // Denormals, and values that are all alike, would change the speed of some kernels.
    for (size_t i = 0; i < rounded / sizeof(float); ++i)
      bytes.back().get()[i] = 0.01f * float(i % 97) - 0.5f;
    addresses.push_back(bytes.back().get());
  }
  void *const *data() const { return addresses.data(); }
  void *last() const { return addresses.back(); }

private:
  std::vector<std::unique_ptr<float, decltype(&std::free)>> bytes;
  std::vector<void *> addresses;
};

/// A kernel that is ready to run.
struct Runner {
  cost::Work work;
  std::function<bool()> call; // false: it reported an error
  int64_t callsPerTurn = 1;
  double leastSeconds = 0; // of one call
  bool hasFailed = false;  // then what was measured is no time of the kernel
};

uint64_t bytesOf(const plan::KernelOperand &operand) {
  return uint64_t(sizeBytes(operand.type, numElements(operand.shape)));
}

std::shared_ptr<Buffers> buffersOf(const plan::Kernel &kernel, uint64_t secondOperandBytes, uint64_t workspaceBytes) {
  auto buffers = std::make_shared<Buffers>();
  buffers->add(bytesOf(kernel.operands[0]));
  buffers->add(secondOperandBytes);
  buffers->add(bytesOf(kernel.results[0]));
  buffers->add(workspaceBytes);
  return buffers;
}

/// What lies in the first-level cache after a few executions costs arithmetic only; prices know no such cache.
cost::Work warmWorkOf(const ProductShape &shape, const plan::Kernel &kernel) {
  constexpr double firstLevelBytes = 32 << 10;
  cost::Work work = workOf(shape, kernel);
  if (work.bytesRead + work.bytesWritten <= firstLevelBytes)
    work.bytesRead = work.bytesWritten = 0;
  return work;
}

/// Nothing where the library has only its slow general code.
plan::Status prepareLibrary(const ProductShape &shape, bool isPacked, std::vector<Runner> &runners) {
  plan::Kernel kernel = libraryKernelOf(shape, isPacked);
  LibraryKernelFacts facts;
  if (plan::Status error = libraryKernelFacts(kernel, 1, facts))
    return error;
  if (facts.isReference)
    return std::nullopt;
  Runner runner;
  runner.work = warmWorkOf(shape, kernel);
  if (isPacked)
    kernel.integers.push_back({"packed_bytes", {int64_t(facts.packedBytes)}});
  std::unique_ptr<LibraryKernel> created;
  if (plan::Status error = createLibraryKernel(kernel, 1, created))
    return error;
  std::shared_ptr<LibraryKernel> prepared = std::move(created);
  auto buffers =
      buffersOf(kernel, isPacked ? facts.packedBytes : bytesOf(kernel.operands[1]), prepared->workspaceBytes());
  runner.call = [prepared, buffers] { return prepared->run(buffers->data(), buffers->last()); };
  runners.push_back(std::move(runner));
  return std::nullopt;
}

/// Generated code of all shapes, loaded.
struct LoadedProducts {
  ProductKernels kernels;
  std::unique_ptr<KernelObject> object;
};

Result<std::shared_ptr<LoadedProducts>> loadProducts(const std::vector<ProductShape> &shapes) {
  auto compiler = loadCompiler();
  if (!compiler)
    return compiler.takeFailure();
  auto compiled = (*compiler)->compileProducts(shapes);
  if (!compiled)
    return compiled.takeFailure();
  auto loaded = std::make_shared<LoadedProducts>();
  loaded->kernels = std::move(*compiled);
  if (plan::Status error = KernelObject::load(std::as_bytes(std::span(loaded->kernels.sharedObject)), loaded->object))
    return failureOf(*error);
  return loaded;
}

void prepareGenerated(const ProductShape &shape, const LoadedProducts &loaded, size_t index,
                      std::vector<Runner> &runners) {
  GeneratedKernel function = loaded.object->find(productSymbol(index));
  if (!function)
    return;
  const plan::Kernel kernel = generatedKernelOf(shape);
  Runner runner;
  runner.work = warmWorkOf(shape, kernel);
  auto buffers = buffersOf(kernel, bytesOf(kernel.operands[1]), loaded.kernels.workspaceBytes[index]);
  runner.call = [function, buffers, rows = loaded.kernels.rows[index]] {
    function(buffers->data(), nullptr, buffers->last(), 0, rows);
    return true;
  };
  runners.push_back(std::move(runner));
}

double secondsOf(Runner &runner) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < runner.callsPerTurn; ++i)
    runner.hasFailed |= !runner.call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Least seconds of each, after about `seconds` of each.
void runInTurns(std::vector<Runner> &runners, double seconds) {
  constexpr double leastTurnSeconds = 20e-6; // the clock takes some 30 ns
  constexpr int leastTurns = 5;
  for (Runner &runner : runners) {
    runner.hasFailed |= !runner.call(); // page faults
    for (double turn = secondsOf(runner); turn < leastTurnSeconds && runner.callsPerTurn < (1 << 20);
         turn = secondsOf(runner))
      runner.callsPerTurn *= 2;
    runner.leastSeconds = secondsOf(runner) / double(runner.callsPerTurn);
  }
  double total = 0;
  for (int turn = 0; turn < leastTurns || total < seconds * double(runners.size()); ++turn)
    for (Runner &runner : runners) {
      secondsOf(runner); // its operands come back into the caches that the others have used
      const double took = secondsOf(runner);
      total += 2 * took;
      runner.leastSeconds = std::min(runner.leastSeconds, took / double(runner.callsPerTurn));
    }
}

} // namespace

ProductTimes timeProducts(const std::vector<ProductShape> &shapes, double seconds) {
  ProductTimes result;
  std::shared_ptr<LoadedProducts> loaded;
  if (auto products = loadProducts(shapes))
    loaded = *products;
  else
    result.generatedMissing = products.takeFailure();
  for (size_t k = 0; k < shapes.size(); ++k) {
    std::vector<Runner> runners;
    for (bool isPacked : {false, true})
      if (isTimedByLibrary(shapes[k], isPacked) && !result.libraryMissing)
        if (plan::Status error = prepareLibrary(shapes[k], isPacked, runners))
          result.libraryMissing = failureOf(*error);
    if (loaded)
      prepareGenerated(shapes[k], *loaded, k, runners);
    runInTurns(runners, seconds);
    for (const Runner &runner : runners) {
      if (runner.hasFailed && !result.libraryMissing)
        result.libraryMissing = Failure{ErrorCode::Execution, "a kernel of oneDNN reported an error"};
      result.times.push_back({runner.work, runner.leastSeconds});
    }
  }
  if (result.libraryMissing) // a library that fails at one shape is not trusted at others
    std::erase_if(result.times, [](const cost::TimedWork &timed) { return timed.work.libraryCalls > 0; });
  return result;
}

} // namespace ampc::tools
