# Configures the sanitized build once and builds what its tests need.
if(NOT EXISTS ${BUILD}/build.ninja)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD} -G Ninja -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_CXX_COMPILER=${CXX_COMPILER} -DAMPC_SANITIZE=address,undefined
    -DAMPC_CACHE=${AMPC_CACHE} COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target sanitized COMMAND_ERROR_IS_FATAL ANY)
