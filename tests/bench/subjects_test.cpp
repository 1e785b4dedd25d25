// The subjects that are no plugins compute what they promise; inputs are what the model would give.
#include <cstdlib>
#include <string>

#include "framework/bench/answer_check.h"
#include "framework/bench/tiles.h"
#include "framework/sparse/plans.h"
#include "tests/bench/support.h"

namespace attnlab::bench {
namespace {

config::Node section(const std::string& name, const config::Map& values = {}) {
  auto node = config::Node::map();
  node.set("name", config::Node(name));
  for (const auto& [key, value] : values) node.set(key, value);
  return node;
}

AttentionShape shape(config::Causality causality = config::Causality::strict) {
  return {.heads = 2, .head_dim = 16, .max_length = 300, .causality = causality};
}

double pairs_of_two_heads(std::int64_t T) { return static_cast<double>(T * (T - 1)); }

TEST(Inputs, are_the_same_for_a_seed_and_keys_are_queries_of_unit_length) {
  const auto a = small_inputs(50), b = small_inputs(50);
  EXPECT_TRUE(a.query.equal(b.query) && a.value.equal(b.value) && a.grad_out.equal(b.grad_out));
  const auto length = a.query.norm(2, -1, true);
  EXPECT_LT((a.key * length - a.query).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(small_inputs(50, at::kBFloat16).value.equal(a.value.to(at::kBFloat16)));
  const auto apart =
      make_inputs({1, 2, 50, 16}, false, config::KeyNorm::none, 7, at::kFloat, at::kCPU);
  EXPECT_FALSE(apart.key.equal(apart.query));
  EXPECT_TRUE(apart.query.is_leaf() && apart.key.requires_grad());
}

TEST(EngineSubject, with_a_full_plan_is_dense_attention) {
  const auto in = small_inputs(300);
  for (const auto causality : {config::Causality::strict, config::Causality::inclusive}) {
    const auto subject = make_subject(section("engine"), shape(causality), nullptr, in, 1);
    EXPECT_TRUE(check_answer(*subject, in, 1).full);
  }
  const auto subject = make_subject(section("engine"), shape(), nullptr, in, 1);
  EXPECT_EQ(subject->pairs(in), pairs_of_two_heads(300));
  EXPECT_EQ(subject->promise().strict, true);
}

TEST(EngineSubject, has_zipf_buckets_of_falling_size) {
  const auto in = small_inputs(300);
  const auto zipf = section("engine", {{"pattern", config::Node(std::string("zipf"))}});
  const auto subject = make_subject(zipf, shape(), nullptr, in, 1);
  const auto checked = check_answer(*subject, in, 1);
  EXPECT_FALSE(checked.full);
  const auto pairs = subject->pairs(in).value();
  EXPECT_NEAR(checked.pairs, pairs, 0.3 * pairs);
  // Shares 1/n of 16 buckets: their squares sum to 0.139, twice that of equal ones.
  EXPECT_NEAR(pairs / pairs_of_two_heads(300), 0.139, 0.03);
}

TEST(ReshapeSubject, sees_within_equal_segments_and_refuses_lengths_that_do_not_fit) {
  const auto in = small_inputs(64);
  const auto subject = make_subject(section("reshape"), shape(), nullptr, in, 1);
  const auto checked = check_answer(*subject, in, 1);
  EXPECT_LE(checked.pairs_per_row, 4);
  EXPECT_EQ(subject->pairs(in), 2 * 16 * 10.0);
  EXPECT_EQ(
      message_of([&] {
        static_cast<void>(make_subject(section("reshape"), shape(), nullptr, small_inputs(30), 1));
      }),
      "reshape.segments=16 does not divide T = 30; choose lengths that it divides.");
}

TEST(Subjects, that_are_unknown_are_refused) {
  EXPECT_EQ(
      message_of([] {
        static_cast<void>(make_subject(section("nothing"), shape(), nullptr, small_inputs(4), 1));
      }),
      "attention 'nothing' is neither a plugin nor one of engine, reshape");
}

TEST(SdpaSubject, names_the_operator_that_ran) {
  const auto sdpa = make_sdpa();
  const auto in = small_inputs(40);
  static_cast<void>(sdpa->forward(in));
  EXPECT_EQ(sdpa->kernel(), "_scaled_dot_product_flash_attention_for_cpu");
  EXPECT_EQ(sdpa->pairs(in), 2 * 40 * 41 / 2.0);
}

TEST(Tiles, of_a_full_plan_are_those_below_the_diagonal) {
  const auto in = small_inputs(300);  // 5 tiles a side
  const auto subject = make_subject(section("engine"), shape(), nullptr, in, 1);
  for (const auto pass : {config::Pass::forward, config::Pass::backward, config::Pass::both}) {
    EXPECT_EQ(pairs_in_tiles(*subject, in, pass), 2 * 15 * 64 * 64);
    EXPECT_EQ(pairs_in_tiles(*make_sdpa(), in, pass), std::nullopt);
  }
}

sparse::SegmentPlan buckets_of(std::int64_t rows) {
  const std::int64_t count = 8192 / rows;
  const auto buckets = at::randint(count, {1, 1, 8192}, at::kInt);
  return sparse::bucket_plan(buckets, buckets, count, false);
}

// Also run with the emulated kernels for GPUs, of both kinds: small tiles are chosen, and counted.
TEST(Tiles, of_short_segments_are_those_of_the_kernels_that_run) {
  const auto query = at::zeros({1, 1, 8192, 64}, at::kBFloat16);
  const auto* const kernels = std::getenv("ATTNLAB_CUDA_KERNELS");
  const bool emulated = std::getenv("ATTNLAB_CUDA_LIBRARY") != nullptr;
  const bool groups = kernels != nullptr && std::string(kernels) == "wgmma";
  for (const std::int64_t rows : {64, 128, 256, 512}) {
    SCOPED_TRACE(rows);
    const auto plan = buckets_of(rows);
    const auto name = sparse::kernel_name(query, plan);
    const bool small = emulated && rows < (groups ? 96 : 320);
    EXPECT_EQ(name.ends_with(" mma.sync small tiles"), small) << name;
    EXPECT_EQ(name.ends_with(groups ? " wgmma" : " mma.sync"), emulated && !small) << name;
    if (rows != 128) continue;
    const auto pairs = static_cast<double>(sparse::count(plan).pairs);
    for (const auto pass : {config::Pass::forward, config::Pass::backward, config::Pass::both}) {
      const double efficiency = pairs / pairs_in_tiles(query, plan, pass);
      EXPECT_GT(efficiency, small ? 0.65 : 0.3);
      EXPECT_LT(efficiency, small ? 0.8 : 0.5);
    }
  }
}

}  // namespace
}  // namespace attnlab::bench
