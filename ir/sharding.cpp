// Tiles, canonical form and text form of shardings.
#include "ir/sharding.h"

#include <algorithm>
#include <charconv>

namespace ampc {

int64_t numElements(const std::vector<int64_t> &shape) {
  int64_t product = 1;
  for (int64_t extent : shape)
    product *= extent;
  return product;
}

int64_t Grid::numDevices() const { return numElements(axisSizes); }

std::vector<int64_t> Grid::coordinates(int64_t rank) const {
  std::vector<int64_t> result(axisSizes.size());
  for (size_t axis = axisSizes.size(); axis-- > 0; rank /= axisSizes[axis])
    result[axis] = rank % axisSizes[axis];
  return result;
}

std::vector<int64_t> Grid::group(int64_t rank, const std::vector<int> &axes) const {
  std::vector<int64_t> mine = coordinates(rank), result;
  for (int64_t other = 0; other < numDevices(); ++other) {
    std::vector<int64_t> theirs = coordinates(other);
    bool same = true;
    for (size_t axis = 0; axis < axisSizes.size(); ++axis)
      same &= mine[axis] == theirs[axis] || std::find(axes.begin(), axes.end(), int(axis)) != axes.end();
    if (same)
      result.push_back(other);
  }
  return result;
}

Interval shardRange(int64_t extent, int64_t parts, int64_t coordinate) {
  int64_t base = extent / parts, longer = extent % parts;
  int64_t begin = coordinate * base + std::min(coordinate, longer);
  return {begin, begin + base + (coordinate < longer ? 1 : 0)};
}

static int64_t numParts(const Factor &factor, const Grid &grid) {
  int64_t parts = 1;
  for (int axis : factor.axes)
    parts *= grid.axisSizes[axis];
  return parts;
}

static Interval factorRange(const Factor &factor, const Grid &grid, const std::vector<int64_t> &coordinates) {
  int64_t coordinate = 0;
  for (int axis : factor.axes)
    coordinate = coordinate * grid.axisSizes[axis] + coordinates[axis];
  return shardRange(factor.extent, numParts(factor, grid), coordinate);
}

int64_t Reach::floorAt(int64_t index) const {
  int64_t product = scale * index;
  return product / divisor - (product % divisor < 0 ? 1 : 0);
}

Interval Reach::of(Interval range) const {
  if (range.size() <= 0)
    return {0, 0};
  int64_t first = floorAt(range.begin), last = floorAt(range.end - 1);
  int64_t begin = std::clamp<int64_t>(std::min(first, last) + low, 0, extent);
  return {begin, std::clamp<int64_t>(std::max(first, last) + high + 1, begin, extent)};
}

bool DimSharding::isSplit() const {
  return std::any_of(factors.begin(), factors.end(), [](const Factor &f) { return !f.axes.empty(); });
}

Sharding Sharding::replicated(const std::vector<int64_t> &shape) {
  Sharding result;
  for (int64_t extent : shape)
    result.dims.push_back({{{extent, {}}}});
  return result;
}

bool Sharding::isReplicated() const {
  return partialAxes.empty() && std::none_of(dims.begin(), dims.end(), [](const DimSharding &d) { return d.isSplit(); });
}

bool Sharding::hasReach() const {
  return std::any_of(dims.begin(), dims.end(), [](const DimSharding &d) { return d.reach.has_value(); });
}

Sharding Sharding::covering() const {
  Sharding result = *this;
  for (DimSharding &dim : result.dims)
    if (dim.reach) {
      dim.factors[0].extent = dim.reach->extent;
      dim.reach.reset();
    }
  return result;
}

/// Drops a reach that says the same as an even split, or as none.
static void simplifyReach(DimSharding &dim, const Grid &grid) {
  Factor &factor = dim.factors[0];
  int64_t parts = numParts(factor, grid), extent = dim.reach->extent;
  bool isEven = true, isWhole = true;
  for (int64_t part = 0; part < parts; ++part) {
    Interval needed = dim.reach->of(shardRange(factor.extent, parts, part));
    isEven &= needed == shardRange(extent, parts, part);
    isWhole &= needed == Interval{0, extent};
  }
  if (parts > 1 && !isEven && !isWhole)
    return;
  factor.extent = extent;
  if (parts == 1 || isWhole)
    factor.axes.clear();
  dim.reach.reset();
}

void Sharding::canonicalize(const Grid &grid) {
  std::sort(partialAxes.begin(), partialAxes.end());
  std::erase_if(partialAxes, [&](int axis) { return grid.axisSizes[axis] == 1; });
  if (partialAxes.empty())
    partialKind = Reduction::None;
  for (DimSharding &dim : dims) {
    if (dim.reach) {
      std::erase_if(dim.factors[0].axes, [&](int axis) { return grid.axisSizes[axis] == 1; });
      simplifyReach(dim, grid);
      if (dim.reach)
        continue;
    }
    int64_t extent = 1;
    std::vector<Factor> merged;
    for (Factor &factor : dim.factors) {
      extent *= factor.extent;
      std::erase_if(factor.axes, [&](int axis) { return grid.axisSizes[axis] == 1; });
      if (factor.extent == 1 && factor.axes.empty())
        continue;
      bool mergeUnsplit = !merged.empty() && factor.axes.empty() && merged.back().axes.empty();
      // An evenly split leading factor followed by unsplit ones is the same placement as splitting their product.
      bool mergeLeading = merged.size() == 1 && factor.axes.empty() && !merged[0].axes.empty() &&
                          merged[0].extent % numParts(merged[0], grid) == 0;
      if (mergeUnsplit || mergeLeading)
        merged.back().extent *= factor.extent;
      else
        merged.push_back(factor);
    }
    if (merged.empty())
      merged.push_back({extent, {}});
    dim.factors = std::move(merged);
  }
}

std::vector<int64_t> Sharding::globalShape() const {
  std::vector<int64_t> shape;
  for (const DimSharding &dim : dims) {
    int64_t extent = 1;
    for (const Factor &factor : dim.factors)
      extent *= factor.extent;
    shape.push_back(dim.reach ? dim.reach->extent : extent);
  }
  return shape;
}

std::vector<int64_t> Sharding::localShape(const Grid &grid, const std::vector<int64_t> &coordinates) const {
  std::vector<int64_t> shape;
  for (const DimSharding &dim : dims) {
    if (dim.reach) {
      shape.push_back(dim.reach->of(factorRange(dim.factors[0], grid, coordinates)).size());
      continue;
    }
    int64_t extent = 1;
    for (const Factor &factor : dim.factors)
      extent *= factorRange(factor, grid, coordinates).size();
    shape.push_back(extent);
  }
  return shape;
}

std::vector<std::vector<Interval>> Sharding::tile(const Grid &grid, const std::vector<int64_t> &coordinates) const {
  std::vector<std::vector<Interval>> result;
  for (const DimSharding &dim : dims) {
    if (dim.reach) {
      Interval needed = dim.reach->of(factorRange(dim.factors[0], grid, coordinates));
      result.push_back(needed.size() > 0 ? std::vector<Interval>{needed} : std::vector<Interval>());
      continue;
    }
    // Innermost factor first: intervals so far, in units of elements, then repeated for every index of the next one.
    std::vector<Interval> intervals = {{0, 1}};
    int64_t inner = 1;
    for (size_t f = dim.factors.size(); f-- > 0;) {
      const Factor &factor = dim.factors[f];
      Interval range = factorRange(factor, grid, coordinates);
      std::vector<Interval> next;
      bool whole = intervals.size() == 1 && intervals[0] == Interval{0, inner};
      if (whole) {
        if (range.size() > 0)
          next.push_back({range.begin * inner, range.end * inner});
      } else {
        for (int64_t index = range.begin; index < range.end; ++index)
          for (const Interval &interval : intervals)
            next.push_back({index * inner + interval.begin, index * inner + interval.end});
      }
      intervals = std::move(next);
      inner *= factor.extent;
    }
    result.push_back(std::move(intervals));
  }
  return result;
}

static const char *reductionNames[] = {"none", "sum", "max", "min", "prod"};

std::string Sharding::str() const {
  std::string text = "[";
  for (size_t d = 0; d < dims.size(); ++d) {
    if (d)
      text += " | ";
    if (!dims[d].isSplit()) {
      text += "*";
      continue;
    }
    for (size_t f = 0; f < dims[d].factors.size(); ++f) {
      const Factor &factor = dims[d].factors[f];
      text += (f ? "x" : "") + std::to_string(factor.extent);
      for (size_t a = 0; a < factor.axes.size(); ++a)
        text += (a ? "," : ":") + std::to_string(factor.axes[a]);
    }
    if (const std::optional<Reach> &reach = dims[d].reach)
      text += " reach(" + std::to_string(reach->scale) + "/" + std::to_string(reach->divisor) + " " +
              std::to_string(reach->low) + " " + std::to_string(reach->high) + " of " + std::to_string(reach->extent) +
              ")";
  }
  text += "]";
  if (isPartial()) {
    text += std::string(" ") + reductionNames[int(partialKind)] + "(";
    for (size_t a = 0; a < partialAxes.size(); ++a)
      text += (a ? "," : "") + std::to_string(partialAxes[a]);
    text += ")";
  }
  return text;
}

namespace {
constexpr int64_t maxReach = int64_t(1) << 31; // products of two do not overflow

struct Cursor {
  std::string_view text;
  bool eat(std::string_view word) {
    while (text.starts_with(' '))
      text.remove_prefix(1);
    if (!text.starts_with(word))
      return false;
    text.remove_prefix(word.size());
    return true;
  }
  std::optional<int64_t> number() {
    int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc())
      return std::nullopt;
    text.remove_prefix(size_t(end - text.data()));
    return value;
  }
  bool axes(std::vector<int> &out) {
    do {
      std::optional<int64_t> axis = number();
      if (!axis || *axis < 0 || *axis > 15)
        return false;
      out.push_back(int(*axis));
    } while (eat(","));
    return true;
  }
  /// What follows "reach(".
  std::optional<Reach> reach() {
    Reach reach;
    auto next = [&](const char *before, int64_t &value) {
      if (!eat(before))
        return false;
      std::optional<int64_t> parsed = number();
      value = parsed.value_or(0);
      return parsed.has_value() && value < maxReach && value > -maxReach;
    };
    if (!next("", reach.scale) || !next("/", reach.divisor) || !next("", reach.low) || !next("", reach.high) ||
        !eat("of") || !next("", reach.extent) || !eat(")") || reach.divisor < 1 || reach.extent < 0)
      return std::nullopt;
    return reach;
  }
};
} // namespace

std::optional<Sharding> Sharding::parse(std::string_view text, const std::vector<int64_t> &shape) {
  Cursor cursor{text};
  Sharding result;
  if (!cursor.eat("["))
    return std::nullopt;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (d && !cursor.eat("|"))
      return std::nullopt;
    DimSharding dim;
    if (cursor.eat("*")) {
      dim.factors.push_back({shape[d], {}});
    } else {
      cursor.eat("");
      int64_t product = 1;
      do {
        std::optional<int64_t> extent = cursor.number();
        if (!extent || *extent < 0 || __builtin_mul_overflow(product, *extent, &product))
          return std::nullopt;
        Factor factor{*extent, {}};
        if (cursor.eat(":") && !cursor.axes(factor.axes))
          return std::nullopt;
        dim.factors.push_back(std::move(factor));
      } while (cursor.eat("x"));
      if (cursor.eat("reach(")) {
        dim.reach = cursor.reach();
        if (!dim.reach || dim.factors.size() != 1 || product >= maxReach)
          return std::nullopt;
      }
    }
    result.dims.push_back(std::move(dim));
  }
  if (!cursor.eat("]") || result.globalShape() != shape)
    return std::nullopt;
  for (int kind = 1; kind < 5; ++kind)
    if (cursor.eat(reductionNames[kind])) {
      result.partialKind = Reduction(kind);
      if (!cursor.eat("(") || !cursor.axes(result.partialAxes) || !cursor.eat(")"))
        return std::nullopt;
      break;
    }
  return cursor.text.empty() ? std::optional(result) : std::nullopt;
}

} // namespace ampc
