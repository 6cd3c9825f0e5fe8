// The command line: what is accepted, what is refused, and with which exit code.
#include "tools/inputs.h"
#include "tools/options.h"

#include <gtest/gtest.h>

namespace ampc::tools {

static Options parsed(std::vector<std::string> arguments) {
  auto options = parseOptions(arguments);
  EXPECT_TRUE(bool(options));
  return options ? *options : Options();
}

static Failure refused(std::vector<std::string> arguments) {
  auto options = parseOptions(arguments);
  EXPECT_FALSE(bool(options)) << arguments.back();
  return options ? Failure() : options.takeFailure();
}

TEST(Options, VerbOrModel) {
  EXPECT_EQ(parsed({"model.onnx"}).verb, Verb::Compile);
  EXPECT_EQ(parsed({"plan", "model.onnx"}).verb, Verb::Plan);
  EXPECT_EQ(parsed({"./run"}).verb, Verb::Compile);
  EXPECT_EQ(parsed({}).verb, Verb::Help);
  EXPECT_EQ(parsed({"--version"}).verb, Verb::Version);
  EXPECT_EQ(refused({"verfy", "a.plan"}).remedy.find("did you mean `ampc verify`?"), 0u);
}

TEST(Options, BothWaysOfGivingValues) {
  Options options = parsed({"m.onnx", "--devices", "4", "--strategy=random:7", "-o", "x.plan", "--shape", "a=1x3x5",
                            "--shape=b=7", "--dim", "n=3", "--value", "sr=16000", "--memory-limit", "400MiB"});
  EXPECT_EQ(options.devices, 4);
  EXPECT_EQ(options.strategy, "random");
  EXPECT_EQ(options.seed, 7u);
  EXPECT_EQ(options.outputFile, "x.plan");
  EXPECT_EQ(options.shapes["a"], (std::vector<int64_t>{1, 3, 5}));
  EXPECT_EQ(options.shapes["b"], (std::vector<int64_t>{7}));
  EXPECT_EQ(options.dims["n"], 3);
  EXPECT_EQ(options.values["sr"], "16000");
  EXPECT_EQ(options.memoryLimitBytes, 400u << 20);
}

TEST(Options, NamesAndFilesMayHoldEqualsSigns) {
  auto filesOf = [](const std::vector<std::string> &names, const std::vector<std::string> &given) {
    std::vector<std::string> arguments = {"run", "p.plan"};
    for (const std::string &text : given)
      arguments.insert(arguments.end(), {"--input", text});
    auto files = findInputFiles(names, {}, parsed(arguments));
    return files ? *files : std::map<std::string, std::string>{{"failed", files.takeFailure().sentence}};
  };
  using Files = std::map<std::string, std::string>;
  EXPECT_EQ(filesOf({"x"}, {"x=a=b.npy"}), (Files{{"x", "a=b.npy"}}));
  EXPECT_EQ(filesOf({"a", "x=y"}, {"x=y=file.npy", "a=b"}), (Files{{"x=y", "file.npy"}, {"a", "b"}}));
  EXPECT_EQ(filesOf({"x", "x=y"}, {"x=y=f", "x=./y=f"}), (Files{{"x=y", "f"}, {"x", "./y=f"}}));
  EXPECT_EQ(filesOf({"x", "x=y"}, {"x=y="}), (Files{{"x", "y="}}));
  EXPECT_EQ(filesOf({"x", "x=y"}, {"x=y"}), (Files{{"x", "y"}}));
  EXPECT_EQ(filesOf({"x"}, {"z=y=f"}), (Files{{"failed", "the model has no input 'z'"}}));
  EXPECT_EQ(filesOf({"x=y"}, {"x=y=f", "x=y=g"}), (Files{{"failed", "--input is given twice for 'x=y'"}}));
  EXPECT_EQ(parsed({"m.onnx", "--dim", "a=b=3"}).dims["a=b"], 3);
}

TEST(Options, UsageErrors) {
  const std::vector<std::vector<std::string>> wrong = {
      {"m.onnx", "--devces", "4"},
      {"m.onnx", "--devices"},
      {"m.onnx", "--devices", "0"},
      {"m.onnx", "--devices", "4097"},
      {"m.onnx", "--devices", "4x"},
      {"m.onnx", "--devices", "2", "--devices", "2"},
      {"m.onnx", "-devices", "2"},
      {"m.onnx", "--o", "x"},
      {"m.onnx", "--json=1"},
      {"m.onnx", "--json", "--quiet"},
      {"m.onnx", "other.onnx"},
      {"m.onnx", "--strategy", "random"},
      {"m.onnx", "--strategy", "fastest"},
      {"m.onnx", "--shape", "x=1xx2"},
      {"m.onnx", "--shape", "x=1", "--shape", "x=2"},
      {"m.onnx", "--shape", "x=1", "--value", "x=2"},
      {"m.onnx", "--dim", "n=0"},
      {"m.onnx", "--memory-limit", "8Gib"},
      {"m.onnx", "--memory-limit", "0"},
      {"m.onnx", "--time-limit", "nan"},
      {"m.onnx", "--time-limit", "-1"},
      {"m.onnx", "--trace", "t.json"},
      {"run"},
      {"run", "p.plan", "--output-format", "pb"},
      {"run", "p.plan", "--repeat", "0"},
      {"report", "p.plan", "--format", "pdf"},
      {"verify", "p.plan", "--tolerance", "-1"},
      {"explain", "p.plan"},
  };
  for (const auto &arguments : wrong) {
    Failure failure = refused(arguments);
    EXPECT_EQ(exitCode(failure.code), 2) << arguments.back() << ": " << failure.sentence;
  }
}

TEST(Options, WhatComesLaterSaysSo) {
  for (const char *option : {"--training", "--autocast=bf16", "--constraints=f.json", "--optimizer=adam"})
    EXPECT_EQ(exitCode(refused({"m.onnx", option}).code), 4);
}

TEST(Options, CompileOptionsContradictAPlan) {
  EXPECT_TRUE(refuseCompileOptions(parsed({"run", "p.plan", "--devices", "2"}), "p.plan").has_value());
  EXPECT_FALSE(refuseCompileOptions(parsed({"run", "p.plan", "--repeat", "2"}), "p.plan").has_value());
}

TEST(Options, Sizes) {
  EXPECT_EQ(parseBytes("8GiB"), uint64_t(8) << 30);
  EXPECT_EQ(parseBytes("1.5GB"), 1500000000u);
  EXPECT_EQ(parseBytes("1000"), 1000u);
  EXPECT_FALSE(parseBytes("GiB"));
  EXPECT_FALSE(parseBytes("1e3"));
  EXPECT_FALSE(parseBytes("99999999999TiB"));
  for (const char *text : {"nan", "nanGiB", "-nan", "inf", "infinityB", "-inf", "-1", "-1GiB", "0x10", "0x1p3"})
    EXPECT_FALSE(parseBytes(text)) << text;
}

} // namespace ampc::tools
