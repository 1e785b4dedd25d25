# attnlab_install.cmake: `cmake --install BUILD --prefix ANY`, and find_package(attnlab) from there or
# from the build folder itself. The prefix has the build folder's layout and may be moved:
#   bin/                      attnlab, attnlab-worker
#   lib/                      our libraries; lib/attnlab/plugins
#   lib/cmake/attnlab/        attnlabConfig.cmake, attnlab_attention_plugin()
#   include/attnlab/          what plugins include
#   share/attnlab/            experiments, configs, templates, source_facts: paths::home()
include_guard()

# Libraries that only tests load.
set(ATTNLAB_NOT_INSTALLED attnlab_cuda_emulated)

# Programs and libraries of a folder and those below it. Among ourselves paths begin at the file;
# LibTorch's is the one that the link recorded.
function(attnlab_install_targets folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  list(REMOVE_ITEM targets ${ATTNLAB_NOT_INSTALLED})
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL EXECUTABLE AND target MATCHES "^attnlab")  # and no tests
      set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
      install(TARGETS ${target} RUNTIME DESTINATION bin)
    elseif(type MATCHES "^(SHARED|MODULE)_LIBRARY$")
      get_target_property(output ${target} LIBRARY_OUTPUT_DIRECTORY)
      file(RELATIVE_PATH to ${CMAKE_BINARY_DIR} ${output})
      cmake_path(RELATIVE_PATH CMAKE_LIBRARY_OUTPUT_DIRECTORY BASE_DIRECTORY ${output} OUTPUT_VARIABLE back)
      set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/${back}")
      install(TARGETS ${target} LIBRARY DESTINATION ${to})
    endif()
  endforeach()
  get_property(folders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(below IN LISTS folders)
    attnlab_install_targets(${below})
  endforeach()
endfunction()

function(attnlab_install_files)
  foreach(layer attention sparse plugin config core)
    install(DIRECTORY framework/${layer} DESTINATION include/attnlab/framework FILES_MATCHING PATTERN *.h)
  endforeach()
  foreach(folder experiments attention_plugins datasets)
    install(DIRECTORY ${folder} DESTINATION share/attnlab
            FILES_MATCHING PATTERN *.yaml PATTERN *.md PATTERN *.svg PATTERN test EXCLUDE)
  endforeach()
  install(DIRECTORY framework/kit/templates DESTINATION share/attnlab/framework/kit)
  install(SCRIPT cmake/source_facts.cmake)
endfunction()

# Writes FOLDER/attnlabConfig.cmake, for headers in INCLUDE: relative to the prefix, or absolute.
function(attnlab_package folder include)
  string(REGEX MATCH "^[0-9]+" compiler_major ${CMAKE_CXX_COMPILER_VERSION})
  configure_file(${CMAKE_SOURCE_DIR}/cmake/attnlabConfig.cmake.in ${folder}/attnlabConfig.cmake @ONLY)
  write_basic_package_version_file(${folder}/attnlabConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  foreach(file attnlab_libtorch.cmake attnlab_outside_plugin.cmake attnlab_plugin.cmake
          attnlab_plugin.map record_inputs.sh)
    configure_file(${CMAKE_SOURCE_DIR}/cmake/${file} ${folder}/${file} COPYONLY)
  endforeach()
endfunction()

include(CMakePackageConfigHelpers)
attnlab_install_targets(${CMAKE_SOURCE_DIR}/framework)
attnlab_install_files()
if(ATTNLAB_TORCH)
  attnlab_install_targets(${CMAKE_SOURCE_DIR}/attention_plugins)
  set_target_properties(attnlab_plugin PROPERTIES ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  install(FILES $<TARGET_FILE:attnlab_plugin> DESTINATION lib)
  attnlab_package(${CMAKE_BINARY_DIR}/installed include/attnlab)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/installed/ DESTINATION lib/cmake/attnlab)
  attnlab_package(${CMAKE_BINARY_DIR}/lib/cmake/attnlab ${CMAKE_SOURCE_DIR})
endif()
