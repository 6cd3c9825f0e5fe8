// Containment of external data.
#include "ir/diagnostic.h"
#include "ir/onnx/model_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace ampc;
namespace fs = std::filesystem;

namespace {

class Beside : public testing::Test {
protected:
  void SetUp() override {
    root = fs::path(testing::TempDir()) / "ampc_model_file_test";
    fs::remove_all(root);
    fs::create_directories(root / "model" / "sub");
    std::ofstream(root / "outside.bin") << "secret";
    std::ofstream(root / "model" / "sub" / "inside.bin") << "inside";
    fs::create_symlink("../outside.bin", root / "model" / "link.bin");
    fs::create_directory_symlink(root, root / "model" / "up");
  }
  void TearDown() override { fs::remove_all(root); }

  int codeOf(const std::string &location) {
    llvm::Expected<ModelFile> file = openBeside((root / "model").string(), location);
    int code = 0;
    if (!file)
      llvm::handleAllErrors(file.takeError(),
                            [&](const Diagnostic &diagnostic) { code = int(diagnostic.code); });
    return code;
  }
  fs::path root;
};

} // namespace

TEST_F(Beside, opensWhatIsInside) {
  llvm::Expected<ModelFile> file = openBeside((root / "model").string(), "sub/inside.bin");
  ASSERT_TRUE(bool(file));
  char bytes[6];
  EXPECT_EQ(file->size(), 6u);
  EXPECT_TRUE(file->read(0, 6, bytes));
  EXPECT_EQ(std::string(bytes, 6), "inside");
  EXPECT_FALSE(file->read(1, 6, bytes));
  EXPECT_FALSE(file->read(~uint64_t(0), 2, bytes));
}

TEST_F(Beside, refusesWhatIsOutside) {
  const int invalid = int(ErrorCode::InvalidModel);
  EXPECT_EQ(codeOf("../outside.bin"), invalid);
  EXPECT_EQ(codeOf((root / "outside.bin").string()), invalid);
  EXPECT_EQ(codeOf("link.bin"), invalid);
  EXPECT_EQ(codeOf("up/outside.bin"), invalid);
  EXPECT_EQ(codeOf("sub"), invalid);
  EXPECT_EQ(codeOf(""), invalid);
  EXPECT_EQ(codeOf(std::string("sub/inside.bin\0x", 16)), invalid);
  EXPECT_EQ(codeOf("nothing.bin"), int(ErrorCode::FileSystem));
}

TEST(FolderOf, paths) {
  EXPECT_EQ(folderOf("model.onnx"), ".");
  EXPECT_EQ(folderOf("/model.onnx"), "/");
  EXPECT_EQ(folderOf("a/b/model.onnx"), "a/b");
}
