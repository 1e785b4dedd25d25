/// elements.cuh: several consecutive elements of a row in one load or store, as float32 in registers.
#pragma once

#include <type_traits>

#include "framework/cuda/gpu.h"

namespace attnlab::cuda {

/// kCount elements from a multiple of their size, a power of two up to 16 bytes.
template <class Element, int kCount>
struct Elements {
  static constexpr int kWords = kCount * static_cast<int>(sizeof(Element)) / 4;
  struct alignas(kWords * 4) Words {
    std::uint32_t word[kWords];
  };

  static GPU_FUNCTION void load(const Element* from, float (&x)[kCount]) {
    const Words packed = gpu::load(reinterpret_cast<const Words*>(from));
    GPU_UNROLL
    for (int i = 0; i < kCount; ++i) {
      if constexpr (std::is_same_v<Element, float>) {
        x[i] = gpu::as_float(packed.word[i]);
      } else {
        x[i] = gpu::to_float(Element{static_cast<std::uint16_t>(packed.word[i / 2] >> i % 2 * 16)});
      }
    }
  }

  static GPU_FUNCTION void store(Element* to, const float (&x)[kCount]) {
    if constexpr (std::is_same_v<Element, float>) {
      struct alignas(kCount * 4) Floats {
        float at[kCount];
      } floats;
      GPU_UNROLL
      for (int i = 0; i < kCount; ++i) floats.at[i] = x[i];
      gpu::store(reinterpret_cast<Floats*>(to), floats);
    } else {
      Words packed;
      GPU_UNROLL
      for (int i = 0; i < kWords; ++i) packed.word[i] = gpu::pack<Element>(x[2 * i], x[2 * i + 1]);
      gpu::store(reinterpret_cast<Words*>(to), packed);
    }
  }
};

}  // namespace attnlab::cuda
