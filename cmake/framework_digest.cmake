# framework_digest.cmake: attnlab_build_info(TARGET) adds core/build_info.cpp to a target, with the
# digest of every source that can change a run's numbers. Hashed again when one of them changes;
# then this one file is compiled.
include_guard()
set(ATTNLAB_DIGEST_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/source_digest.cmake)

function(attnlab_build_info target)
  set(root ${CMAKE_SOURCE_DIR}/framework)
  set(patterns ${root}/core/random.*)
  foreach(layer attention cuda sparse model train data worker)
    foreach(kind cpp h cu cuh)
      list(APPEND patterns ${root}/${layer}/*.${kind})
    endforeach()
  endforeach()
  list(APPEND patterns ${CMAKE_SOURCE_DIR}/datasets/*.cpp ${CMAKE_SOURCE_DIR}/datasets/*.h)
  file(GLOB_RECURSE digested CONFIGURE_DEPENDS ${patterns})
  list(FILTER digested EXCLUDE REGEX "_test\\.cpp$")
  list(SORT digested)
  list(JOIN digested "|" files)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/framework_digest)
  set(header ${folder}/attnlab_framework_digest.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DHEADER=${header} -DMACRO=ATTNLAB_FRAMEWORK_SOURCE_DIGEST
            -DROOT=${CMAKE_SOURCE_DIR} "-DFILES=${files}" -P ${ATTNLAB_DIGEST_SCRIPT}
    DEPENDS ${digested} ${ATTNLAB_DIGEST_SCRIPT} VERBATIM COMMENT "Source digest of the framework")

  set(torch none)
  if(ATTNLAB_TORCH)
    set(torch ${ATTNLAB_TORCH_FOUND})
  endif()
  string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
  set(flags "${CMAKE_BUILD_TYPE} ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${config}}")
  if(ATTNLAB_SANITIZE)
    string(APPEND flags " sanitizers")
  endif()
  string(REGEX REPLACE " +" " " flags "${flags}")
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/build_info.cpp ${header})
  set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/build_info.cpp PROPERTIES
    INCLUDE_DIRECTORIES ${folder}
    COMPILE_DEFINITIONS "ATTNLAB_VERSION=\"${PROJECT_VERSION}\";ATTNLAB_FLAGS=\"${flags}\";ATTNLAB_COMPILER=\"${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\";ATTNLAB_BUILT_WITH_TORCH=\"${torch}\"")
endfunction()
