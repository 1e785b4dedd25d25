// Running moments against a direct float64 computation over all rows of every step.
#include "framework/sparse/hash_space.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "framework/sparse/hashing.h"

namespace attnlab::sparse {
namespace {

constexpr std::int64_t kHeads = 3, kDim = 16, kHalf = 8;

/// Rows with a large common part and few directions, as a layer's queries are: [B, H, T, D].
at::Tensor rows(std::int64_t B, std::int64_t T, std::uint64_t seed, at::ScalarType dtype = at::kFloat) {
  at::manual_seed(seed);
  const auto few = at::randn({B, kHeads, T, 3}, at::kDouble).matmul(at::randn({3, kDim}, at::kDouble));
  const auto noise = 0.1 * at::randn({B, kHeads, T, kDim}, at::kDouble);
  return (few + noise + 20 * at::ones({kHeads, 1, kDim}, at::kDouble)).to(dtype);
}

RunningMoments::State empty_state() {
  return {at::zeros({kHeads, kDim}), at::zeros({kHeads, kDim, kDim}), at::zeros({1})};
}

struct Moments {
  RunningMoments::State state = empty_state();
  RunningMoments running;
  explicit Moments(HashSpace space, double decay = 0.9, std::int64_t some = 0)
      : running({space, decay, 1e-6, some}, state) {}
  void step(const std::vector<at::Tensor>& parts) {
    for (const auto& part : parts) running.collect(part);
    running.finish_step();
  }
};

at::Tensor draw() {
  at::manual_seed(99);
  return at::randn({1, kHeads, kDim, kHalf});
}

/// Pairs of rows in one bucket over what even buckets would have: 1 to 2 * kHalf.
double over_even(const at::Tensor& x, const Hashing& hashing) {
  const auto buckets = hash_buckets(x, hashing.projections, hashing.offset).squeeze(0);
  const auto counts = at::one_hot(buckets.to(at::kLong), 2 * kHalf).sum(2).to(at::kDouble);
  const auto T = static_cast<double>(x.size(2));
  return counts.square().sum(-1).mean().item<double>() / (T * T) * 2 * kHalf;
}

TEST(HashSpace, one_step_gives_the_moments_of_its_rows) {
  Moments moments(HashSpace::whitened);
  const auto x = rows(2, 500, 1);
  moments.step({x});
  const auto all = x.to(at::kDouble).transpose(0, 1).flatten(1, 2);
  const auto mean = all.mean(1);
  const auto around = all - mean.unsqueeze(1);
  const auto covariance = around.transpose(1, 2).matmul(around) / static_cast<double>(all.size(1));
  EXPECT_LT((moments.state.mean - mean).abs().max().item<double>(), 1e-4);
  EXPECT_LT((moments.state.covariance - covariance).abs().max().item<double>(), 1e-3);
  EXPECT_EQ(moments.state.weight.item<float>(), 1);
}

TEST(HashSpace, later_steps_count_more) {
  Moments moments(HashSpace::whitened, /*decay=*/0.5);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) moments.step({rows(1, 400, seed)});
  // The mixture of all three with weights 1/4, 1/2, 1.
  at::Tensor mean = at::zeros({kHeads, kDim}, at::kDouble), square = at::zeros({kHeads, kDim, kDim}, at::kDouble);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto x = rows(1, 400, seed).to(at::kDouble).squeeze(0);
    const double weight = std::pow(0.5, 3.0 - static_cast<double>(seed)) / 1.75;
    mean += weight * x.mean(1);
    square += weight * x.transpose(1, 2).matmul(x) / 400.0;
  }
  const auto covariance = square - mean.unsqueeze(2) * mean.unsqueeze(1);
  EXPECT_LT((moments.state.mean - mean).abs().max().item<double>(), 1e-4);
  EXPECT_LT((moments.state.covariance - covariance).abs().max().item<double>(), 2e-3);
}

TEST(HashSpace, a_step_may_be_cut_anywhere_and_changes_nothing_before_it_ends) {
  Moments whole(HashSpace::whitened), cut(HashSpace::whitened);
  const auto first = rows(4, 90, 5), second = rows(4, 90, 6);
  for (const auto& x : {first, second}) {
    whole.step({x});
    const auto before = cut.state.covariance.clone();
    cut.running.collect(x.slice(0, 3));
    cut.running.collect(x.slice(0, 0, 1));
    cut.running.collect(x.slice(0, 1, 3));
    EXPECT_TRUE(cut.state.covariance.equal(before));
    cut.running.finish_step();
  }
  EXPECT_LT((whole.state.mean - cut.state.mean).abs().max().item<double>(), 1e-5);
  // The first step's products are float32 sums around 0, of the size of the squared mean.
  const double largest = whole.state.mean.square().max().item<double>();
  EXPECT_LT((whole.state.covariance - cut.state.covariance).abs().max().item<double>(), 2e-6 * largest);
}

// As the ranks of a run do; one of them saw nothing.
TEST(HashSpace, sums_of_several_added_up_are_those_of_one_that_saw_all) {
  for (const auto space : {HashSpace::centred, HashSpace::whitened}) {
    Moments whole(space), few(space), most(space), none(space);
    for (const std::uint64_t seed : {5, 6}) {
      const auto x = rows(4, 90, seed);
      whole.step({x});
      few.running.collect(x.slice(0, 0, 1));
      most.running.collect(x.slice(0, 1));
      const auto a = few.running.collected(), b = most.running.collected(), c = none.running.collected();
      ASSERT_EQ(a.size(), space == HashSpace::whitened ? 3U : 2U);
      for (std::size_t i = 0; i < a.size(); ++i) {
        const auto sum = a[i] + b[i] + c[i];
        for (const auto& each : {a[i], b[i], c[i]}) each.copy_(sum);
      }
      for (auto* each : {&few, &most, &none}) each->running.finish_step();
    }
    const double largest = whole.state.mean.square().max().item<double>();
    EXPECT_LT((whole.state.mean - few.state.mean).abs().max().item<double>(), 1e-5);
    EXPECT_LT((whole.state.covariance - few.state.covariance).abs().max().item<double>(), 2e-6 * largest);
    EXPECT_EQ(whole.state.weight.item<float>(), few.state.weight.item<float>());
    for (const auto* each : {&most, &none}) {
      EXPECT_TRUE(each->state.mean.equal(few.state.mean));
      EXPECT_TRUE(each->state.covariance.equal(few.state.covariance));
    }
  }
}

TEST(HashSpace, sampled_rows_do_not_depend_on_how_the_batch_was_cut) {
  Moments whole(HashSpace::centred, 0.9, 7), cut(HashSpace::centred, 0.9, 7);
  const auto x = rows(3, 50, 8);
  whole.step({x});
  cut.step({x.slice(0, 0, 1), x.slice(0, 1)});
  EXPECT_LT((whole.state.mean - cut.state.mean).abs().max().item<double>(), 1e-5);
  const auto seen = x.slice(2, 0, 50, 8).to(at::kDouble).mean(at::IntArrayRef{0, 2});
  EXPECT_LT((whole.state.mean - seen).abs().max().item<double>(), 1e-4);
}

TEST(HashSpace, before_the_first_step_rows_are_hashed_raw) {
  for (const auto space : {HashSpace::raw, HashSpace::centred, HashSpace::whitened}) {
    Moments moments(space);
    const auto x = rows(1, 60, 3);
    const auto hashing = moments.running.transform(draw());
    EXPECT_TRUE(hash_buckets(x, hashing.projections, hashing.offset).equal(hash_buckets(x, draw())));
  }
}

// The factorisation is made once a step; it is that of the moments that stand there, whoever wrote them.
TEST(HashSpace, a_transform_is_of_the_moments_that_stand_there) {
  Moments moments(HashSpace::whitened);
  const auto anew = [&] {
    return RunningMoments({HashSpace::whitened, 0.9, 1e-6}, moments.state).transform(draw()).projections;
  };
  const auto kept = [&] { return moments.running.transform(draw()).projections; };
  auto last = kept();
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    moments.step({rows(1, 80, seed)});
    EXPECT_FALSE(kept().equal(last));
    last = kept();
    EXPECT_TRUE(last.equal(anew()));
  }
  Moments other(HashSpace::whitened);
  other.step({rows(2, 70, 9)});
  moments.state.covariance.copy_(other.state.covariance);  // as a checkpoint is read
  EXPECT_TRUE(kept().equal(anew()));
  EXPECT_FALSE(kept().equal(last));
}

TEST(HashSpace, whitening_evens_buckets_that_a_common_part_fills) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    const auto x = rows(2, 2000, 11, dtype);
    const auto loads = [&](HashSpace space) {
      Moments moments(space);
      moments.step({x});
      return over_even(x, moments.running.transform(draw()));
    };
    EXPECT_GT(loads(HashSpace::raw), 8) << dtype;
    EXPECT_LT(loads(HashSpace::centred), 5) << dtype;
    EXPECT_LT(loads(HashSpace::whitened), 1.5) << dtype;
  }
}

TEST(HashSpace, rows_that_are_all_equal_are_hashed_as_they_are) {
  Moments moments(HashSpace::whitened);
  moments.step({at::ones({1, kHeads, 20, kDim})});
  const auto hashing = moments.running.transform(draw());
  EXPECT_TRUE(at::isfinite(hashing.projections).all().item<bool>());
  EXPECT_TRUE(at::isfinite(hashing.offset).all().item<bool>());
}

TEST(HashSpace, rows_that_are_no_numbers_do_not_count) {
  for (const auto space : {HashSpace::centred, HashSpace::whitened}) {
    for (const double bad : {std::nan(""), HUGE_VAL, 1e25}) {
      Moments spoiled(space), without(space);
      const auto x = rows(2, 100, 1);
      auto with = x.clone();
      with.select(2, 70).select(1, 0).select(1, 3).fill_(bad);  // of both sequences, one head
      spoiled.step({with});
      without.step({x.slice(2, 0, 70), x.slice(2, 71)});
      EXPECT_TRUE(at::allclose(spoiled.state.mean, without.state.mean, 1e-5, 1e-4)) << bad;
      EXPECT_TRUE(at::allclose(spoiled.state.covariance, without.state.covariance, 1e-4, 1e-3)) << bad;
      spoiled.step({x});
      without.step({x});
      const auto even = [&](const Moments& moments) { return over_even(x, moments.running.transform(draw())); };
      EXPECT_NEAR(even(spoiled), even(without), 0.05) << bad;
    }
  }
}

TEST(HashSpace, a_step_of_nothing_but_no_numbers_changes_nothing) {
  Moments moments(HashSpace::whitened);
  moments.step({rows(2, 100, 1)});
  const auto mean = moments.state.mean.clone(), covariance = moments.state.covariance.clone();
  moments.step({at::full({2, kHeads, 50, kDim}, std::nan(""))});
  EXPECT_TRUE(moments.state.mean.equal(mean));
  EXPECT_TRUE(moments.state.covariance.equal(covariance));
}

TEST(HashSpace, an_empty_step_changes_nothing) {
  Moments moments(HashSpace::whitened);
  moments.running.finish_step();
  EXPECT_EQ(moments.state.weight.item<float>(), 0);
  moments.step({rows(1, 60, 2)});
  const auto mean = moments.state.mean.clone(), covariance = moments.state.covariance.clone();
  moments.running.finish_step();
  EXPECT_TRUE(moments.state.mean.equal(mean));
  EXPECT_TRUE(moments.state.covariance.equal(covariance));
  EXPECT_EQ(moments.state.weight.item<float>(), 1);
}

TEST(HashSpace, refuses_settings_out_of_range) {
  constexpr auto kWhitened = HashSpace::whitened;
  const RunningMoments::Settings settings[]{{kWhitened, 1.0, 0, 0},          {kWhitened, -0.1, 0, 0},
                                            {kWhitened, std::nan(""), 0, 0}, {kWhitened, 0.9, -1e-3, 0},
                                            {kWhitened, 0.9, INFINITY, 0},   {kWhitened, 0.9, 0, -1}};
  for (const auto& wrong : settings) EXPECT_THROW(RunningMoments(wrong, empty_state()), c10::Error);
}

TEST(HashSpace, may_look_at_any_number_of_rows) {
  Moments all(HashSpace::centred), more(HashSpace::centred, 0.9, std::numeric_limits<std::int64_t>::max());
  const auto x = rows(1, 7, 1);
  all.step({x});
  more.step({x, x.slice(2, 0, 0)});
  EXPECT_TRUE(all.state.mean.equal(more.state.mean));
}

}  // namespace
}  // namespace attnlab::sparse
