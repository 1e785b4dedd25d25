// What an attention owns: in the model's list, moved at the right moments, and nothing undeclared.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "framework/core/error.h"
#include "framework/model/transformer.h"

namespace attnlab::model {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr TokenShape kOwnersShape{.vocabulary = 11, .length = 8};

enum class Fault { none, moves_in_evaluation, moves_in_training, undeclared_leaf, undeclared_loss, grows };

// Output times a learned gate per head; counts in a buffer the rows that training steps saw.
class Gated final : public Attention {
 public:
  Gated(std::int64_t heads, Owner& owner, Fault fault)
      : gate_(owner.parameter("gate", {heads}, {.mean = 1, .std = 0.1})),
        rows_(owner.buffer("rows", {1}, 5)),
        fault_(fault),
        hidden_(at::ones({heads}).requires_grad_()) {}

  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    if (context.training) collected_ += input.query.size(0) * input.query.size(2);
    if (fault_ == (context.training ? Fault::moves_in_training : Fault::moves_in_evaluation)) {
      const at::NoGradGuard no_grad;
      rows_.add_(1);
    }
    auto gate = gate_;
    if (fault_ == Fault::undeclared_leaf) gate = gate * hidden_;
    AttentionOutput result{input.value * gate.view({1, -1, 1, 1}), {}, {}};
    if (fault_ == Fault::undeclared_loss) result.auxiliary_loss = hidden_.sum();
    return result;
  }
  void finish_step() override {
    rows_.add_(static_cast<double>(std::exchange(collected_, 0)));
    if (fault_ == Fault::grows) rows_.resize_({rows_.size(0) + 1});
  }
  std::string kernel() const override { return "gated"; }

 private:
  at::Tensor gate_, rows_;
  Fault fault_;
  at::Tensor hidden_;
  std::int64_t collected_ = 0;
};

config::ModelConfig owners_model() {
  config::ModelConfig config;
  config.layers = 2;
  config.width = 12;
  config.heads = 3;
  return config;
}

Transformer make_owning(Fault fault = Fault::none) {
  return {owners_model(), kOwnersShape, 1, at::kCPU, [=](std::int64_t, Owner& owner) {
            return std::make_unique<Gated>(3, owner, fault);
          }};
}

void pass(Transformer& model, bool training, std::int64_t rows = 2) {
  const std::vector<std::int64_t> ids(static_cast<std::size_t>(rows), 0);
  const auto tokens = at::zeros({rows, 4}, at::kLong);
  (void)model.forward(tokens, {1, 0, 0, ids, training});
}

at::Tensor rows_of(const Transformer& model, std::size_t layer = 0) {
  return model.parameters().buffers().at(layer).second;
}

TEST(Owned, stands_in_the_models_list_and_leaves_its_own_weights_alone) {
  const auto gated = make_owning();
  const Transformer plain(owners_model(), kOwnersShape, 1, at::kCPU, [](std::int64_t) {
    struct Value final : Attention {
      AttentionOutput forward(const AttentionInput& in, const AttentionContext&) override {
        return {in.value, {}, {}};
      }
      std::string kernel() const override { return "value"; }
    };
    return std::make_unique<Value>();
  });
  EXPECT_EQ(digest(gated.parameters()), digest(plain.parameters()));
  EXPECT_NE(digest(gated.parameters(), Part::attention), digest(plain.parameters(), Part::attention));
  EXPECT_EQ(gated.parameters().count(), plain.parameters().count() + 6);
  EXPECT_EQ(gated.parameters().attention_count(), 6);
  const auto& gate = gated.parameters().at("blocks.0.attention.gate");
  EXPECT_FALSE(gate.equal(gated.parameters().at("blocks.1.attention.gate")));  // own streams
  EXPECT_LT((gate - 1).abs().max().item<float>(), 0.6);
  EXPECT_EQ(owned_by_attention(gated.parameters()),
            "blocks.0.attention.gate [3]; blocks.1.attention.gate [3]; blocks.0.attention.rows [1] "
            "buffer; blocks.1.attention.rows [1] buffer");
}

TEST(Owned, buffers_move_in_finish_step_alone_whatever_the_micro_batches) {
  auto whole = make_owning(), parts = make_owning();
  pass(whole, true, 4);
  EXPECT_EQ(rows_of(whole).item<float>(), 5);  // what a step uses is what the one before left
  for (int i = 0; i < 4; ++i) pass(parts, true, 1);
  pass(parts, false, 3);
  parts.expect_buffers_untouched();
  whole.finish_step(), parts.finish_step();
  EXPECT_EQ(rows_of(whole).item<float>(), 21);
  EXPECT_TRUE(rows_of(whole, 1).equal(rows_of(parts, 1)));
}

TEST(Owned, buffers_whose_sums_are_not_given_are_named) {
  auto keeps = make_owning();
  EXPECT_EQ(keeps.uncollected_buffers(),
            (std::vector<std::string>{"blocks.0.attention.rows", "blocks.1.attention.rows"}));
  EXPECT_TRUE(keeps.collected().empty());
  struct Gives final : Attention {
    at::Tensor sum = at::zeros({2}), buffer;
    explicit Gives(Owner& owner) : buffer(owner.buffer("rows", {2})) {}
    AttentionOutput forward(const AttentionInput& in, const AttentionContext&) override { return {in.value, {}, {}}; }
    std::vector<at::Tensor> collected() override { return {sum}; }
    std::string kernel() const override { return "gives"; }
  };
  Transformer gives(owners_model(), kOwnersShape, 1, at::kCPU,
                    [](std::int64_t, Owner& owner) { return std::make_unique<Gives>(owner); });
  EXPECT_TRUE(gives.uncollected_buffers().empty());
  EXPECT_EQ(gives.collected().size(), 2U);
}

TEST(Owned, a_buffer_that_moves_at_another_time_is_named) {
  auto evaluated = make_owning(Fault::moves_in_evaluation), trained = make_owning(Fault::moves_in_training);
  pass(evaluated, true);
  evaluated.finish_step();
  pass(evaluated, false);
  EXPECT_THAT([&] { evaluated.expect_buffers_untouched(); },
              ThrowsMessage<Error>(HasSubstr("the buffer 'blocks.0.attention.rows' was written to "
                                             "outside finish_step()")));
  pass(trained, true);
  EXPECT_THAT([&] { trained.finish_step(); }, ThrowsMessage<Error>(HasSubstr("finish_step()")));
}

TEST(Owned, a_buffer_of_another_size_ends_the_step_that_made_it) {
  auto model = make_owning(Fault::grows);
  pass(model, true);
  EXPECT_THAT([&] { model.finish_step(); },
              ThrowsMessage<Error>(HasSubstr("the attention of layer 0: the buffer 'blocks.0.attention.rows' is Float [2] "
                                             "after finish_step(); it was declared as Float [1]")));
}

TEST(Owned, a_leaf_that_was_not_declared_ends_the_first_training_pass) {
  for (const auto fault : {Fault::undeclared_leaf, Fault::undeclared_loss}) {
    auto model = make_owning(fault);
    pass(model, false);  // evaluation says nothing of training
    EXPECT_THAT([&] { pass(model, true); },
                ThrowsMessage<Error>(HasSubstr(
                    "the attention of layer 0 uses a tensor of shape [3] that requires a gradient "
                    "and was not declared")));
  }
}

TEST(Owned, names_and_sizes_that_cannot_be_are_refused) {
  const auto declare = [](const std::function<void(Owner&)>& ask) {
    const Transformer model(owners_model(), kOwnersShape, 1, at::kCPU, [&](std::int64_t, Owner& owner) {
      ask(owner);
      return std::make_unique<Gated>(3, owner, Fault::none);
    });
  };
  const std::vector<std::pair<std::function<void(Owner&)>, const char*>> cases{
      {[](Owner& o) { (void)o.parameter("", {1}, {}); }, "'' is no name"},
      {[](Owner& o) { (void)o.parameter("a.b", {1}, {}); }, "'a.b' is no name"},
      {[](Owner& o) { (void)o.buffer("Gate", {1}); }, "'Gate' is no name"},
      {[](Owner& o) { (void)o.buffer("gate", {1}); }, "'gate' was declared before"},
      {[](Owner& o) { (void)o.parameter("x", {3, 0}, {}); }, "'x' was declared with a size below 1"},
      {[](Owner& o) { (void)o.parameter("x", {3}, {.mean = std::nan("")}); }, "'x' was declared with mean nan and std 0"},
      {[](Owner& o) { (void)o.parameter("x", {3}, {.std = HUGE_VAL}); }, "'x' was declared with mean 0 and std inf"},
      {[](Owner& o) { (void)o.parameter("x", {3}, {.std = -1}); }, "std -1; expected finite numbers, and std of at least 0"}};
  for (const auto& each : cases) {
    EXPECT_THAT([&] { declare(each.first); }, ThrowsMessage<Error>(HasSubstr(each.second)));
  }
}

}  // namespace
}  // namespace attnlab::model
