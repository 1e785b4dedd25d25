# attnlab_torch.cmake: the target attnlab::torch, LibTorch's CPU part.
# find_package(Torch) would add CUDA flags of its own and link libtorch_cuda; we link the CPU part
# and load the CUDA part at start where a driver is there.
#   ATTNLAB_LIBTORCH   folder that holds include/ and lib/ (a wheel's torch folder, or a LibTorch zip)
set(ATTNLAB_TORCH_VERSION 2.11.0)
set(ATTNLAB_LIBTORCH "$ENV{ATTNLAB_LIBTORCH}" CACHE PATH "LibTorch: the folder with include/ and lib/")
if(NOT ATTNLAB_LIBTORCH)
  file(GLOB wheel ${CMAKE_SOURCE_DIR}/.deps/venv/lib/python3*/site-packages/torch)
  set(ATTNLAB_LIBTORCH ${wheel})
endif()
if(NOT EXISTS ${ATTNLAB_LIBTORCH}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "no LibTorch at '${ATTNLAB_LIBTORCH}' (expected lib/libtorch_cpu.so there). "
                      "Run ./dev build, which installs it, or set ATTNLAB_LIBTORCH.")
endif()
file(READ ${ATTNLAB_LIBTORCH}/include/torch/headeronly/version.h version_h)
foreach(part MAJOR MINOR PATCH)
  string(REGEX MATCH "TORCH_VERSION_${part} ([0-9]+)" _ "${version_h}")
  list(APPEND version ${CMAKE_MATCH_1})
endforeach()
list(JOIN version "." ATTNLAB_TORCH_FOUND)
message(STATUS "LibTorch ${ATTNLAB_TORCH_FOUND} in ${ATTNLAB_LIBTORCH}")
if(NOT ATTNLAB_TORCH_FOUND VERSION_EQUAL ATTNLAB_TORCH_VERSION)
  message(WARNING "LibTorch ${ATTNLAB_TORCH_FOUND}: only ${ATTNLAB_TORCH_VERSION} has been tried")
endif()

add_library(attnlab_torch INTERFACE)
add_library(attnlab::torch ALIAS attnlab_torch)
target_include_directories(attnlab_torch SYSTEM INTERFACE ${ATTNLAB_LIBTORCH}/include
                           ${ATTNLAB_LIBTORCH}/include/torch/csrc/api/include)
target_compile_definitions(attnlab_torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1
                           ATTNLAB_TORCH_VERSION="${ATTNLAB_TORCH_FOUND}")
target_link_libraries(attnlab_torch INTERFACE ${ATTNLAB_LIBTORCH}/lib/libtorch_cpu.so
                      ${ATTNLAB_LIBTORCH}/lib/libc10.so)
target_link_options(attnlab_torch INTERFACE
                    -Wl,--disable-new-dtags,-rpath,${ATTNLAB_LIBTORCH}/lib)

# The one precompiled header: 24 s once, then 3 s a file instead of 10.
add_library(attnlab_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(attnlab_pch PRIVATE attnlab_torch)
target_precompile_headers(attnlab_pch PRIVATE <ATen/ATen.h> <torch/csrc/autograd/custom_function.h>)

# attnlab_uses_torch(TARGET): links LibTorch publicly and shares the precompiled header.
function(attnlab_uses_torch target)
  target_link_libraries(${target} PUBLIC attnlab_torch)
  target_precompile_headers(${target} REUSE_FROM attnlab_pch)
endfunction()
