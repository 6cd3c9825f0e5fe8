// The scanner: a recursive walk over length-delimited fields that copies everything but payloads and
// documentation.
#include "ir/onnx/wire_scan.h"
#include "ir/diagnostic.h"
#include "ir/onnx/limits.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace ampc {

namespace {

enum class Message : uint8_t { None, Model, Graph, Node, Attribute, Tensor, Sparse, Function };
enum class Action : uint8_t { Copy, Drop, Enter };

struct FieldRule {
  Message parent;
  int field;
  Action action;
  Message child = Message::None;
  bool isRepeated = true; // protobuf merges repetitions of a singular message; no writer makes them
};

constexpr FieldRule fieldRules[] = {
    {Message::Model, 6, Action::Drop}, // documentation
    {Message::Model, 7, Action::Enter, Message::Graph, false},
    {Message::Model, 20, Action::Drop}, // training_info: an algorithm of its own, not part of inference
    {Message::Model, 25, Action::Enter, Message::Function},
    {Message::Graph, 1, Action::Enter, Message::Node},
    {Message::Graph, 5, Action::Enter, Message::Tensor},
    {Message::Graph, 10, Action::Drop},
    {Message::Graph, 15, Action::Enter, Message::Sparse},
    {Message::Graph, 16, Action::Drop},
    {Message::Node, 5, Action::Enter, Message::Attribute},
    {Message::Node, 6, Action::Drop},
    {Message::Node, 9, Action::Drop}, // exporters store stack traces here
    {Message::Attribute, 5, Action::Enter, Message::Tensor, false},
    {Message::Attribute, 6, Action::Enter, Message::Graph, false},
    {Message::Attribute, 10, Action::Enter, Message::Tensor},
    {Message::Attribute, 11, Action::Enter, Message::Graph},
    {Message::Attribute, 13, Action::Drop},
    {Message::Attribute, 22, Action::Enter, Message::Sparse, false},
    {Message::Attribute, 23, Action::Enter, Message::Sparse},
    {Message::Tensor, 12, Action::Drop},
    {Message::Tensor, 16, Action::Drop},
    {Message::Tensor, tensor_field::payloadNumber, Action::Drop},
    {Message::Sparse, 1, Action::Enter, Message::Tensor, false},
    {Message::Sparse, 2, Action::Enter, Message::Tensor, false},
    {Message::Function, 7, Action::Enter, Message::Node},
    {Message::Function, 8, Action::Drop},
    {Message::Function, 11, Action::Enter, Message::Attribute},
};

const FieldRule *findRule(Message parent, uint64_t field) {
  for (const FieldRule &rule : fieldRules)
    if (rule.parent == parent && uint64_t(rule.field) == field)
      return &rule;
  return nullptr;
}

bool isPayloadField(uint64_t field) { return (field >= 4 && field <= 7) || (field >= 9 && field <= 11); }

class Scanner {
public:
  explicit Scanner(const ModelFile &file) : file(file) {}

  llvm::Error message(Message kind, uint64_t begin, uint64_t end, int depth, std::string &out);
  ScannedModel result;

private:
  llvm::Error tensor(uint64_t begin, uint64_t end, std::string &out);
  llvm::Error copy(uint64_t begin, uint64_t end, std::string &out);
  bool byte(uint64_t offset, uint8_t &value);
  bool varint(uint64_t &position, uint64_t end, uint64_t &value);
  /// Moves behind a field's value; for length-delimited ones `begin` is where their content starts.
  llvm::Error skipValue(int wireType, uint64_t &position, uint64_t end, uint64_t &begin);
  llvm::Error damaged(uint64_t offset, const char *what) {
    return makeError(ErrorCode::InvalidModel, "not an ONNX model: " + llvm::Twine(what),
                     {{"byte offset", std::to_string(offset)}});
  }

  const ModelFile &file;
  std::vector<char> window;
  uint64_t windowBegin = 0;
  uint64_t emittedBytes = 0;
  int64_t numFields = 0;
};

bool Scanner::byte(uint64_t offset, uint8_t &value) {
  if (offset < windowBegin || offset >= windowBegin + window.size()) {
    if (offset >= file.size())
      return false;
    window.resize(size_t(std::min<uint64_t>(64 << 10, file.size() - offset)));
    windowBegin = offset;
    if (!file.read(offset, window.size(), window.data())) {
      window.clear();
      return false;
    }
  }
  value = uint8_t(window[size_t(offset - windowBegin)]);
  return true;
}

bool Scanner::varint(uint64_t &position, uint64_t end, uint64_t &value) {
  value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint8_t next;
    if (position >= end || !byte(position, next))
      return false;
    ++position;
    value |= uint64_t(next & 0x7f) << shift;
    if (!(next & 0x80))
      return true;
  }
  return false;
}

llvm::Error Scanner::skipValue(int wireType, uint64_t &position, uint64_t end, uint64_t &begin) {
  uint64_t length = 0, start = position;
  switch (wireType) {
  case 0:
    if (!varint(position, end, length))
      return damaged(start, "a number is cut off");
    begin = start;
    return llvm::Error::success();
  case 1:
    length = 8;
    break;
  case 5:
    length = 4;
    break;
  case 2:
    if (!varint(position, end, length))
      return damaged(start, "a length is cut off");
    break;
  default:
    return damaged(start, "a field has a wire type that ONNX does not use");
  }
  if (length > end - position)
    return damaged(start, "a field ends beyond its message");
  begin = position;
  position += length;
  return llvm::Error::success();
}

llvm::Error Scanner::copy(uint64_t begin, uint64_t end, std::string &out) {
  emittedBytes += end - begin;
  if (emittedBytes > limits::strippedModelBytes)
    return makeError(ErrorCode::LimitExceeded, "the model has more than " +
                                                   llvm::Twine(limits::strippedModelBytes >> 20) +
                                                   " MiB besides its weights");
  size_t at = out.size();
  out.resize(at + size_t(end - begin));
  if (!file.read(begin, end - begin, out.data() + at))
    return makeError(ErrorCode::FileSystem, "reading " + file.path() + " failed");
  return llvm::Error::success();
}

llvm::Error Scanner::message(Message kind, uint64_t begin, uint64_t end, int depth, std::string &out) {
  if (kind == Message::Tensor)
    return tensor(begin, end, out);
  if (kind == Message::Graph && depth++ > limits::subgraphDepth)
    return makeError(ErrorCode::LimitExceeded,
                     "subgraphs are nested deeper than " + llvm::Twine(limits::subgraphDepth) + " levels");
  std::set<int> singular;
  uint64_t position = begin;
  while (position < end) {
    if (++numFields > limits::modelFields)
      return makeError(ErrorCode::LimitExceeded,
                       "the model has more than " + llvm::Twine(limits::modelFields) + " fields");
    uint64_t tagOffset = position, tag, content = 0;
    if (!varint(position, end, tag) || tag >> 32 || tag >> 3 == 0)
      return damaged(tagOffset, "a field number is damaged");
    int wireType = int(tag & 7);
    if (llvm::Error error = skipValue(wireType, position, end, content))
      return error;
    const FieldRule *rule = findRule(kind, tag >> 3);
    Action action = rule ? rule->action : Action::Copy;
    if (action == Action::Drop)
      continue;
    if (action == Action::Copy) {
      if (llvm::Error error = copy(tagOffset, position, out))
        return error;
      continue;
    }
    if (wireType != 2)
      return damaged(tagOffset, "a message is stored as a number");
    if (!rule->isRepeated && !singular.insert(rule->field).second)
      return damaged(tagOffset, "a message occurs twice where one is allowed");
    std::string inner;
    if (llvm::Error error = message(rule->child, content, position, depth, inner))
      return error;
    appendVarint(out, tag);
    appendVarint(out, inner.size());
    out += inner;
  }
  return llvm::Error::success();
}

llvm::Error Scanner::tensor(uint64_t begin, uint64_t end, std::string &out) {
  TensorPayload record;
  uint64_t position = begin;
  while (position < end) {
    if (++numFields > limits::modelFields)
      return makeError(ErrorCode::LimitExceeded,
                       "the model has more than " + llvm::Twine(limits::modelFields) + " fields");
    uint64_t tagOffset = position, tag, content = 0;
    if (!varint(position, end, tag) || tag >> 32 || tag >> 3 == 0)
      return damaged(tagOffset, "a field number is damaged");
    int wireType = int(tag & 7);
    if (llvm::Error error = skipValue(wireType, position, end, content))
      return error;
    const FieldRule *rule = findRule(Message::Tensor, tag >> 3);
    if (rule)
      continue;
    if (!isPayloadField(tag >> 3)) {
      if (llvm::Error error = copy(tagOffset, position, out))
        return error;
      continue;
    }
    PayloadChunk chunk{int(tag >> 3), content, position - content, wireType == 2};
    if (!chunk.isPacked) {
      chunk.offset = tagOffset, chunk.size = position - tagOffset;
      PayloadChunk *last = record.chunks.empty() ? nullptr : &record.chunks.back();
      if (last && last->field == chunk.field && !last->isPacked &&
          last->offset + last->size == chunk.offset) {
        last->size += chunk.size;
        continue;
      }
    }
    record.chunks.push_back(chunk);
  }
  appendVarint(out, uint64_t(tensor_field::payloadNumber) << 3);
  appendVarint(out, result.payloads.size());
  result.payloads.push_back(std::move(record));
  return llvm::Error::success();
}

} // namespace

void appendVarint(std::string &to, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    to.push_back(char(value | 0x80));
  to.push_back(char(value));
}

bool WireReader::varint(uint64_t &value) {
  value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (atEnd())
      return false;
    uint8_t next = uint8_t(bytes[position++]);
    value |= uint64_t(next & 0x7f) << shift;
    if (!(next & 0x80))
      return true;
  }
  return false;
}

bool WireReader::fixed(int width, uint64_t &value) {
  value = 0;
  if (bytes.size() - position < size_t(width))
    return false;
  std::memcpy(&value, bytes.data() + position, size_t(width));
  position += size_t(width);
  return true;
}

llvm::Expected<ScannedModel> scanModel(const ModelFile &file) {
  if (file.size() == 0)
    return makeError(ErrorCode::InvalidModel, "not an ONNX model: the file is empty");
  Scanner scanner(file);
  std::string stripped;
  if (llvm::Error error = scanner.message(Message::Model, 0, file.size(), 0, stripped))
    return error;
  scanner.result.stripped = std::move(stripped);
  return std::move(scanner.result);
}

} // namespace ampc
