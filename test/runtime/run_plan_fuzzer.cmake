# Fresh seeds, then the fuzzer for SECONDS. Any crash, leak, hang or excess of memory fails.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/seeds ${WORK}/corpus)
execute_process(COMMAND ${WRITE_SAMPLE_PLAN} --fuzz-seeds ${WORK}/seeds COMMAND_ERROR_IS_FATAL ANY)
set(ENV{ASAN_OPTIONS} allocator_may_return_null=1)
execute_process(COMMAND ${FUZZER} -max_total_time=${SECONDS} -timeout=20 -rss_limit_mb=2048 -max_len=65536 -seed=1
  -artifact_prefix=${WORK}/ ${WORK}/corpus ${WORK}/seeds WORKING_DIRECTORY ${WORK}
  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "the fuzzer found something (${code}):\n${output}")
endif()
string(REGEX MATCH "Done [^\n]*" done "${output}")
message(STATUS "${done}")
