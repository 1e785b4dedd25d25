// The kernels, sorts and merges under the address sanitizer, on arrays that end where they must:
// plans with gaps, padding and garbage in what nobody may see. Without LibTorch, which is not
// instrumented; the plain instruction set stands for all, whose sources are the same.
#include <gtest/gtest.h>
#include <sanitizer/asan_interface.h>

#include <functional>
#include <string>

#include "framework/sparse/merge_rows.h"
#include "framework/sparse/parallel.h"
#include "framework/sparse/plan_contents.h"
#include "framework/sparse/row_kernels.h"
#include "framework/sparse/sort.h"
#include "tests/sparse/kernel_case.h"

namespace attnlab::sparse {

/// parallel.h with one thread.
void share(std::int64_t count,
           const std::function<void(const std::function<std::int64_t()>& next)>& work) {
  std::int64_t taken = 0;
  work([&] { return taken < count ? taken++ : -1; });
}

namespace baseline {
const KernelTable& kernel_table();
}

}  // namespace attnlab::sparse

namespace attnlab::test {
namespace {

using sparse::baseline::kernel_table;
using Ints = std::vector<std::int32_t>;

constexpr std::int32_t kGarbage[] = {-1, INT32_MIN, INT32_MAX, 1 << 20, 7};

template <class T>
std::vector<T> exact(const std::vector<T>& from) {  // as much memory as elements
  return {from.begin(), from.end()};
}

/// The same plan with garbage before, between and behind what its segments hold and see.
KernelCase with_gaps(const KernelCase& from, std::uint32_t seed) {
  std::mt19937 random(seed);
  KernelCase c = from;
  c.query_rows.clear();
  c.key_rows.clear();
  const std::int64_t Nq = from.queries(), Nk = from.keys(), S = from.S;
  std::int64_t most_keys = 0;
  std::vector<Ints> keys(static_cast<std::size_t>(c.G));
  const auto add_garbage = [&](Ints& to, std::uint32_t count) {
    for (; count > 0; --count) to.push_back(kGarbage[random() % std::size(kGarbage)]);
  };
  for (std::int64_t g = 0; g < c.G; ++g) {
    add_garbage(c.query_rows, 3);
    c.query_rows.insert(c.query_rows.end(), from.query_rows.begin() + g * Nq,
                        from.query_rows.begin() + (g + 1) * Nq);
    add_garbage(c.query_rows, 2);
    for (std::int64_t s = 0; s <= S; ++s) c.query_start[g * (S + 1) + s] += 3;
    // A gap before each range, where ranges do not overlap.
    auto& rows = keys[static_cast<std::size_t>(g)];
    std::int32_t shift = 0;
    for (std::int64_t s = 0; s < S; ++s) {
      const auto i = g * S + s;
      const auto begin = from.key_begin[i], end = from.key_end[i];
      const auto done = static_cast<std::int32_t>(rows.size()) - shift;
      if (begin >= done) {
        const auto gap = random() % 4;
        add_garbage(rows, gap);
        shift += static_cast<std::int32_t>(gap);
      }
      for (auto k = std::max(begin, done); k < end; ++k) rows.push_back(from.key_rows[g * Nk + k]);
      c.key_begin[i] = begin + shift;
      c.key_end[i] = end + shift;
    }
    most_keys = std::max<std::int64_t>(most_keys, static_cast<std::int64_t>(rows.size()));
  }
  for (auto& rows : keys) {
    add_garbage(rows, static_cast<std::uint32_t>(most_keys - std::ssize(rows)));
    c.key_rows.insert(c.key_rows.end(), rows.begin(), rows.end());
  }
  c.query_rows = exact(c.query_rows);
  c.key_rows = exact(c.key_rows);
  return c;
}

/// "" or what is wrong with some group; and whether keys are unique in all.
sparse::PlanVerdict verdict_on(const KernelCase& c) {
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(c.T));
  sparse::PlanVerdict all;
  for (std::int64_t g = 0; g < c.G; ++g) {
    const auto verdict = sparse::check_group(c.plan(), g, seen.data());
    all.unique_keys = all.unique_keys && verdict.unique_keys;
    if (all.problem.empty()) all.problem = verdict.problem;
  }
  return all;
}

template <class E>
void expect_right(const sparse::Kernels<E>& kernels, const KernelCase& c, double tolerance) {
  const auto actual = answer_of(kernels, c), exact = expected(c);
  for (const auto values : {&KernelAnswer::out, &KernelAnswer::lse, &KernelAnswer::grad_query,
                            &KernelAnswer::grad_key, &KernelAnswer::grad_value}) {
    double largest = 1;
    for (const double x : exact.*values) largest = std::max(largest, std::abs(x));
    for (std::size_t i = 0; i < (exact.*values).size(); ++i) {
      ASSERT_NEAR((actual.*values)[i], (exact.*values)[i], tolerance * largest) << i;
    }
  }
}

struct Shape {
  std::int64_t T, D, S;
  bool ascending;
};
constexpr Shape kShapes[] = {{1, 1, 1, true},    {9, 3, 2, true},    {70, 16, 3, true},
                             {130, 33, 2, true}, {90, 5, 30, false}, {129, 64, 3, false}};

TEST(KernelMemory, holds_plans_with_gaps_and_garbage) {
  for (const auto& s : kShapes) {
    SCOPED_TRACE(testing::Message() << "T " << s.T << ", D " << s.D << ", S " << s.S);
    const auto c = with_gaps(kernel_case(s.T, s.D, s.S, s.ascending, 5), 6);
    ASSERT_EQ(verdict_on(c).problem, "");
    EXPECT_TRUE(verdict_on(c).unique_keys);
    expect_right(kernel_table().float32, c, 1e-4);
    expect_right(kernel_table().float64, c, 1e-12);
    expect_right(kernel_table().bfloat16, c, 4 / 128.0);
    expect_right(kernel_table().float16, c, 4 / 1024.0);
  }
}

TEST(KernelMemory, holds_whatever_a_check_lets_through) {
  std::mt19937 random(1);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 3000; ++i) {
    auto c = with_gaps(kernel_case(9, 2, 3, i % 2 == 0, static_cast<std::uint32_t>(i)), 2);
    Ints* const fields[] = {&c.query_rows, &c.key_rows, &c.query_start, &c.key_begin, &c.key_end};
    auto& field = *fields[random() % 5];
    for (std::uint32_t times = 1 + random() % 2; times > 0; --times) {
      const auto near = static_cast<std::int32_t>(random() % 14) - 2;
      field[random() % field.size()] =
          random() % 4 == 0 ? kGarbage[random() % std::size(kGarbage)] : near;
    }
    if (!verdict_on(c).problem.empty()) {
      ++refused;
      continue;
    }
    ++accepted;
    expect_right(kernel_table().float64, c, 1e-9);
  }
  EXPECT_GT(accepted, 300);
  EXPECT_GT(refused, 300);
}

/// All rows in one segment, of which each sees the `window` rows before it.
sparse::PlanView windows(const KernelCase& c, std::int64_t window) {
  auto plan = c.plan();
  plan.max_distance = window + 1;
  return plan;
}

// A window costs the same wherever it stands: a search that halves the keys never meets their first half.
TEST(KernelMemory, keys_far_before_a_window_are_not_looked_at) {
  constexpr std::int64_t kLength = 4096, kWindow = 64;
  KernelCase c = kernel_case(kLength, 4, 1, /*ascending=*/true, 7);
  c.G = 1;
  const auto plan = windows(c, kWindow);
  std::vector<float> rows(static_cast<std::size_t>(kLength * 4), 1), out(rows), lse(kLength), largest(kLength),
      total(kLength);
  std::vector<char> memory(static_cast<std::size_t>(sparse::scratch_bytes(4) + sparse::kScratchAlignment));
  void* scratch = memory.data();
  std::size_t space = memory.size();
  ASSERT_NE(std::align(sparse::kScratchAlignment, static_cast<std::size_t>(sparse::scratch_bytes(4)), scratch, space),
            nullptr);
  const sparse::ForwardParams<float> params{plan,       rows.data(), rows.data(),    rows.data(), 1,
                                            out.data(), lse.data(),  largest.data(), total.data()};
  __asan_poison_memory_region(c.key_rows.data(), kLength / 2 * sizeof(std::int32_t));
  for (const auto& tile : sparse::query_tiles(plan)) {
    if (tile.begin > kLength / 2 + kWindow) kernel_table().float32.forward(params, tile, scratch);
  }
  __asan_unpoison_memory_region(c.key_rows.data(), kLength / 2 * sizeof(std::int32_t));
  EXPECT_NEAR(lse.back(), 4 + std::log(kWindow), 1e-5);
}

TEST(KernelMemory, keys_are_visited_by_the_tiles_that_a_window_reaches) {
  constexpr std::int64_t kWindow = 64, kNear = kWindow / sparse::kTile + 2;
  for (const std::int64_t length : {1024, 8192}) {
    KernelCase c = kernel_case(length, 1, 1, /*ascending=*/true, 7);
    c.G = 1;
    const auto work = sparse::backward_work(windows(c, kWindow));
    EXPECT_EQ(std::ssize(work.tasks), length / sparse::kTile);
    for (const auto& visit : work.visits) EXPECT_LE(visit.last - visit.first, kNear);
  }
}

TEST(SortMemory, holds_buckets_of_any_number_and_bytes_that_are_no_bools) {
  std::mt19937 random(2);
  for (const std::int64_t T : {0, 1, 5, 4096, 5000}) {
    for (const std::int64_t N : {1, 3, 6000}) {
      Ints buckets(static_cast<std::size_t>(2 * T)), rows(buckets), chunks(buckets),
          start(static_cast<std::size_t>(2 * (N + 1)));
      for (auto& bucket : buckets) bucket = static_cast<std::int32_t>(random() % N);
      const sparse::SortParams sort{buckets.data(), 2, T, N, rows.data(), start.data(),
                                    chunks.data(),  7};
      EXPECT_TRUE(sparse::sort_rows(sort));
      for (const auto garbage : kGarbage) {
        if (T == 0 || (garbage >= 0 && garbage < N)) continue;
        buckets.back() = garbage;
        EXPECT_FALSE(sparse::sort_rows(sort)) << garbage;
      }
    }
    std::vector<std::uint8_t> keep(static_cast<std::size_t>(2 * T));
    for (auto& byte : keep) byte = random() % 3 == 0 ? 0 : static_cast<std::uint8_t>(random());
    Ints rows(keep.size()), start(4);
    sparse::compact_rows({keep.data(), 2, T, rows.data(), start.data()});
    EXPECT_EQ(start[3], T - std::count(keep.begin() + T, keep.end(), 0));
  }
}

TEST(HashMemory, holds_rows_that_end_where_memory_ends) {
  for (const std::int64_t D : {1, 7, 16, 65}) {
    for (const std::int64_t half : {1, 5, 8, 17}) {
      const std::int64_t T = 67, blocks = (half + sparse::kHashColumns - 1) / sparse::kHashColumns;
      const std::vector<float> rows(static_cast<std::size_t>(T * D), 1.0F),
          projections(static_cast<std::size_t>(blocks * D * sparse::kHashColumns), 1.0F),
          offsets(static_cast<std::size_t>(half), 0.5F);
      std::vector<float> scratch(static_cast<std::size_t>(sparse::hash_scratch(D)));
      Ints buckets(static_cast<std::size_t>(T), -1);
      for (const auto element : {sparse::HashElement::float32, sparse::HashElement::bfloat16,
                                 sparse::HashElement::float16}) {
        const bool half_wide = element != sparse::HashElement::float32;
        const std::vector<std::uint16_t> narrow(rows.size());
        const sparse::HashParams params{
            .rows = half_wide ? static_cast<const void*>(narrow.data()) : rows.data(),
            .element = element,
            .row_stride = D,
            .length = T,
            .head_dim = D,
            .half = half,
            .projections = projections.data(),
            .offsets = offsets.data(),
            .buckets = buckets.data()};
        kernel_table().rows.hash(params, 0, 0, T, scratch.data());
        for (const auto bucket : buckets) ASSERT_EQ(bucket, half_wide ? half : 0);
      }
    }
  }
}

TEST(MergeMemory, holds_any_width) {
  for (const std::int64_t D : {0, 1, 7, 64}) {
    const std::int64_t rows = 5, R = 3;
    const std::vector<double> one(static_cast<std::size_t>(rows * D), 1.0),
        lse(static_cast<std::size_t>(rows), 0.5);
    std::vector<double> merged(one.size());
    std::vector<std::vector<double>> grad_out(R, merged), grad_lse(R, lse);
    const auto last = std::make_unique<bool[]>(rows);
    const std::vector<const double*> outs(R, one.data()), lses(R, lse.data());
    sparse::merge_rows<double>({rows, D, outs, lses, one.data(), merged.data(), last.get()});
    for (const double x : merged) EXPECT_NEAR(x, 1, 1e-12);
    std::vector<double*> to_out, to_lse;
    for (std::int64_t r = 0; r < R; ++r) {
      to_out.push_back(grad_out[r].data());
      to_lse.push_back(grad_lse[r].data());
    }
    std::vector<double> grad_value(one.size());
    sparse::merge_rows_backward<double>(
        {rows, D, outs, lses, merged.data(), one.data(), to_out, to_lse, grad_value.data()});
    for (const double x : grad_lse[0]) EXPECT_NEAR(x, 0, 1e-12);
  }
}

// A sanitizer that is not there would let everything above pass.
TEST(SanitizerDeathTest, notices_a_read_behind_the_end) {
  const auto rows = std::make_unique<std::int32_t[]>(4);
  volatile std::int64_t behind = 4;
  EXPECT_DEATH(
      {
        volatile std::int32_t read = rows[behind];
        (void)read;
      },
      "heap-buffer-overflow");
}

}  // namespace
}  // namespace attnlab::test
