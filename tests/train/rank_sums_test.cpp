// rank_sums_test.cpp: what ranks add up at a step: gradients in buckets, and what attentions collected.
#include <gmock/gmock.h>

#include "framework/core/error.h"
#include "framework/train/collected.h"
#include "framework/train/gradient_buckets.h"
#include "tests/train/ranks_together.h"

namespace attnlab::train {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

/// Gives so many sums at each step.
class Sums final : public Attention {
 public:
  Sums(Owner& owner, std::vector<std::int64_t> sizes) : buffer_(owner.buffer("rows", {1})), sizes_(std::move(sizes)) {}
  AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override { return {input.value, {}, {}}; }
  std::vector<at::Tensor> collected() override { return {at::ones({sizes_.at(step_++)})}; }
  std::string kernel() const override { return "sums"; }

 private:
  at::Tensor buffer_;
  std::vector<std::int64_t> sizes_;
  std::size_t step_ = 0;
};

void add_up_collected(const std::vector<std::int64_t>& first, const std::vector<std::int64_t>& second) {
  together(2, [&](Group& group) {
    model::Transformer model({.layers = 1, .width = 16, .heads = 2}, {7, 8}, 3, at::kCPU, [&](std::int64_t, Owner& owner) {
      return std::make_unique<Sums>(owner, group.first() ? first : second);
    });
    Collected collected(model, group);
    for (std::size_t step = 0; step < first.size(); ++step) collected.add_up();
  });
}

TEST(Collected, sums_that_are_not_the_same_everywhere_are_named) {
  EXPECT_NO_THROW(add_up_collected({3, 3, 3}, {3, 3, 3}));
  EXPECT_THAT([] { add_up_collected({3}, {4}); },
              ThrowsMessage<Error>(HasSubstr("collected() gives Float [3] on rank 0 and Float [4] on another")));
  EXPECT_THAT([] { add_up_collected({3, 4}, {3, 4}); },
              ThrowsMessage<Error>(HasSubstr("collected() gives Float [4] on rank 0 after Float [3] at the step before")));
}

TEST(GradientBuckets, send_the_sum_whatever_their_size) {
  for (const std::int64_t numbers : {1, 300, 1 << 20}) {
    together(2, [&](Group& group) {
      auto model = small_model();
      GradientBuckets buckets(model.parameters(), group, numbers);
      for (int round = 1; round <= 2; ++round) {
        for (int part = 0; part < 2; ++part) {
          if (part == 1) buckets.arm();
          at::Tensor loss = at::zeros({});
          for (const auto& [name, role, value] : model.parameters().all()) {
            // The embedding has a gradient in the first micro-batch alone, the final norm on rank 1 alone.
            const bool used = name == "token_embedding" ? part == 0 : name == "final_norm" ? !group.first() : true;
            if (used) loss = loss + value.sum() * (round * (group.rank() + 1));
          }
          loss.backward();
        }
        EXPECT_GE(buckets.finish(), 0);
        for (auto [name, role, value] : model.parameters().all()) {
          const int expected = round * (name == "token_embedding" ? 3 : name == "final_norm" ? 4 : 6);
          EXPECT_TRUE(at::equal(value.grad(), at::full_like(value, expected))) << name;
          value.mutable_grad().reset();
        }
      }
    });
  }
}

/// Two ranks of which this is both, on a device that works while the host goes on: sums are there when it is settled.
class HeldBack final : public Group {
 public:
  HeldBack() : Group(0, 2) {}
  std::unique_ptr<Sum> begin_sum(const at::Tensor& numbers, Patience) override {
    struct Waits final : Sum {
      void wait() override {}
    };
    on_way_.push_back(numbers);
    return std::make_unique<Waits>();
  }
  void settle() override {
    for (auto& numbers : on_way_) numbers.mul_(2);
    on_way_.clear();
  }

 private:
  std::vector<at::Tensor> on_way_;
};

TEST(GradientBuckets, read_nothing_of_a_sum_that_a_device_may_still_be_at) {
  HeldBack group;
  auto model = small_model();
  GradientBuckets buckets(model.parameters(), group, 300);
  for (int round = 1; round <= 2; ++round) {
    buckets.arm();
    model.parameters().at("final_norm").sum().mul(round).backward();
    EXPECT_GE(buckets.finish(), 0);
    for (auto [name, role, value] : model.parameters().all()) {
      if (name != "final_norm") {
        EXPECT_FALSE(value.grad().defined()) << name;
        continue;
      }
      EXPECT_TRUE(at::equal(value.grad(), at::full_like(value, 2 * round)));
      value.mutable_grad().reset();
    }
  }
}

}  // namespace
}  // namespace attnlab::train
