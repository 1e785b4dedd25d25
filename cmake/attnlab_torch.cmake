# attnlab_torch.cmake: LibTorch for this build, and its one precompiled header.
#   ATTNLAB_LIBTORCH   folder that holds include/ and lib/ (a wheel's torch folder, or a LibTorch zip)
set(ATTNLAB_TORCH_VERSION 2.11.0)
set(ATTNLAB_LIBTORCH "$ENV{ATTNLAB_LIBTORCH}" CACHE PATH "LibTorch: the folder with include/ and lib/")
if(NOT ATTNLAB_LIBTORCH)
  file(GLOB wheel ${CMAKE_SOURCE_DIR}/.deps/venv/lib/python3*/site-packages/torch)
  set(ATTNLAB_LIBTORCH ${wheel})
endif()
include(attnlab_libtorch)
attnlab_add_libtorch("${ATTNLAB_LIBTORCH}" "Run ./dev build, which installs it, or set ATTNLAB_LIBTORCH.")
if(NOT ATTNLAB_TORCH_FOUND VERSION_EQUAL ATTNLAB_TORCH_VERSION)
  message(WARNING "LibTorch ${ATTNLAB_TORCH_FOUND}: only ${ATTNLAB_TORCH_VERSION} has been tried")
endif()

# The one precompiled header: 20 s once, then 2 s a file instead of 10. What it holds of templates
# every file that reads it instantiates again, so autograd's headers, which few files need, are not in it:
# with them it took 26 s, and every file 1.4 s more.
add_library(attnlab_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(attnlab_pch PRIVATE attnlab_torch)
target_precompile_headers(attnlab_pch PRIVATE <ATen/ATen.h>)

# attnlab_uses_torch(TARGET): links LibTorch publicly and shares the precompiled header.
function(attnlab_uses_torch target)
  target_link_libraries(${target} PUBLIC attnlab_torch)
  target_precompile_headers(${target} REUSE_FROM attnlab_pch)
endfunction()
