// Arithmetic on symbolic indices and the simplifications that make mixed-radix accesses linear again.
#include "codegen/index_space.h"

#include <algorithm>
#include <numeric>

namespace ampc::codegen {

bool Index::isAtom(int atom) const {
  return constant == 0 && terms.size() == 1 && terms[0].atom == atom && terms[0].coefficient == 1;
}

int64_t Index::coefficient(int atom) const {
  for (const Term &term : terms)
    if (term.atom == atom)
      return term.coefficient;
  return 0;
}

Index &Index::operator+=(const Index &other) {
  constant += other.constant;
  for (const Term &term : other.terms) {
    auto at = std::lower_bound(terms.begin(), terms.end(), term.atom,
                               [](const Term &t, int atom) { return t.atom < atom; });
    if (at == terms.end() || at->atom != term.atom)
      terms.insert(at, term);
    else if ((at->coefficient += term.coefficient) == 0)
      terms.erase(at);
  }
  return *this;
}

Index &Index::operator*=(int64_t factor) {
  constant *= factor;
  if (factor == 0)
    terms.clear();
  for (Term &term : terms)
    term.coefficient *= factor;
  return *this;
}

IndexSpace::IndexSpace(llvm::ArrayRef<Range> loops) : loopCount(int(loops.size())) {
  for (size_t i = 0; i < loops.size(); ++i) {
    Atom atom;
    atom.range = loops[i];
    atom.loops = uint64_t(1) << i;
    atoms.push_back(std::move(atom));
  }
}

Index IndexSpace::loop(int number) const {
  const Range &range = atoms[number].range;
  if (range.low == range.high)
    return Index(range.low);
  Index result;
  result.terms.push_back({number, 1});
  return result;
}

Index IndexSpace::value(int node, Range range, uint64_t loops) {
  Index result;
  for (size_t a = loopCount; a < atoms.size(); ++a)
    if (atoms[a].kind == Kind::Value && atoms[a].node == node) {
      result.terms.push_back({int(a), 1});
      return result;
    }
  Atom atom;
  atom.kind = Kind::Value;
  atom.range = range;
  atom.node = node;
  atom.loops = loops;
  result.terms.push_back({int(atoms.size()), 1});
  atoms.push_back(std::move(atom));
  return result;
}

Range IndexSpace::range(const Index &index) const {
  Range result{index.constant, index.constant};
  for (const Index::Term &term : index.terms) {
    const Range &r = atoms[term.atom].range;
    int64_t a = r.low * term.coefficient, b = r.high * term.coefficient;
    result.low += std::min(a, b);
    result.high += std::max(a, b);
  }
  return result;
}

uint64_t IndexSpace::loopsOf(const Index &index) const {
  uint64_t loops = 0;
  for (const Index::Term &term : index.terms)
    loops |= atoms[term.atom].loops;
  return loops;
}

static int64_t floorDivide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

Index IndexSpace::derived(Kind kind, const Index &index, int64_t divisor, Range range) {
  Index result;
  for (size_t a = loopCount; a < atoms.size(); ++a)
    if (atoms[a].kind == kind && atoms[a].divisor == divisor && atoms[a].of == index) {
      result.terms.push_back({int(a), 1});
      return result;
    }
  Atom atom;
  atom.kind = kind;
  atom.range = range;
  atom.of = index;
  atom.divisor = divisor;
  atom.loops = loopsOf(index);
  result.terms.push_back({int(atoms.size()), 1});
  atoms.push_back(std::move(atom));
  return result;
}

// index = divisor * multiple + rest; what the divisor divides leaves the division exactly.
static void splitByDivisor(const Index &index, int64_t divisor, Index &multiple, Index &rest) {
  for (const Index::Term &term : index.terms) {
    Index single;
    single.terms.push_back(term);
    if (term.coefficient % divisor == 0)
      multiple += (single.terms[0].coefficient /= divisor, single);
    else
      rest += single;
  }
  multiple.constant = floorDivide(index.constant, divisor);
  rest.constant = index.constant - multiple.constant * divisor;
}

Index IndexSpace::quotient(const Index &index, int64_t divisor) {
  if (divisor == 1)
    return index;
  Index multiple, rest;
  splitByDivisor(index, divisor, multiple, rest);
  Range r = range(rest);
  int64_t low = floorDivide(r.low, divisor), high = floorDivide(r.high, divisor);
  if (low == high)
    return multiple + Index(low);
  // (g a + b) / (g c) = a / c for 0 <= b < g.
  for (const Index::Term &term : rest.terms) {
    int64_t g = std::gcd(term.coefficient, divisor);
    if (g == 1)
      continue;
    Index major, minor;
    splitByDivisor(rest, g, major, minor);
    Range m = range(minor);
    if (m.low >= 0 && m.high < g && !major.isConstant())
      return multiple + quotient(major, divisor / g);
  }
  return multiple + derived(Kind::Quotient, rest, divisor, {low, high});
}

Index IndexSpace::remainder(const Index &index, int64_t divisor) {
  if (divisor == 1)
    return Index(0);
  Index multiple, rest;
  splitByDivisor(index, divisor, multiple, rest);
  Range r = range(rest);
  int64_t low = floorDivide(r.low, divisor), high = floorDivide(r.high, divisor);
  if (low == high)
    return rest - Index(low * divisor);
  for (const Index::Term &term : rest.terms) {
    int64_t g = std::gcd(term.coefficient, divisor);
    if (g == 1)
      continue;
    Index major, minor;
    splitByDivisor(rest, g, major, minor);
    Range m = range(minor);
    if (m.low >= 0 && m.high < g && !major.isConstant())
      return remainder(major, divisor / g) * g + minor;
  }
  return derived(Kind::Remainder, rest, divisor, {0, divisor - 1});
}

Index IndexSpace::recombine(Index index) const {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Index::Term &major : index.terms) {
      const Atom &quotient = atoms[major.atom];
      if (quotient.kind != Kind::Quotient || major.coefficient % quotient.divisor != 0)
        continue;
      int64_t coefficient = major.coefficient / quotient.divisor;
      auto minor = std::find_if(index.terms.begin(), index.terms.end(), [&](const Index::Term &term) {
        const Atom &atom = atoms[term.atom];
        return atom.kind == Kind::Remainder && atom.divisor == quotient.divisor && atom.of == quotient.of &&
               term.coefficient == coefficient;
      });
      if (minor == index.terms.end())
        continue;
      Index taken;
      taken.terms = {std::min(major, *minor), std::max(major, *minor)};
      index = index - taken + quotient.of * coefficient;
      changed = true;
      break;
    }
  }
  return index;
}

void IndexSpace::mergeLoops(int outer, int inner) {
  Range &o = atoms[outer].range, &i = atoms[inner].range;
  int64_t extent = i.high + 1;
  i = {o.low * extent, o.high * extent + i.high};
  o = {0, 0};
}

} // namespace ampc::codegen
