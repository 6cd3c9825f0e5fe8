// Reads and writes the .npy format: magic, version, a Python dictionary literal, the raw data.
#include "tools/npy.h"
#include "tools/tensor_file.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace ampc::tools {

namespace {

struct NpyType {
  char kind;
  int sizeBytes;
  DataType type;
};
constexpr NpyType npyTypes[] = {
    {'f', 8, DataType::F64}, {'f', 4, DataType::F32}, {'f', 2, DataType::F16}, {'i', 1, DataType::I8},
    {'i', 2, DataType::I16}, {'i', 4, DataType::I32}, {'i', 8, DataType::I64}, {'u', 1, DataType::U8},
    {'u', 2, DataType::U16}, {'u', 4, DataType::U32}, {'u', 8, DataType::U64}, {'b', 1, DataType::Bool},
};

Failure damaged(std::string why) { return {ErrorCode::InvalidTensor, "not a valid .npy file: " + std::move(why)}; }

/// Walks the dictionary literal that NumPy writes: strings, True, False, tuples of integers.
class DictionaryReader {
public:
  explicit DictionaryReader(std::string_view text) : text(text) {}

  bool take(char c) {
    skipBlanks();
    if (position >= text.size() || text[position] != c)
      return false;
    ++position;
    return true;
  }
  bool atEnd() {
    skipBlanks();
    return position == text.size();
  }
  bool takeString(std::string &value) {
    skipBlanks();
    if (position >= text.size() || (text[position] != '\'' && text[position] != '"'))
      return false;
    size_t end = text.find(text[position], position + 1);
    if (end == std::string_view::npos)
      return false;
    value = std::string(text.substr(position + 1, end - position - 1));
    position = end + 1;
    return value.find('\\') == std::string::npos;
  }
  bool takeBoolean(bool &value) {
    skipBlanks();
    for (auto [word, meaning] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (text.substr(position, word.size()) == word) {
        position += word.size();
        value = meaning;
        return true;
      }
    }
    return false;
  }
  bool takeInteger(int64_t &value) {
    skipBlanks();
    size_t begin = position;
    value = 0;
    while (position < text.size() && text[position] >= '0' && text[position] <= '9') {
      if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text[position] - '0', &value))
        return false;
      ++position;
    }
    bool isNumber = position > begin;
    if (position < text.size() && text[position] == 'L') // written by Python 2
      ++position;
    return isNumber;
  }
  bool takeShape(std::vector<int64_t> &shape) {
    if (!take('('))
      return false;
    while (!take(')')) {
      int64_t extent = 0;
      if (shape.size() == 64 || !takeInteger(extent))
        return false;
      shape.push_back(extent);
      if (!take(',')) {
        // A single number in parentheses is no tuple.
        return shape.size() > 1 && take(')');
      }
    }
    return true;
  }

private:
  void skipBlanks() {
    while (position < text.size() && (text[position] == ' ' || text[position] == '\n' || text[position] == '\t'))
      ++position;
  }
  std::string_view text;
  size_t position = 0;
};

Result<bool> parseDescription(const std::string &text, NpyHeader &header) {
  if (text.size() < 3 || !std::strchr("<>|=", text[0]))
    return damaged("its element description '" + text + "' is not understood");
  std::string size = text.substr(2);
  for (const NpyType &candidate : npyTypes) {
    if (text[1] != candidate.kind || size != std::to_string(candidate.sizeBytes))
      continue;
    header.type = candidate.type;
    header.isBigEndian = text[0] == '>';
    return true;
  }
  return Failure{ErrorCode::InvalidTensor, "the .npy element type '" + text + "' is not one that tensors have",
                 {}, "convert the array, for example with array.astype('float32'); bf16 goes into a .pb file"};
}

} // namespace

Result<NpyHeader> parseNpyHeader(std::string_view bytes) {
  if (bytes.substr(0, npyMagic.size()) != npyMagic)
    return damaged("it does not begin with NumPy's magic bytes");
  if (bytes.size() < 10)
    return damaged("it ends inside the header");
  int major = static_cast<unsigned char>(bytes[6]);
  if (major < 1 || major > 3)
    return damaged("its format version " + std::to_string(major) + " is unknown");
  size_t lengthBytes = major == 1 ? 2 : 4, length = 0;
  if (bytes.size() < 8 + lengthBytes)
    return damaged("it ends inside the header");
  for (size_t i = 0; i < lengthBytes; ++i)
    length |= size_t(static_cast<unsigned char>(bytes[8 + i])) << (8 * i);
  if (length > bytes.size() - 8 - lengthBytes)
    return damaged("it ends inside the header");

  NpyHeader header;
  header.headerBytes = 8 + lengthBytes + length;
  DictionaryReader reader(bytes.substr(8 + lengthBytes, length));
  if (!reader.take('{'))
    return damaged("its header is not a dictionary");
  std::set<std::string> keys;
  while (!reader.take('}')) {
    std::string key, description;
    bool isSound = reader.takeString(key) && reader.take(':') && keys.insert(key).second;
    if (isSound && key == "descr") {
      isSound = reader.takeString(description);
      if (isSound) {
        if (auto known = parseDescription(description, header); !known)
          return known.takeFailure();
      }
    } else if (isSound && key == "fortran_order") {
      isSound = reader.takeBoolean(header.isColumnMajor);
    } else if (isSound && key == "shape") {
      isSound = reader.takeShape(header.shape);
    } else {
      isSound = false;
    }
    if (!isSound)
      return damaged("its header is not understood");
    if (!reader.take(',')) {
      if (!reader.take('}'))
        return damaged("its header is not understood");
      break;
    }
  }
  if (keys.size() != 3 || !reader.atEnd())
    return damaged("its header is not understood");
  return header;
}

std::string writeNpyHeader(DataType type, const std::vector<int64_t> &shape) {
  std::string dictionary = "{'descr': '";
  for (const NpyType &candidate : npyTypes)
    if (candidate.type == type)
      dictionary += std::string(candidate.sizeBytes == 1 ? "|" : "<") + candidate.kind +
                    std::to_string(candidate.sizeBytes);
  dictionary += "', 'fortran_order': False, 'shape': (";
  for (int64_t extent : shape)
    dictionary += std::to_string(extent) + ", ";
  if (!shape.empty())
    dictionary.resize(dictionary.size() - (shape.size() > 1 ? 2 : 1));
  dictionary += "), }";
  size_t total = (10 + dictionary.size() + 1 + 63) / 64 * 64;
  dictionary.resize(total - 10 - 1, ' ');
  dictionary += '\n';
  std::string header(npyMagic);
  header += '\1';
  header += '\0';
  header += char(dictionary.size() & 0xff);
  header += char(dictionary.size() >> 8);
  return header + dictionary;
}

} // namespace ampc::tools
