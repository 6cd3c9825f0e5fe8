// Two chains of different length: what a request costs besides its kernels is in both and cancels out.
#include "tools/launch_time.h"

#include "tools/compiler.h"
#include "tools/files.h"
#include "tools/session.h"
#include "tools/temporary_path.h"

#include <protozero/pbf_writer.hpp>

#include <algorithm>
#include <chrono>
#include <limits>

namespace ampc::tools {

namespace {

constexpr int64_t extent = 4;

void addTensor(protozero::pbf_writer &graph, uint32_t field, const std::string &name) {
  protozero::pbf_writer value(graph, field);
  value.add_string(1, name);
  protozero::pbf_writer type(value, 2), tensor(type, 1);
  tensor.add_int32(1, 1); // f32
  protozero::pbf_writer shape(tensor, 2);
  for (int d = 0; d < 2; ++d) {
    protozero::pbf_writer dim(shape, 1);
    dim.add_int64(1, extent);
  }
}

/// y = x w w w ... w, an ONNX model. Products do not fuse with each other.
std::string chainModel(int products) {
  std::string bytes;
  protozero::pbf_writer model(bytes);
  model.add_int64(1, 8); // ir_version
  {
    protozero::pbf_writer graph(model, 7);
    std::string last = "x";
    for (int k = 1; k <= products; ++k) {
      protozero::pbf_writer node(graph, 1);
      node.add_string(1, last);
      node.add_string(1, "w");
      last = k == products ? "y" : "p" + std::to_string(k);
      node.add_string(2, last);
      node.add_string(4, "MatMul");
    }
    graph.add_string(2, "chain");
    addTensor(graph, 11, "x");
    addTensor(graph, 11, "w");
    addTensor(graph, 12, "y");
  }
  protozero::pbf_writer opset(model, 8);
  opset.add_int64(2, 17);
  return bytes;
}

/// A chain, ready to execute.
struct Chain {
  std::unique_ptr<TemporaryFile> planFile;
  std::optional<Session> session;
  size_t launches = 0;
  std::vector<Tensor> inputs, outputs;
};

Result<Chain> prepare(const CompilerModule &compiler, int products) {
  TemporaryFile model(temporaryPath("onnx"));
  if (Status failure = writeFile(model.path(), {chainModel(products)}))
    return *failure;
  Chain chain;
  chain.planFile = std::make_unique<TemporaryFile>(temporaryPath("plan"));
  Options options;
  CompileRequest request{model.path(), false, &options, cost::hostCluster(1, 1)};
  request.cluster.devices[0].libraryCallSeconds = 1; // a library's call is no part of what is measured
  auto compilation = compiler.compile(request, chain.planFile->path());
  if (!compilation)
    return compilation.takeFailure();
  const plan::Plan &plan = compilation->plan;
  for (const plan::Step &step : plan.programs[plan.ranks[0].forwardProgram].steps)
    chain.launches += step.kind == plan::StepKind::Launch;
  auto session = Session::open(chain.planFile->path(), {});
  if (!session)
    return session.takeFailure();
  chain.session = std::move(*session);
  for (int k = 0; k < 2; ++k) {
    auto zeros = allocateTensor(DataType::F32, {extent, extent}); // no chain of products grows
    if (!zeros)
      return Failure{ErrorCode::FileSystem, "there is no memory for a small tensor"};
    std::fill_n(zeros->bytes.data(), zeros->bytes.size(), 0);
    chain.inputs.push_back(std::move(*zeros));
  }
  auto outputs = Session::allocateOutputs(plan.entry);
  if (!outputs)
    return outputs.takeFailure();
  chain.outputs = std::move(*outputs);
  return chain;
}

} // namespace

Result<double> timeLaunch() {
  auto compiler = loadCompiler();
  if (!compiler)
    return compiler.takeFailure();
  std::vector<Chain> chains;
  for (int products : {64, 1088}) {
    auto chain = prepare(**compiler, products);
    if (!chain)
      return chain.takeFailure();
    chains.push_back(std::move(*chain));
  }
  std::vector<double> least(chains.size(), std::numeric_limits<double>::infinity());
  for (int turn = 0; turn < 400; ++turn)
    for (size_t k = 0; k < chains.size(); ++k) {
      const auto start = std::chrono::steady_clock::now();
      if (Status failure = chains[k].session->run(chains[k].inputs, chains[k].outputs))
        return *failure;
      least[k] = std::min(least[k], std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  if (chains[1].launches <= chains[0].launches)
    return Failure{ErrorCode::Internal, "a chain of products was compiled to no kernels"};
  const double seconds = (least[1] - least[0]) / double(chains[1].launches - chains[0].launches);
  return std::max(seconds, 1e-9); // below the clock's own error on a disturbed machine
}

} // namespace ampc::tools
