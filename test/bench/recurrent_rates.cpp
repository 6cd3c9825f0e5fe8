// Times of the library's recurrent cells (LSTM, GRU in both forms) on one core, f32 inference with weights in the form
// that it prefers: the figures behind docs/decisions/0013-recurrent-cells-are-unrolled.md. recurrent_times.py runs it
// next to our plans of the same layers. A bench, not a test: it asserts nothing.
//
//     recurrent_rates lstm|gru|lbr_gru LENGTH BATCH INPUT HIDDEN DIRECTIONS      prints the least seconds of a run
#include <dnnl.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::memory;
using Clock = std::chrono::steady_clock;

/// Denormal or equal values would change the speed of some kernels.
void fill(memory &target) {
  auto *values = static_cast<float *>(target.get_data_handle());
  for (size_t i = 0; i < target.get_desc().get_size() / sizeof(float); ++i)
    values[i] = 0.005f * float(i % 97) - 0.25f;
}

double leastSeconds(const dnnl::primitive &cell, dnnl::stream &stream,
                     const std::unordered_map<int, memory> &arguments) {
  std::vector<double> times;
  double total = 0;
  while (times.size() < 20 || (total < 0.5 && times.size() < 20000)) {
    const auto start = Clock::now();
    cell.execute(stream, arguments);
    stream.wait();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    total += times.back();
  }
  return *std::min_element(times.begin(), times.end());
}

} // namespace

int main(int count, char **arguments) {
  if (count != 7) {
    std::fprintf(stderr, "recurrent_rates lstm|gru|lbr_gru LENGTH BATCH INPUT HIDDEN DIRECTIONS\n");
    return 2;
  }
  const std::string kind = arguments[1];
  const bool isLstm = kind == "lstm", isBefore = kind == "lbr_gru"; // ONNX: linear_before_reset
  const int64_t length = std::atoll(arguments[2]), batch = std::atoll(arguments[3]), width = std::atoll(arguments[4]),
                hidden = std::atoll(arguments[5]), directions = std::atoll(arguments[6]), gates = isLstm ? 4 : 3;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const auto f32 = memory::data_type::f32;
  using Tag = memory::format_tag;
  const auto direction = directions == 2 ? dnnl::rnn_direction::bidirectional_concat
                                         : dnnl::rnn_direction::unidirectional_left2right;
  const int64_t biases = isBefore ? gates + 1 : gates;
  const memory::desc x({length, batch, width}, f32, Tag::tnc), y({length, batch, directions * hidden}, f32, Tag::tnc),
      state({1, directions, batch, hidden}, f32, Tag::ldnc),
      weightsX({1, directions, width, gates, hidden}, f32, Tag::any),
      weightsH({1, directions, hidden, gates, hidden}, f32, Tag::any),
      bias({1, directions, biases, hidden}, f32, Tag::ldgo);
  const auto inference = dnnl::prop_kind::forward_inference;
  std::unordered_map<int, memory> values;
  auto add = [&](int name, const memory::desc &type) {
    memory value(type, engine);
    fill(value);
    values.emplace(name, value);
  };
  add(DNNL_ARG_SRC_LAYER, x);
  add(DNNL_ARG_SRC_ITER, state);
  add(DNNL_ARG_BIAS, bias);
  add(DNNL_ARG_DST_LAYER, y);
  add(DNNL_ARG_DST_ITER, state);
  std::string implementation;
  dnnl::primitive cell;
  auto prepare = [&](const auto &description) {
    add(DNNL_ARG_WEIGHTS_LAYER, description.weights_layer_desc());
    add(DNNL_ARG_WEIGHTS_ITER, description.weights_iter_desc());
    implementation = description.impl_info_str();
    cell = dnnl::primitive(description);
  };
  if (isLstm) {
    add(DNNL_ARG_SRC_ITER_C, state);
    add(DNNL_ARG_DST_ITER_C, state);
    prepare(dnnl::lstm_forward::primitive_desc(engine, inference, direction, x, state, state, weightsX, weightsH, bias,
                                               y, state, state));
  } else if (isBefore) {
    prepare(dnnl::lbr_gru_forward::primitive_desc(engine, inference, direction, x, state, weightsX, weightsH, bias, y,
                                                  state));
  } else {
    prepare(dnnl::gru_forward::primitive_desc(engine, inference, direction, x, state, weightsX, weightsH, bias, y,
                                              state));
  }
  cell.execute(stream, values);
  stream.wait();
  std::printf("%.9f %s\n", leastSeconds(cell, stream, values), implementation.c_str());
}
