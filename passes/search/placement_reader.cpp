// See placement_reader.h.
#include "placement_reader.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <unordered_map>

namespace ampc::search {

namespace {

using Json = nlohmann::json;

/// Reads fields of one object; the first thing wrong sticks.
class Fields {
public:
  Fields(const Json &object, std::string where, std::string &wrong)
      : object(object), where(where), wrong(wrong) {
    if (!object.is_object())
      fail("is not an object");
  }

  double number(const char *key, bool required = true) {
    const Json *value = find(key, required);
    if (!value)
      return 0;
    if (value->is_number())
      return value->get<double>();
    fail(std::string("\"") + key + "\" is not a number");
    return 0;
  }
  int64_t integer(const char *key, bool required, int64_t otherwise) {
    const Json *value = find(key, required);
    if (!value || (value->is_null() && !required))
      return otherwise;
    if (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t(INT64_MAX)) {
      fail(std::string("\"") + key + "\" is an integer above 2^63 - 1");
      return otherwise;
    }
    if (value->is_number_integer())
      return value->get<int64_t>();
    fail(std::string("\"") + key + "\" is not an integer");
    return otherwise;
  }
  /// The benchmarks write 0 and 1, or false and true.
  bool flag(const char *key, bool otherwise) {
    const Json *value = find(key, false);
    if (!value)
      return otherwise;
    if (value->is_boolean())
      return value->get<bool>();
    if (value->is_number_integer())
      return *value != 0;
    fail(std::string("\"") + key + "\" is neither true nor false");
    return otherwise;
  }

private:
  const Json *find(const char *key, bool required) {
    if (!wrong.empty())
      return nullptr;
    auto it = object.find(key);
    if (it != object.end())
      return &*it;
    if (required)
      fail(std::string("has no \"") + key + "\"");
    return nullptr;
  }
  void fail(const std::string &what) {
    if (wrong.empty())
      wrong = where + " " + what;
  }

  const Json &object;
  std::string where;
  std::string &wrong;
};

std::string convert(const Json &root, PlacementProblem &problem) {
  std::string wrong;
  Fields top(root, "the file", wrong);
  problem.accelerators = int(std::min<int64_t>(top.integer("maxFPGAs", true, 1), 1 << 20));
  problem.cpus = int(std::min<int64_t>(top.integer("maxCPUs", false, 0), 1 << 20));
  problem.bytesPerAccelerator = top.number("maxSizePerFPGA", false);
  if (!wrong.empty())
    return wrong;
  for (const char *key : {"nodes", "edges"})
    if (!root.contains(key) || !root[key].is_array())
      return std::string("the file has no array \"") + key + "\"";
  std::unordered_map<int64_t, int> position;
  for (const Json &item : root["nodes"]) {
    Fields fields(item, "node number " + std::to_string(problem.nodes.size()), wrong);
    PlacementNode node;
    node.id = fields.integer("id", true, 0);
    node.onAccelerator = fields.flag("supportedOnFpga", true);
    node.acceleratorTime = fields.number("fpgaLatency", node.onAccelerator);
    node.cpuTime = fields.number("cpuLatency", problem.cpus > 0);
    node.bytes = fields.number("size", false);
    node.colour = fields.integer("colorClass", false, -1);
    node.backward = fields.flag("isBackwardNode", false);
    if (!wrong.empty())
      return wrong;
    if (!position.emplace(node.id, int(problem.nodes.size())).second)
      return "node " + std::to_string(node.id) + " is there twice";
    problem.nodes.push_back(node);
  }
  size_t number = 0;
  for (const Json &item : root["edges"]) {
    Fields fields(item, "edge number " + std::to_string(number++), wrong);
    int64_t ends[2] = {fields.integer("sourceId", true, 0), fields.integer("destId", true, 0)};
    PlacementEdge edge;
    edge.cost = fields.number("cost");
    if (!wrong.empty())
      return wrong;
    for (int64_t end : ends)
      if (!position.count(end))
        return "edge number " + std::to_string(number - 1) + " names node " + std::to_string(end) +
               ", which does not exist";
    edge.from = position[ends[0]];
    edge.to = position[ends[1]];
    problem.edges.push_back(edge);
  }
  return check(problem);
}

/// nlohmann's parser keeps its own stack on the heap, but building and freeing a value recurses.
bool nestedDeeper(std::string_view text, int limit) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limit)
        return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

} // namespace

ReadError parsePlacement(std::string_view text, PlacementProblem &problem) {
  problem = PlacementProblem();
  if (nestedDeeper(text, 64))
    return {ReadError::Kind::Malformed, "nested deeper than 64"};
  Json root;
  try {
    root = Json::parse(text);
  } catch (const Json::exception &error) {
    return {ReadError::Kind::Malformed, error.what()};
  }
  std::string wrong = convert(root, problem);
  return wrong.empty() ? ReadError() : ReadError{ReadError::Kind::Malformed, wrong};
}

ReadError readPlacement(const std::string &path, PlacementProblem &problem) {
  std::string text;
  if (ReadError error = readBytes(path, text))
    return error;
  ReadError error = parsePlacement(text, problem);
  if (error)
    error.message = path + ": " + error.message;
  size_t slash = path.find_last_of('/');
  problem.name = slash == std::string::npos ? path : path.substr(slash + 1);
  return error;
}

} // namespace ampc::search
