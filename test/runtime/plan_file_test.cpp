// Plan files: what is written is read back, equal contents give equal bytes, damage of any kind is refused.
#include "codegen/plan_writer.h"
#include "runtime/plan/file_format.h"
#include "runtime/plan/hash.h"
#include "runtime/plan/plan_file.h"
#include "runtime/plan/plan_reader.h"
#include "test/runtime/sample_plan.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sys/stat.h>

namespace ampc::test {
namespace {

using plan::ErrorCode;
using plan::PlanFile;
using plan::Status;

Status openFile(const std::string &path, std::unique_ptr<PlanFile> &file) {
  return PlanFile::open(path, {}, file);
}

TEST(PlanHash, KnownValues) {
  EXPECT_EQ(plan::hashBytes("", 0), 0xef46db3751d8e999u);
  EXPECT_EQ(plan::hashBytes("a", 1), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(plan::hashBytes("abc", 3), 0x44bc2cf5ad770999u);
  std::string text = "Nobody inspects the spammish repetition";
  EXPECT_EQ(plan::hashBytes(text.data(), text.size()), 0xfbcea83c8a378bf1u);
}

TEST(PlanHash, PiecesMakeNoDifference) {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += char(i * 7);
  for (size_t piece : {1, 3, 31, 32, 33, 100}) {
    plan::Hasher hasher;
    for (size_t at = 0; at < text.size(); at += piece)
      hasher.update(text.data() + at, std::min(piece, text.size() - at));
    EXPECT_EQ(hasher.digest(), plan::hashBytes(text.data(), text.size())) << piece;
  }
}

TEST(PlanFile, RoundTrip) {
  TemporaryFolder folder;
  plan::Plan plan = samplePlan();
  // Fields that the sample leaves at their defaults.
  plan.targetCpu = "x86-64-v3";
  plan.cpuFeatures = {"sse2", "avx"};
  plan.memoryLimitBytes = 1 << 20;
  plan.gap = 0.25;
  plan.predictedStepSeconds = 1e-5;
  plan.reportJson = "{}";
  plan.kernels[0].integers = {{"k", {-3, 4}}, {"empty", {}}};
  plan.kernels[0].reals = {{"r", {1.5}}};
  plan.kernels[0].strings = {{"s", "t"}};
  plan.kernels[0].workspaceBytes = 0;
  plan.kernels[0].inPlace = {{0, 0}, {1, 0}};
  plan.programs[1].steps[0].fillBits = 0xff00000000000001u;
  plan.programs[1].steps[0].type = DataType::F32;
  plan.programs[1].steps[1].flops = 10;
  plan.ranks[0].indexValues.push_back(-7);
  plan.communications[0].bytesPerRank = 20;
  ASSERT_FALSE(writeSample(folder.path("a.plan"), plan));
  std::unique_ptr<PlanFile> file;
  Status error = openFile(folder.path("a.plan"), file);
  ASSERT_FALSE(error) << error->message;
  // The writer sets where blobs lie; else both encode alike.
  plan.blobs = file->plan().blobs;
  EXPECT_EQ(codegen::serializePlan(plan), codegen::serializePlan(file->plan()));
  EXPECT_EQ(std::string(reinterpret_cast<const char *>(file->model().data()), file->model().size()),
            "the model");
  EXPECT_EQ(file->kernels().size(), sampleKernels().size());
  auto weights = sampleWeights();
  EXPECT_EQ(std::memcmp(file->blob(0), weights.data(), weights.size() * 4), 0);
  EXPECT_EQ(file->plan().blobs[0].hash, plan::hashBytes(weights.data(), weights.size() * 4));
}

TEST(PlanFile, EqualContentsGiveEqualBytes) {
  TemporaryFolder a, b;
  ASSERT_FALSE(writeSample(a.path("one.plan"), samplePlan()));
  ASSERT_FALSE(writeSample(b.path("another.plan"), samplePlan()));
  ASSERT_FALSE(writeSample(b.path("another.plan"), samplePlan())); // replaces
  EXPECT_EQ(readFile(a.path("one.plan")), readFile(b.path("another.plan")));
  size_t files = 0;
  for (auto &entry : std::filesystem::directory_iterator(std::filesystem::path(b.path("x")).parent_path()))
    files += entry.is_regular_file();
  EXPECT_EQ(files, 1u) << "something was left over";
}

TEST(PlanFile, WriterErrorsLeaveNothing) {
  TemporaryFolder folder;
  plan::Plan plan = samplePlan();
  codegen::PlanContents contents;
  contents.plan = &plan;
  contents.blobs = [](uint32_t, const codegen::BlobSink &sink) -> Status {
    sink("1234", 4);
    return {};
  };
  Status error = codegen::writePlan(folder.path("a.plan"), contents);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::Invalid);
  contents.blobs = [](uint32_t, const codegen::BlobSink &) -> Status {
    return plan::Error{ErrorCode::FileSystem, "gone"};
  };
  EXPECT_EQ(codegen::writePlan(folder.path("a.plan"), contents)->message, "gone");
  EXPECT_EQ(codegen::writePlan(folder.path("no/such/folder.plan"), contents)->code, ErrorCode::FileSystem);
  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(folder.path("x")).parent_path()));
  std::filesystem::create_directory(folder.path("folder.plan"));
  EXPECT_EQ(codegen::writePlan(folder.path("folder.plan"), contents)->code, ErrorCode::FileSystem);
}

TEST(PlanFile, RefusesWhatIsNoPlan) {
  TemporaryFolder folder;
  std::unique_ptr<PlanFile> file;
  EXPECT_EQ(openFile(folder.path("missing"), file)->code, ErrorCode::FileSystem);
  EXPECT_EQ(openFile(folder.path(""), file)->code, ErrorCode::FileSystem);
  mkfifo(folder.path("pipe").c_str(), 0600);
  EXPECT_EQ(openFile(folder.path("pipe"), file)->code, ErrorCode::FileSystem);
  for (std::string bytes : {"", "AMPC", "AMPCPLAN", "not a plan at all, but longer than the magic"}) {
    writeFile(folder.path("a"), bytes);
    EXPECT_EQ(openFile(folder.path("a"), file)->code, ErrorCode::Invalid) << bytes;
  }
}

TEST(PlanFile, EveryDamagedByteIsNoticed) {
  TemporaryFolder folder;
  ASSERT_FALSE(writeSample(folder.path("a.plan"), samplePlan()));
  const std::string good = readFile(folder.path("a.plan"));
  plan::FileHeader header;
  std::memcpy(&header, good.data(), sizeof header);
  auto tryBytes = [&](const std::string &bytes) {
    // Aligned memory instead of a file for each: the same code but for the mapping.
    auto *memory = static_cast<std::byte *>(std::aligned_alloc(64, (bytes.size() / 64 + 1) * 64));
    std::memcpy(memory, bytes.data(), bytes.size());
    std::unique_ptr<PlanFile> file;
    Status error = PlanFile::openMemory({memory, bytes.size()}, {}, file);
    file.reset();
    std::free(memory);
    return error;
  };
  ASSERT_FALSE(tryBytes(good));
  std::vector<size_t> positions;
  for (size_t at = 0; at < sizeof header; ++at)
    positions.push_back(at);
  for (const plan::SectionEntry &section : header.sections)
    for (uint64_t at = 0; at<section.sizeBytes; at += section.sizeBytes> 10000 ? 997 : 1)
      positions.push_back(section.offsetBytes + at);
  for (size_t at : positions) {
    std::string bad = good;
    bad[at] = char(bad[at] ^ (1 << (at % 8)));
    Status error = tryBytes(bad);
    ASSERT_TRUE(error) << at;
    EXPECT_EQ(error->code, ErrorCode::Invalid);
  }
  for (size_t length = 0; length < good.size(); length += 211)
    EXPECT_TRUE(tryBytes(good.substr(0, length))) << length;
  EXPECT_TRUE(tryBytes(good + "x"));
}

/// Damage that the hashes do not see: the metadata's bytes changed before they are hashed.
TEST(PlanFile, DamagedMetadataNeverCrashes) {
  plan::Plan sample = samplePlan();
  sample.kernels[0].inPlace = {{0, 0}, {1, 0}};
  const std::string good = codegen::serializePlan(sample);
  size_t accepted = 0;
  for (size_t at = 0; at < good.size(); ++at)
    for (int change : {1, 0x80, 0xff, 0x10}) {
      std::string bad = good;
      bad[at] = char(bad[at] ^ change);
      plan::Plan plan;
      if (!plan::readPlan(bad, plan))
        ++accepted;
    }
  EXPECT_GT(accepted, 0u);
  for (size_t length = 0; length < good.size(); ++length) {
    plan::Plan plan;
    plan::readPlan(std::string_view(good).substr(0, length), plan);
  }
}

TEST(PlanFile, HalfAPairIsRefused) {
  plan::Plan plan = samplePlan();
  plan.kernels[0].inPlace = {{3, 0}, {1, 0}};
  const std::string pairs("\x52\x04\x03\0\x01\0", 6); // field 10: four bytes
  std::string bytes = codegen::serializePlan(plan);
  const size_t at = bytes.find(pairs);
  ASSERT_NE(at, std::string::npos);
  plan::Plan read;
  ASSERT_FALSE(plan::readPlan(bytes, read));
  EXPECT_EQ(read.kernels[0].inPlace, plan.kernels[0].inPlace);
  // Two numbers that have one byte become one number of two bytes.
  bytes[at + 2] = char(bytes[at + 2] | 0x80);
  auto error = plan::readPlan(bytes, read);
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("half of a pair"), std::string::npos) << error->message;
}

TEST(PlanFile, ExternalWeights) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("weights"));
  auto weights = sampleWeights();
  std::string raw(reinterpret_cast<const char *>(weights.data()), weights.size() * 4);
  plan::Plan plan = samplePlan();
  plan.blobs[0].externalFile = "w.bin";
  plan.blobs[0].fileOffset = 3; // unaligned on purpose
  plan.blobs[0].hash = plan::hashBytes(raw.data(), raw.size());
  ASSERT_FALSE(writeSample(folder.path("a.plan"), plan));
  std::unique_ptr<PlanFile> file;
  EXPECT_EQ(openFile(folder.path("a.plan"), file)->code, ErrorCode::FileSystem);
  plan::OpenOptions options;
  options.weightsDirectory = folder.path("weights");
  writeFile(folder.path("weights/w.bin"), "abc" + raw);
  Status error = PlanFile::open(folder.path("a.plan"), options, file);
  ASSERT_FALSE(error) << error->message;
  EXPECT_EQ(std::memcmp(file->blob(0), raw.data(), raw.size()), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file->blob(0)) % 64, 0u);
  EXPECT_EQ(file->copiedBytes(), 40u);
  plan.blobs[0].fileOffset = 4; // where a number may begin: read in place
  writeFile(folder.path("weights/w.bin"), "abcd" + raw);
  ASSERT_FALSE(writeSample(folder.path("b.plan"), plan));
  error = PlanFile::open(folder.path("b.plan"), options, file);
  ASSERT_FALSE(error) << error->message;
  EXPECT_EQ(std::memcmp(file->blob(0), raw.data(), raw.size()), 0);
  EXPECT_EQ(file->copiedBytes(), 0u);
  writeFile(folder.path("weights/w.bin"), "abcd" + raw);
  EXPECT_EQ(PlanFile::open(folder.path("a.plan"), options, file)->code, ErrorCode::Invalid);
  writeFile(folder.path("weights/w.bin"), "abc");
  EXPECT_EQ(PlanFile::open(folder.path("a.plan"), options, file)->code, ErrorCode::Invalid);
  options.openWeights = false;
  EXPECT_FALSE(PlanFile::open(folder.path("a.plan"), options, file));
  options.openWeights = true;
  for (std::string name : {"../w.bin", "/etc/passwd", "..", "a/b"}) {
    plan.blobs[0].externalFile = name;
    ASSERT_FALSE(writeSample(folder.path("a.plan"), plan));
    EXPECT_EQ(PlanFile::open(folder.path("a.plan"), options, file)->code, ErrorCode::Invalid) << name;
  }
}

} // namespace
} // namespace ampc::test
