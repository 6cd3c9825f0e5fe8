// The tables of verbs and options: everything that `--help` says comes from here.
#include "tools/option_table.h"

namespace ampc::tools {

const std::vector<VerbRow> &verbTable() {
  static const std::vector<VerbRow> table = {
      {Verb::Compile, 'c', "compile", "MODEL.onnx", "decide, partition, generate code; writes MODEL.plan", 1, 1},
      {Verb::Plan, 'p', "plan", "MODEL.onnx", "decide and report only; weights and devices need not exist", 1, 1},
      {Verb::Run, 'r', "run", "PLAN|MODEL.onnx", "execute once, write the outputs", 1, 1},
      {Verb::Train, 't', "train", "PLAN|MODEL.onnx", "train (a later version)", 1, 1},
      {Verb::Verify, 'v', "verify", "PLAN|MODEL.onnx", "compare partitioned with unpartitioned results", 1, 1},
      {Verb::Report, 's', "report", "PLAN", "show what was decided", 1, 1},
      {Verb::Explain, 'e', "explain", "PLAN NAME", "why a node or tensor is where it is (a later version)", 2, 2},
      {Verb::Bench, 'b', "bench", "PLAN|MODEL.onnx", "measure the step time beside the predicted one", 1, 1},
      {Verb::Probe, 'm', "probe", "", "measure this machine into a cluster file", 0, 0},
      {Verb::Ops, 'o', "ops", "", "list the supported operators", 0, 0},
      {Verb::Doctor, 'd', "doctor", "", "what this machine offers and lacks, with the remedy", 0, 0},
      {Verb::Help, 'h', "help", "[VERB]", "this text, or that of a verb", 0, 1},
      {Verb::Version, 'V', "version", "", "the version", 0, 0},
  };
  return table;
}

const VerbRow &rowOf(Verb verb) {
  for (const VerbRow &row : verbTable())
    if (row.verb == verb)
      return row;
  return verbTable().front();
}

std::string_view name(Verb verb) { return rowOf(verb).name; }

const std::vector<OptionRow> &optionTable() {
  static const std::vector<OptionRow> table = {
      {"devices", "N", "cprtvbm", "how many devices, 1 to 4096 (default: all of a given cluster, else 1)", false, true},
      {"device-kind", "cpu|cuda|auto", "cprtvb", "default auto, which is cpu", false, true},
      {"cluster", "FILE|PRESET", "cprtvb", "what the devices are: a file, or a preset such as cpux4", false, true},
      {"strategy", "NAME", "cprtvb", "auto, data, tensor, pipeline or random:SEED (default auto)", false, true},
      {"objective", "NAME", "cprtvb", "latency, throughput or step-time (default latency)", false, true},
      {"dim", "NAME=VALUE", "cprtvb", "binds a named dimension", true, true},
      {"shape", "INPUT=1x3x48x320", "cprtvb", "binds the shape of an input", true, true},
      {"value", "INPUT=VALUE", "cprtvb", "binds a small input that decides shapes or branches", true, true},
      {"state", "IN=OUT", "cprtvb", "keeps an output as the input of the next step", true, true},
      {"memory-limit", "SIZE", "cprtvb", "per device, for example 8GiB", false, true},
      {"time-limit", "SECONDS", "cprtvb", "for planning; the best plan found until then is taken", false, true},
      {"jobs", "N", "cprtvb", "threads that compile (default: one per core)", false, true},
      {"threads-per-device", "N", "cprtvbm", "cores of a CPU device (default: cores / devices)", false, true},
      {"target-cpu", "NAME", "crvb", "CPU to generate code for (default: this one)", false, true},
      {"weights", "embed|external", "c", "whether the plan holds the weights (default embed)", false, true},
      {"weights-dir", "FOLDER", "rvbt", "where the weights of a plan with external weights are"},
      {"training", "", "cpv", "make or check a training plan", false, true, "training"},
      {"loss", "NAME", "cpt", "loss of a training plan", false, true, "training"},
      {"target", "NAME", "cpt", "target of a training plan", false, true, "training"},
      {"optimizer", "NAME", "cpt", "optimizer of a training plan", false, true, "training"},
      {"batch", "N", "cpt", "batch of a training plan", false, true, "training"},
      {"trainable", "GLOB", "cpt", "what is trained", true, true, "training"},
      {"steps", "K", "vt", "training steps", false, false, "training"},
      {"autocast", "bf16|fp16", "cprtvb", "computes in a shorter type", false, true, "automatic mixed precision"},
      {"constraints", "FILE", "cprtvb", "decisions that are given", false, true, "constraints"},
      {"input", "NAME=FILE", "rvb", "an input from an .npy or .pb file", true},
      {"inputs", "FOLDER", "rvb", "inputs as input_N.pb or NAME.npy"},
      {"random-inputs", "SEED", "rvb", "random values for the inputs that no file gives"},
      {"output-dir", "FOLDER", "r", "writes output_N.npy and outputs.json"},
      {"output-format", "npy|pb", "r", "format of the outputs (default npy)"},
      {"repeat", "K", "rb", "executions"},
      {"trace", "FILE", "rb", "writes the measured timeline"},
      {"tolerance", "X", "v", "of the largest value (default 1e-4, bf16 2e-2)"},
      {"format", "NAME", "s", "text, json, html, trace or onnx (default text)"},
      {"o", "FILE", "cpsmo", "where the result is written"},
      {"json", "", "cprvsbmod", "prints JSON"},
      {"quiet", "", "cprvsbm", "prints errors only"},
      {"stop-after", "STAGE", "cp", "ends after a stage of the compiler", false, true},
      {"dump", "FOLDER", "cp", "writes the module after every stage", false, true},
  };
  return table;
}

} // namespace ampc::tools
