# attnlab_libtorch.cmake: the target attnlab::torch, LibTorch's CPU part; here and in the installed package.
# find_package(Torch) would add CUDA flags of its own and link libtorch_cuda; we link the CPU part
# and load the CUDA part at start where a driver is there.
include_guard()

# FOLDER holds include/ and lib/ (a wheel's torch folder, or a LibTorch zip); REMEDY ends the message
# when it does not. Sets ATTNLAB_TORCH_FOUND, "2.11.0", and ATTNLAB_TORCH_CUDA, the CUDA that it was built
# for: "13.0", or "none".
function(attnlab_add_libtorch folder remedy)
  set(version_h ${folder}/include/torch/headeronly/version.h)
  foreach(file ${folder}/lib/libtorch_cpu.so ${version_h})
    if(NOT EXISTS ${file})
      message(FATAL_ERROR "no LibTorch at '${folder}' (expected ${file}). ${remedy}")
    endif()
  endforeach()
  file(READ ${version_h} text)
  foreach(part MAJOR MINOR PATCH)
    string(REGEX MATCH "TORCH_VERSION_${part} ([0-9]+)" _ "${text}")
    list(APPEND version ${CMAKE_MATCH_1})
  endforeach()
  list(JOIN version "." version)
  set(ATTNLAB_TORCH_FOUND ${version} CACHE INTERNAL "LibTorch's version")
  set(cuda none)
  foreach(file version.py build-version)  # of a wheel, of a zip: "2.11.0+cu130"
    if(EXISTS ${folder}/${file})
      file(READ ${folder}/${file} text)
      if(text MATCHES "[+]cu([0-9]+)([0-9])")
        set(cuda ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
      endif()
    endif()
  endforeach()
  set(ATTNLAB_TORCH_CUDA ${cuda} CACHE INTERNAL "the CUDA that LibTorch was built for, or none")
  message(STATUS "LibTorch ${version} in ${folder}, its CUDA: ${cuda}")

  add_library(attnlab_torch INTERFACE)
  add_library(attnlab::torch ALIAS attnlab_torch)
  target_include_directories(attnlab_torch SYSTEM INTERFACE
                             ${folder}/include ${folder}/include/torch/csrc/api/include)
  target_compile_definitions(attnlab_torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1
                             ATTNLAB_TORCH_VERSION="${version}")
  target_link_libraries(attnlab_torch INTERFACE ${folder}/lib/libtorch_cpu.so ${folder}/lib/libc10.so)
  target_link_options(attnlab_torch INTERFACE -Wl,--disable-new-dtags,-rpath,${folder}/lib)
endfunction()
