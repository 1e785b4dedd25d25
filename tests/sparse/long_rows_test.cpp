// Sums over very many equal terms: one running float32 sum rounds the same way at every step, so
// that its error grows with T. By the rule, at a length where that shows.
#include <gtest/gtest.h>

#include "framework/sparse/segment_plan.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {
namespace {

constexpr std::int64_t kLong = 60000, kFew = 70;

at::Tensor alternating(std::int64_t rows, std::int64_t D, double even, double odd) {
  const auto column = at::where(at::arange(rows) % 2 == 0, even, odd).to(at::kFloat);
  return column.view({1, 1, rows, 1}).expand({1, 1, rows, D}).contiguous();
}

/// The last `queries` of T rows against the first `keys`; the other rows of the tensors are zero.
struct Corner {
  std::int64_t T, queries, keys;

  [[nodiscard]] sparse::SegmentPlan plan() const {
    const auto ints = [](const at::Tensor& x) { return x.to(at::kInt).view({1, 1, -1}); };
    sparse::SegmentPlan plan;
    plan.query_rows = ints(at::arange(T - queries, T));
    plan.key_rows = ints(at::arange(keys));
    plan.query_start = ints(at::tensor({std::int64_t{0}, queries}));
    plan.key_begin = ints(at::zeros({1}));
    plan.key_end = ints(at::full({1}, keys));
    plan.ascending = true;
    plan.include_self = true;
    return plan;
  }
  [[nodiscard]] at::Tensor mask() const {
    return at::arange(keys).view({1, -1}) <= at::arange(T - queries, T).view({-1, 1});
  }
  [[nodiscard]] at::Tensor engine(const at::Tensor& query, const at::Tensor& key,
                                  const at::Tensor& value) const {
    const auto whole = [&](const at::Tensor& rows, std::int64_t begin) {
      const auto zeros = at::zeros({1, 1, T, rows.size(3)}, rows.options());
      return at::slice_scatter(zeros, rows, 2, begin, begin + rows.size(2));
    };
    const auto result = sparse::segment_attention(whole(query, T - queries), whole(key, 0),
                                                  whole(value, 0), plan());
    return result.out.slice(2, T - queries, T);
  }
  void expect_exact(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value) const {
    const auto attention = [&](const auto& q, const auto& k, const auto& v) {
      return engine(q, k, v);
    };
    expect_matches_reference(attention, query, key, value, at::full_like(query, 0.1), mask());
  }
};

class LongRows : public testing::TestWithParam<std::int64_t> {};

TEST_P(LongRows, sum_equal_weights_over_many_keys) {
  const auto D = GetParam();
  // Every key adds the same to the gradient of a query: k and v - out change sign together.
  Corner{kLong, kFew, kLong}.expect_exact(at::zeros({1, 1, kFew, D}),
                                          alternating(kLong, D, -0.1, 0.1),
                                          alternating(kLong, D, 0.1, 0.3));
  Corner{kLong, kFew, kLong}.expect_exact(at::zeros({1, 1, kFew, D}), at::zeros({1, 1, kLong, D}),
                                          at::full({1, 1, kLong, D}, 0.1F));
}

TEST_P(LongRows, sum_equal_weights_over_many_queries) {
  const auto D = GetParam();
  Corner{kLong, kLong, kFew}.expect_exact(at::full({1, 1, kLong, D}, 0.1F),
                                          at::zeros({1, 1, kFew, D}),
                                          alternating(kFew, D, 0.1, 0.3));
}

INSTANTIATE_TEST_SUITE_P(head_dims, LongRows, testing::Values(1, 16, 64));

}  // namespace
}  // namespace attnlab::test
