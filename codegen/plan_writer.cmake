# The writer of plan files, the only code of ours that links libprotobuf for plan.proto.
set(plan_proto_folder ${CMAKE_CURRENT_BINARY_DIR}/plan_proto)
set(plan_proto_source ${PROJECT_SOURCE_DIR}/runtime/plan/plan.proto)
add_custom_command(
  OUTPUT ${plan_proto_folder}/plan.pb.cc ${plan_proto_folder}/plan.pb.h
  COMMAND ${CMAKE_COMMAND} -E make_directory ${plan_proto_folder}
  COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR}/runtime/plan --cpp_out=${plan_proto_folder}
          ${plan_proto_source}
  DEPENDS ${plan_proto_source} VERBATIM)

add_library(ampc_plan_message STATIC ${plan_proto_folder}/plan.pb.cc)
target_include_directories(ampc_plan_message SYSTEM PUBLIC ${plan_proto_folder})
target_link_libraries(ampc_plan_message PUBLIC protobuf::libprotobuf)
# Generated code is not ours to keep free of warnings.
target_compile_options(ampc_plan_message PRIVATE -w)

add_library(ampc_plan_writer STATIC
  ${PROJECT_SOURCE_DIR}/codegen/plan_message.cpp ${PROJECT_SOURCE_DIR}/codegen/plan_writer.cpp)
target_include_directories(ampc_plan_writer PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(ampc_plan_writer PUBLIC ampc_plan PRIVATE ampc_plan_message)
