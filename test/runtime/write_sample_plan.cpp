// Writes the sample plan, for tests that start programs of their own: a file; with --fuzz-seeds a folder of first inputs
// for plan_fuzzer; with --golden the text that test/runtime/golden keeps of every format version.
#include "codegen/plan_writer.h"
#include "test/runtime/sample_plan.h"

#include <cstdio>
#include <cstring>

namespace {
using namespace ampc;

int writeSeeds(const std::string &folder) {
  plan::Plan plan = test::builtinSample();
  test::writeFile(folder + "/metadata", "\1" + codegen::serializePlan(plan));
  plan::Plan inPlace = test::samplePlan(); // refused for its kernels, after it has been read and checked
  inPlace.kernels[0].inPlace = {{0, 0}};
  inPlace.programs[1].steps[7].writes[0] = inPlace.programs[1].steps[8].reads[0] =
      inPlace.programs[1].steps[7].reads[0];
  test::writeFile(folder + "/in_place", "\1" + codegen::serializePlan(inPlace));
  plan.entry.states = {{"x", "y", 0, 0}};
  plan.programs[1].steps[0].reads.clear(); // a fill
  test::writeFile(folder + "/state", "\1" + codegen::serializePlan(plan));
  if (test::writeSample(folder + "/file", plan, ""))
    return 1;
  test::writeFile(folder + "/file", std::string(1, '\0') + test::readFile(folder + "/file"));
  return 0;
}

int writeGolden(const std::string &path) {
  if (test::writeSample(path, test::builtinSample(), ""))
    return 1;
  test::writeFile(path, test::toSparseHex(test::readFile(path)));
  return 0;
}
} // namespace

int main(int argc, char **argv) {
  if (argc == 3 && !std::strcmp(argv[1], "--fuzz-seeds"))
    return writeSeeds(argv[2]);
  if (argc == 3 && !std::strcmp(argv[1], "--golden"))
    return writeGolden(argv[2]);
  if (argc != 2)
    return 2;
  auto error = test::writeSample(argv[1], test::samplePlan());
  if (error)
    std::fprintf(stderr, "%s\n", error->message.c_str());
  return error ? 1 : 0;
}
