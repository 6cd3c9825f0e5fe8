// The text form of small tensors on the command line.
#include "ir/diagnostic.h"
#include "ir/onnx/input_binding.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

#include <cmath>

namespace ampc {

namespace {

struct Parser {
  llvm::StringRef rest;
  std::vector<std::string> elements;
  std::vector<int64_t> shape; // of the brackets
  std::string problem;

  bool list(size_t depth);
  bool fail(const char *why) {
    problem = why;
    return false;
  }
};

bool Parser::list(size_t depth) {
  if (depth > 8)
    return fail("brackets are nested too deeply");
  rest = rest.ltrim();
  if (!rest.consume_front("[")) {
    llvm::StringRef element = rest.take_until([](char c) { return c == ',' || c == ']' || c == '['; });
    rest = rest.drop_front(element.size());
    element = element.trim();
    if (element.empty())
      return fail("a number is missing");
    if (shape.size() != depth)
      return fail("rows have different depths");
    elements.push_back(element.str());
    return true;
  }
  bool isFirst = shape.size() == depth;
  if (isFirst && !elements.empty())
    return fail("rows have different depths");
  if (isFirst)
    shape.push_back(-1);
  int64_t count = 0;
  rest = rest.ltrim();
  if (!rest.consume_front("]"))
    while (true) {
      if (!list(depth + 1))
        return false;
      ++count;
      rest = rest.ltrim();
      if (rest.consume_front("]"))
        break;
      if (!rest.consume_front(","))
        return fail("a comma or a closing bracket is missing");
    }
  if (shape[depth] != -1 && shape[depth] != count)
    return fail("rows have different lengths");
  shape[depth] = count;
  return true;
}

bool store(HostTensor &tensor, int64_t index, llvm::StringRef text) {
  DataType type = tensor.type.type;
  if (type == DataType::Bool) {
    bool isTrue = text.equals_insensitive("true") || text == "1";
    if (!isTrue && !text.equals_insensitive("false") && text != "0")
      return false;
    tensor.setInteger(index, isTrue);
    return true;
  }
  if (isFloat(type)) {
    double value;
    if (text.getAsDouble(value))
      return false;
    tensor.setReal(index, value);
    return true;
  }
  if (type == DataType::U64) {
    uint64_t value;
    if (text.getAsInteger(10, value))
      return false;
    std::memcpy(&tensor.bytes[size_t(index) * 8], &value, 8);
    return true;
  }
  int64_t value;
  if (text.getAsInteger(10, value))
    return false;
  unsigned bits = bitWidth(type);
  bool fits = isUnsignedInteger(type)
                  ? value >= 0 && uint64_t(value) < uint64_t(1) << bits
                  : bits == 64 || (value >= -(int64_t(1) << (bits - 1)) && value < int64_t(1) << (bits - 1));
  if (!fits)
    return false;
  tensor.setInteger(index, value);
  return true;
}

} // namespace

llvm::Expected<HostTensor> parseValue(const std::string &text, const TensorType &type) {
  auto bad = [&](const llvm::Twine &why) {
    return makeError(ErrorCode::Usage, "the value `" + text + "` cannot be read as " +
                                           std::string(ampc::name(type.type)) + ": " + why);
  };
  Parser parser;
  std::string bracketed = text;
  bool isFlat = llvm::StringRef(text).trim().find('[') == llvm::StringRef::npos;
  bool isScalar = isFlat && text.find(',') == std::string::npos;
  if (isFlat && !isScalar)
    bracketed = "[" + text + "]";
  parser.rest = bracketed;
  if (!parser.list(0))
    return bad(parser.problem);
  if (!parser.rest.trim().empty())
    return bad("there is text behind it");

  int64_t count = int64_t(parser.elements.size()), known = 1, unknown = 0;
  std::vector<int64_t> shape = type.shape;
  for (int64_t extent : shape)
    extent < 0 ? void(++unknown) : void(known *= extent);
  if (!isFlat) {
    if (shape.size() != parser.shape.size())
      return bad("the input has rank " + llvm::Twine(shape.size()));
    for (size_t d = 0; d < shape.size(); ++d)
      if (shape[d] >= 0 && shape[d] != parser.shape[d])
        return bad("dimension " + llvm::Twine(d) + " of the input is " + llvm::Twine(shape[d]));
    shape = parser.shape;
  } else {
    // A flat list: one open dimension takes what is left, several are 1 before it.
    for (int64_t &extent : shape)
      if (extent < 0)
        extent = --unknown > 0 ? 1 : (known ? count / known : 0);
    if (numElements(shape) != count)
      return bad("the input has " + llvm::Twine(numElements(shape)) + " elements");
  }
  HostTensor tensor(TensorType{type.type, shape});
  for (int64_t k = 0; k < count; ++k)
    if (!store(tensor, k, parser.elements[size_t(k)]))
      return bad("`" + parser.elements[size_t(k)] + "` is not a value of the type");
  return tensor;
}

} // namespace ampc
