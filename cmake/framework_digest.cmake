# framework_digest.cmake: attnlab_build_info(TARGET) adds core/build_info.cpp to a target, with the
# digests of every source that can change a run's numbers. Made again when one of them changes; that
# one file is compiled where a digest did.
include_guard()

# The sources of framework/LAYER...: code, and the CMakeLists.txt, which holds flags of its own.
function(attnlab_sources_of out)
  set(patterns)
  foreach(layer IN LISTS ARGN)
    foreach(name *.cpp *.h *.cu *.cuh CMakeLists.txt)
      list(APPEND patterns ${CMAKE_SOURCE_DIR}/${layer}/${name})
    endforeach()
  endforeach()
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${patterns})
  # No run's numbers: tests, the emulator, timings, checks, looks from outside, logs and reports.
  list(FILTER files EXCLUDE REGEX
    "_test\\.cpp$|/cuda/(emulator|static_look)/|/attention/unit_values\\.|/worker/(bench|check|left_out|parent_watch|reporter|same_build|xray)\\.")
  list(SORT files)
  set(${out} ${files} PARENT_SCOPE)
endfunction()

function(attnlab_build_info target)
  attnlab_sources_of(engine framework/attention framework/sparse framework/model framework/train
                     framework/data framework/worker framework/checkpoint datasets)
  list(APPEND engine ${CMAKE_SOURCE_DIR}/framework/CMakeLists.txt)
  foreach(source random.cpp random.h ahead.h)
    list(APPEND engine ${CMAKE_SOURCE_DIR}/framework/core/${source})
  endforeach()
  attnlab_sources_of(cuda framework/cuda)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/framework_digest)
  set(header ${folder}/attnlab_framework_digest.h)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${header}
    COMMAND attnlab::digest header ${header} ${CMAKE_SOURCE_DIR} ATTNLAB_ENGINE_DIGEST ${engine}
            ATTNLAB_CUDA_DIGEST ${cuda}
    DEPENDS ${engine} ${cuda} attnlab-digest VERBATIM COMMENT "Source digests of the framework")

  set(torch none)
  if(ATTNLAB_TORCH)
    set(torch ${ATTNLAB_TORCH_FOUND})
  endif()
  string(TOUPPER "${CMAKE_BUILD_TYPE}" config)
  # What all targets share; what one has for itself stands in its CMakeLists.txt, which is a source.
  get_property(options DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTY COMPILE_OPTIONS)
  list(FILTER options EXCLUDE REGEX ":-W|:-fPIC|:-fpch-preprocess|:--param=ggc|^-fno-omit-frame-pointer$")
  set(flags "${CMAKE_BUILD_TYPE} ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${config}} ${options}")
  string(REGEX REPLACE "[ ;]+" " " flags "${flags}")
  string(STRIP "${flags}" flags)
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/build_info.cpp ${header})
  set_target_properties(${target} PROPERTIES ATTNLAB_DIGESTS ${folder})  # of the header, for others
  set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/build_info.cpp PROPERTIES
    INCLUDE_DIRECTORIES ${folder}
    COMPILE_DEFINITIONS "ATTNLAB_VERSION=\"${PROJECT_VERSION}\";ATTNLAB_HAS_INSTRUMENTS=$<BOOL:${ATTNLAB_INSTRUMENTS}>;ATTNLAB_FLAGS=\"${flags}\";ATTNLAB_COMPILER=\"${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\";ATTNLAB_BUILT_WITH_TORCH=\"${torch}\";ATTNLAB_NVCC=\"$<$<TARGET_EXISTS:attnlab_cuda>:$<TARGET_PROPERTY:attnlab_cuda,ATTNLAB_NVCC>>\"")
endfunction()
