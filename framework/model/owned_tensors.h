/// owned_tensors.h: what the attentions own of a model: asked for while they are built, moved by them alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/attention/attention.h"
#include "framework/model/parameters.h"

namespace attnlab::model {

/// Of one layer: its attention's tensors stand in the model's list.
class LayerOwner final : public Owner {
 public:
  LayerOwner(ParameterList& list, std::int64_t layer)
      : list_(list), prefix_("blocks." + std::to_string(layer) + ".attention.") {}
  at::Tensor parameter(const std::string& name, at::IntArrayRef sizes, Initial initial,
                       bool decay) override;
  at::Tensor buffer(const std::string& name, at::IntArrayRef sizes, double value) override;

 private:
  ParameterList& list_;
  std::string prefix_;
};

/// How a model's tensors were when they were last as they should be.
class OwnedTensors {
 public:
  /// Sizes and dtypes, once all is declared.
  void note_sizes(const ParameterList& list);
  /// Versions of buffers, whenever they were written to on purpose.
  void note_versions(const ParameterList& list);
  /// Throws Error where a buffer was written to since.
  void expect_untouched(const ParameterList& list) const;
  /// Throws Error where something has another size or dtype; `whose(layer)` begins the message.
  template <class Whose>
  void expect_sizes(const ParameterList& list, Whose&& whose) const {
    const auto [name, what] = resized(list);
    if (name.empty()) return;
    throw_resized(whose(std::stoll(name.substr(name.find('.') + 1))), what);
  }

 private:
  /// The name of the first, "blocks.1.attention.sum", and what is wrong with it.
  [[nodiscard]] std::pair<std::string, std::string> resized(const ParameterList& list) const;
  [[noreturn]] static void throw_resized(const std::string& whose, const std::string& what);

  std::vector<std::uint32_t> versions_;                                      // of the buffers
  std::vector<std::pair<std::vector<std::int64_t>, at::ScalarType>> sizes_;  // of all that is owned
};

}  // namespace attnlab::model
