// Executes a plan on inputs of ones and prints the first numbers of every output. The devices are threads of
// this process; how many there are is the plan's business.
#include <ampc/ampc.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: run_plan FILE.plan\n");
    return 2;
  }
  try {
    ampc::Session session(argv[1]);
    std::printf("%u devices\n", session.rankCount());

    std::vector<ampc::Tensor> inputs, outputs;
    std::vector<ampc_buffer> inputBuffers, outputBuffers;
    for (const ampc_tensor_info &info : session.inputs()) {
      inputs.emplace_back(info);
      std::memset(inputs.back().data(), 0, info.byte_count);
      if (info.type == AMPC_F32)
        std::fill_n(inputs.back().as<float>(), inputs.back().elementCount(), 1.0f);
      // A state that is not given continues where the last step left it; it begins at zero.
      inputBuffers.push_back(info.is_state ? ampc::noBuffer() : inputs.back().buffer());
    }
    for (const ampc_tensor_info &info : session.outputs()) {
      outputs.emplace_back(info);
      outputBuffers.push_back(outputs.back().buffer());
    }

    session.run(inputBuffers, outputBuffers);

    for (size_t i = 0; i < outputs.size(); ++i) {
      std::printf("%s:", session.outputs()[i].name);
      if (session.outputs()[i].type == AMPC_F32)
        for (uint64_t k = 0; k < std::min<uint64_t>(outputs[i].elementCount(), 8); ++k)
          std::printf(" %g", outputs[i].as<float>()[k]);
      std::printf("\n");
    }
    return 0;
  } catch (const ampc::RuntimeError &error) {
    std::fprintf(stderr, "run_plan: %s\n", error.what());
    return error.code();
  }
}
