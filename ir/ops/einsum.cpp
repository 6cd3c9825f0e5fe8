// Einsum: operands are combined pairwise from the left; every step is transposes, reshapes, one matmul and sums, so
// that products reach the same kernels and shardings as MatMul.
#include "ir/ops/expansion.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <map>

using namespace mlir;

namespace ampc {

/// One letter per dimension. Ellipsis dimensions get the digits '0'...'9', right-aligned at the end of `digits`.
struct Term {
  std::string labels;
  Value value;
};

static bool contains(const std::string &labels, char label) { return labels.find(label) != std::string::npos; }

namespace {
class Contraction {
public:
  explicit Contraction(Expansion &e) : e(e) {}

  bool parse(llvm::StringRef equation);
  Value run();

private:
  Expansion &e;
  std::vector<Term> terms;
  std::string output;
  std::map<char, int64_t> extents;

  bool expandLabels(llvm::StringRef text, int64_t rank, size_t ellipsisRank, std::string &labels);
  void takeDiagonals(Term &term);
  /// Sums over the labels of `term` that are not in `keep`.
  void sumExcept(Term &term, const std::string &keep);
  /// Permutes to the order of `labels`, which are those of the term.
  void arrange(Term &term, const std::string &labels);
  Term multiply(Term a, Term b, const std::string &keep);
  int64_t product(const std::string &labels);
};
} // namespace

constexpr size_t maxEllipsisRank = 10; // digits '0' to '9'

bool Contraction::expandLabels(llvm::StringRef text, int64_t rank, size_t ellipsisRank, std::string &labels) {
  size_t ellipsis = text.find("...");
  for (size_t k = 0; k < text.size(); ++k) {
    if (k == ellipsis) {
      // rank < 0: the output, which has all ellipsis dimensions; operands have as many as their rank leaves.
      size_t count = rank < 0 ? ellipsisRank : size_t(std::max<int64_t>(0, rank - (int64_t(text.size()) - 3)));
      if (count > maxEllipsisRank) {
        e.unsupported("an ellipsis of more than 10 dimensions");
        return false;
      }
      for (size_t d = ellipsisRank - std::min(count, ellipsisRank); d < ellipsisRank; ++d)
        labels += char('0' + d);
      k += 2;
    } else if (llvm::isAlpha(text[k])) {
      labels += text[k];
    } else {
      e.invalid("the equation holds the character '" + llvm::Twine(text[k]) + "'");
      return false;
    }
  }
  return true;
}

bool Contraction::parse(llvm::StringRef equation) {
  std::string text;
  for (char c : equation)
    if (c != ' ')
      text += c;
  auto [left, right] = llvm::StringRef(text).split("->");
  bool isExplicit = text.find("->") != std::string::npos;
  llvm::SmallVector<llvm::StringRef> parts;
  left.split(parts, ',');
  if (parts.size() != e.context.numOperands()) {
    e.invalid("the equation has " + llvm::Twine(parts.size()) + " terms");
    return false;
  }
  size_t ellipsisRank = 0;
  for (size_t k = 0; k < parts.size(); ++k)
    if (parts[k].contains("..."))
      ellipsisRank = std::max<int64_t>(ellipsisRank, e.rank(e.operand(k)) - (int64_t(parts[k].size()) - 3));
  if (ellipsisRank > maxEllipsisRank) {
    e.unsupported("an ellipsis of more than 10 dimensions");
    return false;
  }
  for (size_t k = 0; k < parts.size(); ++k) {
    Term term{{}, e.operand(k)};
    Expansion::Shape shape = e.shape(term.value);
    if (!expandLabels(parts[k], int64_t(shape.size()), ellipsisRank, term.labels))
      return false;
    if (term.labels.size() != shape.size()) {
      e.invalid("term '" + parts[k] + "' does not fit a tensor of rank " + llvm::Twine(shape.size()));
      return false;
    }
    for (size_t d = 0; d < shape.size(); ++d) {
      int64_t &extent = extents.try_emplace(term.labels[d], shape[d]).first->second;
      if (extent == 1)
        extent = shape[d];
      else if (shape[d] != extent && shape[d] != 1) {
        e.invalid("the extents of one label differ: " + llvm::Twine(extent) + " and " + llvm::Twine(shape[d]));
        return false;
      }
    }
    terms.push_back(term);
  }
  if (isExplicit) {
    if (!expandLabels(right, -1, ellipsisRank, output))
      return false;
  } else {
    // Ellipsis first, then the letters that occur once, upper case before lower case.
    for (size_t d = 0; d < ellipsisRank; ++d)
      output += char('0' + d);
    std::map<char, int> uses;
    for (const Term &term : terms)
      for (char label : term.labels)
        uses[label] += llvm::isAlpha(label);
    for (auto [label, count] : uses)
      if (count == 1)
        output += label;
  }
  for (size_t k = 0; k < output.size(); ++k)
    if (!extents.count(output[k]) || contains(output.substr(0, k), output[k])) {
      e.invalid("output label '" + llvm::Twine(output[k]) + "' is unknown or repeated");
      return false;
    }
  return true;
}

int64_t Contraction::product(const std::string &labels) {
  int64_t result = 1;
  for (char label : labels)
    result *= extents[label];
  return result;
}

/// ii -> i: everything off the diagonal is masked, then the second dimension is summed away.
void Contraction::takeDiagonals(Term &term) {
  for (size_t d = 0; d < term.labels.size();) {
    size_t first = term.labels.find(term.labels[d]);
    if (first == d) {
      ++d;
      continue;
    }
    Expansion::Shape shape = e.shape(term.value);
    if (e.failed())
      return;
    int64_t extent = shape[d];
    if (shape[first] != extent || extent > 4096) {
      e.unsupported("a diagonal of extents " + llvm::Twine(shape[first]) + " and " + llvm::Twine(extent));
      return;
    }
    std::vector<double> identity(extent * extent, 0);
    for (int64_t k = 0; k < extent; ++k)
      identity[k * extent + k] = 1;
    Expansion::Shape maskShape(shape.size(), 1);
    maskShape[first] = maskShape[d] = extent;
    Value mask = e.literal(DataType::Bool, maskShape, identity, "diagonal");
    Value masked = e.where(mask, term.value, e.number(e.element(term.value), 0), "masked");
    term.value = e.reduceSum(masked, {int64_t(d)}, false, "diagonal_sum");
    term.labels.erase(d, 1);
  }
}

void Contraction::sumExcept(Term &term, const std::string &keep) {
  Expansion::Shape axes;
  std::string left;
  for (size_t d = 0; d < term.labels.size(); ++d) {
    if (contains(keep, term.labels[d]))
      left += term.labels[d];
    else
      axes.push_back(int64_t(d));
  }
  term.value = e.reduceSum(term.value, axes, false);
  term.labels = left;
}

void Contraction::arrange(Term &term, const std::string &labels) {
  Expansion::Shape permutation;
  for (char label : labels)
    permutation.push_back(int64_t(term.labels.find(label)));
  term.value = e.transpose(term.value, permutation);
  term.labels = labels;
}

/// a * b summed over the labels that neither `keep` nor the other side needs.
Term Contraction::multiply(Term a, Term b, const std::string &keep) {
  sumExcept(a, keep + b.labels);
  sumExcept(b, keep + a.labels);
  if (e.failed())
    return a;
  // Broadcast extents of contracted labels must agree before they are merged.
  std::string batch, summed, rows, columns;
  for (char label : a.labels) {
    bool shared = contains(b.labels, label);
    (shared ? contains(keep, label) ? batch : summed : rows) += label;
  }
  for (char label : b.labels)
    if (!contains(a.labels, label))
      columns += label;
  for (Term *term : {&a, &b}) {
    Expansion::Shape shape = e.shape(term->value);
    for (size_t d = 0; d < term->labels.size(); ++d)
      if (contains(summed, term->labels[d]))
        shape[d] = extents[term->labels[d]];
    term->value = e.expand(term->value, shape);
  }
  arrange(a, batch + rows + summed);
  arrange(b, batch + summed + columns);
  Expansion::Shape shapeA = e.shape(a.value), shapeB = e.shape(b.value), result;
  if (e.failed())
    return a;
  shapeA.resize(batch.size());
  shapeB.resize(batch.size());
  for (size_t d = 0; d < batch.size(); ++d)
    result.push_back(std::max(shapeA[d], shapeB[d]));
  if (summed.empty() && (rows.empty() || columns.empty())) {
    // Nothing to sum and nothing to spread: an elementwise product, broadcast over the longer side.
    Term &shorter = rows.empty() ? a : b;
    Expansion::Shape shape = e.shape(shorter.value);
    shape.resize(batch.size() + rows.size() + columns.size(), 1);
    shorter.value = e.reshape(shorter.value, shape);
    return {batch + rows + columns, e.mul(a.value, b.value)};
  }
  auto extentsOf = [&](const Term &term, const std::string &labels) {
    Expansion::Shape shape = e.shape(term.value), out;
    for (char label : labels)
      out.push_back(shape[term.labels.find(label)]);
    return out;
  };
  Expansion::Shape rowExtents = extentsOf(a, rows), columnExtents = extentsOf(b, columns);
  int64_t inner = product(summed);
  shapeA.insert(shapeA.end(), {numElements(rowExtents), inner});
  shapeB.insert(shapeB.end(), {inner, numElements(columnExtents)});
  Value matrix = e.matmul(e.reshape(a.value, shapeA), e.reshape(b.value, shapeB));
  result.insert(result.end(), rowExtents.begin(), rowExtents.end());
  result.insert(result.end(), columnExtents.begin(), columnExtents.end());
  return {batch + rows + columns, e.reshape(matrix, result)};
}

Value Contraction::run() {
  for (Term &term : terms)
    takeDiagonals(term);
  if (e.failed())
    return {};
  Term result = terms[0];
  for (size_t k = 1; k < terms.size(); ++k) {
    std::string keep = output;
    for (size_t later = k + 1; later < terms.size(); ++later)
      keep += terms[later].labels;
    result = multiply(result, terms[k], keep);
  }
  sumExcept(result, output);
  if (e.failed())
    return {};
  for (char label : output)
    if (!contains(result.labels, label)) {
      e.invalid("output label '" + llvm::Twine(label) + "' was lost");
      return {};
    }
  arrange(result, output);
  Expansion::Shape shape;
  for (char label : output)
    shape.push_back(extents[label]);
  return e.expand(result.value, shape);
}

static ImportResults importEinsum(ImportContext &context) {
  Expansion e(context);
  Contraction contraction(e);
  if (context.numOperands() == 0)
    e.invalid("Einsum has no operands");
  Value result = !e.failed() && contraction.parse(context.string("equation")) ? contraction.run() : Value();
  return e.done({result});
}

void addEinsumRows(OpTable &table) {
  // ONNX's inference takes the extent of a label from one operand, also where it is 1 and another's is larger.
  table.addOnnx({"", "Einsum", 12, 1 << 20, importEinsum, "transpose, reshape, matmul, mul, reduce_sum", true});
}

} // namespace ampc
