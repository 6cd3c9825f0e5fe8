// A small plan made by hand: two ranks, copies in and out, generated kernels, every kind of collective. What
// it computes is known, so that reader, checks and executor can be tested without the compiler.
#pragma once

#include "runtime/plan/error.h"
#include "runtime/plan/plan.h"

#include <filesystem>
#include <string>

namespace ampc::test {

/// A folder that is removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string path(const std::string &name) const { return (folder / name).string(); }

private:
  std::filesystem::path folder;
};

/// Elements of the sample's input.
inline constexpr int64_t sampleElements = 10;

/// Input x f32[10], output y f32[10], output sum f32[10]; weight w f32[10] = {0, 1, ...}. Two ranks hold 5
/// elements each.
///   init: p = w slice * 2 (Persistent)
///   forward: a = x slice (Copy), b = a + p (kernel add), g = all_gather(b), c = exchange(b) (neighbour's
///   slice),
///            r = all_reduce(c), s = reduce_scatter(g); rank 0 writes y = g; each rank writes its slice of
///            `sum` = s + r  (kernel add)
/// Expected: g = x + 2 w; s = 2 g; r[i] = g[i] + g[i + 5], i < 5; sum[k] = 2 g[k] + r[k % 5].
plan::Plan samplePlan();
std::vector<float> sampleWeights();

/// The sample without machine code: the sum of two becomes a sum of the elements from here to the end of the slice, the
/// doubling a copy. Then b = sums of x's slice and sum = sums of 2 g's slice.
plan::Plan builtinSample();

/// Bytes as text that a person can look at: "offset: 32 bytes in hexadecimal" per line, lines of zeros left out, the
/// length at the end; and back.
std::string toSparseHex(const std::string &bytes);
std::string fromSparseHex(const std::string &text);

/// Compiles C source to a shared object with the system's compiler and returns its bytes.
std::string compileKernels(const std::string &source);
/// The kernels of the sample: ampc_add, ampc_double.
const std::string &sampleKernels();

/// The same, but the addition takes 0.4 s when its first operand begins with a negative number.
const std::string &slowKernels();

/// Writes the sample (or a changed one) with its weights.
plan::Status writeSample(const std::string &path, plan::Plan plan,
                         const std::string &kernels = sampleKernels());

std::string readFile(const std::string &path);
void writeFile(const std::string &path, const std::string &bytes);

} // namespace ampc::test
