# What other projects get: find_package(selvage CONFIG REQUIRED) -> selvage::selvage, selvage::core;
# pkg-config selvage. selvage-sim is never installed (ARCHITECTURE.md, "Licences").
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The public face. Without the agent it is the node core alone, for a driver of one's own.
add_library(selvage_api INTERFACE)
target_include_directories(selvage_api INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/agents/include> $<INSTALL_INTERFACE:include>)
foreach(library selvage_client selvage_agent selvage_node)
  if(TARGET ${library})
    target_link_libraries(selvage_api INTERFACE ${library})
  endif()
endforeach()
add_library(selvage::selvage ALIAS selvage_api)
add_library(selvage::core ALIAS selvage_core)

# Walks what the public face links: our own libraries in the order a linker wants them, and what
# they need of others.
set(SELVAGE_LIBRARIES "")
set(SELVAGE_NEEDS "")
macro(selvage_collect target)
  if(NOT "${target}" IN_LIST SELVAGE_SEEN)
    list(APPEND SELVAGE_SEEN ${target})
    get_target_property(dependencies_${target} ${target} INTERFACE_LINK_LIBRARIES)
    foreach(dependency ${dependencies_${target}})
      string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" dependency "${dependency}")
      if("${dependency}" MATCHES "^selvage_")
        selvage_collect(${dependency})
      elseif(dependency)
        list(APPEND SELVAGE_NEEDS ${dependency})
      endif()
    endforeach()
    list(PREPEND SELVAGE_LIBRARIES ${target})
  endif()
endmacro()
selvage_collect(selvage_api)
list(REMOVE_DUPLICATES SELVAGE_NEEDS)

foreach(library ${SELVAGE_LIBRARIES})
  string(REPLACE "selvage_" "" export_name ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${export_name})
endforeach()
set_target_properties(selvage_api PROPERTIES EXPORT_NAME selvage)
install(TARGETS ${SELVAGE_LIBRARIES} EXPORT selvage ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT selvage NAMESPACE selvage:: FILE selvageTargets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/selvage)

# Whom we know by pkg-config alone: imported targets that a consumer has to make for himself.
set(SELVAGE_PKG_SODIUM libsodium)
set(SELVAGE_PKG_ZMQ libzmq)
set(SELVAGE_PKG_SYSTEMD libsystemd)
set(SELVAGE_PKG_NETTLE nettle)
set(SELVAGE_PKG_MODULES "")
foreach(need ${SELVAGE_NEEDS})
  if(need MATCHES "^PkgConfig::(.*)$")
    set(name ${CMAKE_MATCH_1})
    if(NOT SELVAGE_PKG_${name})
      message(FATAL_ERROR "SelvageInstall.cmake does not say which pkg-config module ${need} is")
    endif()
    string(APPEND SELVAGE_PKG_MODULES
      "pkg_check_modules(${name} REQUIRED QUIET IMPORTED_TARGET ${SELVAGE_PKG_${name}})\n")
  endif()
endforeach()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/selvageConfig.cmake.in
  ${PROJECT_BINARY_DIR}/selvageConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/selvage)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/selvageConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/selvageConfig.cmake
              ${PROJECT_BINARY_DIR}/selvageConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/selvage)

# The libraries are static, so what they need is needed by everybody who links them: Requires and
# Libs, not their private variants.
set(SELVAGE_PC_LIBS "")
set(SELVAGE_PC_REQUIRES "")
foreach(library ${SELVAGE_LIBRARIES})
  get_target_property(type ${library} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    string(APPEND SELVAGE_PC_LIBS " -l${library}")
  endif()
endforeach()
foreach(need ${SELVAGE_NEEDS})
  if(need MATCHES "^absl::(.*)$")
    string(APPEND SELVAGE_PC_REQUIRES " absl_${CMAKE_MATCH_1}")
  elseif(need MATCHES "^PkgConfig::(.*)$")
    string(APPEND SELVAGE_PC_REQUIRES " ${SELVAGE_PKG_${CMAKE_MATCH_1}}")
  elseif(need STREQUAL "protobuf::libprotobuf-lite")
    string(APPEND SELVAGE_PC_REQUIRES " protobuf-lite")
  elseif(need MATCHES "^(RocksDB::rocksdb|spdlog::spdlog|tomlplusplus::tomlplusplus)")
    string(REGEX REPLACE "^.*::([a-z]+).*$" "\\1" name ${need})
    string(APPEND SELVAGE_PC_REQUIRES " ${name}")
  elseif(need STREQUAL "Threads::Threads")
    string(APPEND SELVAGE_PC_LIBS " -pthread")
  elseif(need MATCHES "/(lib[^/]*\\.a)$")
    string(APPEND SELVAGE_PC_LIBS " -l:${CMAKE_MATCH_1}")
  elseif(need MATCHES "^-")
    string(APPEND SELVAGE_PC_LIBS " ${need}")
  elseif(NOT need MATCHES "nlohmann_json::")  # headers alone, and not in ours
    message(WARNING "selvage.pc does not say how to link ${need}: add it to SelvageInstall.cmake")
  endif()
endforeach()
# Relative to the file itself, so that an installed tree can be moved.
file(RELATIVE_PATH SELVAGE_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/selvage.pc.in ${PROJECT_BINARY_DIR}/selvage.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/selvage.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Public headers: <selvage/...>. Below them, with their own names, what selvage::core offers and the
# node core for those who write a driver: "core/...", "agents/node/node_core.h".
install(DIRECTORY agents/include/selvage transports/include/selvage DESTINATION include
        FILES_MATCHING PATTERN "*.h")
file(GLOB core_headers CONFIGURE_DEPENDS core/*.h)
install(FILES ${core_headers} DESTINATION include/selvage/core)
install(FILES agents/node/node_core.h agents/node/model_config.h
        DESTINATION include/selvage/agents/node)
install(FILES agents/healer/healer.h agents/healer/rules.h
        DESTINATION include/selvage/agents/healer)
install(FILES agents/scorer/scorer.h DESTINATION include/selvage/agents/scorer)
install(FILES agents/telemetry/telemetry.h DESTINATION include/selvage/agents/telemetry)
install(FILES agents/anomaly/schema.h DESTINATION include/selvage/agents/anomaly)
install(FILES agents/membership/certificate.h DESTINATION include/selvage/agents/membership)

foreach(program selvaged selvage selvage-flow selvage-transport-host)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
if(TARGET selvage-scorer-opencv)
  install(TARGETS selvage-scorer-opencv LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/selvage/scorers)
endif()
