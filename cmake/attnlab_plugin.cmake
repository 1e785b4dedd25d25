# attnlab_plugin.cmake: the whole build description of an attention plugin, in the tree and outside.
#   attnlab_attention_plugin(NAME [SOURCES extra.cpp ...] [LINK target ...])
#     NAME.cpp here or in NAME/, and the extra sources (relative to it) -> attention_NAME.so.
#     In the tree: lib/attnlab/plugins; NAME_test.cpp, where it exists -> test_plugin_NAME, CTest entry
#     plugin_NAME. Outside: see attnlab_outside_plugin.cmake.
#   attnlab_plugin_library(TARGET OUTPUT FOLDER DIGEST files... SOURCES files... LINK targets...)
#     the same for any library with the entry point: only that symbol leaves it.
include_guard(GLOBAL)

# Writes HEADER from the contents of the files after ROOT: a relink leaves it, an edit changes it.
function(attnlab_source_digest header root)
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/source_digest.cmake)
  list(SORT ARGN)
  list(JOIN ARGN "|" files)
  add_custom_command(OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DHEADER=${header} -DROOT=${root} "-DFILES=${files}" -P ${script}
    DEPENDS ${ARGN} ${script} VERBATIM COMMENT "Writing ${header}")
endfunction()

function(attnlab_plugin_library target)
  cmake_parse_arguments(A "" "OUTPUT;FOLDER" "DIGEST;SOURCES;LINK" ${ARGN})
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/${target}_digest)
  attnlab_source_digest(${generated}/attnlab_plugin_digest.h ${CMAKE_CURRENT_SOURCE_DIR} ${A_DIGEST})
  add_library(${target} MODULE ${A_SOURCES} ${generated}/attnlab_plugin_digest.h)
  target_include_directories(${target} PRIVATE ${generated})
  target_link_libraries(${target} PRIVATE attnlab::attention ${A_LINK})
  if(COMMAND attnlab_uses_torch)  # outside, attnlab::attention brings LibTorch along
    attnlab_uses_torch(${target})
  endif()
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/attnlab_plugin.map)
  # Hidden by the linker and not by -fvisibility, which would invalidate the precompiled header.
  target_link_options(${target} PRIVATE -Wl,--version-script=${exports} -Wl,-z,defs -Wl,-z,nodelete)
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${A_OUTPUT} LINK_DEPENDS ${exports}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/attnlab/${A_FOLDER})
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
  # Every source in the folder counts, headers included; tests do not.
  file(GLOB digested CONFIGURE_DEPENDS ${folder}/*.cpp ${folder}/*.h ${folder}/*.cu ${folder}/*.cuh)
  list(FILTER digested EXCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM A_SOURCES PREPEND ${folder}/)
  attnlab_plugin_library(attention_${name} OUTPUT attention_${name} FOLDER plugins DIGEST ${digested}
                         SOURCES ${folder}/${name}.cpp ${A_SOURCES} LINK ${A_LINK})
  if(COMMAND attnlab_outside_plugin)
    attnlab_outside_plugin(${name} ${folder})
  elseif(ATTNLAB_TESTS AND EXISTS ${folder}/${name}_test.cpp)
    attnlab_test(plugin_${name} TORCH LABELS plugin SOURCES ${folder}/${name}_test.cpp
                 LINK attnlab::attention ${A_LINK})
    add_dependencies(test_plugin_${name} attention_${name})
  endif()
endfunction()
