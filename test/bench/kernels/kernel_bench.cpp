// Times generated kernels on one core: minimum of many runs, beside a copy of the same bytes, and what
// compiling takes.
#include "codegen/compile_kernels.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace ampc;

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Case {
  std::string name;
  std::vector<std::string> arguments, results; // tensor types
  std::string body;
  std::string orders = {}; // in memory, of arguments and results
};

int64_t bytesOf(const std::string &type) { // "tensor<4x128xf32>"
  int64_t elements = 1;
  size_t at = type.find('<') + 1;
  while (isdigit(type[at])) {
    elements *= std::strtoll(&type[at], nullptr, 10);
    at = type.find('x', at) + 1;
  }
  std::string element = type.substr(at, type.size() - at - 1);
  int64_t bits = std::strtoll(element.substr(element.find_first_of("0123456789")).c_str(), nullptr, 10);
  return elements * std::max<int64_t>(bits / 8, 1);
}

std::string tensor(const std::string &shape, const std::string &element = "f32") {
  return "tensor<" + shape + (shape.empty() ? "" : "x") + element + ">";
}

std::string op(const std::string &result, const std::string &name, const std::string &operands,
               const std::string &operandTypes, const std::string &resultType,
               const std::string &attributes = "") {
  return "%" + result + " = ampc." + name + " " + operands + " {name = \"" + result + "\"" +
         (attributes.empty() ? "" : ", " + attributes) + "} : (" + operandTypes + ") -> " + resultType + "\n";
}

std::string returns(const std::string &values, const std::string &types) {
  return "return " + values + " : " + types;
}

Case softmax(const std::string &name, const std::string &before, const std::string &width,
             const std::string &after, int axis, const std::string &element = "f32") {
  std::string t = tensor(before + "x" + width + after, element), r = tensor(before + "x1" + after, element);
  std::string axes = "axes = array<i64: " + std::to_string(axis) + ">, keepdims = 1 : i64";
  return {name,
          {t},
          {t},
          op("m", "reduce_max", "%a0", t, r, axes) + op("s", "sub", "%a0, %m", t + ", " + r, t) +
              op("e", "exp", "%s", t, t) + op("t", "reduce_sum", "%e", t, r, axes) +
              op("d", "div", "%e, %t", t + ", " + r, t) + returns("%d", t)};
}

Case layerNorm(const std::string &element) {
  std::string x = tensor("512x768", element), one = tensor("512x1", element), v = tensor("768", element),
              s = tensor("", element), axes = "axes = array<i64: 1>, keepdims = 1 : i64";
  return {"bias + residual + layer norm 512x768 " + element,
          {x, x, v, v, v, s, s},
          {x},
          op("b", "add", "%a0, %a2", x + ", " + v, x) + op("h", "add", "%b, %a1", x + ", " + x, x) +
              op("sum", "reduce_sum", "%h", x, one, axes) +
              op("mean", "mul", "%sum, %a5", one + ", " + s, one) +
              op("c", "sub", "%h, %mean", x + ", " + one, x) + op("q", "mul", "%c, %c", x + ", " + x, x) +
              op("sq", "reduce_sum", "%q", x, one, axes) + op("var", "mul", "%sq, %a5", one + ", " + s, one) +
              op("ve", "add", "%var, %a6", one + ", " + s, one) + op("sd", "sqrt", "%ve", one, one) +
              op("n", "div", "%c, %sd", x + ", " + one, x) + op("g", "mul", "%n, %a3", x + ", " + v, x) +
              op("o", "add", "%g, %a4", x + ", " + v, x) + returns("%o", x)};
}

Case unary(const std::string &name, const std::string &row, const std::string &from, const std::string &to,
           const std::string &attributes, const std::string &element = "f32") {
  std::string x = tensor(from, element), y = tensor(to, element);
  return {name, {x}, {y}, op("0", row, "%a0", x, y, attributes) + returns("%0", y)};
}

std::string list(const std::string &name, const std::string &values) {
  return name + " = array<i64: " + values + ">";
}

std::vector<Case> cases() {
  std::vector<Case> all;
  std::string x = tensor("4x128x3072");
  all.push_back(unary("GELU (erf) 4x128x3072", "gelu", "4x128x3072", "4x128x3072", ""));
  all.push_back(unary("GELU (tanh)", "gelu", "4x128x3072", "4x128x3072", "approximate = \"tanh\""));
  all.push_back(unary("GELU (erf) bf16", "gelu", "4x128x3072", "4x128x3072", "", "bf16"));
  all.push_back(layerNorm("f32"));
  all.push_back(layerNorm("bf16"));
  all.push_back(softmax("softmax last axis 48x128x128", "48x128", "128", "", 2));
  all.push_back(softmax("softmax last axis 48x128x127", "48x128", "127", "", 2));
  all.push_back(softmax("softmax middle axis 8x128x768", "8", "128", "x768", 1));
  all.push_back(unary("transpose 0213 4x12x128x64", "transpose", "4x12x128x64", "4x128x12x64",
                      list("perm", "0, 2, 1, 3")));
  all.push_back(unary("transpose 0132 4x12x128x64", "transpose", "4x12x128x64", "4x12x64x128",
                      list("perm", "0, 1, 3, 2")));
  all.push_back(unary("transpose 0231 4x64x56x56", "transpose", "4x64x56x56", "4x56x56x64",
                      list("perm", "0, 2, 3, 1")));
  all.push_back(unary("transpose 768x3072", "transpose", "768x3072", "3072x768", list("perm", "1, 0")));
  all.push_back(
      unary("transpose 768x3072 bf16", "transpose", "768x3072", "3072x768", list("perm", "1, 0"), "bf16"));
  all.push_back(
      unary("transpose 210 64x128x256", "transpose", "64x128x256", "256x128x64", list("perm", "2, 1, 0")));
  std::string c = tensor("4x256x56x56");
  all.push_back(
      {"relu + add 4x256x56x56",
       {c, c},
       {c},
       op("0", "add", "%a0, %a1", c + ", " + c, c) + op("1", "relu", "%0", c, c) + returns("%1", c)});
  std::string s = tensor("4x12x128x128"), m = tensor("4x1x1x128");
  all.push_back({"broadcast add 4x12x128x128",
                 {s, m},
                 {s},
                 op("0", "add", "%a0, %a1", s + ", " + m, s) + returns("%0", s)});
  all.push_back(unary("reduce HW 16x64x56x56", "reduce_sum", "16x64x56x56", "16x64",
                      list("axes", "2, 3") + ", keepdims = 0 : i64"));
  all.push_back(unary("reduce 0 of 2048x768", "reduce_sum", "2048x768", "768",
                      list("axes", "0") + ", keepdims = 0 : i64"));
  all.push_back(unary("reduce 1 of 2048x768", "reduce_sum", "2048x768", "2048",
                      list("axes", "1") + ", keepdims = 0 : i64"));
  std::string window =
      list("kernel", "3, 3") + ", " + list("strides", "2, 2") + ", " + list("pads", "1, 1, 1, 1");
  all.push_back(unary("max pool 3x3 s2 4x64x112x112", "max_pool", "4x64x112x112", "4x64x56x56", window));
  std::string d = tensor("4x144x56x56"), w = tensor("144x1x3x3");
  all.push_back(
      {"depthwise conv 3x3 4x144x56x56",
       {d, w},
       {d},
       op("0", "conv", "%a0, %a1", d + ", " + w, d, list("pads", "1, 1, 1, 1")) + returns("%0", d)});
  std::string last = tensor("4x112x112x64"), first = tensor("4x64x112x112"), small = tensor("4x64x56x56"),
              pooled = tensor("4x56x56x64"), toFirst = list("perm", "0, 3, 1, 2"),
              toLast = list("perm", "0, 2, 3, 1");
  all.push_back({"max pool 3x3 s2 4x112x112x64 channels last",
                 {last},
                 {pooled},
                 op("0", "transpose", "%a0", last, first, toFirst) +
                     op("1", "max_pool", "%0", first, small, window) +
                     op("2", "transpose", "%1", small, pooled, toLast) + returns("%2", pooled)});
  std::string dl = tensor("4x56x56x144"), bias = tensor("144x1x1");
  all.push_back({"depthwise conv 3x3 + bias + relu channels last",
                 {dl, tensor("3x3x1x144"), bias},
                 {dl},
                 op("w", "transpose", "%a1", tensor("3x3x1x144"), w, list("perm", "3, 2, 0, 1")) +
                     op("0", "transpose", "%a0", dl, d, toFirst) +
                     op("1", "conv", "%0, %w", d + ", " + w, d, list("pads", "1, 1, 1, 1")) +
                     op("3", "add", "%1, %a2", d + ", " + bias, d) + op("4", "relu", "%3", d, d) +
                     op("2", "transpose", "%4", d, dl, toLast) + returns("%2", dl)});
  std::string lastOrder = "array<i64: 0, 2, 3, 1>", both = "[" + lastOrder + ", " + lastOrder + "]";
  for (const char *shape : {"1x1024x7x7", "1x320x28x28"}) {
    Case pool = unary(std::string("max pool 3x3 s1 ") + shape + " in order", "max_pool", shape, shape,
                      list("kernel", "3, 3") + ", " + list("strides", "1, 1") + ", " + list("pads", "1, 1, 1, 1"));
    pool.orders = both;
    all.push_back(pool);
  }
  Case global = unary("reduce HW 4x512x14x14 in order", "reduce_sum", "4x512x14x14", "4x512x1x1",
                      list("axes", "2, 3") + ", keepdims = 1 : i64");
  global.orders = both;
  all.push_back(global);
  Case toLastOrder = unary("copy 4x3x224x224 into order", "transpose", "4x3x224x224", "4x3x224x224",
                           list("perm", "0, 1, 2, 3"));
  toLastOrder.orders = "[array<i64>, " + lastOrder + "]";
  all.push_back(toLastOrder);
  std::string table = tensor("30522x768"), ids = tensor("4x128", "i64"), rows = tensor("4x128x768");
  all.push_back(
      {"gather 30522x768, 4x128",
       {table, ids},
       {rows},
       op("0", "gather", "%a0, %a1", table + ", " + ids, rows, "axis = 0 : i64") + returns("%0", rows)});
  std::string p = tensor("48x128x64"), q = tensor("48x64x128"), r = tensor("48x128x128");
  all.push_back({"batched product 48x128x64x128",
                 {p, q},
                 {r},
                 op("0", "matmul", "%a0, %a1", p + ", " + q, r) + returns("%0", r)});
  std::string h = tensor("4x64x56x56"), hh = tensor("4x128x56x56");
  all.push_back({"concat channels 2 x 4x64x56x56",
                 {h, h},
                 {hh},
                 op("0", "concat", "%a0, %a1", h + ", " + h, hh, "axis = 1 : i64") + returns("%0", hh)});
  std::string n = tensor("4x56x56x64"), nn = tensor("4x56x56x128");
  all.push_back({"concat last dim 2 x 4x56x56x64",
                 {n, n},
                 {nn},
                 op("0", "concat", "%a0, %a1", n + ", " + n, nn, "axis = 3 : i64") + returns("%0", nn)});
  return all;
}

std::string textOf(const Case &item) {
  std::string arguments, results;
  for (size_t k = 0; k < item.arguments.size(); ++k)
    arguments += (k ? ", %a" : "%a") + std::to_string(k) + ": " + item.arguments[k];
  for (size_t k = 0; k < item.results.size(); ++k)
    results += (k ? ", " : "") + item.results[k];
  std::string attributes = item.orders.empty() ? "" : " attributes {orders = " + item.orders + "}";
  return "module { func.func @kernel(" + arguments + ") -> (" + results + ")" + attributes + " {\n" + item.body + "\n} }";
}

void run(const Case &item) {
  std::string text = textOf(item);
  std::vector<std::string> types = item.arguments;
  types.insert(types.end(), item.results.begin(), item.results.end());
  double compileSeconds = 1e9;
  llvm::Expected<KernelLibrary> library = compileKernels(KernelRequest{"k", text}, {}, 1);
  for (int k = 0; k < 2 && library; ++k) {
    double start = seconds();
    library = compileKernels(KernelRequest{"k", text}, {}, 1);
    compileSeconds = std::min(compileSeconds, seconds() - start);
  }
  if (!library) {
    llvm::outs() << item.name << ": " << llvm::toString(library.takeError()) << "\n";
    return;
  }
  int file = memfd_create("kernels", 0);
  if (write(file, library->sharedObject.data(), library->sharedObject.size()) < 0)
    return;
  void *handle = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
  auto *kernel = handle ? reinterpret_cast<KernelFunction *>(dlsym(handle, "k")) : nullptr;
  if (!kernel) {
    llvm::outs() << item.name << ": " << dlerror() << "\n";
    return;
  }
  std::vector<void *> buffers;
  int64_t total = 0;
  for (const std::string &type : types) {
    int64_t bytes = (bytesOf(type) + 63) / 64 * 64;
    total += type.find("30522") == std::string::npos ? bytes : 0;
    auto *data = static_cast<float *>(aligned_alloc(64, size_t(bytes)));
    if (type.find("i64") != std::string::npos)
      for (int64_t k = 0; k < bytes / 8; ++k)
        reinterpret_cast<int64_t *>(data)[k] = (k * 7919) % 30000;
    else if (type.find("bf16") != std::string::npos)
      for (int64_t k = 0; k < bytes / 2; ++k)
        reinterpret_cast<uint16_t *>(data)[k] = uint16_t(0x3f00 + k % 200);
    else
      for (int64_t k = 0; k < bytes / 4; ++k)
        data[k] = float(k % 1000) / 250 - 2;
    buffers.push_back(data);
  }
  void *workspace = aligned_alloc(64, (library->kernels[0].workspaceBytes + 127) / 64 * 64);
  std::vector<char> from(size_t(total / 2) + 64), to(size_t(total / 2) + 64);
  double best = 1e9, copy = 1e9;
  for (int k = 0; k < 60; ++k) {
    double start = seconds();
    kernel(buffers.data(), nullptr, workspace, 0, library->kernels[0].rows);
    double middle = seconds();
    std::memcpy(to.data(), from.data(), size_t(total / 2));
    best = std::min(best, middle - start);
    copy = std::min(copy, seconds() - middle);
  }
  llvm::outs() << llvm::format("%-44s %8.0f us  copy %7.0f us  compile %5.1f ms  workspace %llu\n",
                               item.name.c_str(), best * 1e6, copy * 1e6, compileSeconds * 1e3,
                               (unsigned long long)library->kernels[0].workspaceBytes);
  for (void *buffer : buffers)
    free(buffer);
  free(workspace);
  dlclose(handle);
  close(file);
}

} // namespace

int main(int argc, char **argv) {
  if (argc > 1 && std::string(argv[1]) == "compile") {
    std::vector<KernelRequest> requests;
    for (int copy = 0; copy < 4; ++copy)
      for (const Case &item : cases())
        requests.push_back({"k" + std::to_string(requests.size()), textOf(item)});
    for (int jobs : {1, 2}) {
      double start = seconds();
      llvm::Expected<KernelLibrary> library = compileKernels(requests, {}, jobs);
      if (!library)
        llvm::consumeError(library.takeError());
      llvm::outs() << llvm::format("%d kernels, %d jobs: %.1f ms each\n", int(requests.size()), jobs,
                                   (seconds() - start) * 1e3 / double(requests.size()));
    }
    return 0;
  }
  for (const Case &item : cases())
    if (argc < 2 || item.name.find(argv[1]) != std::string::npos)
      run(item);
}
