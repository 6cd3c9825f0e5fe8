// Symbolic element indices inside a kernel: integer combinations of loops, exact quotients and remainders,
// and values computed at run time, each with its range. What can be decided from ranges is decided while
// compiling. No LLVM IR is made here.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <compare>
#include <cstdint>
#include <vector>

namespace ampc::codegen {

/// constant + sum(coefficient * atom), terms sorted by atom.
struct Index {
  struct Term {
    int atom;
    int64_t coefficient;
    auto operator<=>(const Term &) const = default;
  };
  int64_t constant = 0;
  std::vector<Term> terms;

  Index() = default;
  Index(int64_t constant) : constant(constant) {}
  bool isConstant() const { return terms.empty(); }
  /// True for exactly one atom with coefficient 1 and no constant.
  bool isAtom(int atom) const;
  int64_t coefficient(int atom) const;
  auto operator<=>(const Index &) const = default;

  Index &operator+=(const Index &other);
  Index &operator*=(int64_t factor);
  friend Index operator+(Index a, const Index &b) { return a += b; }
  friend Index operator*(Index a, int64_t factor) { return a *= factor; }
  friend Index operator-(Index a, const Index &b) { return a += b * -1; }
};

/// Inclusive bounds.
struct Range {
  int64_t low = 0, high = 0;
};

/// The atoms of one kernel body. Loops come first: atom i < numLoops() is loop i.
class IndexSpace {
public:
  enum class Kind : uint8_t { Loop, Quotient, Remainder, Value };
  struct Atom {
    Kind kind = Kind::Loop;
    Range range;
    Index of;            // Quotient, Remainder
    int64_t divisor = 1; // Quotient, Remainder
    int node = -1;       // Value: the body node that computes it
    uint64_t loops = 0;  // bit set of the loops that it depends on
  };

  /// Loop i takes the values of ranges[i]; at most 64 loops.
  explicit IndexSpace(llvm::ArrayRef<Range> loops);
  IndexSpace() = default;

  int numLoops() const { return loopCount; }
  const Atom &atom(int number) const { return atoms[number]; }
  int numAtoms() const { return int(atoms.size()); }
  Index loop(int number) const;
  /// A value computed by body node `node`; the range is the caller's promise.
  Index value(int node, Range range, uint64_t loops);
  /// Floor division and the matching remainder; divisor > 0.
  Index quotient(const Index &index, int64_t divisor);
  Index remainder(const Index &index, int64_t divisor);
  /// The same index with c * quotient(e, d) + remainder(e, d) written as e where that occurs with c = d
  /// times.
  Index recombine(Index index) const;
  Range range(const Index &index) const;
  uint64_t loopsOf(const Index &index) const;
  /// Loop `inner` (whose range starts at 0) counts outer * extent + inner from now on; `outer` stays at 0.
  void mergeLoops(int outer, int inner);

private:
  int loopCount = 0;
  std::vector<Atom> atoms;
  Index derived(Kind kind, const Index &index, int64_t divisor, Range range);
};

} // namespace ampc::codegen
