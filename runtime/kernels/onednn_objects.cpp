// Building oneDNN objects from our descriptions.
#include "runtime/kernels/onednn_objects.h"

#include <algorithm>

namespace ampc {

dnnl_data_type_t oneDnnType(DataType type) {
  switch (type) {
  case DataType::F64: return dnnl_f64;
  case DataType::F32: return dnnl_f32;
  case DataType::F16: return dnnl_f16;
  case DataType::BF16: return dnnl_bf16;
  case DataType::I32: return dnnl_s32;
  case DataType::I8: return dnnl_s8;
  case DataType::U8:
  case DataType::Bool: return dnnl_u8;
  default: return dnnl_data_type_undef;
  }
}

std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t d = shape.size(); d-- > 1;)
    strides[d - 1] = strides[d] * shape[d];
  return strides;
}

OneDnnBuilder::OneDnnBuilder(const OneDnn &library) : library(library) {
  dnnl_engine_t raw = nullptr;
  if (ok(library.engine_create(&raw, dnnl_cpu, 0), "an engine"))
    engine = std::make_shared<OwnedEngine>(library, raw);
}

void OneDnnBuilder::fail(std::string message) {
  if (!error)
    error = plan::Error{plan::ErrorCode::Unsupported, std::move(message)};
}

bool OneDnnBuilder::ok(dnnl_status_t status, const char *what) {
  if (status != dnnl_success)
    fail(std::string("oneDNN cannot make ") + what + " (status " + std::to_string(int(status)) + ")");
  return status == dnnl_success;
}

/// True if the dimensions lie in memory in some order without gaps: nothing outside the operand's bytes is touched.
static bool isDense(const std::vector<int64_t> &dims, const std::vector<int64_t> &strides) {
  std::vector<std::pair<int64_t, int64_t>> steps;
  for (size_t d = 0; d < dims.size(); ++d)
    if (dims[d] > 1)
      steps.push_back({strides[d], dims[d]});
  std::sort(steps.begin(), steps.end());
  int64_t expected = 1;
  for (auto [stride, size] : steps) {
    if (stride != expected)
      return false;
    expected *= size;
  }
  return true;
}

OwnedDesc OneDnnBuilder::desc(const std::vector<int64_t> &dims, DataType type,
                              const std::vector<int64_t> &strides) {
  if (error)
    return {};
  if (dims.empty() || dims.size() > DNNL_MAX_NDIMS || dims.size() != strides.size() ||
      oneDnnType(type) == dnnl_data_type_undef) {
    fail("oneDNN has no tensors of this rank or type");
    return {};
  }
  for (int64_t size : dims)
    if (size < 1)
      fail("an operand of a oneDNN kernel is empty");
  if (!isDense(dims, strides))
    fail("the strides of an operand of a oneDNN kernel are no order of its dimensions");
  dnnl_memory_desc_t raw = nullptr;
  if (error || !ok(library.memory_desc_create_with_strides(&raw, int(dims.size()), dims.data(),
                                                           oneDnnType(type), strides.data()),
                   "a tensor description"))
    return {};
  return {library, raw};
}

OwnedDesc OneDnnBuilder::anyDesc(const std::vector<int64_t> &dims, DataType type) {
  dnnl_memory_desc_t raw = nullptr;
  if (error || !ok(library.memory_desc_create_with_tag(&raw, int(dims.size()), dims.data(), oneDnnType(type),
                                                       dnnl_format_tag_any),
                   "a tensor description"))
    return {};
  return {library, raw};
}

OwnedDesc OneDnnBuilder::clone(const_dnnl_memory_desc_t desc) {
  dnnl_memory_desc_t raw = nullptr;
  if (error || !ok(library.memory_desc_clone(&raw, desc), "a tensor description"))
    return {};
  return {library, raw};
}

OwnedAttributes OneDnnBuilder::attributes(dnnl_post_ops_t postOps) {
  dnnl_primitive_attr_t raw = nullptr;
  if (error || !ok(library.primitive_attr_create(&raw), "attributes"))
    return {};
  OwnedAttributes result(library, raw);
  ok(library.primitive_attr_set_scratchpad_mode(raw, dnnl_scratchpad_mode_user), "a scratchpad");
  if (postOps)
    ok(library.primitive_attr_set_post_ops(raw, postOps), "post-ops");
  return result;
}

OwnedPrimitiveDesc OneDnnBuilder::matmul(dnnl_memory_desc_t a, dnnl_memory_desc_t b, dnnl_memory_desc_t bias,
                                         dnnl_memory_desc_t c, dnnl_primitive_attr_t attributes) {
  dnnl_primitive_desc_t raw = nullptr;
  if (error || !ok(library.matmul_primitive_desc_create(&raw, engine->get(), a, b, bias, c, attributes),
                   "this matrix product"))
    return {};
  return {library, raw};
}

OwnedPrimitiveDesc OneDnnBuilder::reorder(const_dnnl_memory_desc_t from, const_dnnl_memory_desc_t to) {
  OwnedAttributes plain = attributes(nullptr);
  dnnl_primitive_desc_t raw = nullptr;
  if (error ||
      !ok(library.reorder_primitive_desc_create(&raw, from, engine->get(), to, engine->get(), plain.get()),
          "this reorder"))
    return {};
  return {library, raw};
}

OneDnnKernel::OneDnnKernel(OneDnnBuilder &builder, uint32_t threads)
    : library(builder.library), engine(builder.engine), threads(threads) {
  dnnl_stream_t rawStream = nullptr;
  if (!builder.error &&
      builder.ok(library.stream_create(&rawStream, engine->get(), dnnl_stream_default_flags), "a stream"))
    stream = OwnedStream(library, rawStream);
}

uint64_t OneDnnKernel::reserve(uint64_t sizeBytes) {
  const uint64_t begin = workspaceEnd;
  workspaceEnd += (sizeBytes + 63) / 64 * 64;
  return begin;
}

void OneDnnKernel::add(OneDnnBuilder &builder, const OwnedPrimitiveDesc &desc,
                       std::vector<OneDnnArgument> arguments) {
  if (builder.error)
    return;
  const char *info = nullptr;
  if (library.primitive_desc_query(desc.get(), dnnl_query_impl_info_str, 0, &info) == dnnl_success && info)
    name += (name.empty() ? "" : "+") + std::string(info);
  const_dnnl_memory_desc_t scratchpad =
      library.primitive_desc_query_md(desc.get(), dnnl_query_scratchpad_md, 0);
  if (uint64_t size = scratchpad ? library.memory_desc_get_size(scratchpad) : 0)
    arguments.push_back({DNNL_ARG_SCRATCHPAD, scratchpad, -1, reserve(size)});
  Call call;
  dnnl_primitive_t raw = nullptr;
  if (!builder.ok(library.primitive_create(&raw, desc.get()), "a primitive"))
    return;
  call.primitive = OwnedPrimitive(library, raw);
  for (const OneDnnArgument &argument : arguments) {
    dnnl_memory_t memory = nullptr;
    if (!builder.ok(library.memory_create(&memory, argument.desc, engine->get(), DNNL_MEMORY_NONE),
                    "a memory object"))
      return;
    call.bindings.push_back({OwnedMemory(library, memory), argument.buffer, argument.offset});
    call.arguments.push_back({argument.argument, memory});
  }
  calls.push_back(std::move(call));
}

bool OneDnnKernel::run(void *const *buffers, void *workspace) {
  OneDnnThreads scope(library, threads);
  for (Call &call : calls) {
    for (Binding &binding : call.bindings) {
      void *base = binding.buffer >= 0 ? buffers[binding.buffer] : workspace;
      if (library.memory_set_data_handle(binding.memory.get(), static_cast<char *>(base) + binding.offset) !=
          dnnl_success)
        return false;
    }
    if (library.primitive_execute(call.primitive.get(), stream.get(), int(call.arguments.size()),
                                  call.arguments.data()) != dnnl_success)
      return false;
  }
  return true;
}

} // namespace ampc
