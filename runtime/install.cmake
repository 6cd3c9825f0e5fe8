# What an embedding program needs: the runtime library, its headers, oneDNN beside it, and find_package(ampc).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS ampc_runtime EXPORT ampcTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/ampc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT runtime)
if(AMPC_ONEDNN_LIBRARY_DIR)
  file(REAL_PATH ${AMPC_ONEDNN_LIBRARY_DIR}/libdnnl.so.3 onednn_file)
  install(FILES ${onednn_file} DESTINATION ${CMAKE_INSTALL_LIBDIR} RENAME libdnnl.so.3 COMPONENT runtime)
endif()

set(ampc_package ${CMAKE_INSTALL_LIBDIR}/cmake/ampc)
install(EXPORT ampcTargets NAMESPACE ampc:: DESTINATION ${ampc_package} COMPONENT runtime)
configure_package_config_file(ampcConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/ampcConfig.cmake
  INSTALL_DESTINATION ${ampc_package})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/ampcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ampcConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/ampcConfigVersion.cmake
  DESTINATION ${ampc_package} COMPONENT runtime)
