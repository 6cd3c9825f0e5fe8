// Damped least squares (Levenberg and Marquardt) in the logarithms of the parameters, from several beginnings.
#include "cost_model/product_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ampc::cost {
namespace {

/// A parameter as the solver sees it: log(value + offset), which makes zero an ordinary value.
struct Parameter {
  double *value;
  double offset, least, greatest;
  std::vector<double> beginnings; // besides the value that is there

  double coordinate() const { return toCoordinate(*value); }
  double toCoordinate(double v) const { return std::log(std::clamp(v, least, greatest) + offset); }
  double clamped(double coordinate) const {
    return std::clamp(coordinate, std::log(least + offset), std::log(greatest + offset));
  }
  void set(double coordinate) const { *value = std::clamp(std::exp(coordinate) - offset, least, greatest); }
};

constexpr double leastFraction = 0.01;
constexpr double greatestHalf = 512;           // no kernel needs more to come near its rate
constexpr double leastFade = 32, noFade = 1e6; // beyond noFade rows do not matter
constexpr double greatestCallSeconds = 50e-6;
constexpr double mostReadsPerCopy = 16; // how much faster than a copy reading can be

/// Solves a x = b for a symmetric positive definite matrix; false if it is not.
bool solve(std::vector<std::vector<double>> a, std::vector<double> b, std::vector<double> &x) {
  const size_t n = b.size();
  for (size_t column = 0; column < n; ++column) {
    if (!(a[column][column] > 1e-30))
      return false;
    for (size_t row = column + 1; row < n; ++row) {
      const double factor = a[row][column] / a[column][column];
      for (size_t k = column; k < n; ++k)
        a[row][k] -= factor * a[column][k];
      b[row] -= factor * b[column];
    }
  }
  x.assign(n, 0);
  for (size_t row = n; row-- > 0;) {
    x[row] = b[row];
    for (size_t k = row + 1; k < n; ++k)
      x[row] -= a[row][k] * x[k];
    x[row] /= a[row][row];
  }
  return true;
}

class Fitter {
public:
  Fitter(const Device &device, std::span<const TimedWork> times, std::vector<Parameter> parameters)
      : device(device), times(times), parameters(std::move(parameters)) {}

  /// Leaves the best parameters in place.
  void run();

private:
  std::vector<double> residuals(const std::vector<double> &at) const {
    for (size_t p = 0; p < parameters.size(); ++p)
      parameters[p].set(at[p]);
    std::vector<double> result;
    for (const TimedWork &timed : times)
      result.push_back(std::log(computeSeconds(timed.work, device) / timed.seconds));
    return result;
  }
  static double squares(const std::vector<double> &values) {
    double sum = 0;
    for (double value : values)
      sum += value * value;
    return sum;
  }
  double descend(std::vector<double> &at) const;

  const Device &device; // the parameters point into it
  std::span<const TimedWork> times;
  std::vector<Parameter> parameters;
};

double Fitter::descend(std::vector<double> &at) const {
  constexpr int mostSteps = 200;
  constexpr double difference = 1e-5;
  const size_t n = parameters.size();
  std::vector<double> current = residuals(at);
  double best = squares(current);
  double damping = 1e-2;
  for (int step = 0; step < mostSteps && best > 1e-20 && damping < 1e12; ++step) {
    std::vector<std::vector<double>> slopes;
    for (size_t p = 0; p < n; ++p) {
      // At an upper bound the difference is taken downwards: beyond it nothing changes.
      std::vector<double> moved = at;
      const bool down = parameters[p].clamped(at[p] + difference) < at[p] + difference;
      moved[p] += down ? -difference : difference;
      slopes.push_back(residuals(moved));
      for (size_t i = 0; i < current.size(); ++i)
        slopes[p][i] = (slopes[p][i] - current[i]) / (down ? -difference : difference);
    }
    std::vector<std::vector<double>> normal(n, std::vector<double>(n, 0.0));
    std::vector<double> gradient(n, 0.0), move;
    for (size_t p = 0; p < n; ++p)
      for (size_t i = 0; i < current.size(); ++i) {
        gradient[p] -= slopes[p][i] * current[i];
        for (size_t q = 0; q < n; ++q)
          normal[p][q] += slopes[p][i] * slopes[q][i];
      }
    bool isBetter = false;
    while (!isBetter && damping < 1e12) {
      std::vector<std::vector<double>> damped = normal;
      for (size_t p = 0; p < n; ++p) // the constant holds what no measurement depends on
        damped[p][p] += damping * (normal[p][p] + 1e-6) + 1e-12;
      std::vector<double> next = at;
      if (solve(damped, gradient, move))
        for (size_t p = 0; p < n; ++p)
          next[p] = parameters[p].clamped(at[p] + std::clamp(move[p], -2.0, 2.0));
      std::vector<double> result = residuals(next);
      const double sum = squares(result);
      isBetter = sum < best;
      damping *= isBetter ? 0.2 : 4;
      if (!isBetter)
        continue;
      const bool isEnough = best - sum < 1e-12 * best;
      at = next, current = result, best = sum;
      if (isEnough)
        return best;
    }
  }
  return best;
}

void Fitter::run() {
  size_t numBeginnings = 0;
  for (const Parameter &parameter : parameters)
    numBeginnings = std::max(numBeginnings, parameter.beginnings.size());
  std::vector<double> given, best;
  for (const Parameter &parameter : parameters)
    given.push_back(parameter.coordinate());
  double least = INFINITY;
  for (size_t beginning = 0; beginning <= numBeginnings; ++beginning) {
    std::vector<double> at = given;
    for (size_t p = 0; beginning > 0 && p < parameters.size(); ++p)
      if (beginning <= parameters[p].beginnings.size())
        at[p] = parameters[p].toCoordinate(parameters[p].beginnings[beginning - 1]);
    const double sum = descend(at);
    // Another beginning must be worth it: what the measurements leave open stays near the given value.
    if (best.empty() || sum < 0.99 * least)
      best = at, least = sum;
  }
  residuals(best); // sets the parameters
}

Parameter half(double &value) { return {&value, 0.5, 0, greatestHalf, {1, 16, 64}}; }

/// Fits the parameters of `kinds`, those with enough times, and `shared` ones beside them.
void fitKinds(ProductFit &fit, std::span<const TimedWork> times, std::initializer_list<WorkKind> kinds,
              std::vector<Parameter> shared) {
  std::vector<TimedWork> used;
  std::vector<Parameter> parameters;
  for (WorkKind kind : kinds) {
    std::vector<TimedWork> own;
    for (const TimedWork &timed : times)
      if (timed.work.kind == kind && std::isfinite(timed.seconds) && timed.seconds > 0)
        own.push_back(timed);
    if (own.size() < leastTimesOfKind)
      continue;
    fit.timesUsed[size_t(kind)] = own.size();
    used.insert(used.end(), own.begin(), own.end());
    Efficiency &efficiency = fit.device.efficiency[size_t(kind)];
    parameters.push_back({&efficiency.fraction, 0, leastFraction, 1, {0.5, 0.9, 0.9}});
    for (double *value : {&efficiency.halfM, &efficiency.halfN, &efficiency.halfK})
      parameters.push_back(half(*value));
    if (kind == WorkKind::GeneratedContraction)
      parameters.push_back({&efficiency.fadeN, 0, leastFade, noFade, {noFade / 10, 4096, 512}});
    if (kind == WorkKind::Contraction) // what a call costs is told by the smallest products
      parameters.push_back({&fit.device.libraryCallSeconds, 1e-9, 0, greatestCallSeconds, {2e-7, 1e-6, 5e-6}});
  }
  if (used.empty())
    return;
  parameters.insert(parameters.end(), shared.begin(), shared.end());
  Fitter(fit.device, used, parameters).run();
  for (WorkKind kind : kinds) {
    double squares = 0;
    for (const TimedWork &timed : used)
      if (timed.work.kind == kind)
        squares += std::pow(std::log(computeSeconds(timed.work, fit.device) / timed.seconds), 2);
    if (const size_t count = fit.timesUsed[size_t(kind)])
      fit.logError[size_t(kind)] = std::sqrt(squares / double(count));
  }
}

} // namespace

ProductFit fitProducts(const Device &device, std::span<const TimedWork> times) {
  ProductFit fit;
  fit.device = device;
  fit.device.launchSeconds = 0;
  double &fade = fit.device.efficiency[size_t(WorkKind::GeneratedContraction)].fadeN;
  if (fade == 0)
    fade = noFade;
  std::vector<Parameter> cache;
  if (const double copyRate = device.cacheBandwidthBytesPerSecond; device.cacheBytes > 0 && copyRate > 0)
    cache.push_back({&fit.device.cacheReadBytesPerSecond, 0, copyRate, mostReadsPerCopy * copyRate,
                     {2 * copyRate, copyRate, 4 * copyRate}});
  // Both together: the same bytes lie behind both, and rows of a library's plain operands are priced as those of
  // generated code.
  fitKinds(fit, times, {WorkKind::Contraction, WorkKind::GeneratedContraction}, cache);
  fitKinds(fit, times, {WorkKind::Convolution}, {});
  fitKinds(fit, times, {WorkKind::GeneratedConvolution}, {});
  if (fade >= 0.99 * noFade)
    fade = 0;
  fit.device.launchSeconds = device.launchSeconds;
  return fit;
}

Cluster withProductFit(Cluster cluster, const ProductFit &fit) {
  const Device &core = fit.device;
  const bool hasContractions = fit.timesUsed[size_t(WorkKind::Contraction)] > 0 ||
                               fit.timesUsed[size_t(WorkKind::GeneratedContraction)] > 0;
  for (Device &device : cluster.devices) {
    if (hasContractions && core.cacheReadBytesPerSecond > 0)
      device.cacheReadBytesPerSecond =
          device.cacheBandwidthBytesPerSecond * (core.cacheReadBytesPerSecond / core.cacheBandwidthBytesPerSecond);
    for (size_t kind = 0; kind < numWorkKinds; ++kind)
      if (fit.timesUsed[kind] > 0)
        device.efficiency[kind] = fit.device.efficiency[kind];
    if (fit.timesUsed[size_t(WorkKind::Contraction)] > 0)
      device.libraryCallSeconds = fit.device.libraryCallSeconds;
  }
  return cluster;
}

} // namespace ampc::cost
