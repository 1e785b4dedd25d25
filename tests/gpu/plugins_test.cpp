// Every plugin, forward and backward, against float64 over the pairs that it means; repeated bit
// for bit; and captured in a CUDA graph.
#include <gmock/gmock.h>

#include "framework/sparse/remembered.h"
#include "tests/gpu/device.h"
#include "tests/gpu/graph.h"
#include "tests/sparse/plugin_checks.h"

namespace attnlab::test {
namespace {

struct PluginCase {
  PluginUnderTest plugin;
  at::ScalarType dtype;
};

std::vector<PluginUnderTest> plugins() {
  using config::Causality;
  const auto number = [](std::int64_t value) { return config::Node::Value(value); };
  return {
      {"dense", {}},
      {"none", {}},
      {"hash_sparse", {{"buckets", number(6)}}},
      {"hash_sparse", {{"buckets", number(1)}}, Causality::inclusive},
      {"hash_sparse",
       {{"buckets", number(4)}, {"keys", std::string("separate")}},
       Causality::inclusive,
       false},
      {"qk_drop", {{"drop", 0.4}}},
      {"reformer",
       {{"buckets", number(4)},
        {"chunk", number(16)},
        {"rounds", number(2)},
        {"correct_duplicates", true}}},
      {"sliding_window", {{"window", number(9)}, {"dilation", number(3)}}},
  };
}

std::vector<PluginCase> plugin_cases() {
  std::vector<PluginCase> all;
  for (const auto& plugin : plugins()) {
    for (const auto dtype : {at::kFloat, at::kBFloat16, at::kHalf}) all.push_back({plugin, dtype});
  }
  return all;
}
void PrintTo(const PluginCase& c, std::ostream* out) {
  *out << c.plugin.name << " " << c.plugin.values.size() << " " << c.dtype;
}

/// bool [B, H, T, T]: the pairs with weight, read as output rows for unit vectors as values.
at::Tensor pairs_of(const PluginUnderTest& plugin, const AttentionContext& context,
                    const RandomInput& in) {
  const std::int64_t T = in.query.size(2), D = in.query.size(3);
  const auto query = in.query.to(at::kFloat), key = in.key.to(at::kFloat);
  std::vector<at::Tensor> parts;
  for (std::int64_t first = 0; first < T; first += D) {
    const std::int64_t n = std::min(D, T - first);
    const auto value = at::zeros_like(query);
    value.slice(2, first, first + n).slice(3, 0, n).diagonal(0, 2, 3).fill_(1);
    const auto out = plugin.run({query, key, value, {}}, context).output;
    parts.push_back(out.slice(3, 0, n).gt(0));
  }
  return at::cat(parts, 3);
}

class EveryPlugin : public OnGpu, public testing::WithParamInterface<PluginCase> {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    if (!IsSkipped()) in_ = on_device(in_);
  }
  const PluginUnderTest& plugin_ = GetParam().plugin;
  RandomInput in_{emulated() ? std::vector<std::int64_t>{1, 2, 53, 24}
                             : std::vector<std::int64_t>{2, 3, 517, 64},
                  GetParam().dtype, plugin_.shared_keys};
  ContextCase batch_{in_.query.size(0)};
};

TEST_P(EveryPlugin, is_exact_over_its_own_pairs) {
  const auto mask = pairs_of(plugin_, batch_.context, in_);
  ASSERT_EQ(mask.any().item<bool>(), plugin_.name != "none");
  expect_matches_reference(plugin_.function(batch_.context), in_.query, in_.key, in_.value,
                           in_.grad_out, mask);
}

TEST_P(EveryPlugin, is_the_same_bit_for_bit_every_time) {
  if (plugin_.name == "dense" && !emulated()) GTEST_SKIP() << "LibTorch's own operator";
  const auto run = [&] {
    const auto got =
        attend(plugin_.function(batch_.context), in_.query, in_.key, in_.value, in_.grad_out);
    return std::array{got.out, got.dq, got.dk, got.dv};
  };
  const auto first = run();
  for (int i = 0; i < (emulated() ? 1 : 5); ++i) expect_equal_bits(run(), first, "again");
}

TEST_P(EveryPlugin, can_be_captured_in_a_graph) {
  if (plugin_.name == "dense" && !emulated()) GTEST_SKIP() << "LibTorch's own operator";
  const auto layer = plugin_.build(in_.query);
  const auto leaf = [](const at::Tensor& x) { return x.clone().requires_grad_(true); };
  const auto query = leaf(in_.query), key = leaf(in_.key), value = leaf(in_.value);
  const std::vector<at::Tensor> result{at::zeros_like(in_.query), at::zeros_like(in_.query),
                                       at::zeros_like(in_.query), at::zeros_like(in_.query)};
  expect_capturable(
      [&] {
        for (const auto* x : {&query, &key, &value}) x->mutable_grad().reset();
        const auto out = layer->forward({query, key, value, {}}, batch_.context).output;
        out.backward(in_.grad_out);
        result[0].copy_(out.detach());
        const std::array gradients{query.grad(), key.grad(), value.grad()};
        for (std::size_t i = 0; i < gradients.size(); ++i) {
          if (gradients[i].defined()) result[i + 1].copy_(gradients[i]);
        }
      },
      result);
}

INSTANTIATE_TEST_SUITE_P(dtypes, EveryPlugin, testing::ValuesIn(plugin_cases()));

TEST(Remembered, draws_anew_only_when_its_key_changes) {
  sparse::Remembered<std::pair<int, int>> draws;
  int drawn = 0;
  const auto draw = [&] { return at::full({1}, ++drawn); };
  EXPECT_EQ(draws.get({1, 1}, draw).item<int>(), 1);
  EXPECT_EQ(draws.get({1, 1}, draw).item<int>(), 1);
  EXPECT_EQ(draws.get({1, 2}, draw).item<int>(), 2);
  EXPECT_EQ(draws.get({1, 1}, draw).item<int>(), 3);
}

using Refusals = OnGpu;
TEST_F(Refusals, name_head_dims_above_128_and_float64) {
  const PluginUnderTest plugin{"qk_drop", {}};
  const ContextCase batch(1);
  const auto message = [&](std::int64_t D, at::ScalarType dtype) -> std::string {
    const auto in = on_device(RandomInput({1, 1, 8, D}, dtype));
    try {
      (void)plugin.run(in.input(), batch.context);
    } catch (const std::exception& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message(136, at::kFloat), testing::HasSubstr("expected at most 128 on a GPU"));
  EXPECT_THAT(message(32, at::kDouble), testing::HasSubstr("float64 is computed on the CPU only"));
}

/// What a captured step may not do is noticed, or the tests above would see nothing.
TEST_F(Refusals, name_a_step_that_waits_for_the_device) {
  const auto run = run_in_graph();
  ASSERT_NE(run, nullptr);
  if (!emulated()) GTEST_SKIP() << "an error while capturing would end the other tests";
  const auto number = at::ones({1}, device());
  int waited = 0;
  const auto step = [&] { waited += number.item<int>(); };
  EXPECT_THROW(run(step, 1, [] {}), c10::Error);
  EXPECT_EQ(waited, kWarmUps);
  EXPECT_THROW(run([&] { (void)number.to(at::kCPU); }, 1, [] {}), c10::Error);
  EXPECT_THROW(run([&] { (void)number.nonzero(); }, 1, [] {}), c10::Error);
}

}  // namespace
}  // namespace attnlab::test
