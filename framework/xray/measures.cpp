#include "framework/xray/measures.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "framework/core/random.h"

namespace attnlab::xray {
namespace {

constexpr std::int64_t kTops[]{8, 32, 128};
constexpr double kRounding = 1e-6;  // negative weights up to this share of all are rounding

// What one head's look adds; read from the device at once.
class HeadSums {
 public:
  void add(const char* name, const char* unit, const at::Tensor& sum, const at::Tensor& weight, bool root = false) {
    names_.push_back({name, unit, root});
    numbers_.push_back(sum.to(at::kDouble));
    numbers_.push_back(weight.to(at::kDouble));
  }
  void add(const char* name, const char* unit, const at::Tensor& of_queries) {
    add(name, unit, of_queries.sum(), at::scalar_tensor(of_queries.numel(), of_queries.options().dtype(at::kDouble)));
  }
  void tell(std::int64_t layer, std::int64_t head, Tally& tally) const {
    if (names_.empty()) return;
    const auto values = at::stack(numbers_).cpu();
    const auto* at = values.const_data_ptr<double>();
    for (const auto& [name, unit, root] : names_) {
      tally.add(name, unit, layer, head, at[0], at[1], root);
      at += 2;
    }
  }

 private:
  struct Name {
    const char *name, *unit;
    bool root;
  };
  std::vector<Name> names_;
  std::vector<at::Tensor> numbers_;
};

// [n, T] float64: rows sum to 1.
at::Tensor exact_weights(const AttentionInput& input, const Queries& queries, std::int64_t head) {
  const auto one = [&](const at::Tensor& x) { return x.select(0, 0).select(0, head).to(at::kDouble); };
  const auto scale = 1 / std::sqrt(static_cast<double>(input.query.size(3)));
  const auto scores = one(input.query).index_select(0, queries.rows).matmul(one(input.key).t()) * scale;
  return scores.masked_fill(queries.allowed.logical_not(), -std::numeric_limits<double>::infinity()).softmax(-1);
}

at::Tensor entropy(const at::Tensor& p) { return -(at::xlogy(p, p)).sum(-1) / std::log(2.0); }

void measure_pattern(const at::Tensor& exact, const at::Tensor& weights, const Queries& queries, HeadSums& sums) {
  const auto T = exact.size(1);
  const auto kept = weights.ne(0);
  const auto count = kept.sum(-1), keys = queries.allowed.sum(-1);
  const auto [sorted, order] = exact.masked_fill(queries.allowed.logical_not(), -1).sort(-1, /*descending=*/true);
  const auto at_most = sorted.clamp_min(0).cumsum(-1);
  const auto best = at_most.gather(-1, (count - 1).clamp_min(0).unsqueeze(-1)).squeeze(-1) * count.gt(0);
  sums.add("kept_weight", "share", (exact * kept).sum(-1));
  sums.add("best_weight", "share", best);
  sums.add("kept_keys", "share", count.to(at::kDouble) / keys);
  sums.add("overlap", "share", at::minimum(exact, weights.clamp_min(0)).sum(-1));
  sums.add("rows_without_keys", "share", count.eq(0).to(at::kDouble));
  const auto kept_in_order = kept.gather(-1, order).to(at::kDouble).cumsum(-1);
  constexpr const char* kNames[]{"top_8", "top_32", "top_128"};
  for (std::size_t i = 0; i < std::size(kTops); ++i) {
    if (kTops[i] > T) continue;
    const auto enough = keys.ge(kTops[i]);
    const auto share = kept_in_order.select(-1, kTops[i] - 1) / static_cast<double>(kTops[i]);
    sums.add(kNames[i], "share", (share * enough).sum(), enough.sum());
  }
}

// Rows of sum 1, and how many there are: those without keys are 0.
struct Shares {
  at::Tensor p;      // [n, T]
  at::Tensor count;  // scalar
};

Shares shares_of(const at::Tensor& weights) {
  const auto positive = weights.clamp_min(0);
  const auto total = positive.sum(-1, /*keepdim=*/true);
  return {at::where(total > 0, positive / total, at::zeros_like(positive)), total.gt(0).sum()};
}

void measure_spread(const char* entropy_name, const char* distance_name, const Shares& shares, const Queries& queries,
                    HeadSums& sums) {
  sums.add(entropy_name, "bits", entropy(shares.p).sum(), shares.count);
  sums.add(distance_name, "tokens", (shares.p * queries.distance).sum(), shares.count);
}

// Of a layer: its heads' shares added up.
struct Profile {
  at::Tensor p, count;
  void add(const Shares& shares) {
    p = p.defined() ? p + shares.p : shares.p;
    count = count.defined() ? count + shares.count : shares.count;
  }
  void tell(const std::string& name, const Queries& queries, std::int64_t layer, Tally& tally) const {
    if (!p.defined()) return;
    std::vector<at::Tensor> numbers{count.to(at::kDouble)};
    std::vector<std::int64_t> from;
    for (std::int64_t low = 0; low < p.size(1); low = low == 0 ? 1 : 2 * low) {
      const auto inside = queries.distance.ge(low).logical_and(queries.distance.lt(low == 0 ? 1 : 2 * low));
      numbers.push_back((p * inside).sum());
      from.push_back(low);
    }
    const auto values = at::stack(numbers).cpu();
    const auto* at = values.const_data_ptr<double>();
    for (std::size_t i = 0; i < from.size(); ++i) {
      tally.add(name + "/from_" + std::to_string(from[i]), "share", layer, -1, at[i + 1], at[0]);
    }
  }
};

bool has_negative(const at::Tensor& weights) {
  return (weights.clamp_max(0).abs().sum() > kRounding * weights.abs().sum()).item<bool>();
}

}  // namespace

Queries sample_queries(std::int64_t length, bool inclusive, const at::Tensor& documents, std::int64_t most,
                       std::int64_t sequence, at::Device device) {
  std::vector<std::int64_t> candidates, rows;
  const auto host = documents.defined() ? documents.to(at::kCPU, at::kLong).contiguous() : at::Tensor();
  for (std::int64_t t = 0; t < length; ++t) {
    const auto* of = host.defined() ? host.const_data_ptr<std::int64_t>() : nullptr;
    const bool earlier = t > 0 && (of == nullptr || of[t - 1] == of[t]);
    if (inclusive || earlier) candidates.push_back(t);
  }
  const auto all = static_cast<std::int64_t>(candidates.size()), n = std::min(most, all);
  const RandomStream draws(0, "xray", {static_cast<std::uint64_t>(sequence)});
  for (std::int64_t i = 0; i < n; ++i) {
    const auto low = i * all / n, high = (i + 1) * all / n;  // no row twice
    const auto at = low + static_cast<std::int64_t>(draws.below(static_cast<std::uint64_t>(high - low),
                                                                static_cast<std::uint64_t>(i)));
    rows.push_back(candidates[static_cast<std::size_t>(at)]);
  }
  Queries queries;
  queries.rows = at::tensor(rows, at::kLong).to(device);
  queries.distance = queries.rows.unsqueeze(1) - at::arange(length, queries.rows.options());
  queries.allowed = inclusive ? queries.distance.ge(0) : queries.distance.gt(0);
  if (documents.defined()) {
    const auto here = documents.to(device);
    queries.allowed = queries.allowed.logical_and(here.index_select(0, queries.rows).unsqueeze(1).eq(here));
  }
  return queries;
}

void measure(const AttentionInput& input, const Queries& queries, const RowWeights& read, std::int64_t layer,
             Tally& tally) {
  const bool has_weights = explained(read);
  Profile own, dense;
  bool is_signed = false;
  for (std::int64_t head = 0; head < input.query.size(1); ++head) {
    HeadSums sums;
    const auto exact = exact_weights(input, queries, head);
    const auto exact_output = exact.matmul(input.value.select(0, 0).select(0, head).to(at::kDouble));
    const auto off = read.output.select(0, head).to(at::kDouble) - exact_output;
    sums.add("error", "of dense", off.square().sum(), exact_output.square().sum(), /*root=*/true);
    const Shares exact_shares{exact, at::scalar_tensor(exact.size(0), exact.options())};
    measure_spread("dense_entropy", "dense_distance", exact_shares, queries, sums);
    dense.add(exact_shares);
    if (has_weights) {
      const auto weights = read.weights.select(0, head).to(at::kDouble) * queries.allowed;
      measure_pattern(exact, weights, queries, sums);
      if (has_negative(weights)) {
        is_signed = true;
      } else {
        const auto shares = shares_of(weights);
        measure_spread("entropy", "distance", shares, queries, sums);
        own.add(shares);
      }
    }
    sums.tell(layer, head, tally);
  }
  dense.tell("dense_profile", queries, layer, tally);
  own.tell("profile", queries, layer, tally);
  if (is_signed) {
    for (const auto* name : {"entropy", "distance"}) tally.leave_out(name, layer);
    for (std::int64_t low = 0; low < input.query.size(2); low = low == 0 ? 1 : 2 * low) {
      tally.leave_out("profile/from_" + std::to_string(low), layer);
    }
  }
}

}  // namespace attnlab::xray
