# A developer's tool: it holds the importer itself, so it is an executable of its own and never part of `ampc`.
if(TARGET ampc_onnx)
  add_executable(evaluate_model evaluate_model.cpp)
  target_link_libraries(evaluate_model PRIVATE ampc_onnx)
endif()
