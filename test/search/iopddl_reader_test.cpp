// The contest's format: what is read, and that malformed text is refused with its place.
#include "passes/search/iopddl_reader.h"
#include "passes/search/solve.h"

#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <zlib.h>

using namespace ampc::search;

namespace {

const std::string kSmall =
    R"({"problem": {"name": "small", "nodes": {"intervals": [[0, 2], [1, 3]], "costs": [[1, 2], [3]],)"
    R"( "usages": [[5, 6], [7]]}, "edges": {"nodes": [[0, 1]], "costs": [[10, 20]]}, "usage_limit": 12}})";

std::string replaced(const std::string &from, const std::string &to) {
  std::string text = kSmall;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

void expectRefused(const std::string &text, const std::string &part) {
  Problem problem;
  ReadError error = parseIopddl(text, problem);
  EXPECT_EQ(error.kind, ReadError::Kind::Malformed) << text;
  EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
}

} // namespace

TEST(IopddlReader, ReadsAndSolves) {
  Problem problem;
  ASSERT_FALSE(parseIopddl(kSmall, problem)) << parseIopddl(kSmall, problem).message;
  EXPECT_EQ(problem.name, "small");
  EXPECT_EQ(problem.nodes.size(), 2u);
  EXPECT_EQ(problem.memoryLimitBytes, 12);
  EXPECT_EQ(toString(solve(problem).cost), "14");
}

TEST(IopddlReader, OrderOfKeysAndUnknownKeysDoNotMatter) {
  Problem problem;
  EXPECT_FALSE(
      parseIopddl(replaced("\"name\": \"small\"", "\"extra\": {\"a\": [1.5, null, \"\\\"]\"]}"), problem));
  EXPECT_FALSE(parseIopddl(R"({"problem": {"usage_limit": 3, "edges": {"costs": [], "nodes": []},
      "nodes": {"costs": [[4]], "usages": [[3]], "intervals": [[0, 9]]}}, "more": 1})",
                           problem));
}

TEST(IopddlReader, SelfEdgesCostTheirDiagonal) {
  Problem problem;
  ASSERT_FALSE(parseIopddl(
      replaced("[[0, 1]], \"costs\": [[10, 20]]", "[[0, 0]], \"costs\": [[10, 0, 0, 20]]"), problem));
  Solution solution = solve(problem);
  EXPECT_EQ(solution.choice, (std::vector<int32_t>{0, 0}));
  EXPECT_EQ(toString(solution.cost), "14");
}

TEST(IopddlReader, EqualMatricesAreStoredOnce) {
  Problem problem;
  ASSERT_FALSE(parseIopddl(
      replaced("[[0, 1]], \"costs\": [[10, 20]]", "[[0, 1], [0, 1]], \"costs\": [[1, 2], [1, 2]]"), problem));
  EXPECT_EQ(problem.edges.size(), 2u);
  EXPECT_EQ(problem.matrices.size(), 1u);
}

TEST(IopddlReader, MalformedTextIsRefusedWithItsPlace) {
  expectRefused("", "byte 0");
  expectRefused("[]", "expected '{'");
  expectRefused("{}", "no \"problem\"");
  expectRefused(kSmall + "x", "text after the end");
  expectRefused(replaced("[10, 20]", "[10]"), "edge 0 needs 2 costs, it has 1");
  expectRefused(replaced("[[0, 1]]", "[[0, 7]]"), "edge 0 names a node that does not exist");
  expectRefused(replaced("[[0, 1]]", "[[0, -1]]"), "two node numbers");
  expectRefused(replaced("[[0, 1]]", "[[0, 1, 1]]"), "two node numbers");
  expectRefused(replaced("[0, 2]", "[0]"), "an interval needs two bounds");
  expectRefused(replaced("[5, 6]", "[5]"), "node 0 has 2 costs but 1 usages");
  expectRefused(replaced("[1, 2], [3]", "[1, 2]"), "nodes: 2 intervals, 1 costs");
  expectRefused(replaced("[1, 2], [3]", "[], [3]"), "no choices");
  expectRefused(replaced("[1, 2], [3]", "[1, 2.5], [3]"), "expected an integer");
  expectRefused(replaced("[1, 2], [3]", "[1, -2], [3]"), "negative");
  expectRefused(replaced("[1, 2], [3]", "[1, 99999999999999999999], [3]"), "64 bits");
  expectRefused(replaced("12", "null"), "expected an integer");
  // With line and byte of the culprit, and its index in the file.
  auto expectPlace = [](const std::string &from, const std::string &to, const std::string &culprit,
                        const std::string &what) {
    std::string text = replaced(from, "\n" + to);
    expectRefused(text, "line 2, byte " + std::to_string(text.find(culprit)) + ": " + what);
  };
  expectPlace("[0, 2]", "[0, 2.5]", "2.5]", "expected an integer");
  expectPlace("[[0, 1]]", "[[0, 7]]", "[0, 7]", "edge 0 names a node that does not exist");
  expectPlace("[[0, 1]], \"costs\": [[10, 20]]", "[[0, 0], [0, 7]], \"costs\": [[1, 2, 3, 4], [1]]", "[0, 7]",
              "edge 1 names a node");
  expectPlace("[10, 20]", "[10]", "[10]", "edge 0 needs 2 costs, it has 1");
  expectPlace("[5, 6]", "[]", "[]", "node 0 has 2 costs but 0 usages");
  expectPlace("[10, 20]", "[10, -20]", "-20", "cost is negative");
  expectRefused(replaced("12}", "12, \"usage_limit\": 13}"), "a second \"usage_limit\"");
  expectRefused(replaced("\"edges\": ", "\"other\": "), "ends without \"edges\"");
  expectRefused(replaced("\"nodes\": {", "\"other\": {"), "ends without \"nodes\"");
  expectRefused(replaced("small", "sm\\qall"), "unknown escape");
  expectRefused(replaced("small", "sm\\u00g0"), "hexadecimal");
  for (size_t length = 0; length < kSmall.size(); ++length)
    expectRefused(kSmall.substr(0, length), "");
  std::string deep = "{\"a\": ";
  deep.append(100000, '[');
  expectRefused(deep, "nested deeper");
}

TEST(IopddlReader, EscapesInNamesAreUndone) {
  Problem problem;
  ASSERT_FALSE(parseIopddl(replaced("small", R"(a\"b\\c\/\n\u00e9\ud83d\ude00\ud800)"), problem));
  EXPECT_EQ(problem.name, "a\"b\\c/\n\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd");
}

TEST(IopddlReader, UsagesFarAboveTheLimitOnlyForbidTheirChoice) {
  Problem problem;
  ASSERT_FALSE(parseIopddl(replaced("[5, 6]", "[9223372036854775807, 5]"), problem));
  Solution solution = solve(problem);
  EXPECT_EQ(solution.choice, (std::vector<int32_t>{1, 0}));
  ASSERT_FALSE(parseIopddl(replaced("[5, 6]", "[9223372036854775807, 9223372036854775800]"), problem));
  solution = solve(problem);
  EXPECT_EQ(solution.status, Status::Infeasible);
  EXPECT_FALSE(verify(problem, {0, 0}).violation.empty());
}

TEST(IopddlReader, StopsWhenAsked) {
  Problem problem;
  EXPECT_EQ(parseIopddl(kSmall, problem, [] { return true; }).kind, ReadError::Kind::Stopped);
}

TEST(IopddlReader, FilesPlainAndGzip) {
  std::string path = ::testing::TempDir() + "small.json.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  ASSERT_EQ(gzwrite(file, kSmall.data(), unsigned(kSmall.size())), int(kSmall.size()));
  gzclose(file);
  Problem problem;
  EXPECT_FALSE(readIopddl(path, problem));
  std::ifstream in(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::ofstream(path, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  EXPECT_EQ(readIopddl(path, problem).kind, ReadError::Kind::Malformed);
  std::ofstream(path, std::ios::binary) << kSmall;
  EXPECT_FALSE(readIopddl(path, problem));
  std::remove(path.c_str());
  EXPECT_EQ(readIopddl(path, problem).kind, ReadError::Kind::FileSystem);
}
