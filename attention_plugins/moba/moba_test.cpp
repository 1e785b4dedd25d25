// moba against the float64 masked reference, dense attention, and its own promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/sparse/plugin_checks.h"

namespace attnlab {
namespace {

using config::Causality;
using test::ContextCase;
using test::PluginUnderTest;
using test::RandomInput;
using testing::HasSubstr;

PluginUnderTest moba(std::int64_t block, std::int64_t top, Causality causality = Causality::strict) {
  return {"moba", {{"block", block}, {"top", top}}, causality, false};
}

/// bool [B, H, T, T] by the definition, one query at a time.
at::Tensor mask(const RandomInput& in, std::int64_t block, std::int64_t top, Causality causality) {
  const auto query = in.query.to(at::kDouble), key = in.key.to(at::kDouble);
  const std::int64_t B = query.size(0), H = query.size(1), T = query.size(2);
  const auto mask = at::zeros({B, H, T, T}, at::kBool);
  for (std::int64_t i = 0; i < B * H * T; ++i) {
    const std::int64_t b = i / (H * T), h = i / T % H, t = i % T, own = t / block;
    std::vector<std::pair<double, std::int64_t>> gates;
    for (std::int64_t j = 0; j < own; ++j) {
      const auto mean = key[b][h].narrow(0, j * block, block).mean(0);
      gates.emplace_back(-query[b][h][t].dot(mean).item<double>(), j);
    }
    std::ranges::sort(gates);
    gates.resize(std::min<std::size_t>(gates.size(), static_cast<std::size_t>(top - 1)));
    gates.emplace_back(0, own);
    for (const auto& [gate, j] : gates) {
      for (std::int64_t s = j * block; s < std::min((j + 1) * block, T); ++s) {
        if (s < t || (s == t && causality == Causality::inclusive)) mask[b][h][t][s] = true;
      }
    }
  }
  return mask;
}

struct Case {
  std::int64_t T, block, top;
  at::ScalarType dtype;
  Causality causality;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << "T " << c.T << ", block " << c.block << ", top " << c.top << ", " << c.dtype
       << (c.causality == Causality::strict ? ", strict" : ", inclusive");
}
class MobaCases : public testing::TestWithParam<Case> {};

TEST_P(MobaCases, equals_masked_dense_attention) {
  const auto [T, block, top, dtype, causality] = GetParam();
  const RandomInput in({2, 2, T, 16}, dtype, false);
  const ContextCase batch(2);
  const auto plugin = moba(block, top, causality);
  test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                 in.grad_out, mask(in, block, top, causality));
}

INSTANTIATE_TEST_SUITE_P(sizes, MobaCases,
                         testing::Values(Case{1, 1, 1, at::kFloat, Causality::inclusive},
                                         Case{1, 4, 3, at::kFloat, Causality::strict},
                                         Case{9, 1, 3, at::kDouble, Causality::strict},
                                         Case{64, 16, 2, at::kFloat, Causality::strict},
                                         Case{70, 16, 3, at::kFloat, Causality::inclusive},
                                         Case{70, 16, 1, at::kFloat, Causality::strict},
                                         Case{70, 8, 64, at::kDouble, Causality::inclusive},
                                         Case{90, 13, 4, at::kBFloat16, Causality::strict},
                                         Case{60, 100, 3, at::kFloat, Causality::strict}));

TEST(MobaDense, is_one_block_of_the_whole_sequence_or_all_of_them) {
  const RandomInput in({1, 2, 130, 16}, at::kFloat, false);
  const ContextCase batch(1);
  for (const auto& plugin : {moba(1 << 20, 3), moba(130, 1), moba(16, 9)}) {
    test::expect_matches_reference(plugin.function(batch.context), in.query, in.key, in.value,
                                   in.grad_out, causal_mask(130, true));
  }
}

TEST(MobaLeak, none_from_the_future) {
  test::expect_no_leak(moba(8, 3));
  test::expect_no_leak(moba(5, 2, Causality::inclusive));
}

TEST(MobaRows, do_not_depend_on_batch_order_or_threads) { test::expect_pure_draws(moba(8, 3)); }

TEST(MobaStatistics, count_what_the_mask_says_and_only_in_evaluation) {
  const RandomInput in({1, 2, 60, 8}, at::kFloat, false);
  ContextCase batch(1);
  EXPECT_TRUE(moba(8, 3).run(in.input(), batch.context).statistics.empty());
  batch.context.training = false;
  const auto output = moba(8, 3).run(in.input(), batch.context);
  const auto pairs = mask(in, 8, 3, Causality::strict).to(at::kDouble).sum(-1);
  EXPECT_NEAR(test::statistic(output, "pairs_per_query"), pairs.mean().item<double>(), 1e-9);
  EXPECT_NEAR(test::statistic(output, "rows_without_keys"), 1.0 / 60, 1e-9);
}

/// As above, but that other documents' keys count neither for a block's mean nor as seen, and a block is
/// chosen by queries of its last document alone.
at::Tensor mask_within(const RandomInput& in, const at::Tensor& documents, std::int64_t block,
                       std::int64_t top) {
  const auto query = in.query.to(at::kDouble), key = in.key.to(at::kDouble);
  const std::int64_t B = query.size(0), H = query.size(1), T = query.size(2);
  const auto mask = at::zeros({B, H, T, T}, at::kBool);
  const auto document = [&](std::int64_t b, std::int64_t t) { return documents[b][t].item<int>(); };
  for (std::int64_t i = 0; i < B * H * T; ++i) {
    const std::int64_t b = i / (H * T), h = i / T % H, t = i % T, own = t / block;
    std::vector<std::pair<double, std::int64_t>> gates;
    for (std::int64_t j = 0; j < own; ++j) {
      std::vector<std::int64_t> rows;
      for (std::int64_t s = j * block; s < (j + 1) * block; ++s) {
        if (document(b, s) == document(b, t)) rows.push_back(s);
      }
      if (rows.empty()) continue;
      const auto mean = key[b][h].index_select(0, at::tensor(rows)).mean(0);
      gates.emplace_back(-query[b][h][t].dot(mean).item<double>(), j);
    }
    std::ranges::sort(gates);
    gates.resize(std::min<std::size_t>(gates.size(), static_cast<std::size_t>(top - 1)));
    gates.emplace_back(0, own);
    for (const auto& [gate, j] : gates) {
      for (std::int64_t s = j * block; s < std::min((j + 1) * block, t); ++s) {
        if (document(b, s) == document(b, t)) mask[b][h][t][s] = true;
      }
    }
  }
  return mask;
}

TEST(MobaDocuments, choose_among_their_own_blocks) {
  auto plugin = moba(8, 3);
  test::expect_pairs_told_within_documents(plugin);
  plugin.documents = config::Documents::isolated;
  const RandomInput in({2, 2, 90, 16}, at::kDouble, false);
  const ContextCase batch(2);
  const auto documents = test::some_documents(90);
  const auto attention = [&](const auto& q, const auto& k, const auto& v) {
    return plugin.run({q, k, v, {}, documents}, batch.context).output;
  };
  test::expect_matches_reference(attention, in.query, in.key, in.value, in.grad_out,
                                 mask_within(in, documents, 8, 3));
}

TEST(MobaRefuses, blocks_and_tops_below_one) {
  EXPECT_THAT(moba(0, 3).error(), HasSubstr("attention.block"));
  EXPECT_THAT(moba(8, 0).error(), HasSubstr("attention.top"));
}

}  // namespace
}  // namespace attnlab
