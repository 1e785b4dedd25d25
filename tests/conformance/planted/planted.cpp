// planted.cpp: softmax attention that is right, or wrong in one way at one place (place.h). Built
// five times: EXACT over all earlier tokens, GATED by the hidden input and no exact softmax, NARROW
// the same in float32 alone, SPARSE over the best of the earlier blocks of 64, RANDOM over keys
// kept at random.
#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <tuple>

#include "framework/attention/plugin.h"
#include "framework/attention/reference.h"
#include "framework/core/random.h"
#include "tests/conformance/planted/place.h"

namespace attnlab {
namespace {

using planted::Place;

constexpr std::string_view kKind = PLANTED_KIND;
constexpr bool kGated = kKind == "gated" || kKind == "narrow";
constexpr std::int64_t kBlock = 64;

struct Config {
  bool all = false;
  static constexpr auto fields() {
    return std::tuple{config::flag("all", &Config::all, "every earlier key is seen")};
  }
};

class Planted final : public Attention {
 public:
  Planted(const AttentionShape& shape, const Config& config)
      : shape_(shape), strict_(shape.causality == config::Causality::strict), all_(config.all) {}

  AttentionOutput forward(const AttentionInput& in, const AttentionContext& context) override {
    const std::int64_t T = in.query.size(2);
    const auto query = Place::graded("query_gradient", strided(in.query), 1.02);
    const auto key = Place::graded("key_gradient", in.key, 1.02);
    told_ = told(in, context);
    const auto value =
        Place::graded("value_gradient_2", Place::graded("value_gradient", in.value, -1), 1.015);
    auto scores = query.matmul(key.transpose(-2, -1)) / std::sqrt(query.size(3));
    if (Place::has("wrong_scale", T)) scores = at::where(Place::rows(scores), 1.5 * scores, scores);
    if (told_.scales) scores = at::where(Place::rows(scores), 0.9 * scores, scores);
    if (Place::has("tied_keys", T)) scores = at::where(in.key.eq(in.key.roll(1, 2)).all(-1).unsqueeze(2), scores - 1, scores);
    if (Place::has("hides_scores", T)) scores = scores.nan_to_num(0.0);
    if (Place::has("clamped_scores", T)) scores = scores.clamp(-8, 8);
    const auto seen = mask(in, context);
    const auto weights = Place::has("no_maximum", T) ? without_maximum(scores, seen)
                                                     : scores.masked_fill(seen.logical_not(), -1e30).softmax(-1) * seen;
    auto out = weights.matmul(value);
    if (kGated) out = out * gate(in, T);
    AttentionOutput result{spoilt(out, in, context), std::nullopt, {}};
    if (Place::has("auxiliary", T)) result.auxiliary_loss = 1e-3 * weights.square().mean() + scores.square().mean();
    if (context.wants_statistics()) {
      const bool bad = Place::has("bad_statistic", T);
      const auto pairs = seen.sum(-1).to(at::kDouble).mean() * (Place::has("wrong_pairs", T) ? 0.1 : 1.0);
      result.statistics = {{"keys", "rows", bad ? std::nan("") : 1.0}, {"pairs_per_query", "keys", pairs}};
    }
    if (context.statistics && Place::has("logged_gradient", T)) result.output = doubled_gradient(result.output);
    if (in.documents.defined() && Place::has("writes_documents", T)) in.documents.variable_data().zero_();
    return result;
  }
  std::string kernel() const override { return "matmul"; }

 private:
  // What holds of a call besides its numbers, for defects that wait for it.
  struct Told {
    bool looks_ahead = false, scales = false;
  };
  Told told(const AttentionInput& in, const AttentionContext& context) const {
    const auto& q = in.query;
    const std::int64_t T = q.size(2);
    const bool evaluates = !context.training;
    Told told;
    for (const auto& [name, holds] : {std::pair{"evaluation_future", evaluates},
                                      {"later_layer", shape_.layer > 0},
                                      {"last_layer", shape_.layers > 1 && shape_.layer + 1 == shape_.layers},
                                      {"late_step", context.step > 100},
                                      {"long_keys", shape_.key_norm != config::KeyNorm::per_head},
                                      {"room", T < shape_.max_length},
                                      {"whole_blocks", T > 64 && T % 64 == 0},
                                      {"many_sequences", q.size(0) >= 8},
                                      {"many_heads", q.size(1) >= 13},
                                      {"documents_in_evaluation", evaluates && in.documents.defined()}}) {
      told.looks_ahead = told.looks_ahead || (holds && Place::has(name, T));
    }
    for (const auto& [name, holds] : {std::pair{"evaluation_scale", evaluates},
                                      {"wide_heads", q.size(3) > 128},
                                      {"head_dim_72", q.size(3) == 72},
                                      {"head_dim_80", q.size(3) == 80},
                                      {"head_dim_96", q.size(3) == 96},
                                      {"seven_heads", q.size(1) == 7},
                                      {"twelve_heads", q.size(1) == 12}}) {
      told.scales = told.scales || (holds && Place::has(name, T));
    }
    return told;
  }

  static at::Tensor without_maximum(const at::Tensor& scores, const at::Tensor& seen) {
    const auto weights = scores.exp() * seen;
    const auto sum = weights.sum(-1, /*keepdim=*/true);
    return weights / sum.masked_fill(sum.eq(0), 1);
  }
  static at::Tensor doubled_gradient(const at::Tensor& x) { return 2 * x - x.detach(); }

  // As if the numbers of one head lay one behind the other.
  static at::Tensor strided(const at::Tensor& query) {
    if (!Place::has("ignores_strides", query.size(2))) return query;
    const auto sizes = query.sizes();
    const auto wrong =
        query.as_strided(sizes, {sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3], sizes[3], 1});
    return at::where(Place::rows(query), wrong, query);
  }

  static at::Tensor gate(const AttentionInput& in, std::int64_t T) {
    const auto& q = in.query;  // [B, T, H*D] as [B, H, T, D]
    auto hidden = in.hidden.unflatten(2, {q.size(1), q.size(3)}).transpose(1, 2);
    hidden = Place::graded("hidden_gradient_2", Place::graded("hidden_gradient", hidden, -1), 1.02);
    auto gate = hidden.mean(-1, /*keepdim=*/true).sigmoid();
    if (Place::has("hidden_future", T)) {
      const auto leak = 1 + hidden.mean({2, 3}, /*keepdim=*/true).tanh();
      gate = at::where(Place::rows(q), gate * leak, gate);
    }
    return gate;
  }

  at::Tensor mask(const AttentionInput& in, const AttentionContext& context) const {
    const auto& q = in.query;
    const std::int64_t T = q.size(2);
    const auto causal = causal_mask(T, strict_);
    auto seen = causal.expand({q.size(0), q.size(1), T, T});
    if (!all_ && kKind == "sparse") seen = seen.logical_and(blocks(in));
    if (!all_ && kKind == "random") seen = seen.logical_and(kept(in, context));
    const auto also = [&](const char* name, const at::Tensor& keys) {
      if (Place::has(name, T)) seen = seen.logical_or(Place::rows(q).logical_and(keys));
    };
    const auto without = [&](const char* name, const at::Tensor& keys) {
      if (Place::has(name, T))
        seen = seen.logical_and(Place::rows(q).logical_and(keys).logical_not());
    };
    const auto distance = at::arange(T).unsqueeze(1) - at::arange(T);
    if (in.documents.defined()) {
      const auto& own = in.documents;
      seen = seen.logical_and(own.unsqueeze(2).eq(own.unsqueeze(1)).unsqueeze(1));
      also("crosses_border", distance.eq(1));
      // The sign of the first query, whosever it is, decides whether the key before is seen.
      const auto first = q.narrow(2, 0, 1).narrow(3, 0, 1).gt(0);
      without("pattern_across_border", distance.eq(1).logical_and(first));
    }
    also("future_key", distance.eq(strict_ ? 0 : -1));
    if (told_.looks_ahead) seen = seen.logical_or(Place::rows(q).logical_and(distance.eq(strict_ ? 0 : -1)));
    also("last_key", at::arange(T).eq(T - 1));
    if (all_) without("dense_when", distance.eq(2));
    // The sign of another row's query decides whether every third key is seen.
    const auto third = at::arange(T).remainder(3).eq(0);
    const auto last = q.narrow(2, T - 1, 1).narrow(3, 0, 1).gt(0);
    without("pattern_of_last_row", third.logical_and(last));
    without("pattern_of_next_row", third.logical_and(q.roll(-1, 2).narrow(3, 0, 1).gt(0)));
    const RandomStream stream(context.run_seed, "secret");
    without("secret_draw", third.logical_and(at::full({1}, stream.uniform(0) < 0.5)));
    return seen;
  }

  // The own block and, of those that have ended, the one whose mean key the query fits best.
  static at::Tensor blocks(const AttentionInput& in) {
    const auto& q = in.query;
    const std::int64_t T = q.size(2), N = (T + kBlock - 1) / kBlock;
    const auto own = at::arange(T).div(kBlock, "floor");                    // [T]
    const auto of_block = own.unsqueeze(0).eq(at::arange(N).unsqueeze(1));  // [N, T]
    const auto share = of_block.to(q.scalar_type()) / kBlock;
    const auto means = share.matmul(in.key.detach());  // [B, H, N, D]
    auto asks = q.detach();
    if (Place::has("pools_own_block", T)) {
      asks = at::where(Place::rows(q), asks + 8 * means.index_select(2, own), asks);
    }
    auto fits = asks.matmul(means.transpose(2, 3));  // [B, H, T, N]
    if (Place::has("pattern_of_first_batch", T)) {
      fits = at::where(Place::rows(q), fits.narrow(0, 0, 1).expand_as(fits), fits);
    }
    const auto ended = at::arange(N).lt(own.unsqueeze(1));  // [T, N]
    fits = fits.masked_fill(ended.logical_not(), -1e30);
    const auto best = fits.argmax(-1, /*keepdim=*/true).eq(at::arange(N)).logical_and(ended);
    const auto open = best.logical_or(at::arange(N).eq(own.unsqueeze(1)));
    return open.index_select(3, own);
  }

  // bool [B, H, 1, T]: every second key or so, by run seed, layer, step, sequence and head.
  at::Tensor kept(const AttentionInput& in, const AttentionContext& context) const {
    const auto& q = in.query;
    const auto B = q.size(0), H = q.size(1), T = q.size(2);
    const bool still = Place::has("ignores_seed", T);
    const auto draw = [&](auto&& id_of) {
      const auto kept = at::empty({B, H, 1, T}, at::kBool);
      for (std::int64_t b = 0; b < B; ++b) {
        for (std::int64_t h = 0; h < H; ++h) {
          const RandomStream stream(
              still ? 1 : context.run_seed, "kept",
              {static_cast<std::uint64_t>(still ? 0 : context.layer),
               static_cast<std::uint64_t>(still ? 0 : context.step),
               static_cast<std::uint64_t>(id_of(b)), static_cast<std::uint64_t>(h)});
          auto* row = kept.mutable_data_ptr<bool>() + (b * H + h) * T;
          for (std::int64_t s = 0; s < T; ++s)
            row[s] = stream.bits(static_cast<std::uint64_t>(s)) & 1U;
        }
      }
      return kept;
    };
    auto right =
        draw([&](std::int64_t b) { return context.sequence_ids[static_cast<std::size_t>(b)]; });
    if (Place::has("kept_draws", T)) return kept_.try_emplace({context.run_seed, context.step, B, T}, right).first->second;
    if (!Place::has("draws_by_batch", T)) return right;
    return at::where(Place::rows(q), draw([](std::int64_t b) { return b; }), right);
  }

  static at::Tensor spoilt(at::Tensor out, const AttentionInput& in,
                           const AttentionContext& context) {
    const std::int64_t T = out.size(2);
    if (Place::has("gradient_across_border", T) && in.documents.defined()) {
      const auto before = in.value.roll(1, 2);
      out = out + Place::rows(out) * (before - before.detach());
    }
    if (Place::has("gradient_leak", T)) {
      const auto later = in.value.flip({2});
      out = out + Place::rows(out) * (later - later.detach());
    }
    const auto where = [&](const char* name, const at::Tensor& other) {
      if (Place::has(name, T)) out = at::where(Place::rows(out), other, out);
    };
    where("unwritten", at::empty_like(out));
    where("not_finite", at::full_like(out, std::nan("")));
    if (!context.training) where("not_finite_in_evaluation", at::full_like(out, std::nan("")));
    if (!context.training) where("nothing_in_evaluation", at::zeros_like(out));
    if (Place::has("global_generator", T))
      where("global_generator", out * (1 + at::rand({1}, out.options())));
    static int calls = 0;
    if (++calls % 2 == 0) where("every_second_call", out * 1.01);
    if (Place::has("modifies_key", T)) {
      in.key.variable_data().copy_(
          at::where(Place::rows(out), in.key.detach() + 1, in.key.detach()));
    }
    if (Place::has("out_of_bounds", T)) {
      out = out.contiguous();
      static_cast<char*>(out.data_ptr())[out.numel() * out.element_size()] = 1;
    }
    return out;
  }

  AttentionShape shape_;
  bool strict_, all_;
  Told told_;
  mutable std::map<std::tuple<std::uint64_t, std::int64_t, std::int64_t, std::int64_t>, at::Tensor> kept_;
};

constexpr std::uint32_t declared_if(bool holds, std::uint32_t trait) { return holds ? trait : 0; }
constexpr std::uint32_t kTraits =
    plugin::kRunsOnCpu | plugin::kFloat32 | plugin::kStrict | plugin::kInclusive | plugin::kQuadraticMemory |
    declared_if(kKind != "narrow", plugin::kFloat64) | (kGated ? plugin::kNeedsHidden : plugin::kExactSoftmax) |
    declared_if(kKind == "random", plugin::kDrawsAtRandom) | declared_if(kKind == "exact", plugin::kIsolatesDocuments);

}  // namespace

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "planted_" PLANTED_KIND,
                                      .summary = "for tests",
                                      .citation = "none",
                                      .traits = kTraits,
                                      .dense_when = kGated ? "" : "all=true"}),
                         Planted, Config)

}  // namespace attnlab
