# Finds everything that setup.sh installed.
set(LLVM_PREFIX /usr/lib/llvm-22 CACHE PATH "LLVM and MLIR 22")
set(MLIR_DIR ${LLVM_PREFIX}/lib/cmake/mlir)
set(LLVM_DIR ${LLVM_PREFIX}/lib/cmake/llvm)
find_package(LLVM REQUIRED CONFIG)
find_package(MLIR REQUIRED CONFIG)
find_package(Protobuf REQUIRED MODULE)
find_package(ONNX REQUIRED CONFIG PATHS ${AMPC_CACHE}/onnx-1.23.2 NO_DEFAULT_PATH)
find_package(GTest REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(AMPC_ONEDNN_INCLUDE oneapi/dnnl/dnnl.h REQUIRED PATHS ${AMPC_CACHE}/venv/include NO_DEFAULT_PATH)
find_path(AMPC_ONEDNN_LIBRARY_DIR libdnnl.so.3 REQUIRED PATHS ${AMPC_CACHE}/venv/lib NO_DEFAULT_PATH)

# Everything that uses MLIR links this: shared libraries, LLVM's headers as system headers.
add_library(ampc_mlir INTERFACE)
target_include_directories(ampc_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_link_libraries(ampc_mlir INTERFACE MLIR LLVM)
