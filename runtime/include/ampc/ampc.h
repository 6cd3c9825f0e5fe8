/* The C interface of the ampc runtime: loads a plan file and executes it on the devices of this process.
 *
 * - Handles are opaque. A function that can fail returns NULL, or a status that the caller frees with
 *   ampc_status_free. Nothing aborts, prints or exits; there is no global state; several sessions may live
 *   side by side.
 * - Option structs begin with `size`: set it to sizeof(the struct) and zero the rest (the ..._INIT macro does
 *   both), so that later versions can add fields.
 * - Tensors are dense, row-major, in the caller's memory; booleans are bytes 0 or 1. Any alignment is
 *   accepted; 64 bytes avoid a copy.
 * - Thread safety: submit, run, cancel, the queries and ampc_request_wait may be called from any thread at the
 *   same time; open and close of one session, and the freeing of one handle, only once and after all else.
 */
#ifndef AMPC_AMPC_H
#define AMPC_AMPC_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define AMPC_API
#else
#define AMPC_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define AMPC_VERSION_MAJOR 0
#define AMPC_VERSION_MINOR 1
#define AMPC_VERSION_PATCH 0

/* "MAJOR.MINOR.PATCH" of the library */
AMPC_API const char *ampc_version(void);

/* ---- Status ---- */

typedef enum ampc_code {
  AMPC_OK = 0,
  AMPC_INTERNAL = 1,    /* a bug in the runtime */
  AMPC_USAGE = 2,       /* an argument that contradicts the contract of the call */
  AMPC_INVALID = 3,     /* damaged plan; tensor of the wrong type or size */
  AMPC_UNSUPPORTED = 4, /* this machine lacks a CPU feature, device or library that the plan needs */
  AMPC_INFEASIBLE = 5,  /* a device would need more memory than its limit */
  AMPC_FILE_SYSTEM = 6,
  AMPC_EXECUTION = 7, /* a rank failed or a deadline passed */
  AMPC_CANCELLED = 130
} ampc_code;

typedef struct ampc_status ampc_status;

/* NULL is AMPC_OK and "ok". Texts live as long as the status. */
AMPC_API ampc_code ampc_status_code(const ampc_status *status);
AMPC_API const char *ampc_status_message(const ampc_status *status);
/* A fact by name ("rank", "step", "op", "nodes", "file"), NULL where there is none. */
AMPC_API const char *ampc_status_field(const ampc_status *status, const char *name);
/* Facts by position; returns 0 past the end. */
AMPC_API int ampc_status_field_at(const ampc_status *status, size_t index, const char **name,
                                  const char **value);
AMPC_API void ampc_status_free(ampc_status *status);

/* ---- Tensors ---- */

typedef enum ampc_type {
  AMPC_F64 = 1,
  AMPC_F32 = 2,
  AMPC_F16 = 3,
  AMPC_BF16 = 4,
  AMPC_I8 = 5,
  AMPC_I16 = 6,
  AMPC_I32 = 7,
  AMPC_I64 = 8,
  AMPC_U8 = 9,
  AMPC_U16 = 10,
  AMPC_U32 = 11,
  AMPC_U64 = 12,
  AMPC_BOOL = 13
} ampc_type;

/* Description of one input or output; the texts and shape belong to the session. */
typedef struct ampc_tensor_info {
  const char *name;
  ampc_type type;
  uint32_t dimension_count;
  const int64_t *shape;
  uint64_t byte_count;
  int is_state; /* 1: the session keeps it from step to step; the caller may leave its buffer NULL */
} ampc_tensor_info;

/* A whole tensor in the caller's memory. `byte_count` and `type` must be those of the plan. */
typedef struct ampc_buffer {
  void *data;
  uint64_t byte_count;
  ampc_type type;
} ampc_buffer;

/* ---- Session ---- */

typedef struct ampc_session ampc_session;
typedef struct ampc_request ampc_request;

typedef enum ampc_log_level { AMPC_LOG_DEBUG = 0, AMPC_LOG_INFO = 1, AMPC_LOG_WARNING = 2 } ampc_log_level;
/* What happens beside results: INFO: ranks that are ready, with time and memory; cancelled requests. WARNING: pins
 * that did not happen, memory beyond the plan, recoveries from failures, ranks that load for longer than the deadline.
 * Called from threads of the session and from open, one call at a time; it must not call into the session. */
typedef void (*ampc_log_function)(void *user, ampc_log_level level, const char *message);

/* Memory of the devices' arenas; both must be given or both NULL. `allocate` returns zeroed memory of that
 * alignment or NULL. Called by open and close only. */
typedef void *(*ampc_allocate_function)(void *user, uint64_t byte_count, uint64_t alignment, uint32_t rank);
typedef void (*ampc_deallocate_function)(void *user, void *data, uint64_t byte_count, uint32_t rank);

typedef struct ampc_session_options {
  uint32_t size;
  const char *device; /* NULL: as the plan says. "null": walks the schedule without touching data */
  const char *weights_directory; /* where a plan with external weights finds them */
  uint64_t memory_limit_bytes;   /* per device; 0: the plan's own limit */
  double deadline_seconds;       /* of every wait for another rank; 0: 300 seconds */
  int skip_weight_verification;  /* 1: embedded weights are not hashed at load */
  int pin_threads; /* 1: of several devices with one thread each, every one gets a CPU of the process's mask, and a
                    * core of its own while there are enough */
  int collect_trace;             /* 1: every step's begin and end are recorded */
  ampc_log_function log;
  ampc_allocate_function allocate;
  ampc_deallocate_function deallocate;
  void *user; /* handed to the functions above */
} ampc_session_options;

#define AMPC_SESSION_OPTIONS_INIT                                                                            \
  { sizeof(ampc_session_options), NULL, NULL, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL }

/* Opens a plan file, verifies it and runs its init programs. `options` may be NULL. */
AMPC_API ampc_status *ampc_session_open(const char *plan_path, const ampc_session_options *options,
                                        ampc_session **session);
/* The same from memory that is aligned to 64 bytes and outlives the session. */
AMPC_API ampc_status *ampc_session_open_memory(const void *plan_bytes, uint64_t byte_count,
                                               const ampc_session_options *options, ampc_session **session);
/* Cancels what is in flight, joins the threads, frees everything. NULL is accepted. */
AMPC_API void ampc_session_close(ampc_session *session);

AMPC_API uint32_t ampc_session_input_count(const ampc_session *session);
AMPC_API uint32_t ampc_session_output_count(const ampc_session *session);
/* Return 0 past the end. */
AMPC_API int ampc_session_input(const ampc_session *session, uint32_t index, ampc_tensor_info *info);
AMPC_API int ampc_session_output(const ampc_session *session, uint32_t index, ampc_tensor_info *info);
/* Position of a name (the first, where a model lists an output twice), -1 where there is none. */
AMPC_API int32_t ampc_session_find_input(const ampc_session *session, const char *name);
AMPC_API int32_t ampc_session_find_output(const ampc_session *session, const char *name);
/* Inputs whose value was fixed when the plan was made; returns 0 past the end. */
AMPC_API int ampc_session_bound_value(const ampc_session *session, uint32_t index, const char **name,
                                      const char **value);
AMPC_API uint32_t ampc_session_rank_count(const ampc_session *session);
/* Requests that can be in flight at the same time. */
AMPC_API uint32_t ampc_session_slot_count(const ampc_session *session);

typedef struct ampc_rank_statistics {
  uint32_t size;
  uint64_t allocated_bytes; /* arenas and scratch memory of this rank */
  uint64_t limit_bytes;     /* 0: none */
  uint64_t steps;           /* executed so far, init included */
  double busy_seconds;      /* in kernels and copies; 0 without collect_trace */
} ampc_rank_statistics;
AMPC_API ampc_status *ampc_session_rank_statistics(const ampc_session *session, uint32_t rank,
                                                   ampc_rank_statistics *statistics);

/* ---- Requests ---- */

/* Queues one execution. Buffers stay untouched by the caller until ampc_request_wait says so. `inputs` and
 * `outputs` are in the order of the plan; `data` may be NULL for a state input (the session's state is used)
 * and for outputs that nobody wants. A state input that is given stands in for the session's state in this request
 * only; the state that the request leaves is carried as ever, so giving the same buffer each time starts each request
 * from it (to set a state once: ampc_session_set_state). Requests are executed in the order of their submission, slot_count at a
 * time. */
AMPC_API ampc_status *ampc_session_submit(ampc_session *session, const ampc_buffer *inputs,
                                          uint32_t input_count, const ampc_buffer *outputs,
                                          uint32_t output_count, ampc_request **request);
/* Waits for the end of a request. timeout_seconds < 0: as long as it takes (the session's deadlines still
 * hold). *done (may be NULL) is 0 when the time ran out first, which is no error; the request then goes on.
 */
AMPC_API ampc_status *ampc_request_wait(ampc_request *request, double timeout_seconds, int *done);
/* Asks for an early end: wait then reports AMPC_CANCELLED, unless the request was done before. Other requests
 * are not affected. */
AMPC_API void ampc_request_cancel(ampc_request *request);
/* Frees the handle; a request that still runs is cancelled and waited for first. NULL is accepted. */
AMPC_API void ampc_request_free(ampc_request *request);

/* submit, wait, free. */
AMPC_API ampc_status *ampc_session_run(ampc_session *session, const ampc_buffer *inputs, uint32_t input_count,
                                       const ampc_buffer *outputs, uint32_t output_count);

/* ---- State ---- */

/* Named tensors that the session carries from step to step; they start at zero. Call while no request is in
 * flight (else AMPC_USAGE). `name` is the state's input or output name in the model. */
AMPC_API uint32_t ampc_session_state_count(const ampc_session *session);
AMPC_API int ampc_session_state(const ampc_session *session, uint32_t index, ampc_tensor_info *info);
AMPC_API ampc_status *ampc_session_get_state(ampc_session *session, const char *name,
                                             const ampc_buffer *target);
AMPC_API ampc_status *ampc_session_set_state(ampc_session *session, const char *name,
                                             const ampc_buffer *source);
AMPC_API ampc_status *ampc_session_zero_states(ampc_session *session);

/* ---- Trace ---- */

/* What was recorded since the last call, in the Chrome trace format (one process per rank, one thread per queue,
 * events named as the plan's steps: as a predicted trace). The text is freed with ampc_text_free. Call while no
 * request is in flight. */
AMPC_API ampc_status *ampc_session_take_trace(ampc_session *session, char **json);
AMPC_API void ampc_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
