# What other projects get: find_package(selvage CONFIG REQUIRED) -> selvage::selvage, selvage::core;
# pkg-config selvage. selvage-sim is never installed (ARCHITECTURE.md, "Licences").
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The public face. Without the agent it is the node core alone, for a driver of one's own.
add_library(selvage INTERFACE)
target_include_directories(selvage INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/agents/include> $<INSTALL_INTERFACE:include>)
if(SELVAGE_BUILD_AGENT)
  target_link_libraries(selvage INTERFACE selvage_agent)
else()
  target_link_libraries(selvage INTERFACE selvage_node)
endif()
add_library(selvage::selvage ALIAS selvage)
add_library(selvage::core ALIAS selvage_core)

set(SELVAGE_LIBRARIES selvage_node selvage_routing selvage_core)  # the order a linker wants
if(SELVAGE_BUILD_AGENT)
  list(PREPEND SELVAGE_LIBRARIES selvage_agent selvage_transports)
endif()
foreach(library selvage ${SELVAGE_LIBRARIES})
  string(REPLACE "selvage_" "" export_name ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${export_name})
endforeach()
install(TARGETS selvage ${SELVAGE_LIBRARIES} EXPORT selvage
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT selvage NAMESPACE selvage:: FILE selvageTargets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/selvage)

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/selvageConfig.cmake.in
  ${PROJECT_BINARY_DIR}/selvageConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/selvage)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/selvageConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/selvageConfig.cmake
              ${PROJECT_BINARY_DIR}/selvageConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/selvage)

# The libraries are static, so what they need is needed by everybody who links them.
set(SELVAGE_PC_LIBS "")
foreach(library ${SELVAGE_LIBRARIES})
  get_target_property(type ${library} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    string(APPEND SELVAGE_PC_LIBS " -l${library}")
  endif()
endforeach()
set(SELVAGE_PC_REQUIRES "libsodium protobuf-lite absl_status absl_statusor absl_flat_hash_map \
absl_flat_hash_set absl_btree absl_inlined_vector")
if(SELVAGE_BUILD_AGENT)
  string(APPEND SELVAGE_PC_REQUIRES " libzmq rocksdb spdlog")
  string(APPEND SELVAGE_PC_LIBS " -pthread")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/selvage.pc.in ${PROJECT_BINARY_DIR}/selvage.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/selvage.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Public headers: <selvage/...>. Below them, with their own names, what selvage::core offers and the
# node core for those who write a driver: "core/...", "agents/node/node_core.h".
install(DIRECTORY agents/include/selvage DESTINATION include FILES_MATCHING PATTERN "*.h")
file(GLOB core_headers CONFIGURE_DEPENDS core/*.h)
install(FILES ${core_headers} DESTINATION include/selvage/core)
install(FILES agents/node/node_core.h DESTINATION include/selvage/agents/node)
install(FILES agents/membership/certificate.h DESTINATION include/selvage/agents/membership)

foreach(program selvaged selvage-cli selvage-flow)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
