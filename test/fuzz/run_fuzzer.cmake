# The fuzzer for SECONDS from the seeds. Any crash, leak, hang or excess of memory fails; the input stays in WORK.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/corpus)
execute_process(COMMAND ${FUZZER} -max_total_time=${SECONDS} -timeout=120 -rss_limit_mb=3000 -max_len=65536 -seed=1
  -print_final_stats=1 -artifact_prefix=${WORK}/ ${WORK}/corpus ${SEEDS} WORKING_DIRECTORY ${WORK}
  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT code EQUAL 0)
  # Progress aside: what was found, where, and the input itself.
  string(REGEX REPLACE "(^|\n)#[0-9]+\t[^\n]*" "" output "${output}")
  string(SUBSTRING "${output}" 0 20000 output)
  message(FATAL_ERROR "the fuzzer found something (${code}):\n${output}")
endif()
string(REGEX MATCH "Done [^\n]*" done "${output}")
message(STATUS "${done}")
