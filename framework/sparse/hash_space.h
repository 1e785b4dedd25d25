/// hash_space.h: hashing in the space of the rows' running mean and covariance, one per head.
///   The rows of a layer share one large common part, so argmax [xR; -xR] puts nearly all of them
///   into one bucket. With C = L L^T their covariance and m their mean, the rows L^-1 (x - m) have
///   none, and their hash is argmax [xR' - c; -(xR' - c)] with R' = L^-T R, c = m R': the kernels
///   get an offset per column and are else the same. MagicPIG (Chen et al. 2024, arXiv 2410.16179)
///   centres keys before hashing for the same reason.
///   H heads, D head_dim, T length, R rounds.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace attnlab::sparse {

/// What rows are hashed as: raw x; centred x - m; whitened L^-1 (x - m).
enum class HashSpace { raw, centred, whitened };

/// float32 projections [R, H, D, half] and what is taken off the sums, [R, H, half]; the latter
/// undefined where rows are hashed as they are.
struct Hashing {
  at::Tensor projections, offset;
};

/// Running mean and covariance of rows, one per head. During a step it collects, and what it has
/// collected counts from finish_step() on: so the moments that a step uses are those that the step
/// before left, however its batch was cut. All on the rows' device, and the host waits for nothing.
/// Not thread-safe.
class RunningMoments {
 public:
  /// Changed in place by finish_step() alone; all of it zero before the first step, when rows are
  /// hashed raw. mean [H, D], covariance [H, D, D], weight [1]: how many steps count, older ones less.
  struct State {
    at::Tensor mean, covariance, weight;
  };
  /// decay: of a step's weight at the next step, in [0, 1). regularisation: added to the covariance's
  /// diagonal, as a share of the diagonal's mean. rows: looked at of a sequence in a step at the most,
  /// evenly spaced; 0: all.
  struct Settings {
    HashSpace space = HashSpace::raw;
    double decay = 0.9, regularisation = 1e-3;
    std::int64_t rows = 0;
  };
  RunningMoments(Settings settings, State state);
  /// Of rows that a layer hashes, its state three buffers SIDE_mean, SIDE_covariance, SIDE_weight of
  /// `owner` (framework/attention/attention.h).
  template <class Owner>
  static RunningMoments of(Owner& owner, const std::string& side, std::int64_t H, std::int64_t D,
                           const Settings& settings) {
    return {settings, {owner.buffer(side + "_mean", {H, D}),
                       owner.buffer(side + "_covariance", {H, D, D}), owner.buffer(side + "_weight", {1})}};
  }

  /// rows [B, H, T, D], any strides and floating dtype. A row that in some head is not finite, or
  /// farther than 1e15 from the mean, does not count: its NaN would stay in the moments for ever.
  void collect(const at::Tensor& rows);
  void finish_step();
  /// What collect() has added up since, to be changed in place: Attention::collected() (attention.h).
  [[nodiscard]] std::vector<at::Tensor> collected() const;

  /// `projections` [R, H or 1, D, half] float32 in the space of the moments.
  [[nodiscard]] Hashing transform(const at::Tensor& projections) const;

 private:
  [[nodiscard]] at::Tensor factor() const;     // L, [H, D, D] float64
  [[nodiscard]] at::Tensor factorise() const;  // the same, made anew

  Settings settings_;
  State state_;
  mutable at::Tensor factor_;
  mutable std::array<std::int64_t, 2> factor_of_{};  // the versions of the state that it is of
  // Since the last finish_step(), float64, around the mean of before: sum [H, D], products [H, D, D], which
  // whitened rows alone need, and the number of rows of a head [1].
  at::Tensor sum_, products_, count_;
};

}  // namespace attnlab::sparse
