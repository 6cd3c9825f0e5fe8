// Fills the generated messages field by field; the counterpart is runtime/plan/plan_reader.cpp.
#include "codegen/plan_message.h"

#include "plan.pb.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace ampc::codegen {

namespace {
template <typename Repeated, typename Values> void fill(Repeated *target, const Values &values) {
  target->Reserve(int(values.size()));
  for (auto value : values)
    target->Add(value);
}

void encode(const plan::Tensor &from, plan::file::Tensor *to) {
  to->set_name(from.name);
  to->set_type(uint32_t(from.type));
  fill(to->mutable_shape(), from.shape);
}

void encode(const plan::Buffer &from, plan::file::Buffer *to) {
  to->set_space(uint32_t(from.space));
  to->set_index(from.index);
  to->set_offset_bytes(from.offsetBytes);
  to->set_size_bytes(from.sizeBytes);
}

void encode(const plan::Move &from, plan::file::Move *to) {
  to->set_source_member(from.sourceMember);
  to->set_target_member(from.targetMember);
  to->set_source_offset(from.sourceOffset);
  to->set_target_offset(from.targetOffset);
  for (const plan::MoveDim &dim : from.dims) {
    to->add_dims(dim.count);
    to->add_dims(dim.sourceStride);
    to->add_dims(dim.targetStride);
  }
}

void encode(const plan::Step &from, plan::file::Step *to) {
  to->set_kind(uint32_t(from.kind));
  to->set_name(from.name);
  to->set_nodes(from.nodes);
  to->set_queue(from.queue);
  to->set_event(from.event);
  fill(to->mutable_waits(), from.waits);
  for (const plan::Buffer &buffer : from.reads)
    encode(buffer, to->add_reads());
  for (const plan::Buffer &buffer : from.writes)
    encode(buffer, to->add_writes());
  if (!(from.workspace == plan::Buffer()))
    encode(from.workspace, to->mutable_workspace());
  to->set_kernel(from.kernel);
  fill(to->mutable_index_args(), from.indexArgs);
  to->set_copy_table(from.copyTable);
  to->set_type(uint32_t(from.type));
  to->set_fill_bits(from.fillBits);
  to->set_communication(from.communication);
  to->set_flops(from.flops);
  to->set_bytes(from.bytes);
  to->set_predicted_seconds(from.predictedSeconds);
}

void encode(const plan::Communication &from, plan::file::Communication *to) {
  to->set_kind(uint32_t(from.kind));
  to->set_type(uint32_t(from.type));
  to->set_reduction(uint32_t(from.reduction));
  for (const auto &group : from.groups)
    fill(to->add_groups()->mutable_ranks(), group);
  to->set_elements(from.elements);
  for (const plan::Move &move : from.moves)
    encode(move, to->add_moves());
  to->set_bytes_per_rank(from.bytesPerRank);
  to->set_axes(from.axes);
}

void encode(const plan::KernelOperand &from, plan::file::KernelOperand *to) {
  to->set_type(uint32_t(from.type));
  fill(to->mutable_shape(), from.shape);
}

void encode(const std::pair<std::string, std::string> &from, plan::file::Text *to) {
  to->set_name(from.first);
  to->set_value(from.second);
}

void encode(const plan::Kernel &from, plan::file::Kernel *to) {
  to->set_kind(uint32_t(from.kind));
  to->set_symbol(from.symbol);
  for (const plan::KernelOperand &operand : from.operands)
    encode(operand, to->add_operands());
  for (const plan::KernelOperand &result : from.results)
    encode(result, to->add_results());
  for (const auto &[name, values] : from.integers) {
    auto *entry = to->add_integers();
    entry->set_name(name);
    fill(entry->mutable_values(), values);
  }
  for (const auto &[name, values] : from.reals) {
    auto *entry = to->add_reals();
    entry->set_name(name);
    fill(entry->mutable_values(), values);
  }
  for (const auto &text : from.strings)
    encode(text, to->add_strings());
  to->set_workspace_bytes(from.workspaceBytes);
  to->set_rows(from.rows);
  for (const plan::InPlacePair &pair : from.inPlace) {
    to->add_in_place(pair.operand);
    to->add_in_place(pair.result);
  }
}

void encode(const plan::Program &from, plan::file::Program *to) {
  to->set_name(from.name);
  to->set_role(uint32_t(from.role));
  to->set_stage(from.stage);
  for (const plan::Step &step : from.steps)
    encode(step, to->add_steps());
  to->set_activation_bytes(from.activationBytes);
  to->set_slot_stride_bytes(from.slotStrideBytes);
}

void encode(const plan::RankTable &from, plan::file::RankTable *to) {
  to->set_stage(from.stage);
  fill(to->mutable_coordinates(), from.coordinates);
  to->set_init_program(from.initProgram);
  to->set_forward_program(from.forwardProgram);
  for (const plan::BlobView &view : from.blobs) {
    auto *entry = to->add_blobs();
    entry->set_blob(view.blob);
    entry->set_offset_bytes(view.offsetBytes);
  }
  fill(to->mutable_index_values(), from.indexValues);
  for (const auto &moves : from.copies) {
    auto *list = to->add_copies();
    for (const plan::Move &move : moves)
      encode(move, list->add_moves());
  }
  to->set_activation_bytes(from.activationBytes);
  to->set_persistent_bytes(from.persistentBytes);
  to->set_state_bytes(from.stateBytes);
  to->set_peak_bytes(from.peakBytes);
}

void encode(const plan::Blob &from, plan::file::Blob *to) {
  to->set_name(from.name);
  to->set_type(uint32_t(from.type));
  fill(to->mutable_shape(), from.shape);
  to->set_file_offset(from.fileOffset);
  to->set_size_bytes(from.sizeBytes);
  to->set_hash(from.hash);
  to->set_external_file(from.externalFile);
}

void encode(const plan::EntryPoint &from, plan::file::EntryPoint *to) {
  to->set_name(from.name);
  for (const plan::Tensor &tensor : from.inputs)
    encode(tensor, to->add_inputs());
  for (const plan::Tensor &tensor : from.outputs)
    encode(tensor, to->add_outputs());
  for (const plan::StateTensor &state : from.states) {
    auto *entry = to->add_states();
    entry->set_input(state.input);
    entry->set_output(state.output);
    entry->set_input_index(state.inputIndex);
    entry->set_output_index(state.outputIndex);
  }
  for (const auto &value : from.boundValues)
    encode(value, to->add_bound_values());
  to->set_slots(from.slots);
}

void encode(const plan::Plan &from, plan::file::Plan *to) {
  to->set_producer(from.producer);
  to->set_device_kind(from.deviceKind);
  to->set_target_cpu(from.targetCpu);
  for (const std::string &feature : from.cpuFeatures)
    to->add_cpu_features(feature);
  to->set_memory_limit_bytes(from.memoryLimitBytes);
  to->set_threads_per_device(from.threadsPerDevice);
  for (const plan::Stage &stage : from.stages) {
    auto *entry = to->add_stages();
    fill(entry->mutable_axis_sizes(), stage.grid.axisSizes);
    entry->set_first_rank(stage.firstRank);
  }
  for (const plan::RankTable &rank : from.ranks)
    encode(rank, to->add_ranks());
  for (const plan::Program &program : from.programs)
    encode(program, to->add_programs());
  for (const plan::Kernel &kernel : from.kernels)
    encode(kernel, to->add_kernels());
  for (const plan::Communication &communication : from.communications)
    encode(communication, to->add_communications());
  for (const plan::Blob &blob : from.blobs)
    encode(blob, to->add_blobs());
  encode(from.entry, to->mutable_entry());
  to->set_predicted_step_seconds(from.predictedStepSeconds);
  to->set_bound_seconds(from.boundSeconds);
  to->set_gap(from.gap);
  to->set_report_json(from.reportJson);
}
} // namespace

std::string encodePlan(const plan::Plan &plan) {
  plan::file::Plan message;
  encode(plan, &message);
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

} // namespace ampc::codegen
