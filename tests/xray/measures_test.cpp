#include "framework/xray/measures.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "tests/xray/support.h"

namespace attnlab::xray {
namespace {

using Values = std::map<std::string, double>;

Values values_of(const Tally& tally) {
  Values values;
  for (const auto& metric : tally.metrics()) values[metric.key.name] = metric.value;
  return values;
}

// One head, straight from the definitions: p and w are rows of all T x T weights, only s < t counts.
Values by_hand(const at::Tensor& p_all, const at::Tensor& w_all, const at::Tensor& v_all, const std::vector<std::int64_t>& rows) {
  Values sums;
  double off = 0, size = 0, seeing = 0, top = 0;
  for (const auto t : rows) {
    std::vector<double> p, w;
    for (std::int64_t s = 0; s < t; ++s) {
      p.push_back(p_all[t][s].item<double>());
      w.push_back(w_all[t][s].item<double>());
    }
    std::vector<std::size_t> order(p.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::sort(order, [&](auto a, auto b) { return p[a] > p[b]; });
    const auto count = static_cast<std::size_t>(std::ranges::count_if(w, [](double x) { return x != 0; }));
    double total = 0, kept_top = 0;
    for (std::size_t s = 0; s < p.size(); ++s) {
      total += w[s];
      sums["kept_weight"] += w[s] != 0 ? p[s] : 0;
      sums["overlap"] += std::min(p[s], w[s]);
      sums["dense_entropy"] -= p[s] > 0 ? p[s] * std::log2(p[s]) : 0;
      sums["dense_distance"] += p[s] * static_cast<double>(static_cast<std::size_t>(t) - s);
      if (s < count) sums["best_weight"] += p[order[s]];
      if (s < 8) kept_top += w[order[s]] != 0 ? 1.0 / 8 : 0;
    }
    sums["kept_keys"] += static_cast<double>(count) / static_cast<double>(p.size());
    sums["rows_without_keys"] += count == 0 ? 1 : 0;
    if (p.size() >= 8) {
      sums["top_8"] += kept_top;
      ++top;
    }
    if (total > 0) {
      ++seeing;
      for (std::size_t s = 0; s < p.size(); ++s) {
        const double share = w[s] / total, distance = static_cast<double>(static_cast<std::size_t>(t) - s);
        sums["entropy"] -= share > 0 ? share * std::log2(share) : 0;
        sums["distance"] += share * distance;
        sums["near"] += distance >= 2 && distance < 4 ? share : 0;
      }
    }
    const auto exact = p_all[t].matmul(v_all);
    off += (w_all[t].matmul(v_all) - exact).square().sum().item<double>();
    size += exact.square().sum().item<double>();
  }
  const auto n = static_cast<double>(rows.size());
  for (auto& [name, sum] : sums) sum /= name == "top_8" ? top : name == "entropy" || name == "distance" || name == "near" ? seeing : n;
  sums["error"] = std::sqrt(off / size);
  sums["seeing"] = seeing;
  return sums;
}

class Measures : public testing::TestWithParam<Variant> {};

TEST_P(Measures, are_those_of_a_full_computation) {
  constexpr std::int64_t T = 45, D = 8, H = 2;
  const auto input = test::RandomInput({1, H, T, D}, at::kFloat).input();
  test::ContextCase own(1);
  own.context.training = false;
  const auto attention = build(GetParam(), H, D, T);
  const auto queries = sample_queries(T, false, {}, 16, 0, at::kCPU);
  Tally tally;
  measure(input, queries, read_rows(*attention, input, own.context, queries.rows), 3, tally);
  const auto found = values_of(tally);

  MaskedSoftmax exact(config::Causality::strict);
  const auto wide = AttentionInput{input.query.to(at::kDouble), input.key.to(at::kDouble), input.value.to(at::kDouble), {}};
  const auto p = all_weights(exact, wide, own.context), w = all_weights(*attention, input, own.context);
  std::vector<std::int64_t> rows(queries.rows.data_ptr<std::int64_t>(), queries.rows.data_ptr<std::int64_t>() + 16);
  double near = 0, seeing = 0;  // a layer's profile is of all its heads' rows
  for (std::int64_t head = 0; head < H; ++head) {
    const auto expected = by_hand(p[head], w[head], wide.value[0][head], rows);
    seeing += expected.at("seeing");
    near += expected.contains("near") ? expected.at("near") * expected.at("seeing") : 0;
    for (const auto& [name, value] : expected) {
      const auto key = "xray/" + name + "/layer_3/head_" + std::to_string(head);
      if (name == "near" || name == "seeing") continue;
      if (!found.contains(key)) {
        EXPECT_TRUE(GetParam().name == "none" || GetParam().name == "polynomial") << key;
        continue;
      }
      EXPECT_NEAR(found.at(key), value, 2e-5 * std::max(1.0, std::abs(value))) << key;
    }
  }
  if (found.contains("xray/profile/from_2/layer_3")) {
    EXPECT_NEAR(found.at("xray/profile/from_2/layer_3"), near / seeing, 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(OfPlugins, Measures, testing::ValuesIn(variants()),
                         [](const auto& info) { return info.param.name; });

Values measured(const AttentionInput& input, Attention& attention, std::int64_t most = 64) {
  const test::ContextCase own(1);
  const auto queries = sample_queries(input.query.size(2), false, {}, most, 0, at::kCPU);
  Tally tally;
  measure(input, queries, read_rows(attention, input, own.context, queries.rows), 0, tally);
  return values_of(tally);
}

TEST(MeasuresOf, dense_attention_keep_all_and_err_by_rounding) {
  MaskedSoftmax exact(config::Causality::strict);
  const auto values = measured(test::RandomInput({1, 2, 200, 16}, at::kFloat).input(), exact);
  for (const auto* name : {"kept_weight", "kept_keys", "best_weight", "top_8", "top_32", "top_128", "overlap"}) {
    EXPECT_NEAR(values.at(std::string("xray/") + name), 1, 1e-5) << name;
  }
  EXPECT_EQ(values.at("xray/rows_without_keys"), 0);
  EXPECT_LT(values.at("xray/error"), 1e-5);
  EXPECT_NEAR(values.at("xray/entropy"), values.at("xray/dense_entropy"), 1e-4);
}

TEST(MeasuresOf, no_attention_keep_nothing_and_have_no_spread) {
  NoAttention none;
  const auto values = measured(test::RandomInput({1, 1, 30, 4}, at::kFloat).input(), none);
  EXPECT_EQ(values.at("xray/kept_weight"), 0);
  EXPECT_EQ(values.at("xray/rows_without_keys"), 1);
  EXPECT_EQ(values.at("xray/error"), 1);
  EXPECT_FALSE(values.contains("xray/entropy"));
  EXPECT_FALSE(values.contains("xray/top_32")) << "there are not so many keys";
}

struct Negative final : Attention {
  AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override { return {-input.value.cumsum(2), {}, {}}; }
  std::string kernel() const override { return "negative"; }
};
struct Squared final : Attention {
  AttentionOutput forward(const AttentionInput& input, const AttentionContext&) override { return {input.value.square(), {}, {}}; }
  std::string kernel() const override { return "squared"; }
};

TEST(MeasuresOf, what_is_no_average_leave_out_what_would_mean_nothing) {
  const auto input = test::RandomInput({1, 1, 30, 4}, at::kFloat).input();
  Negative negative;
  const auto of_negative = measured(input, negative);
  EXPECT_EQ(of_negative.at("xray/kept_keys"), 1);
  EXPECT_EQ(of_negative.at("xray/overlap"), 0);
  for (const auto* name : {"entropy", "distance", "profile/from_1"}) EXPECT_FALSE(of_negative.contains(std::string("xray/") + name));
  Squared squared;
  const auto of_squared = measured(input, squared);
  for (const auto* name : {"kept_weight", "kept_keys", "entropy"}) EXPECT_FALSE(of_squared.contains(std::string("xray/") + name));
  EXPECT_TRUE(of_squared.contains("xray/error") && of_squared.contains("xray/dense_entropy"));
}

TEST(MeasuresOf, numbers_that_are_none_are_none) {
  auto input = test::RandomInput({1, 1, 12, 4}, at::kFloat).input();
  input.query = input.query * std::nan("");
  MaskedSoftmax exact(config::Causality::strict);
  EXPECT_TRUE(std::isnan(measured(input, exact).at("xray/error")));
}

TEST(Queries, are_spread_evenly_each_once_and_have_a_key) {
  const auto queries = sample_queries(1000, false, {}, 10, 3, at::kCPU);
  for (std::int64_t i = 0; i < 10; ++i) {
    const auto row = queries.rows[i].item<std::int64_t>();
    EXPECT_TRUE(row >= 1 + i * 999 / 10 && row < 1 + (i + 1) * 999 / 10) << row;
  }
  EXPECT_TRUE(queries.rows.equal(sample_queries(1000, false, {}, 10, 3, at::kCPU).rows));
  EXPECT_FALSE(queries.rows.equal(sample_queries(1000, false, {}, 10, 4, at::kCPU).rows));
  EXPECT_TRUE(sample_queries(5, false, {}, 64, 0, at::kCPU).rows.equal(rows_of({1, 2, 3, 4})));
  EXPECT_TRUE(sample_queries(5, true, {}, 64, 0, at::kCPU).rows.equal(rows_of({0, 1, 2, 3, 4})));
  EXPECT_EQ(sample_queries(1, false, {}, 64, 0, at::kCPU).rows.size(0), 0);
}

TEST(Queries, see_their_own_document_alone) {
  const auto documents = at::tensor(std::vector<int>{0, 0, 0, 1, 2, 2}, at::kInt);
  const auto queries = sample_queries(6, false, documents, 64, 0, at::kCPU);
  EXPECT_TRUE(queries.rows.equal(rows_of({1, 2, 5})));
  EXPECT_TRUE(queries.allowed.sum(-1).equal(rows_of({1, 2, 1})));
}

}  // namespace
}  // namespace attnlab::xray
