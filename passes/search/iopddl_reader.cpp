// One pass over the contest's JSON; large arrays go straight into their final vectors, so that memory stays
// near the size of the result.
#include "iopddl_reader.h"

#include <cstring>
#include <unordered_map>

namespace ampc::search {

namespace {

/// Cursor over JSON text. The first error sticks; every method is a no-op after it.
class Scanner {
public:
  explicit Scanner(std::string_view text) : text(text) {}

  bool failed() const { return !message.empty(); }
  const std::string &error() const { return message; }

  void fail(const std::string &what) {
    if (failed())
      return;
    size_t line = 1;
    for (size_t i = 0; i < position && i < text.size(); ++i)
      line += text[i] == '\n';
    message = "line " + std::to_string(line) + ", byte " + std::to_string(position) + ": " + what;
  }

  char peek() {
    while (position < text.size() && (text[position] == ' ' || text[position] == '\n' ||
                                      text[position] == '\r' || text[position] == '\t'))
      ++position;
    return position < text.size() ? text[position] : '\0';
  }

  bool accept(char c) {
    if (failed() || peek() != c || position >= text.size())
      return false;
    ++position;
    return true;
  }

  void expect(char c) {
    if (!accept(c))
      fail(std::string("expected '") + c + "'");
  }

  bool atEnd() {
    peek();
    return position >= text.size();
  }

  int64_t integer(const char *what) {
    if (failed())
      return 0;
    peek();
    size_t begin = position;
    bool negative = position < text.size() && text[position] == '-';
    if (negative)
      ++position;
    uint64_t value = 0;
    size_t digits = position;
    while (position < text.size() && text[position] >= '0' && text[position] <= '9') {
      uint64_t digit = uint64_t(text[position] - '0');
      if (value > (uint64_t(INT64_MAX) - digit) / 10) {
        position = begin;
        fail(std::string(what) + " does not fit 64 bits");
        return 0;
      }
      value = value * 10 + digit;
      ++position;
    }
    bool fraction =
        position < text.size() && (text[position] == '.' || text[position] == 'e' || text[position] == 'E');
    if (position == digits || fraction) {
      position = begin;
      fail(std::string("expected an integer (") + what + ")");
      return 0;
    }
    return negative ? -int64_t(value) : int64_t(value);
  }

  std::string string() {
    std::string value;
    expect('"');
    while (!failed()) {
      if (position >= text.size()) {
        fail("string without end");
        break;
      }
      char c = text[position++];
      if (c == '"')
        break;
      if (c == '\\') {
        if (position >= text.size()) {
          fail("string without end");
          break;
        }
        value.push_back('\\');
        c = text[position++];
      }
      value.push_back(c);
    }
    return value;
  }

  /// Calls `item` for each element of an array.
  template <typename Item> void array(Item item) {
    expect('[');
    if (accept(']'))
      return;
    do
      item();
    while (!failed() && accept(','));
    expect(']');
  }

  /// Calls `member` with each key of an object; it must consume the value.
  template <typename Member> void object(Member member) {
    expect('{');
    if (accept('}'))
      return;
    do {
      std::string key = string();
      expect(':');
      if (!failed())
        member(key);
    } while (!failed() && accept(','));
    expect('}');
  }

  void skip(int depth = 0) {
    if (depth > 64)
      return fail("nested deeper than 64");
    switch (peek()) {
    case '{':
      return object([&](const std::string &) { skip(depth + 1); });
    case '[':
      return array([&] { skip(depth + 1); });
    case '"':
      string();
      return;
    default:
      size_t begin = position;
      while (position < text.size() && !std::strchr(",]} \n\r\t", text[position]))
        ++position;
      if (position == begin)
        fail("expected a value");
    }
  }

private:
  std::string_view text;
  size_t position = 0;
  std::string message;
};

uint64_t hashOf(const std::vector<Cost> &values) {
  uint64_t h = values.size() * 0x9E3779B97F4A7C15ull;
  for (Cost v : values) {
    h ^= uint64_t(v);
    h *= 0xFF51AFD7ED558CCDull;
    h ^= h >> 32;
  }
  return h;
}

class Parser {
public:
  Parser(std::string_view text, Problem &problem) : in(text), problem(problem) {}

  std::string parse() {
    problem = Problem();
    bool found = false;
    in.object([&](const std::string &key) {
      if (key != "problem")
        return in.skip();
      if (found)
        return in.fail("a second \"problem\"");
      found = true;
      parseProblem();
    });
    if (!in.failed() && !in.atEnd())
      in.fail("text after the end");
    if (!in.failed() && !found)
      in.fail("no \"problem\"");
    if (in.failed())
      return in.error();
    return assemble();
  }

private:
  void parseProblem() {
    in.object([&](const std::string &key) {
      if (key == "name")
        problem.name = in.string();
      else if (key == "nodes")
        parseNodes();
      else if (key == "edges")
        parseEdges();
      else if (key == "usage_limit")
        problem.memoryLimitBytes = in.integer("usage limit");
      else
        in.skip();
    });
  }

  Node &node(size_t index) {
    if (index >= problem.nodes.size())
      problem.nodes.resize(index + 1);
    return problem.nodes[index];
  }

  void once(bool &seen, const char *what) {
    if (seen)
      in.fail(std::string("a second \"") + what + "\"");
    seen = true;
  }

  void parseNodes() {
    once(nodesSeen, "nodes");
    in.object([&](const std::string &key) {
      if (key == "intervals") {
        once(intervalsSeen, "intervals");
        in.array([&] {
          std::vector<int64_t> bounds;
          in.array([&] { bounds.push_back(in.integer("interval bound")); });
          if (!in.failed() && bounds.size() != 2)
            return in.fail("an interval needs two bounds");
          if (!in.failed())
            node(intervals++).live = {bounds[0], bounds[1]};
        });
      } else if (key == "costs") {
        once(costsSeen, "costs");
        in.array([&] {
          Node &target = node(costs++);
          in.array([&] { target.costs.push_back(in.integer("cost")); });
        });
      } else if (key == "usages") {
        once(usagesSeen, "usages");
        in.array([&] {
          Node &target = node(usages++);
          in.array([&] { target.memoryBytes.push_back(in.integer("usage")); });
        });
      } else {
        in.skip();
      }
    });
  }

  void parseEdges() {
    once(edgesSeen, "edges");
    in.object([&](const std::string &key) {
      if (key == "nodes") {
        once(endsSeen, "nodes");
        in.array([&] {
          int64_t ends[2] = {0, 0};
          size_t count = 0;
          in.array([&] {
            int64_t end = in.integer("node of an edge");
            if (count == 2 || end < 0 || end > int64_t(UINT32_MAX))
              return in.fail("an edge needs two node numbers");
            ends[count++] = end;
          });
          if (!in.failed() && count != 2)
            return in.fail("an edge needs two node numbers");
          problem.edges.push_back({uint32_t(ends[0]), uint32_t(ends[1]), 0});
        });
      } else if (key == "costs") {
        once(matricesSeen, "costs");
        in.array([&] {
          row.clear();
          in.array([&] { row.push_back(in.integer("cost")); });
          if (!in.failed())
            matrixOfEdge.push_back(intern());
        });
      } else {
        in.skip();
      }
    });
  }

  uint32_t intern() {
    uint64_t hash = hashOf(row);
    auto [begin, end] = known.equal_range(hash);
    for (auto it = begin; it != end; ++it)
      if (problem.matrices[it->second] == row)
        return it->second;
    uint32_t index = uint32_t(problem.matrices.size());
    problem.matrices.push_back(row);
    known.emplace(hash, index);
    return index;
  }

  std::string assemble() {
    if (!nodesSeen)
      return "no \"nodes\"";
    size_t n = problem.nodes.size();
    if (costs != n || intervals != n || (usagesSeen && usages != n))
      return "nodes: " + std::to_string(intervals) + " intervals, " + std::to_string(costs) + " costs, " +
             std::to_string(usages) + " usages";
    if (matrixOfEdge.size() != problem.edges.size())
      return "edges: " + std::to_string(problem.edges.size()) + " node pairs, " +
             std::to_string(matrixOfEdge.size()) + " costs";
    std::vector<Edge> kept;
    kept.reserve(problem.edges.size());
    for (size_t e = 0; e < problem.edges.size(); ++e) {
      Edge edge = problem.edges[e];
      edge.matrix = matrixOfEdge[e];
      if (edge.u != edge.v || edge.u >= n) {
        kept.push_back(edge);
        continue;
      }
      Node &target = problem.nodes[edge.u];
      size_t k = target.costs.size();
      const std::vector<Cost> &matrix = problem.matrices[edge.matrix];
      if (matrix.size() != k * k)
        return "edge " + std::to_string(e) + " needs " + std::to_string(k * k) + " costs, it has " +
               std::to_string(matrix.size());
      for (size_t i = 0; i < k; ++i) {
        Cost extra = matrix[i * k + i];
        if (extra < 0)
          return "edge " + std::to_string(e) + " has a negative cost";
        target.costs[i] =
            target.costs[i] >= kForbidden || extra >= kForbidden ? kForbidden : target.costs[i] + extra;
      }
    }
    problem.edges = std::move(kept);
    return check(problem);
  }

  Scanner in;
  Problem &problem;
  std::unordered_multimap<uint64_t, uint32_t> known;
  std::vector<uint32_t> matrixOfEdge;
  std::vector<Cost> row;
  size_t intervals = 0, costs = 0, usages = 0;
  bool nodesSeen = false, edgesSeen = false, intervalsSeen = false, costsSeen = false, usagesSeen = false;
  bool endsSeen = false, matricesSeen = false;
};

} // namespace

ReadError parseIopddl(std::string_view text, Problem &problem) {
  std::string wrong = Parser(text, problem).parse();
  return wrong.empty() ? ReadError() : ReadError{ReadError::Kind::Malformed, wrong};
}

ReadError readIopddl(const std::string &path, Problem &problem) {
  std::string text;
  if (ReadError error = readBytes(path, text))
    return error;
  ReadError error = parseIopddl(text, problem);
  if (error)
    error.message = path + ": " + error.message;
  return error;
}

} // namespace ampc::search
