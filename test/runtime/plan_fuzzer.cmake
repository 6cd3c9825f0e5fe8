# The fuzz target: the runtime's sources compiled once more by clang with libFuzzer and sanitizers. The compiler that
# builds everything else has no libFuzzer.
find_program(CLANG_CXX NAMES clang++-22)
if(NOT CLANG_CXX)
  return()
endif()
set(fuzzer_folder ${CMAKE_CURRENT_BINARY_DIR}/plan_fuzzer)
set(fuzzer_sources ${CMAKE_CURRENT_SOURCE_DIR}/plan_fuzzer.cpp)
foreach(target ampc_plan ampc_builtin ampc_library_kernels ampc_execute)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  foreach(source ${sources})
    list(APPEND fuzzer_sources ${folder}/${source})
  endforeach()
endforeach()
set(fuzzer_objects)
foreach(source ${fuzzer_sources})
  file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${source})
  string(REPLACE "/" "_" name ${name})
  set(object ${fuzzer_folder}/${name}.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${fuzzer_folder}
    COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CLANG_CXX} -std=c++20 -O1 -g1
            -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
            -Wno-deprecated-declarations
            -I${PROJECT_SOURCE_DIR} -isystem ${AMPC_ONEDNN_INCLUDE} -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source} DEPFILE ${object}.d VERBATIM COMMAND_EXPAND_LISTS)
  list(APPEND fuzzer_objects ${object})
endforeach()
set(plan_fuzzer ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/plan_fuzzer)
add_custom_command(OUTPUT ${plan_fuzzer}
  COMMAND ${CLANG_CXX} -fsanitize=fuzzer,address,undefined ${fuzzer_objects} -o ${plan_fuzzer}
  DEPENDS ${fuzzer_objects} VERBATIM)
# Not part of the default build: it compiles the runtime a second time.
add_custom_target(plan_fuzzer DEPENDS ${plan_fuzzer})
add_test(NAME plan_fuzzer_build COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target plan_fuzzer)
set_tests_properties(plan_fuzzer_build PROPERTIES FIXTURES_SETUP plan_fuzzer RESOURCE_LOCK build_folder)

# A minute each in the tests; longer by hand.
add_test(NAME plan_fuzz COMMAND ${CMAKE_COMMAND} -DFUZZER=${plan_fuzzer}
  -DWRITE_SAMPLE_PLAN=$<TARGET_FILE:write_sample_plan> -DWORK=${CMAKE_CURRENT_BINARY_DIR}/plan_fuzz
  -DSECONDS=60 -P ${CMAKE_CURRENT_SOURCE_DIR}/run_plan_fuzzer.cmake)
set_tests_properties(plan_fuzz PROPERTIES FIXTURES_REQUIRED plan_fuzzer)
