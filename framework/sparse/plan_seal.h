/// plan_seal.h: the builders' word that a plan's contents hold, for the builders alone.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Storage.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "framework/sparse/plans.h"

namespace attnlab::sparse {

/// How what a builder of plans.h made says so: the tensors that it made, their memory and their versions.
/// What has had a tensor or its memory (set_data) exchanged, or written by an operator, no longer matches.
/// Numbers written past that, by .data or a pointer, are not noticed.
struct PlanSeal {
  std::vector<at::Tensor> tensors;
  /// Held, so that nothing else gets its address.
  struct Memory {
    c10::Storage storage;
    const void* begin = nullptr;
    std::int64_t size = 0;
  };
  std::vector<Memory> memory;
  std::vector<std::uint32_t> versions;
  std::int64_t length = 0;  // T, below which all rows are
  bool ascending = false;

  static PlanSeal of(const SegmentPlan& plan, std::int64_t T) {
    return {{plan.query_rows, plan.key_rows, plan.query_start, plan.key_begin, plan.key_end},
            {},
            {},
            T,
            plan.ascending};
  }
  static PlanSeal of(const ChunkedRounds& rounds, std::int64_t T) {
    return {{rounds.order}, {}, {}, T, false};
  }

  template <class Sealed>
  static void put_on(Sealed& sealed, std::int64_t T) {
    auto seal = of(sealed, T);
    for (const auto& tensor : seal.tensors) {
      if (tensor.is_inference()) return;  // these count no versions
      seal.versions.push_back(tensor._version());
      seal.memory.push_back({tensor.storage(), tensor.const_data_ptr(), tensor.numel()});
    }
    sealed.seal_ = std::make_shared<const PlanSeal>(std::move(seal));
  }

  template <class Sealed>
  static bool holds(const Sealed& sealed, std::int64_t T) {
    const auto& seal = sealed.seal_;
    const auto now = of(sealed, T);
    if (seal == nullptr || seal->length != T || seal->ascending != now.ascending) return false;
    for (std::size_t i = 0; i < now.tensors.size(); ++i) {
      const auto& tensor = now.tensors[i];
      const auto& memory = seal->memory[i];
      if (!tensor.is_same(seal->tensors[i]) || tensor._version() != seal->versions[i] ||
          tensor.const_data_ptr() != memory.begin || tensor.numel() != memory.size) {
        return false;
      }
    }
    return true;
  }
};

}  // namespace attnlab::sparse
