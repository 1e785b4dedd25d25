/// ranks_together.h: ranks as threads of a test, each with a Gloo group of its own, and a small model that has all that
///   ranks must add up.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "framework/model/transformer.h"
#include "framework/train/gloo_group.h"
#include "tests/model/masked_softmax.h"

namespace attnlab::train {

/// Calls work(group) for every rank at once, each in a thread, and rethrows rank 0's exception or another's.
template <class Work>
void together(int size, Work&& work, double patience = 30) {
  std::string folder = (std::filesystem::temp_directory_path() / "ranks-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  // c10d's flight recorder keeps its groups in a map without a lock: one process, one rank is all that it knows.
  ASSERT_EQ(::setenv("TORCH_FR_BUFFER_SIZE", "0", 1), 0);
  std::vector<std::future<void>> ranks;
  for (int rank = 0; rank < size; ++rank) {
    ranks.push_back(std::async(std::launch::async, [&, rank] {
      const auto group = meet({.rank = rank, .size = size, .file = folder + "/meeting", .patience = patience});
      work(*group);
    }));
  }
  for (auto& rank : ranks) rank.wait();
  std::filesystem::remove_all(folder);
  for (auto& rank : ranks) rank.get();
}

/// Owns a gate, an auxiliary loss, a parameter that nothing uses and a running mean square of its values, by
/// which it divides; reports how large its output is.
class Gated final : public Attention {
 public:
  explicit Gated(Owner& owner)
      : gate_(owner.parameter("gate", {1}, {.mean = 1})), unused_(owner.parameter("unused", {3}, {.std = 1}, true)),
        energy_(owner.buffer("energy", {1}, 1)) {}
  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    auto output = softmax_.forward(input, context);
    output.output = output.output * gate_ / energy_.clone();
    if (context.training) {
      sum_ += input.value.detach().square().sum();
      count_ += static_cast<double>(input.value.numel());
    }
    output.auxiliary_loss = output.output.square().mean() * 0.1;
    if (context.wants_statistics()) output.statistics = {{"level", "", output.output.abs().mean()}};
    return output;
  }
  void finish_step() override {
    energy_.lerp_((sum_ / count_).to(at::kFloat) + 0.5, 0.25);
    sum_.zero_(), count_.zero_();
  }
  std::vector<at::Tensor> collected() override { return {sum_, count_}; }
  std::string kernel() const override { return "gated"; }

 private:
  MaskedSoftmax softmax_{config::Causality::strict};
  at::Tensor gate_, unused_, energy_;
  at::Tensor sum_ = at::zeros({1}), count_ = at::zeros({1}, at::kDouble);
};

inline const config::ModelConfig kSmall{.layers = 2, .width = 16, .heads = 2, .init_std = 0.1};

inline model::Transformer small_model() {
  return {kSmall, {7, 8}, 3, at::kCPU,
          [](std::int64_t, Owner& owner) { return std::make_unique<Gated>(owner); }};
}

}  // namespace attnlab::train
