// One pass over the contest's JSON; large arrays go straight into their final vectors, so that memory stays
// near the size of the result.
#include "iopddl_reader.h"

#include <cstring>
#include <unordered_map>

namespace ampc::search {

namespace {

/// A longer text is refused: with what is made of it, memory would not suffice.
constexpr size_t kLargestText = size_t(4) << 30;

/// Cursor over JSON text. The first error sticks; every method is a no-op after it.
class Scanner {
public:
  Scanner(std::string_view text, const Stop &stop) : text(text), stop(stop) {}

  bool failed() const { return !message.empty(); }
  bool stopped() const { return isStopped; }
  const std::string &error() const { return message; }
  size_t at() const { return position; }

  void fail(const std::string &what) { failAt(position, what); }

  void failAt(size_t place, const std::string &what) {
    if (failed())
      return;
    size_t line = 1;
    for (size_t i = 0; i < place && i < text.size(); ++i)
      line += text[i] == '\n';
    message = "line " + std::to_string(line) + ", byte " + std::to_string(place) + ": " + what;
  }

  /// Fails when asked to stop.
  void pause() {
    if (position < askAt)
      return;
    askAt = position + kBytesBetweenStops;
    isStopped = stop && stop();
    if (isStopped)
      fail("stopped");
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
        escape(value);
        continue;
      }
      value.push_back(c);
    }
    return value;
  }

  /// Reads what follows a backslash.
  void escape(std::string &value) {
    static constexpr char kLetters[] = "\"\\/bfnrt", kMeant[] = "\"\\/\b\f\n\r\t";
    char c = text[position++];
    if (c == 'u') {
      uint32_t code = hexadecimal();
      // Two halves make one character beyond 16 bits; a lone half stands for nothing.
      if (code >= 0xD800 && code < 0xDC00 && text.substr(position, 2) == "\\u") {
        position += 2;
        uint32_t low = hexadecimal();
        code = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : 0xFFFD;
      } else if (code >= 0xD800 && code < 0xE000) {
        code = 0xFFFD;
      }
      return appendUtf8(code, value);
    }
    const char *letter = c == '\0' ? nullptr : std::strchr(kLetters, c);
    if (!letter) {
      --position;
      return fail("unknown escape");
    }
    value.push_back(kMeant[letter - kLetters]);
  }

  uint32_t hexadecimal() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      char c = position < text.size() ? text[position] : '\0';
      int digit = c >= '0' && c <= '9'   ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                         : -1;
      if (digit < 0) {
        fail("expected four hexadecimal digits");
        return 0;
      }
      code = code * 16 + uint32_t(digit);
      ++position;
    }
    return code;
  }

  static void appendUtf8(uint32_t code, std::string &value) {
    if (code < 0x80) {
      value.push_back(char(code));
      return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static constexpr uint8_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
    value.push_back(char(kLead[more] | (code >> (6 * more))));
    while (more-- > 0)
      value.push_back(char(0x80 | ((code >> (6 * more)) & 0x3F)));
  }

  /// Calls `item` for each element of an array.
  template <typename Item> void array(Item item) {
    expect('[');
    if (accept(']'))
      return;
    do {
      pause();
      item();
    } while (!failed() && accept(','));
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
  static constexpr size_t kBytesBetweenStops = size_t(1) << 20;
  std::string_view text;
  const Stop &stop;
  size_t position = 0, askAt = 0;
  bool isStopped = false;
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
  Parser(std::string_view text, Problem &problem, const Stop &stop) : in(text, stop), problem(problem) {}

  ReadError parse() {
    parseText();
    if (!in.failed())
      checkStructure();
    if (in.failed())
      return {in.stopped() ? ReadError::Kind::Stopped : ReadError::Kind::Malformed, in.error()};
    // What is left to check() concerns the numbers together, and no one place.
    std::string wrong = check(problem);
    return wrong.empty() ? ReadError() : ReadError{ReadError::Kind::Malformed, wrong};
  }

private:
  void parseText() {
    problem = Problem();
    bool found = false;
    in.object([&](const std::string &key) {
      if (key != "problem")
        return in.skip();
      if (found)
        return in.fail("a second \"problem\"");
      found = true;
      parseProblem();
      if (!in.failed() && !(nodesSeen && edgesSeen))
        in.fail(nodesSeen ? "the problem ends without \"edges\"" : "the problem ends without \"nodes\"");
    });
    if (!in.failed() && !in.atEnd())
      in.fail("text after the end");
    if (!in.failed() && !found)
      in.fail("no \"problem\"");
  }

  void parseProblem() {
    in.object([&](const std::string &key) {
      if (key == "name")
        problem.name = in.string();
      else if (key == "nodes")
        parseNodes();
      else if (key == "edges")
        parseEdges();
      else if (key == "usage_limit") {
        once(limitSeen, "usage_limit");
        problem.memoryLimitBytes = notNegative("usage limit");
      } else
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

  int64_t notNegative(const char *what) {
    in.peek();
    size_t place = in.at();
    int64_t value = in.integer(what);
    if (value < 0)
      in.failAt(place, std::string(what) + " is negative");
    return value;
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
          in.peek();
          size_t place = in.at();
          in.array([&] { target.costs.push_back(notNegative("cost")); });
          if (target.costs.empty())
            in.failAt(place, "node " + std::to_string(costs - 1) + " has no choices");
        });
      } else if (key == "usages") {
        once(usagesSeen, "usages");
        in.array([&] {
          Node &target = node(usages++);
          in.peek();
          usagesAt.push_back(in.at());
          in.array([&] { target.memoryBytes.push_back(notNegative("usage")); });
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
          in.peek();
          endsAt.push_back(in.at());
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
          in.peek();
          costsAt.push_back(in.at());
          in.array([&] { row.push_back(notNegative("cost")); });
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

  /// Whether the lists go together, with the place of the first that does not.
  void checkStructure() {
    const size_t n = problem.nodes.size();
    if (costs != n || intervals != n || (usagesSeen && usages != n))
      return in.fail("nodes: " + std::to_string(intervals) + " intervals, " + std::to_string(costs) + " costs, " +
                     std::to_string(usages) + " usages");
    if (matrixOfEdge.size() != problem.edges.size())
      return in.fail("edges: " + std::to_string(problem.edges.size()) + " node pairs, " +
                     std::to_string(matrixOfEdge.size()) + " costs");
    for (size_t u = 0; usagesSeen && u < n; ++u)
      if (const Node &node = problem.nodes[u]; node.memoryBytes.size() != node.costs.size())
        return in.failAt(usagesAt[u], "node " + std::to_string(u) + " has " + std::to_string(node.costs.size()) +
                                          " costs but " + std::to_string(node.memoryBytes.size()) + " usages");
    for (size_t e = 0; e < problem.edges.size(); ++e) {
      Edge &edge = problem.edges[e];
      edge.matrix = matrixOfEdge[e];
      if (edge.u >= n || edge.v >= n)
        return in.failAt(endsAt[e], "edge " + std::to_string(e) + " names a node that does not exist");
      size_t expected = problem.nodes[edge.u].costs.size() * problem.nodes[edge.v].costs.size();
      if (size_t found = problem.matrices[edge.matrix].size(); found != expected)
        return in.failAt(costsAt[e], "edge " + std::to_string(e) + " needs " + std::to_string(expected) +
                                         " costs, it has " + std::to_string(found));
    }
  }

  Scanner in;
  Problem &problem;
  std::unordered_multimap<uint64_t, uint32_t> known;
  std::vector<uint32_t> matrixOfEdge;
  std::vector<Cost> row;
  size_t intervals = 0, costs = 0, usages = 0;
  bool nodesSeen = false, edgesSeen = false, intervalsSeen = false, costsSeen = false, usagesSeen = false;
  bool endsSeen = false, matricesSeen = false, limitSeen = false;
  std::vector<size_t> usagesAt, endsAt, costsAt; ///< where the lists of nodes and edges begin in the text
};

} // namespace

ReadError parseIopddl(std::string_view text, Problem &problem, const Stop &stop) {
  return Parser(text, problem, stop).parse();
}

ReadError readIopddl(const std::string &path, Problem &problem, const Stop &stop) {
  std::string text;
  if (ReadError error = readBytes(path, text, kLargestText, stop))
    return error;
  ReadError error = parseIopddl(text, problem, stop);
  if (error)
    error.message = path + ": " + error.message;
  return error;
}

} // namespace ampc::search
