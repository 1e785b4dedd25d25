// Every instruction set's hashing and drop draws, not only the best one's.
#include "framework/sparse/row_kernels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "framework/core/random.h"
#include "framework/core/machine.h"
#include "framework/sparse/dispatch.h"

namespace attnlab::sparse {
namespace {

class RowKernelsOf : public testing::TestWithParam<std::string> {
 protected:
  const RowKernels& rows = kernel_table_of(GetParam()).rows;
};

TEST_P(RowKernelsOf, hash_to_the_argmax_in_any_blocks) {
  constexpr std::int64_t T = 75, D = 20, kHalf = 11, kBlocks = 2;
  at::manual_seed(1);
  const auto x = at::randn({T, D});
  const auto columns =
      at::constant_pad_nd(at::randn({D, kHalf}), {0, kBlocks * kHashColumns - kHalf});
  const auto packed = columns.unflatten(1, {kBlocks, kHashColumns}).transpose(0, 1).contiguous();
  const auto offsets = at::randn({kHalf});
  const auto sums = x.to(at::kDouble).matmul(columns.slice(1, 0, kHalf).to(at::kDouble)) - offsets;
  const auto best = at::cat({sums, -sums}, -1).topk(2, -1);
  ASSERT_GT((std::get<0>(best).select(1, 0) - std::get<0>(best).select(1, 1)).min().item<double>(),
            1e-4);
  const auto expected = std::get<1>(best).select(1, 0).to(at::kInt);

  std::vector<float> scratch(hash_scratch(D));
  for (const std::int64_t block : {T, std::int64_t{7}}) {
    auto buckets = at::full({T}, -1, at::kInt);
    const HashParams params{.rows = x.const_data_ptr(),
                            .row_stride = D,
                            .length = T,
                            .head_dim = D,
                            .half = kHalf,
                            .projections = packed.const_data_ptr<float>(),
                            .offsets = offsets.const_data_ptr<float>(),
                            .buckets = buckets.mutable_data_ptr<std::int32_t>()};
    for (std::int64_t t = 0; t < T; t += block) {
      rows.hash(params, 0, t, std::min(t + block, T), scratch.data());
    }
    EXPECT_TRUE(buckets.equal(expected)) << "blocks of " << block;
  }
}

TEST_P(RowKernelsOf, keep_what_the_stream_says_from_any_place) {
  const RandomStream stream(5, "keep", {7});
  const KeepParams params{stream.key(), stream.coordinates(), std::uint64_t{1} << 31};
  for (const std::int64_t begin : {std::int64_t{0}, std::int64_t{64}, std::int64_t{1} << 35}) {
    bool keep[131];
    rows.keep(params, begin, begin + 131, keep);
    for (std::int64_t i = 0; i < 131; ++i) {
      EXPECT_EQ(keep[i], stream.uniform(begin + i) >= 0.5) << "row " << begin + i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(sets, RowKernelsOf, testing::ValuesIn(machine::instruction_sets()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace attnlab::sparse
