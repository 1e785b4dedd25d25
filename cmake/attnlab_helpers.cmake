# attnlab_helpers.cmake: how this project states a library, a program and a test.
#   attnlab_library(NAME [SHARED] [TORCH] SOURCES ... LINK ...)   -> target attnlab_NAME, alias attnlab::NAME
#   attnlab_program(TARGET [TORCH] SOURCES ... LINK ...)
#   attnlab_test(NAME [TORCH] [APART] [LABELS ...] SOURCES ... LINK ...)  -> program test_NAME, one CTest entry
#     Its sources are compiled together and with -Og, a third less time than -O1. APART: neither, since they
#     share local names or compile kernels anew.
include_guard()

# A library is one compilation: most of a file's time goes into headers and templates that its neighbours need too.
function(attnlab_compile_together target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${ATTNLAB_UNITY} UNITY_BUILD_BATCH_SIZE 0)
endfunction()

function(attnlab_library name)
  cmake_parse_arguments(A "SHARED;TORCH" "" "SOURCES;LINK" ${ARGN})
  if(A_SHARED)
    add_library(attnlab_${name} SHARED ${A_SOURCES})
  else()
    add_library(attnlab_${name} STATIC ${A_SOURCES})
  endif()
  attnlab_compile_together(attnlab_${name})
  add_library(attnlab::${name} ALIAS attnlab_${name})
  target_link_libraries(attnlab_${name} PUBLIC ${A_LINK})
  if(A_TORCH)
    attnlab_uses_torch(attnlab_${name})
  endif()
endfunction()

function(attnlab_program target)
  cmake_parse_arguments(A "TORCH" "" "SOURCES;LINK" ${ARGN})
  add_executable(${target} ${A_SOURCES})
  attnlab_compile_together(${target})
  target_link_libraries(${target} PRIVATE ${A_LINK})
  if(A_TORCH)
    attnlab_uses_torch(${target})
  endif()
endfunction()

function(attnlab_test name)
  cmake_parse_arguments(A "TORCH;APART" "" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(test_${name} ${A_SOURCES})
  if(NOT A_APART)
    attnlab_compile_together(test_${name})
    target_compile_options(test_${name} PRIVATE $<$<CONFIG:Release>:-Og -Wno-maybe-uninitialized>)
  endif()
  target_link_libraries(test_${name} PRIVATE ${A_LINK} GTest::gmock GTest::gtest_main)
  if(A_TORCH)
    attnlab_uses_torch(test_${name})
  endif()
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS "${A_LABELS}" TIMEOUT 600
    ENVIRONMENT "OMP_WAIT_POLICY=passive;ATTNLAB_BUILD=${CMAKE_BINARY_DIR};ATTNLAB_SOURCE=${CMAKE_SOURCE_DIR}")
endfunction()
