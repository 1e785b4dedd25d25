/// caught.h: what the emulator has to say against a kernel.
#pragma once

#include <functional>
#include <string>

#include "framework/cuda/emulator/emulator.h"

namespace attnlab::cuda {

/// What an emulated kernel is caught for; "" if nothing.
inline std::string caught(const emulator::Grid& grid, const std::function<void()>& kernel) {
  try {
    emulator::run(grid, kernel);
  } catch (const emulator::EmulatorError& error) {
    return error.what();
  }
  return "";
}

}  // namespace attnlab::cuda
