#include "framework/sparse/merge_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/sparse/parallel.h"

namespace attnlab::sparse {
namespace {

/// Calls work(row, share) for every row; `share` has room for one number per round.
template <class T, class Work>
void each_row(std::int64_t rows, std::size_t rounds, const Work& work) {
  constexpr std::int64_t kBlock = 1024;
  share((rows + kBlock - 1) / kBlock, [&](const auto& next) {
    std::vector<T> shares(rounds);
    for (std::int64_t block = next(); block >= 0; block = next()) {
      const std::int64_t end = std::min((block + 1) * kBlock, rows);
      for (std::int64_t row = block * kBlock; row < end; ++row) work(row, shares.data());
    }
  });
}

/// The rounds' shares of a row, which sum to 1; false where no round has a key for it. NaN is no lack of keys: scores
/// of a model that diverged have it, and its shares are NaN.
template <class T>
bool shares_of(const std::vector<const T*>& lse, std::int64_t row, T* share) {
  constexpr T kNone = -std::numeric_limits<T>::infinity();
  T highest = kNone;
  for (const T* round : lse) highest = std::max(highest, round[row]);
  if (std::ranges::all_of(lse, [&](const T* round) { return round[row] == kNone; })) return false;
  T total = 0;
  for (std::size_t r = 0; r < lse.size(); ++r) total += share[r] = std::exp(lse[r][row] - highest);
  for (std::size_t r = 0; r < lse.size(); ++r) share[r] /= total;
  return true;
}

template <class T>
void scale_into(T scale, const T* from, std::int64_t count, T* to) {
  for (std::int64_t d = 0; d < count; ++d) to[d] = scale * from[d];
}

template <class T>
void add_scaled(T scale, const T* from, std::int64_t count, T* to) {
  for (std::int64_t d = 0; d < count; ++d) to[d] += scale * from[d];
}

/// sum_d a_d (b_d - c_d), in eight running sums.
template <class T>
T dot_difference(const T* a, const T* b, const T* c, std::int64_t count) {
  T sums[8] = {};
  std::int64_t d = 0;
  for (; d + 8 <= count; d += 8) {
    for (int i = 0; i < 8; ++i) sums[i] += a[d + i] * (b[d + i] - c[d + i]);
  }
  for (; d < count; ++d) sums[0] += a[d] * (b[d] - c[d]);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

}  // namespace

template <class T>
void merge_rows(const MergeParams<T>& p) {
  each_row<T>(p.rows, p.out.size(), [&](std::int64_t row, T* share) {
    const std::int64_t first = row * p.head_dim;
    T* merged = p.merged + first;
    p.last_resort[row] = !shares_of(p.lse, row, share);
    if (p.last_resort[row]) {
      std::copy_n(p.value + first, p.head_dim, merged);
      return;
    }
    scale_into(share[0], p.out[0] + first, p.head_dim, merged);
    for (std::size_t r = 1; r < p.out.size(); ++r) {
      add_scaled(share[r], p.out[r] + first, p.head_dim, merged);
    }
  });
}

template <class T>
void merge_rows_backward(const MergeGradients<T>& p) {
  each_row<T>(p.rows, p.out.size(), [&](std::int64_t row, T* share) {
    const std::int64_t first = row * p.head_dim;
    const T* grad = p.grad + first;
    const bool last_resort = !shares_of(p.lse, row, share);
    scale_into<T>(last_resort, grad, p.head_dim, p.grad_value + first);
    for (std::size_t r = 0; r < p.out.size(); ++r) {
      const T part = last_resort ? 0 : share[r];
      scale_into(part, grad, p.head_dim, p.grad_out[r] + first);
      p.grad_lse[r][row] =
          part == 0 ? 0
                    : part * dot_difference(grad, p.out[r] + first, p.merged + first, p.head_dim);
    }
  });
}

template void merge_rows(const MergeParams<float>&);
template void merge_rows(const MergeParams<double>&);
template void merge_rows_backward(const MergeGradients<float>&);
template void merge_rows_backward(const MergeGradients<double>&);

}  // namespace attnlab::sparse
