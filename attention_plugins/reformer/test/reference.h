/// reformer_reference.h: LSH attention written a second time, for the tests: pairs are counted in
/// an
///   explicit T x T matrix with sort and chunk code of its own, and weighted by LibTorch operators.
///   Shares nothing with the plugin but the documented random streams.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "attention_plugins/reformer/reformer_config.h"
#include "framework/attention/attention.h"
#include "framework/core/random.h"

namespace attnlab::reformer {

struct Reference {
  at::Tensor multiplicity;  // float64 [B, H, T, T]: how often query t (row) sees key s (column)
  double margin = 1e30;     // smallest gap between the best and second-best bucket of any row
  double same_bucket = 0;   // strictly causal pairs of equal buckets, over all rounds
  double covered = 0;       // those of them that are within a chunk or its predecessor
  std::int64_t last_resort = 0;     // rows that see nobody but themselves
  std::int64_t largest_bucket = 0;  // rows
};

/// One head of one round: (bucket, position) of every row, in positions' order.
inline std::vector<std::pair<int, int>> reference_hash(const at::Tensor& rows,  // float64 [T, D]
                                                       const RandomStream& stream,
                                                       std::int64_t buckets, double& margin) {
  const std::int64_t T = rows.size(0), D = rows.size(1), half = buckets / 2;
  const auto x = rows.accessor<double, 2>();
  std::vector<double> columns;  // [D, half]
  for (std::int64_t i = 0; i < D * half; ++i) {
    columns.push_back(static_cast<float>(stream.normal(i)));
  }
  std::vector<std::pair<int, int>> hashed;
  for (std::int64_t t = 0; t < T; ++t) {
    std::vector<double> scores(buckets);
    for (std::int64_t c = 0; c < half; ++c) {
      for (std::int64_t d = 0; d < D; ++d) scores[c] += x[t][d] * columns[d * half + c];
      scores[half + c] = -scores[c];
    }
    const auto best = std::max_element(scores.begin(), scores.end());
    hashed.emplace_back(best - scores.begin(), t);
    std::vector<double> sorted = scores;
    std::sort(sorted.rbegin(), sorted.rend());
    margin = std::min(margin, sorted[0] - sorted[1]);
  }
  return hashed;
}

/// Adds one round of one head to `count`, [T * T] row by row.
inline void reference_round(std::vector<std::pair<int, int>> rows, const ReformerConfig& config,
                            double* count, Reference& total) {
  const std::size_t T = rows.size();
  std::stable_sort(rows.begin(), rows.end());
  std::vector<std::vector<std::pair<int, int>>> chunks;
  for (std::size_t i = 0; i < T; ++i) {
    if (i % config.chunk == 0) chunks.emplace_back();
    chunks.back().push_back(rows[i]);
  }
  for (const auto& [bucket, t] : rows) {
    std::int64_t members = 0;
    for (const auto& [other, s] : rows) {
      members += other == bucket;
      total.same_bucket += other == bucket && s < t;
    }
    total.largest_bucket = std::max(total.largest_bucket, members);
  }
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    std::vector<std::pair<int, int>> keys = chunks[c];
    if (c > 0) keys.insert(keys.end(), chunks[c - 1].begin(), chunks[c - 1].end());
    for (const auto& [bucket, t] : chunks[c]) {
      for (const auto& [other, s] : keys) {
        if (s >= t) continue;
        total.covered += other == bucket;
        if (!config.bucket_mask || other == bucket) count[t * T + s] += 1;
      }
    }
  }
}

inline Reference reference(const at::Tensor& query,  // [B, H, T, D]
                           const ReformerConfig& config, const AttentionContext& context) {
  const std::int64_t B = query.size(0), H = query.size(1), T = query.size(2);
  const at::Tensor rows = query.detach().to(at::kFloat).to(at::kDouble);
  Reference total;
  total.multiplicity = at::zeros({B, H, T, T}, at::kDouble);
  const std::int64_t chunks = T / config.chunk + (T % config.chunk != 0);
  const std::int64_t buckets = config.buckets == 0 ? 2 * chunks : config.buckets;
  for (std::int64_t b = 0; b < B; ++b) {
    for (std::int64_t h = 0; h < H; ++h) {
      double* count = total.multiplicity[b][h].data_ptr<double>();
      for (std::int64_t r = 0; r < config.rounds; ++r) {
        const auto head = static_cast<std::uint64_t>(config.projection_per_head ? h : 0);
        const auto layer = static_cast<std::uint64_t>(context.layer);
        const auto step = static_cast<std::uint64_t>(context.step);
        const auto round = static_cast<std::uint64_t>(r);
        const RandomStream stream =
            config.projections == Projections::fixed
                ? RandomStream(context.run_seed, "reformer.fixed", {layer, round, head})
                : RandomStream(context.run_seed, "reformer.redrawn", {layer, step, round, head});
        reference_round(reference_hash(rows[b][h], stream, buckets, total.margin), config, count,
                        total);
      }
    }
  }
  if (config.correct_duplicates) total.multiplicity.clamp_max_(1);
  const at::Tensor alone = total.multiplicity.sum(-1) == 0;  // [B, H, T]
  total.multiplicity += at::diag_embed(alone.to(at::kDouble));
  total.last_resort = alone.sum().item<std::int64_t>();
  return total;
}

/// The multiplicity-weighted softmax average in the dtype of the query, in LibTorch's operators.
inline at::Tensor libtorch_attention(const at::Tensor& query, const at::Tensor& key,
                                     const at::Tensor& value, const at::Tensor& multiplicity) {
  const at::Tensor bias = multiplicity.log().to(query.scalar_type());  // [B, H, T, T]
  return at::scaled_dot_product_attention(query, key, value, bias);    // [B, H, T, D]
}

/// The same from its definition, sum_s m_ts exp(q_t k_s / sqrt D) v_s over the sum of the weights.
inline at::Tensor reference_attention(const at::Tensor& query, const at::Tensor& key,
                                      const at::Tensor& value, const at::Tensor& multiplicity) {
  const double scale = 1 / std::sqrt(static_cast<double>(query.size(-1)));
  const at::Tensor scores = query.matmul(key.transpose(-2, -1)) * scale;  // [B, H, T, T]
  const at::Tensor highest = std::get<0>(scores.detach().max(-1, true));  // [B, H, T, 1]
  const at::Tensor weights = multiplicity * (scores - highest).exp();     // [B, H, T, T]
  return (weights / weights.sum(-1, true)).matmul(value);                 // [B, H, T, D]
}

}  // namespace attnlab::reformer
