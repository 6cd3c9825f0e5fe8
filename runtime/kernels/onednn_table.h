// oneDNN's C functions, opened at run time: the one list of the symbols that we use of it.
#pragma once

#include "runtime/plan/error.h"

#include <oneapi/dnnl/dnnl.h>

#include <cstdint>

namespace ampc {

#define AMPC_ONEDNN_FUNCTIONS(X)                                                                             \
  X(engine_create)                                                                                           \
  X(engine_destroy)                                                                                          \
  X(stream_create)                                                                                           \
  X(stream_destroy)                                                                                          \
  X(memory_desc_create_with_strides)                                                                         \
  X(memory_desc_create_with_tag)                                                                             \
  X(memory_desc_clone)                                                                                       \
  X(memory_desc_destroy)                                                                                     \
  X(memory_desc_get_size)                                                                                    \
  X(memory_desc_equal)                                                                                       \
  X(memory_create)                                                                                           \
  X(memory_destroy)                                                                                          \
  X(memory_set_data_handle)                                                                                  \
  X(primitive_attr_create)                                                                                   \
  X(primitive_attr_destroy)                                                                                  \
  X(primitive_attr_set_scratchpad_mode)                                                                      \
  X(primitive_attr_set_post_ops)                                                                             \
  X(post_ops_create)                                                                                         \
  X(post_ops_destroy)                                                                                        \
  X(post_ops_append_sum)                                                                                     \
  X(post_ops_append_eltwise)                                                                                 \
  X(post_ops_append_binary)                                                                                  \
  X(matmul_primitive_desc_create)                                                                            \
  X(convolution_forward_primitive_desc_create)                                                               \
  X(lstm_forward_primitive_desc_create)                                                                      \
  X(gru_forward_primitive_desc_create)                                                                       \
  X(lbr_gru_forward_primitive_desc_create)                                                                   \
  X(vanilla_rnn_forward_primitive_desc_create)                                                               \
  X(reorder_primitive_desc_create)                                                                           \
  X(primitive_desc_query)                                                                                    \
  X(primitive_desc_query_md)                                                                                 \
  X(primitive_desc_destroy)                                                                                  \
  X(primitive_create)                                                                                        \
  X(primitive_destroy)                                                                                       \
  X(primitive_execute)                                                                                       \
  X(version)

struct OneDnn {
#define AMPC_DECLARE(name) decltype(&dnnl_##name) name = nullptr;
  AMPC_ONEDNN_FUNCTIONS(AMPC_DECLARE)
#undef AMPC_DECLARE
  void (*setThreads)(int) = nullptr; // omp_set_num_threads of the OpenMP library under it
  int (*maxThreads)() = nullptr;
};

/// The library, opened at the first call and kept: environment variable AMPC_ONEDNN (a file), the folder of
/// this code, the system's folders. Null: not found; `error` says where it was looked for.
const OneDnn *openOneDnn(plan::Status &error);

/// Sets the calling thread's number of OpenMP threads for its lifetime.
class OneDnnThreads {
public:
  OneDnnThreads(const OneDnn &library, uint32_t threads) : library(library), before(library.maxThreads()) {
    library.setThreads(int(threads));
  }
  ~OneDnnThreads() { library.setThreads(before); }
  OneDnnThreads(const OneDnnThreads &) = delete;
  OneDnnThreads &operator=(const OneDnnThreads &) = delete;

private:
  const OneDnn &library;
  int before;
};

} // namespace ampc
