/// dispatch.h: which instruction set's kernels run here, chosen once.
///   The plain ones are part of this library; each wider set is a library of its own beside it,
///   libattnlab_sparse_NAME.so, so that no code compiled for it can end up in common functions.
#pragma once

#include <string>
#include <type_traits>

#include "framework/sparse/kernels.h"

namespace attnlab::sparse {

/// Of machine::instruction_set(). Throws Error as that does, or where its library cannot be loaded.
[[nodiscard]] const KernelTable& kernel_table();

template <class E>
[[nodiscard]] const Kernels<E>& kernels() {
  const auto& table = kernel_table();
  if constexpr (std::is_same_v<E, float>) return table.float32;
  if constexpr (std::is_same_v<E, double>) return table.float64;
  if constexpr (std::is_same_v<E, Bf16>) return table.bfloat16;
  if constexpr (std::is_same_v<E, F16>) return table.float16;
}

/// The table of one of machine::instruction_sets(); throws Error where its library cannot be loaded.
[[nodiscard]] const KernelTable& kernel_table_of(const std::string& name);

namespace baseline {
const KernelTable& kernel_table();
}

}  // namespace attnlab::sparse
