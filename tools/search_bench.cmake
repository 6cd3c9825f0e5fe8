# The benchmark tool of the search core: links neither MLIR nor ONNX.
file(GLOB AMPC_SEARCH_BENCH_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/search_bench/*.cpp)
add_executable(search_bench ${CMAKE_CURRENT_LIST_DIR}/search_bench.cpp ${AMPC_SEARCH_BENCH_SOURCES})
target_link_libraries(search_bench PRIVATE ampc_search)
