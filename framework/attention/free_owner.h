/// free_owner.h: what an attention owns that belongs to no model: in checks, timings and tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/attention/attention.h"

namespace attnlab {

/// Makes the tensors and lists them.
class FreeOwner final : public Owner {
 public:
  struct Owned {
    std::string name;
    at::Tensor value;  // a parameter requires a gradient, a buffer does not
    bool decay = false;  // of a parameter
  };

  explicit FreeOwner(std::uint64_t seed = 0, at::Device device = at::kCPU)
      : seed_(seed), device_(device) {}
  [[nodiscard]] at::Tensor parameter(const std::string& name, at::IntArrayRef sizes,
                                     Initial initial, bool decay = false) override;
  [[nodiscard]] at::Tensor buffer(const std::string& name, at::IntArrayRef sizes,
                                  double value = 0) override;
  [[nodiscard]] const std::vector<Owned>& all() const { return all_; }

 private:
  std::uint64_t seed_;
  at::Device device_;
  std::vector<Owned> all_;
};

}  // namespace attnlab
