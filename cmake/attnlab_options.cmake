# attnlab_options.cmake: compiler settings that every target shares.
# They must be the same everywhere: a differing flag makes GCC drop the precompiled header.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# A shared library that changed inside needs no relink of what uses it.
set(CMAKE_LINK_DEPENDS_NO_SHARED ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

# -O2 without NDEBUG: the few assertions are cheap, and -O3 doubles the build for nothing measured.
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall> $<$<COMPILE_LANGUAGE:CXX>:-Wextra>
                    $<$<COMPILE_LANGUAGE:CXX>:-Winvalid-pch> $<$<COMPILE_LANGUAGE:CXX>:-fPIC>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # collects its garbage later: a twentieth less time for some memory
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:--param=ggc-min-heapsize=524288>)
endif()
include_directories(${CMAKE_SOURCE_DIR})
if(ATTNLAB_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# ATTNLAB_UNITY compiles all files of a library or program as one: most of a file's time goes into the
# headers and templates that its neighbours need too. Never plugins, whose digest is over what
# each compiler run read, nor kernels. A processor or a flag that lets the compiler fuse multiply-adds
# over what it inlines could give other numbers for the same fingerprint, so there it is left out.
if(ATTNLAB_UNITY AND NOT (CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND CMAKE_CXX_FLAGS STREQUAL ""))
  message(STATUS "ATTNLAB_UNITY: left out, because flags or processor may let it change numbers")
  set(ATTNLAB_UNITY OFF)
endif()

# GNU ld reads all of LibTorch's symbols for every program; gold takes a third of its time. Libraries stay with
# GNU ld: gold exports more than a version script names.
find_program(ATTNLAB_GOLD ld.gold)
if(ATTNLAB_GOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options($<$<AND:$<LINK_LANGUAGE:CXX>,$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>>:-fuse-ld=gold>)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # ccache needs these two to see through a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
