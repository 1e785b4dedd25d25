// The last resort, the future, statistics, memory and refusals.
#include <c10/core/Allocator.h>
#include <gmock/gmock.h>

#include <atomic>
#include <cmath>
#include <functional>

#include "attention_plugins/reformer/test/harness.h"
#include "attention_plugins/reformer/test/reference.h"
#include "tests/sparse/plugin_checks.h"

namespace attnlab::reformer {
namespace {

TEST(Reformer, a_row_without_keys_gets_its_own_value_and_its_gradient) {
  const Problem problem = make_problem({.T = 1});
  const Results results = differentiate(problem, ReformerConfig{.rounds = 4});
  EXPECT_TRUE(at::equal(results[0], problem.value));
  EXPECT_TRUE(at::equal(results[3], problem.grad_out));
  EXPECT_TRUE(at::equal(results[1], at::zeros_like(results[1])));
  EXPECT_TRUE(at::equal(results[2], at::zeros_like(results[2])));
}

TEST(Reformer, one_chunk_is_dense_strict_attention_but_for_token_0) {
  const Problem problem = make_problem({.T = 40}, at::kDouble);
  const at::Tensor out = out_of(problem, {.rounds = 2, .chunk = 40});
  const at::Tensor strict = at::ones({40, 40}, at::kBool).tril(-1);
  const at::Tensor dense = at::scaled_dot_product_attention(
      problem.query.slice(2, 1), problem.key, problem.value, strict.slice(0, 1));  // [B, H, T-1, D]
  EXPECT_LT((out.slice(2, 1) - dense).abs().max().item<double>(), 1e-14);
  EXPECT_TRUE(at::equal(out.select(2, 0), problem.value.select(2, 0)));
}

TEST(Reformer, later_values_leave_earlier_outputs_bit_equal) {
  Problem problem = make_problem();
  const ReformerConfig config{.rounds = 4, .chunk = 8};
  const at::Tensor before = out_of(problem, config);
  for (const std::int64_t t : {0, 1, 25, 40}) {
    Problem changed = problem;
    changed.value = problem.value.clone();
    changed.value.slice(2, t + 1).normal_().mul_(1e3);
    const at::Tensor after = out_of(changed, config);
    EXPECT_TRUE(at::equal(after.slice(2, 0, t + 1), before.slice(2, 0, t + 1))) << "t = " << t;
    EXPECT_FALSE(at::equal(after, before)) << "t = " << t;
  }
}

TEST(Reformer, gradients_of_an_output_at_later_positions_are_exactly_0) {
  Problem problem = make_problem();
  const ReformerConfig config{.rounds = 4, .chunk = 8};
  for (const std::int64_t t : {0, 1, 25, 51}) {
    Problem only_t = problem;
    only_t.grad_out = at::zeros_like(problem.grad_out);
    only_t.grad_out.select(2, t).fill_(1);
    const Results results = differentiate(only_t, config);
    for (std::size_t i = 1; i < results.size(); ++i) {
      const at::Tensor later = results[i].slice(2, t + 1);
      EXPECT_TRUE(at::equal(later, at::zeros_like(later))) << kNames[i] << ", t = " << t;
    }
  }
}

TEST(Reformer, statistics_agree_with_a_count_over_all_pairs) {
  const Problem problem = make_problem();
  const ReformerConfig config{.rounds = 2, .buckets = 4, .chunk = 4, .bucket_mask = true};
  AttentionContext context = problem.context();
  context.training = false;
  const auto output = run(problem, config, context);
  const auto value = [&](const char* name) { return test::statistic(output, name); };
  const Reference pattern = reference(problem.query, config, context);
  ASSERT_LT(pattern.covered, pattern.same_bucket);
  ASSERT_EQ(output.statistics.size(), 7u);
  EXPECT_DOUBLE_EQ(value("bucket_coverage"), pattern.covered / pattern.same_bucket);
  EXPECT_DOUBLE_EQ(value("last_resort_rows"), static_cast<double>(pattern.last_resort) / (2 * 3 * 53));
  EXPECT_EQ(value("buckets"), 4);
  EXPECT_EQ(value("bucket_load_max"), pattern.largest_bucket);
  EXPECT_DOUBLE_EQ(value("pairs_per_query"),
                   (pattern.multiplicity > 0).sum().item<double>() / (2 * 3 * 53));
  EXPECT_GT(value("bucket_entropy"), 0);
  EXPECT_LE(value("bucket_entropy"), 2);  // of four even buckets
  EXPECT_DOUBLE_EQ(value("pairs_over_even"),
                   4.0 * static_cast<double>(pattern.same_bucket) / (2 * 2 * 3 * 53 * 52 / 2));
}

TEST(Reformer, statistics_of_one_row_and_of_one_bucket_are_no_odd_numbers) {
  Problem problem = make_problem();
  for (auto* rows : {&problem.query, &problem.key, &problem.value}) *rows = rows->slice(2, 0, 1).contiguous();
  AttentionContext context = problem.context();
  context.training = false;
  const auto output = run(problem, {.rounds = 2, .buckets = 4, .chunk = 4}, context);
  EXPECT_EQ(test::statistic(output, "pairs_over_even"), 1);
  EXPECT_FALSE(std::signbit(test::statistic(output, "bucket_entropy")));
}

TEST(Reformer, training_steps_carry_statistics_where_asked_but_not_the_one_that_waits) {
  const Problem problem = make_problem();
  auto context = problem.context();
  EXPECT_TRUE(run(problem, {}, context).statistics.empty());
  context.statistics = true;
  const auto training = run(problem, {}, context);
  ASSERT_EQ(training.statistics.size(), 6u);
  context.training = false;
  const auto evaluation = run(problem, {}, context);
  for (const auto& statistic : training.statistics) {
    EXPECT_EQ(statistic.value.read(), test::statistic(evaluation, statistic.name)) << statistic.name;
  }
}

TEST(Reformer, keeps_documents_apart_and_counts_what_is_left) {
  using config::Node;
  test::PluginUnderTest plugin{"reformer",
                               {{"chunk", Node::Value(std::int64_t{8})},
                                {"buckets", Node::Value(std::int64_t{4})},
                                {"rounds", Node::Value(std::int64_t{3})}}};
  test::expect_pairs_told_within_documents(plugin);
  plugin.values.emplace_back("bucket_mask", true);
  test::expect_pairs_told_within_documents(plugin);

  const test::RandomInput in({2, 2, 50, 16}, at::kFloat);
  test::ContextCase batch(2);
  batch.context.training = false;
  auto input = in.input();
  const auto joined = plugin.run(input, batch.context);
  plugin.documents = config::Documents::isolated;
  input.documents = at::full({2, 50}, 3, at::kInt);
  const auto one = plugin.run(input, batch.context);
  EXPECT_TRUE(one.output.equal(joined.output));
  for (const auto& told : joined.statistics) {
    EXPECT_EQ(test::statistic(one, told.name), told.value.read()) << told.name;
  }
  input.documents = at::arange(50, at::kInt).expand({2, 50}).contiguous();
  const auto alone = plugin.run(input, batch.context);
  EXPECT_TRUE(alone.output.equal(in.value));
  EXPECT_EQ(test::statistic(alone, "last_resort_rows"), 1);
  EXPECT_EQ(test::statistic(alone, "bucket_coverage"), 1);
  EXPECT_EQ(test::statistic(alone, "bucket_load_max"), test::statistic(joined, "bucket_load_max"));
}

TEST(Reformer, automatic_buckets_are_twice_the_chunks) {
  EXPECT_EQ((ReformerConfig{.chunk = 64}).buckets_for(784), 26);
  EXPECT_EQ((ReformerConfig{.chunk = 64}).buckets_for(64), 2);
  EXPECT_EQ((ReformerConfig{.chunk = 64}).buckets_for(1), 2);
  EXPECT_EQ((ReformerConfig{.buckets = 8, .chunk = 64}).buckets_for(784), 8);
}

TEST(Reformer, reads_inputs_of_any_strides) {
  const Problem problem = make_problem();
  Problem strided = problem;
  for (at::Tensor* x : {&strided.query, &strided.key, &strided.value}) {
    *x = x->transpose(1, 2).contiguous().transpose(1, 2);  // stored as [B, T, H, D]
  }
  const ReformerConfig config{.chunk = 8};
  EXPECT_TRUE(at::equal(out_of(strided, config), out_of(problem, config)));
}

/// Adds up what LibTorch allocates on the CPU while it stands in for the default allocator.
class CountingAllocator final : public at::Allocator {
 public:
  CountingAllocator() { at::SetAllocator(at::kCPU, this, kPriority); }
  ~CountingAllocator() override { at::SetAllocator(at::kCPU, base_, kPriority); }
  at::DataPtr allocate(std::size_t bytes) override {
    total_ += bytes;
    return base_->allocate(bytes);
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    base_->copy_data(to, from, bytes);
  }
  at::DeleterFnPtr raw_deleter() const override { return base_->raw_deleter(); }
  [[nodiscard]] double total() const { return static_cast<double>(total_); }

 private:
  static constexpr std::uint8_t kPriority = 1;
  at::Allocator* base_ = at::GetAllocator(at::kCPU);
  std::atomic<std::size_t> total_ = 0;
};

double bytes_at_length(std::int64_t T) {
  const Problem problem = make_problem({.B = 1, .H = 1, .T = T, .D = 8});
  CountingAllocator allocator;
  (void)differentiate(problem, {.rounds = 2, .chunk = 16});
  return allocator.total();
}

TEST(Reformer, memory_grows_linearly_with_the_length) {
  (void)bytes_at_length(64);
  const double growth = bytes_at_length(4096) / bytes_at_length(2048);
  EXPECT_GT(growth, 1.8);
  EXPECT_LT(growth, 2.1) << "T x T would give 4";
}

TEST(Reformer, names_the_engine_kernel_that_ran) {
  const Problem problem = make_problem();
  const auto attention = make_attention(problem.query, {});
  EXPECT_EQ(attention->kernel(), "not run yet");
  (void)attention->forward({problem.query, problem.key, problem.value, {}}, problem.context());
  EXPECT_THAT(attention->kernel(), testing::HasSubstr("segment_attention cpu float32"));
}

std::string refusal(config::Causality causality, bool shared_keys) {
  const AttentionShape shape{.heads = 2,
                             .head_dim = 16,
                             .max_length = 64,
                             .causality = causality,
                             .shared_keys = shared_keys};
  return the_plugin().refuses(shape, section_of({}));
}

TEST(ReformerRefuses, inclusive_causality) {
  EXPECT_EQ(refusal(config::Causality::strict, true), "");
  EXPECT_THAT(refusal(config::Causality::inclusive, true),
              testing::AllOf(testing::HasSubstr("'reformer' does not support inclusive causality"),
                             testing::HasSubstr("model.causality: strict")));
}

TEST(ReformerRefuses, keys_of_their_own) {
  EXPECT_THAT(refusal(config::Causality::strict, false),
              testing::HasSubstr("set model.shared_keys=true"));
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ReformerRefuses, odd_buckets) {
  const at::Tensor query = at::zeros({1, 1, 4, 8});
  EXPECT_THAT(message_of([&] { (void)make_attention(query, {.buckets = 7}); }),
              testing::AllOf(testing::HasSubstr("attention.buckets"), testing::HasSubstr("7"),
                             testing::HasSubstr("even")));
}

TEST(ReformerRefuses, seventeen_rounds) {
  const at::Tensor query = at::zeros({1, 1, 4, 8});
  EXPECT_THAT(message_of([&] { (void)make_attention(query, {.rounds = 17}); }),
              testing::AllOf(testing::HasSubstr("attention.rounds"), testing::HasSubstr("17"),
                             testing::HasSubstr("from 1 to 16")));
}

TEST(ReformerRefuses, another_number_of_heads_than_it_was_built_for) {
  const at::Tensor built_for = at::zeros({1, 2, 4, 8}), given = at::zeros({1, 3, 4, 8});
  const auto attention = make_attention(built_for, {});
  EXPECT_THAT(message_of([&] {
                (void)attention->forward({given, given, given, {}}, {});
              }),
              testing::HasSubstr("[reformer] query: expected 2 heads of 8, got [1, 3, 4, 8]"));
}

}  // namespace
}  // namespace attnlab::reformer
