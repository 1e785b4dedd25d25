/// parameters.h: the model's weights: an ordered list of named tensors, nothing else.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attnlab::model {

/// What a weight is for; the optimiser decays linear ones only.
enum class Role { embedding, norm, linear };

struct Parameter {
  std::string name;  // "blocks.0.attention_in"
  Role role;
  at::Tensor value;  // float32 leaf that requires a gradient
};

/// Every weight is drawn from its own stream, RandomStream(seed, "init/" + name), element by
/// element. So initial weights do not depend on order, thread count or the attention variant.
class ParameterList {
 public:
  ParameterList(std::uint64_t seed, at::Device device) : seed_(seed), device_(device) {}

  /// Adds N(0, std^2) weights. The returned tensor is the one in the list.
  at::Tensor add_normal(std::string name, Role role, at::IntArrayRef sizes, double std);
  /// Adds weights of one.
  at::Tensor add_ones(std::string name, Role role, at::IntArrayRef sizes);

  [[nodiscard]] const std::vector<Parameter>& all() const { return all_; }
  [[nodiscard]] std::int64_t count() const;  // numbers, not tensors
  /// The weight of that name; throws std::out_of_range.
  [[nodiscard]] const at::Tensor& at(std::string_view name) const;

 private:
  at::Tensor add(std::string name, Role role, at::Tensor value);

  std::uint64_t seed_;
  at::Device device_;
  std::vector<Parameter> all_;
};

/// SHA-256 over name, shape and bytes of every weight, sorted by name.
[[nodiscard]] std::string digest(const ParameterList& parameters);

}  // namespace attnlab::model
