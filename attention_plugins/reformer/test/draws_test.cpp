// What the random projections depend on, and what they do not.
#include <ATen/Parallel.h>

#include "attention_plugins/reformer/test/harness.h"
#include "attention_plugins/reformer/test/reference.h"

namespace attnlab::reformer {
namespace {

Problem rows_of(const Problem& all, const std::vector<std::int64_t>& rows) {
  const at::Tensor index = at::tensor(rows);
  const auto take = [&](const at::Tensor& x) { return x.index_select(0, index); };
  Problem some{take(all.query), take(all.key), take(all.value), take(all.grad_out), {}};
  for (const std::int64_t row : rows) some.sequence_ids.push_back(all.sequence_ids[row]);
  return some;
}

TEST(ReformerDraws, permuting_the_batch_permutes_outputs_and_gradients) {
  const Problem problem = make_problem({.B = 4});
  const ReformerConfig config{.rounds = 2, .chunk = 8};
  const std::vector<std::int64_t> permutation{2, 0, 3, 1};
  const Results straight = differentiate(problem, config);
  const Results permuted = differentiate(rows_of(problem, permutation), config);
  for (std::size_t i = 0; i < straight.size(); ++i) {
    EXPECT_TRUE(at::equal(permuted[i], straight[i].index_select(0, at::tensor(permutation))))
        << kNames[i];
  }
}

TEST(ReformerDraws, micro_batches_give_the_whole_batch) {
  const Problem problem = make_problem({.B = 3});
  const ReformerConfig config{.rounds = 2, .chunk = 8};
  const Results whole = differentiate(problem, config);
  const Results first = differentiate(rows_of(problem, {0}), config);
  const Results rest = differentiate(rows_of(problem, {1, 2}), config);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_TRUE(at::equal(at::cat({first[i], rest[i]}), whole[i])) << kNames[i];
  }
}

TEST(ReformerDraws, do_not_depend_on_call_order_or_threads) {
  const Problem problem = make_problem({.T = 300});
  const ReformerConfig config{.rounds = 4, .chunk = 16};
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Results one = differentiate(problem, config);
  at::set_num_threads(3);
  const auto attention = make_attention(problem.query, config);
  const AttentionInput input{problem.query, problem.key, problem.value, {}};
  AttentionContext other = problem.context();
  other.step = 4;
  (void)attention->forward(input, other);
  const at::Tensor again = attention->forward(input, problem.context()).output;
  const Results three = differentiate(problem, config);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(again, one[0]));
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_TRUE(at::equal(three[i], one[i])) << kNames[i];
  }
}

/// Whether a changed context changes the output.
bool differs(const ReformerConfig& config, void (*change)(AttentionContext&)) {
  const Problem problem = make_problem();
  AttentionContext context = problem.context();
  change(context);
  return !at::equal(run(problem, config, context).output, out_of(problem, config));
}

TEST(ReformerDraws, depend_on_seed_layer_and_step_but_not_on_the_mode) {
  const ReformerConfig config{.rounds = 1, .chunk = 8};
  EXPECT_TRUE(differs(config, [](AttentionContext& c) { c.run_seed = 8; }));
  EXPECT_TRUE(differs(config, [](AttentionContext& c) { c.layer = 2; }));
  EXPECT_TRUE(differs(config, [](AttentionContext& c) { c.step = 4; }));
  EXPECT_FALSE(differs(config, [](AttentionContext& c) { c.training = false; }));
  EXPECT_FALSE(differs(config, [](AttentionContext& c) { c.sequence_ids = {}; }));
}

TEST(ReformerDraws, fixed_projections_stay_over_steps_only) {
  const ReformerConfig config{.rounds = 1, .chunk = 8, .projections = Projections::fixed};
  EXPECT_FALSE(differs(config, [](AttentionContext& c) { c.step = 4; }));
  EXPECT_TRUE(differs(config, [](AttentionContext& c) { c.layer = 2; }));
}

TEST(ReformerDraws, heads_share_projections_only_when_told_to) {
  Problem problem = make_problem({.H = 1});
  for (at::Tensor* x : {&problem.query, &problem.key, &problem.value}) {
    *x = x->repeat({1, 2, 1, 1});  // two equal heads
  }
  const auto heads_agree = [&](bool per_head) {
    const at::Tensor out = out_of(problem, {.chunk = 8, .projection_per_head = per_head});
    return at::equal(out.select(1, 0), out.select(1, 1));
  };
  EXPECT_TRUE(heads_agree(false));
  EXPECT_FALSE(heads_agree(true));
}

TEST(ReformerDraws, shared_projections_are_those_of_head_0) {
  const ReformerConfig config{.rounds = 2, .chunk = 8, .projection_per_head = false};
  const Problem problem = make_problem({}, at::kDouble);
  const Reference pattern = reference(problem.query, config, problem.context());
  const at::Tensor exact =
      reference_attention(problem.query, problem.key, problem.value, pattern.multiplicity);
  EXPECT_LT((out_of(problem, config) - exact).abs().max().item<double>(), 1e-13);
}

}  // namespace
}  // namespace attnlab::reformer
