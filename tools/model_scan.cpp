// Scans a ModelProto. An input indexes a table when it reaches the indices of a Gather-like node through nodes that
// pass values on; the rows of the table come from the shape of its initializer, or a declared shape.
#include "tools/model_scan.h"
#include "tools/tensor_proto.h"
#include "tools/wire_fields.h"

#include <protozero/pbf_reader.hpp>

#include <algorithm>
#include <fcntl.h>
#include <set>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ampc::tools {

namespace {

using protozero::pbf_reader;

std::string textOf(protozero::data_view view) { return std::string(view.data(), view.size()); }

struct Node {
  std::string op;
  std::vector<std::string> inputs, outputs;
  int64_t axis = 0;
  std::vector<int64_t> constantShape; // Constant: shape of its tensor
};

/// Field numbers are those of onnx.proto.
struct GraphScan {
  std::vector<Node> nodes;
  std::map<std::string, std::vector<int64_t>> shapes; // initializers and declared shapes
  std::set<std::string> initializers;
  std::vector<ScannedInput> inputs;
  std::set<std::string> externalFiles;
  size_t numOutputs = 0;
  int depth = 0; // of graphs within graphs

  void graph(pbf_reader message) {
    while (message.next()) {
      if (isBlock(message, 1)) {
        node(message.get_message());
      } else if (isBlock(message, 5)) {
        initializer(message.get_message());
      } else if (isBlock(message, 11)) {
        declaration(message.get_message(), true);
      } else if (isBlock(message, 13)) {
        declaration(message.get_message(), false);
      } else {
        numOutputs += isBlock(message, 12);
        message.skip();
      }
    }
  }

  /// A function of the model: of interest are the weights in its body.
  void function(pbf_reader message) {
    while (message.next()) {
      if (isBlock(message, 7))
        node(message.get_message());
      else
        message.skip();
    }
  }

private:
  std::vector<int64_t> tensorShape(pbf_reader message, std::string *name) {
    std::vector<int64_t> shape;
    std::string location;
    bool isExternal = false;
    while (message.next()) {
      if (isNumber(message, 1))
        shape.push_back(message.get_int64());
      else if (isBlock(message, 1))
        for (int64_t extent : message.get_packed_int64())
          shape.push_back(extent);
      else if (isBlock(message, 8) && name)
        *name = textOf(message.get_view());
      else if (isBlock(message, 13))
        externalFact(message.get_message(), location);
      else if (isNumber(message, 14))
        isExternal = message.get_int32() == 1;
      else
        message.skip();
    }
    if (isExternal && !location.empty())
      externalFiles.insert(location);
    return shape;
  }

  static void externalFact(pbf_reader message, std::string &location) {
    std::string key, value;
    while (message.next()) {
      if (isBlock(message, 1))
        key = textOf(message.get_view());
      else if (isBlock(message, 2))
        value = textOf(message.get_view());
      else
        message.skip();
    }
    if (key == "location")
      location = value;
  }

  void initializer(pbf_reader message) {
    std::string name;
    std::vector<int64_t> shape = tensorShape(message, &name);
    initializers.insert(name);
    shapes[name] = shape;
  }

  void node(pbf_reader message) {
    Node node;
    while (message.next()) {
      if (isBlock(message, 1))
        node.inputs.push_back(textOf(message.get_view()));
      else if (isBlock(message, 2))
        node.outputs.push_back(textOf(message.get_view()));
      else if (isBlock(message, 4))
        node.op = textOf(message.get_view());
      else if (isBlock(message, 5))
        attribute(message.get_message(), node);
      else
        message.skip();
    }
    nodes.push_back(std::move(node));
  }

  /// Names in a branch or body are its own; its weights may be in files all the same.
  void subgraph(pbf_reader message) {
    constexpr int deepest = 64; // a damaged model may nest without end
    if (depth == deepest)
      return;
    GraphScan inner;
    inner.depth = depth + 1;
    inner.graph(message);
    externalFiles.merge(inner.externalFiles);
  }

  void attribute(pbf_reader message, Node &node) {
    std::string name;
    while (message.next()) {
      if (isBlock(message, 1)) {
        name = textOf(message.get_view());
      } else if (isNumber(message, 3) && name == "axis") {
        node.axis = message.get_int64();
      } else if (isBlock(message, 5)) {
        std::vector<int64_t> shape = tensorShape(message.get_message(), nullptr);
        if (name == "value")
          node.constantShape = std::move(shape);
      } else if (isBlock(message, 10)) {
        tensorShape(message.get_message(), nullptr);
      } else if (isBlock(message, 6) || isBlock(message, 11)) {
        subgraph(message.get_message());
      } else {
        message.skip();
      }
    }
  }

  void declaration(pbf_reader message, bool isInput) {
    ScannedInput input;
    while (message.next()) {
      if (isBlock(message, 1))
        input.name = textOf(message.get_view());
      else if (isBlock(message, 2))
        type(message.get_message(), input);
      else
        message.skip();
    }
    if (input.hasShape && !shapes.count(input.name))
      shapes[input.name] = input.shape;
    if (isInput)
      inputs.push_back(std::move(input));
  }

  static void type(pbf_reader message, ScannedInput &input) {
    while (message.next()) {
      if (isBlock(message, 1))
        tensorType(message.get_message(), input);
      else
        message.skip();
    }
  }

  static void tensorType(pbf_reader message, ScannedInput &input) {
    while (message.next()) {
      if (isNumber(message, 1)) {
        input.type = dataTypeOfOnnx(message.get_int32());
      } else if (isBlock(message, 2)) {
        input.hasShape = true;
        shape(message.get_message(), input.shape);
      } else {
        message.skip();
      }
    }
  }

  static void shape(pbf_reader message, std::vector<int64_t> &extents) {
    while (message.next()) {
      if (!isBlock(message, 1)) {
        message.skip();
        continue;
      }
      pbf_reader dim = message.get_message();
      int64_t extent = -1;
      while (dim.next()) {
        if (isNumber(dim, 1))
          extent = dim.get_int64();
        else
          dim.skip();
      }
      extents.push_back(extent);
    }
  }
};

/// Operand `operand` of the node indexes rows of operand 0: how many rows? 0: it does not, or nobody knows.
int64_t rowsIndexed(const Node &node, size_t operand, const std::map<std::string, std::vector<int64_t>> &shapes) {
  bool isGather = node.op == "Gather" || node.op == "GatherElements" || node.op == "GatherND" ||
                  node.op == "ScatterElements" || node.op == "ScatterND";
  if (!isGather || operand != 1 || node.inputs.empty())
    return 0;
  auto shape = shapes.find(node.inputs[0]);
  if (shape == shapes.end() || shape->second.empty())
    return 0;
  if (node.op == "GatherND" || node.op == "ScatterND") {
    int64_t least = *std::min_element(shape->second.begin(), shape->second.end());
    return std::max<int64_t>(least, 0);
  }
  int64_t rank = int64_t(shape->second.size()), axis = node.axis < 0 ? node.axis + rank : node.axis;
  return axis >= 0 && axis < rank ? std::max<int64_t>(shape->second[size_t(axis)], 0) : 0;
}

bool passesValuesOn(const std::string &op) {
  static const std::set<std::string> ops = {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten",
                                            "Transpose", "Expand", "Slice", "Concat", "Split", "Tile"};
  return ops.count(op) != 0;
}

void findIndexBounds(const GraphScan &scan, ScannedModel &model) {
  std::map<std::string, std::vector<int64_t>> shapes = scan.shapes;
  for (const Node &node : scan.nodes)
    if (node.op == "Constant" && !node.outputs.empty())
      shapes[node.outputs[0]] = node.constantShape;
  // Nodes stand in topological order, so one walk backwards sees every reader of a value before its producer.
  std::map<std::string, int64_t> bounds;
  auto bind = [&](const std::string &value, int64_t bound) {
    int64_t &known = bounds[value];
    known = known == 0 ? bound : std::min(known, bound);
  };
  for (auto node = scan.nodes.rbegin(); node != scan.nodes.rend(); ++node) {
    for (size_t k = 0; k < node->inputs.size(); ++k)
      if (int64_t rows = rowsIndexed(*node, k, shapes); rows > 0)
        bind(node->inputs[k], rows);
    if (!passesValuesOn(node->op))
      continue;
    for (const std::string &output : node->outputs) {
      auto bound = bounds.find(output);
      if (bound == bounds.end())
        continue;
      int64_t rows = bound->second;
      size_t readers = node->op == "Concat" ? node->inputs.size() : std::min<size_t>(1, node->inputs.size());
      for (size_t k = 0; k < readers; ++k)
        bind(node->inputs[k], rows);
    }
  }
  for (const ScannedInput &input : model.inputs)
    if (auto bound = bounds.find(input.name); bound != bounds.end())
      model.indexBounds[input.name] = bound->second;
}

} // namespace

std::optional<ScannedModel> scanModel(std::string_view modelBytes) {
  try {
    GraphScan scan;
    pbf_reader message(modelBytes.data(), modelBytes.size());
    bool hasGraph = false;
    while (message.next()) {
      if (isBlock(message, 7)) {
        scan.graph(message.get_message());
        hasGraph = true;
      } else if (isBlock(message, 25)) {
        GraphScan body; // its names are its own
        body.function(message.get_message());
        scan.externalFiles.merge(body.externalFiles);
      } else {
        message.skip();
      }
    }
    if (!hasGraph)
      return std::nullopt;
    ScannedModel model;
    for (ScannedInput &input : scan.inputs)
      if (scan.initializers.count(input.name))
        model.defaults.insert(input.name);
      else
        model.inputs.push_back(input);
    model.numOutputs = scan.numOutputs;
    model.externalFiles.assign(scan.externalFiles.begin(), scan.externalFiles.end());
    findIndexBounds(scan, model);
    return model;
  } catch (const protozero::exception &) {
    return std::nullopt;
  } catch (const std::bad_alloc &) {
    return std::nullopt;
  }
}

std::optional<ScannedModel> scanModelFile(const std::string &path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return std::nullopt;
  struct stat facts = {};
  std::optional<ScannedModel> model;
  if (::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size > 0) {
    void *bytes = ::mmap(nullptr, size_t(facts.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes != MAP_FAILED) {
      model = scanModel({static_cast<const char *>(bytes), size_t(facts.st_size)});
      ::munmap(bytes, size_t(facts.st_size));
    }
  }
  ::close(file);
  return model;
}

} // namespace ampc::tools
