/// parameters.h: the model's weights: an ordered list of named tensors, nothing else.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attnlab::model {

/// What a weight is for. The optimiser decays `linear` and `attention_decayed`; the last two belong to
/// the attention.
enum class Role { embedding, norm, linear, attention, attention_decayed };
[[nodiscard]] constexpr bool is_attentions(Role role) {
  return role == Role::attention || role == Role::attention_decayed;
}

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

  /// Adds N(mean, std^2) weights. The returned tensor is the one in the list.
  at::Tensor add_normal(std::string name, Role role, at::IntArrayRef sizes, double std,
                        double mean = 0);
  /// Adds weights of one.
  at::Tensor add_ones(std::string name, Role role, at::IntArrayRef sizes);

  /// Adds numbers that are not trained, all `value`.
  at::Tensor add_buffer(std::string name, at::IntArrayRef sizes, double value);

  [[nodiscard]] const std::vector<Parameter>& all() const { return all_; }
  [[nodiscard]] const std::vector<std::pair<std::string, at::Tensor>>& buffers() const {
    return buffers_;
  }
  [[nodiscard]] bool has(std::string_view name) const;  // a parameter or a buffer
  [[nodiscard]] std::int64_t count() const;             // trained numbers, not tensors
  [[nodiscard]] std::int64_t attention_count() const;   // those of them that the attention owns
  /// The weight of that name; throws std::out_of_range.
  [[nodiscard]] const at::Tensor& at(std::string_view name) const;

 private:
  at::Tensor add(std::string name, Role role, at::Tensor value);

  std::uint64_t seed_;
  at::Device device_;
  std::vector<Parameter> all_;
  std::vector<std::pair<std::string, at::Tensor>> buffers_;
};

/// SHA-256 over name, shape and bytes of every weight, sorted by name: of the model's own, which are
/// the same for all variants, or of the attention's with its buffers.
enum class Part { model, attention };
[[nodiscard]] std::string digest(const ParameterList& parameters, Part part = Part::model);

/// "blocks.0.attention.gate [3]; blocks.0.attention.mean [3, 4] buffer": what the attentions own.
[[nodiscard]] std::string owned_by_attention(const ParameterList& parameters);

}  // namespace attnlab::model
