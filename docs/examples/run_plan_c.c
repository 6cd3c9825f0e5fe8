/* The same as run_plan.cpp in C: one request is submitted, awaited, and its first output printed. */
#include <ampc/ampc.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(ampc_status *status) {
  int code = (int)ampc_status_code(status);
  fprintf(stderr, "run_plan_c: %s\n", ampc_status_message(status));
  ampc_status_free(status);
  return code;
}

static ampc_buffer *allocate(const ampc_session *session, uint32_t count,
                             int (*describe)(const ampc_session *, uint32_t, ampc_tensor_info *)) {
  ampc_buffer *buffers = calloc(count ? count : 1, sizeof *buffers);
  for (uint32_t i = 0; buffers && i < count; ++i) {
    ampc_tensor_info info;
    describe(session, i, &info);
    buffers[i].data = aligned_alloc(64, (size_t)(info.byte_count / 64 + 1) * 64);
    buffers[i].byte_count = info.byte_count;
    buffers[i].type = info.type;
    for (uint64_t k = 0; buffers[i].data && info.type == AMPC_F32 && k < info.byte_count / sizeof(float); ++k)
      ((float *)buffers[i].data)[k] = 1.0f;
    if (buffers[i].data && info.type != AMPC_F32)
      for (uint64_t k = 0; k < info.byte_count; ++k)
        ((char *)buffers[i].data)[k] = 0;
  }
  return buffers;
}

static void release(ampc_buffer *buffers, uint32_t count) {
  for (uint32_t i = 0; buffers && i < count; ++i)
    free(buffers[i].data);
  free(buffers);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: run_plan_c FILE.plan\n");
    return 2;
  }
  ampc_session_options options = AMPC_SESSION_OPTIONS_INIT;
  options.deadline_seconds = 60;
  ampc_session *session = NULL;
  ampc_status *status = ampc_session_open(argv[1], &options, &session);
  if (status)
    return fail(status);

  uint32_t input_count = ampc_session_input_count(session), output_count = ampc_session_output_count(session);
  ampc_buffer *inputs = allocate(session, input_count, ampc_session_input);
  ampc_buffer *outputs = allocate(session, output_count, ampc_session_output);

  ampc_request *request = NULL;
  status = ampc_session_submit(session, inputs, input_count, outputs, output_count, &request);
  if (!status)
    status = ampc_request_wait(request, -1, NULL);
  ampc_request_free(request);

  int code = 0;
  if (status) {
    code = fail(status);
  } else if (output_count && outputs[0].type == AMPC_F32) {
    for (uint64_t k = 0; k < outputs[0].byte_count / sizeof(float) && k < 8; ++k)
      printf("%g ", ((float *)outputs[0].data)[k]);
    printf("\n");
  }
  release(inputs, input_count);
  release(outputs, output_count);
  ampc_session_close(session);
  return code;
}
