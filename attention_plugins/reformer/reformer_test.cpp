// Equality with a reference of its own sort and chunk code, and gradients.
#include "attention_plugins/reformer/test/harness.h"
#include "attention_plugins/reformer/test/reference.h"

namespace attnlab::reformer {
namespace {

struct Case {
  std::int64_t rounds, T;
  bool bucket_mask, correct_duplicates;
  std::int64_t buckets = 0, chunk = 8;
  at::ScalarType dtype = at::kFloat;
};

std::string name_of(const Case& c) {
  return "rounds_" + std::to_string(c.rounds) + "_length_" + std::to_string(c.T) + "_buckets_" +
         std::to_string(c.buckets) + "_chunk_" + std::to_string(c.chunk) +
         (c.bucket_mask ? "_masked" : "_unmasked") +
         (c.correct_duplicates ? "_union" : "_multiplicity") + "_" + c10::toString(c.dtype);
}

// GoogleTest would print the bytes.
void PrintTo(const Case& c, std::ostream* out) { *out << name_of(c); }

class ReformerEqualsReference : public testing::TestWithParam<Case> {};

TEST_P(ReformerEqualsReference, forward_and_backward) {
  const Case c = GetParam();
  const ReformerConfig config{.rounds = c.rounds,
                              .buckets = c.buckets,
                              .chunk = c.chunk,
                              .bucket_mask = c.bucket_mask,
                              .correct_duplicates = c.correct_duplicates};
  const Problem problem = make_problem({.T = c.T}, c.dtype);
  const Reference pattern = reference(problem.query, config, problem.context());
  ASSERT_GT(pattern.margin, 1e-5) << "a row lies too near a bucket's border to compare patterns";

  const Results ours = differentiate(problem, config);
  const Results exact = differentiate(
      problem,
      [&](const auto& q, const auto& k, const auto& v) {
        return reference_attention(q, k, v, pattern.multiplicity);
      },
      at::kDouble);
  const Results libtorch = differentiate(
      problem,
      [&](const auto& q, const auto& k, const auto& v) {
        return libtorch_attention(q, k, v, pattern.multiplicity);
      },
      c.dtype);
  EXPECT_EQ(ours[0].scalar_type(), c.dtype);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    test::expect_by_rule(kNames[i], ours[i], libtorch[i], exact[i], c.dtype);
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::int64_t rounds : {1, 2, 4}) {
    for (const std::int64_t T : {64, 53}) {
      for (const bool masked : {false, true}) {
        for (const bool corrected : {true, false}) all.push_back({rounds, T, masked, corrected});
      }
    }
  }
  for (const bool masked : {false, true}) {
    all.push_back({4, 53, masked, true, 2, 8});    // buckets much longer than a chunk
    all.push_back({2, 53, masked, true, 64, 8});   // and much shorter
    all.push_back({2, 7, masked, true, 4, 16});    // T below the chunk's length
    all.push_back({2, 21, masked, false, 4, 1});   // chunks of one row
    all.push_back({4, 150, masked, true, 6, 70});  // chunks longer than a kernel tile
    all.push_back({2, 53, masked, true, 0, 8, at::kBFloat16});
    all.push_back({2, 53, masked, true, 0, 8, at::kDouble});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(, ReformerEqualsReference, testing::ValuesIn(cases()),
                         [](const auto& info) { return name_of(info.param); });

TEST(ReformerReference, meets_duplicates_and_rows_without_keys) {
  const Problem problem = make_problem();
  const ReformerConfig counted{
      .rounds = 4, .chunk = 8, .bucket_mask = true, .correct_duplicates = false};
  const Reference pattern = reference(problem.query, counted, problem.context());
  EXPECT_GE(pattern.multiplicity.max().item<double>(), 2);
  EXPECT_GT(pattern.last_resort, 2 * 3) << "token 0 of every head is one, some others must be";
}

class ReformerGradient : public testing::TestWithParam<ReformerConfig> {};

TEST_P(ReformerGradient, agrees_with_central_differences) {
  Problem problem = make_problem({.B = 1, .H = 2, .T = 11, .D = 4}, at::kDouble, 5);
  const ReformerConfig config = GetParam();
  ASSERT_GT(reference(problem.query, config, problem.context()).margin, 1e-4)
      << "a step of 1e-6 could change a bucket";
  const Results analytic = differentiate(problem, config);
  const std::array inputs{problem.query, problem.key, problem.value};
  for (std::size_t which = 0; which < inputs.size(); ++which) {
    at::Tensor numeric = at::empty_like(inputs[which]);
    double* x = inputs[which].data_ptr<double>();
    for (std::int64_t i = 0; i < numeric.numel(); ++i) {
      const double kept = x[i], step = 1e-6;
      x[i] = kept + step;
      const at::Tensor above = out_of(problem, config);
      x[i] = kept - step;
      const at::Tensor below = out_of(problem, config);
      x[i] = kept;
      numeric.data_ptr<double>()[i] =
          ((above - below) * problem.grad_out).sum().item<double>() / (2 * step);
    }
    const double error = (numeric - analytic[which + 1]).abs().max().item<double>();
    EXPECT_LT(error, 1e-8) << kNames[which + 1];
  }
}

INSTANTIATE_TEST_SUITE_P(
    , ReformerGradient,
    testing::Values(ReformerConfig{.rounds = 1, .chunk = 3},
                    ReformerConfig{.rounds = 3, .chunk = 3, .bucket_mask = true},
                    ReformerConfig{.rounds = 3, .chunk = 4, .correct_duplicates = false}),
    [](const auto& info) { return "config_" + std::to_string(info.index); });

}  // namespace
}  // namespace attnlab::reformer
