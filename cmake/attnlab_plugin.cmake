# attnlab_plugin.cmake: the whole build description of an attention plugin, in the tree and outside.
#   attnlab_attention_plugin(NAME [SOURCES extra.cpp ...] [LINK target ...])
#     NAME.cpp here or in NAME/, and the extra sources (relative to it) -> attention_NAME.so.
#     In the tree: lib/attnlab/plugins; NAME_test.cpp, where it exists -> test_plugin_NAME, CTest entry
#     plugin_NAME. Outside: see attnlab_outside_plugin.cmake.
#   attnlab_plugin_library(TARGET OUTPUT FOLDER SOURCES files... LINK targets...)
#     the same for any library with the entry point: only that symbol leaves it.
#   Every link stamps the library with a digest of what compiler and linker read and of their flags
#   (framework/digest/inputs.h); ATTNLAB_KNOWN_INPUTS names folders whose versions a run knows otherwise.
include_guard(GLOBAL)

# Here --dependency-file is ours; CMake 3.27 would give it a file of its own.
set(CMAKE_LINK_DEPENDS_USE_LINKER FALSE)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, ..." FORCE)
  message(STATUS "attnlab: no CMAKE_BUILD_TYPE was given, so plugins are compiled as Release")
endif()

function(attnlab_record_inputs target)
  set(here ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
  set(linked ${CMAKE_CURRENT_BINARY_DIR}/${target}.linked)
  set(ran_in ${CMAKE_CURRENT_BINARY_DIR})  # what relative names in it stand below
  if(CMAKE_GENERATOR MATCHES Ninja)
    set(ran_in ${CMAKE_BINARY_DIR})
  endif()
  set(compilers ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES} ${CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES})
  list(FILTER compilers INCLUDE REGEX "/gcc/|/c[+][+]/")
  set_target_properties(${target} PROPERTIES
    RULE_LAUNCH_COMPILE "sh \"${here}/record_inputs.sh\" \"${CMAKE_CXX_COMPILER}\" <OBJECT>")
  target_link_options(${target} PRIVATE "LINKER:--dependency-file=${linked}")
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM WORKING_DIRECTORY ${ran_in}
    COMMAND attnlab::digest plugin $<TARGET_FILE:${target}> ${linked} ${ATTNLAB_KNOWN_INPUTS} ${compilers})
endfunction()

function(attnlab_plugin_library target)
  cmake_parse_arguments(A "" "OUTPUT;FOLDER" "SOURCES;LINK" ${ARGN})
  add_library(${target} MODULE ${A_SOURCES})
  target_link_libraries(${target} PRIVATE attnlab::attention ${A_LINK})
  if(COMMAND attnlab_uses_torch)  # outside, attnlab::attention brings LibTorch along
    attnlab_uses_torch(${target})
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)  # its digest is of the files as they are
  if(A_SOURCES MATCHES "[.]cu(;|$)")
    target_compile_definitions(${target} PRIVATE ATTNLAB_CUDA_VERSION="${CMAKE_CUDA_COMPILER_VERSION}")
  endif()
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/attnlab_plugin.map)
  # Hidden by the linker and not by -fvisibility, which would invalidate the precompiled header.
  target_link_options(${target} PRIVATE -Wl,--version-script=${exports} -Wl,-z,defs -Wl,-z,nodelete)
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${A_OUTPUT} LINK_DEPENDS ${exports}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/attnlab/${A_FOLDER})
  attnlab_record_inputs(${target})
endfunction()

function(attnlab_attention_plugin name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  if(NOT EXISTS ${folder}/${name}.cpp)
    set(folder ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  if(NOT EXISTS ${folder}/${name}.cpp)
    message(FATAL_ERROR "attnlab_attention_plugin(${name}): expected ${name}.cpp or ${name}/${name}.cpp "
                        "in ${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  list(TRANSFORM A_SOURCES PREPEND ${folder}/)
  attnlab_plugin_library(attention_${name} OUTPUT attention_${name} FOLDER plugins
                         SOURCES ${folder}/${name}.cpp ${A_SOURCES} LINK ${A_LINK})
  if(COMMAND attnlab_outside_plugin)
    attnlab_outside_plugin(${name} ${folder})
  elseif(ATTNLAB_TESTS AND EXISTS ${folder}/${name}_test.cpp)
    attnlab_test(plugin_${name} TORCH APART LABELS plugin SOURCES ${folder}/${name}_test.cpp
                 LINK attnlab::attention ${A_LINK})
    target_compile_options(test_plugin_${name} PRIVATE $<$<CONFIG:Release>:-Og -Wno-maybe-uninitialized>)
    add_dependencies(test_plugin_${name} attention_${name})
  endif()
endfunction()
