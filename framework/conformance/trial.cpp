#include "framework/conformance/trial.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>

#include "framework/attention/free_owner.h"
#include "framework/attention/guarded.h"
#include "framework/attention/unit_values.h"
#include "framework/core/error.h"
#include "framework/core/random.h"
#include "framework/core/text.h"
#include "framework/plugin/parameters.h"

namespace attnlab::conformance {

at::Tensor normal(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::kDouble);
}

at::ScalarType dtype_of(const std::string& word) {
  if (word == "float64") return at::kDouble;
  if (word == "bfloat16") return at::kBFloat16;
  if (word == "float16") return at::kHalf;
  return at::kFloat;
}

Trial::Trial(const Subject& subject, plugin::CheckCase check)
    : subject_(&subject), check_(std::move(check)) {}

at::ScalarType Trial::dtype() const { return dtype_of(check_.dtype); }

AttentionShape Trial::shape() const {
  return {.heads = check_.heads,
          .head_dim = check_.head_dim,
          .max_length = std::max(check_.max_length, check_.length),
          .causality = check_.causality,
          .shared_keys = check_.shared_keys,
          .key_norm = check_.key_norm,
          .layer = check_.layer,
          .layers = check_.layers,
          .documents = layout_ == Layout::joined ? config::Documents::joined : config::Documents::isolated};
}

config::Node Trial::section() const {
  auto map = config::Node::map();
  map.set("name", config::Node(std::string(note().name.view())));
  for (const auto& [name, value] : check_.parameters) map.set(name, value);
  return map;
}

Trial Trial::with(std::string_view words) const {
  const config::Node given(subject_->given);
  auto node = config::Node(check_.parameters);
  for (const auto& [name, value] : plugin::overrides(words)) {
    if (given.find(name) == nullptr) node.set(name, value);
  }
  Trial other = *this;
  other.check_.parameters = node.as_map();
  return other;
}

Trial Trial::plain() const {
  Trial other = *this;
  other.check_.parameters = subject_->given;
  return other;
}

Trial Trial::with_dtype(const std::string& dtype) const {
  Trial other = *this;
  other.check_.dtype = dtype;
  return other;
}

Trial Trial::evaluating() const {
  Trial other = *this;
  other.evaluates_ = true;
  return other;
}

Trial Trial::tied() const {
  Trial other = *this;
  other.tied_ = true;
  return other;
}

Trial Trial::isolated(Layout layout) const {
  Trial other = *this;
  other.layout_ = layout;
  return other;
}

at::Tensor Trial::documents() const {
  const std::int64_t T = check_.length;
  const auto each = at::arange(T, at::kInt).expand({check_.batch, T});
  if (layout_ == Layout::tokens) return each.contiguous();
  if (layout_ == Layout::pairs) return each.div(2, "floor");
  if (layout_ == Layout::later_pairs) return (each + 1).div(2, "floor");
  auto result = at::zeros({check_.batch, T}, at::kInt);
  for (std::int64_t b = 0; b < check_.batch; ++b) {
    const RandomStream stream(check_.seed, "conformance.documents", {static_cast<std::uint64_t>(b)});
    auto row = result.select(0, b);
    row.fill_(static_cast<std::int32_t>(stream.below(9, 0)));
    const auto borders = b % 3 == 2 ? 0 : 1 + stream.below(4, 1);  // every third is one document
    for (std::uint64_t i = 0; T > 1 && i < borders; ++i) {
      const auto at = 1 + stream.below(static_cast<std::uint64_t>(T - 1), 2 + i);
      row.slice(0, static_cast<std::int64_t>(at)).add_(1 + static_cast<std::int32_t>(i % 2));
      if (i == 0) row.slice(0, static_cast<std::int64_t>(at) + 1).add_(1);  // of a token alone
    }
  }
  return result;
}

Trial Trial::exact() const {
  const auto trial = with(note().exact_when.view());
  const auto why = trial.has(plugin::kOwnScores)
                       ? plugin::unmet(note(), note().exact_when.view(), trial.section())
                       : plugin::not_exact(note(), trial.section());
  if (!why.empty()) throw Skipped(why);
  if (const auto refused = trial.refusal(); !refused.empty()) throw Skipped(refused);
  return trial;
}

std::string Trial::refusal() const { return subject_->plugin.refuses(shape(), section()); }

std::unique_ptr<Attention> Trial::build() const {
  auto attention = guarded("the plugin", "create", [&] {
    FreeOwner owner(check_.seed, device());
    return subject_->plugin.descriptor().create(shape(), section(), owner);
  });
  if (attention == nullptr) throw Violation("create returned nothing");
  return attention;
}

// Drawn once for each case: to draw anew what hundreds of calls take costs more than most of these calls.
AttentionInput Trial::input(std::uint64_t which) const {
  auto& inputs = known().inputs;
  auto found = inputs.find(which);
  if (found == inputs.end()) found = inputs.emplace(which, drawn(which)).first;
  auto result = changed(found->second, [](const at::Tensor& x) { return x.clone(); });
  if (result.documents.defined()) result.documents = result.documents.clone();
  return result;
}

AttentionInput Trial::drawn(std::uint64_t which) const {
  const std::vector<std::int64_t> shape{check_.batch, check_.heads, check_.length, check_.head_dim};
  const auto draw = [&](std::uint64_t n) {
    return normal(shape, check_.seed * 64 + which * 8 + n);
  };
  auto query = draw(1) * check_.query_scale;
  auto key = check_.shared_keys ? query : draw(2);
  if (tied_) key = key.index_select(2, at::arange(check_.length).div(2, "floor") * 2);
  if (tied_ && check_.shared_keys) query = key;
  if (check_.key_norm == config::KeyNorm::per_head) key = key / key.norm(2, -1, /*keepdim=*/true);
  if (check_.key_norm == config::KeyNorm::whole) key = key / key.norm(2, {1, 3}, /*keepdim=*/true);
  if (tied_) {  // as a model that normalises makes zero keys of zero queries
    const auto zero = at::arange(check_.length).remainder(5).eq(4).view({1, 1, -1, 1});
    query = query.masked_fill(zero, 0);
    if (check_.shared_keys) key = key.masked_fill(zero, 0);
  }
  AttentionInput result{query, key, draw(3), {}};
  if (layout_ != Layout::joined) result.documents = documents().to(device());
  if (has(plugin::kNeedsHidden)) result.hidden = draw(6).transpose(1, 2).flatten(2);
  return changed(result, [&](const at::Tensor& x) { return x.to(device(), dtype()); });
}

at::Tensor Trial::grad_out() const {
  auto& drawn = known().grad_out;
  if (!drawn.defined()) {
    drawn = normal({check_.batch, check_.heads, check_.length, check_.head_dim}, check_.seed * 64 + 5)
                .to(device(), dtype());
  }
  return drawn.clone();
}

Call Trial::call() const {
  Call call{.ids = std::vector<std::int64_t>(static_cast<std::size_t>(check_.batch)),
            .run_seed = check_.seed,
            .layer = check_.layer,
            .step = check_.step,
            .training = !evaluates_};
  std::iota(call.ids.begin(), call.ids.end(), 100);
  return call;
}

AttentionOutput Trial::forward(const AttentionInput& input, const Call& call) const {
  auto result =
      guarded("the plugin", "forward", [&] { return build()->forward(input, call.context()); });
  if (!result.output.defined()) throw Violation("forward returned no output tensor");
  return result;
}

at::Tensor Trial::run(const AttentionInput& input, const Call& call) const {
  return forward(input, call).output.detach();
}

Known& Trial::known() const {
  return subject_->known[text(check_) + " " + parameter_words(check_) + " " +
                         std::to_string(static_cast<int>(layout_)) + (evaluates_ ? " evaluating" : "") + (tied_ ? " tied" : "")];
}

const Attended& Trial::attended() const {
  auto& result = known().attended;
  if (!result) result = attend(input(), call());
  return *result;
}

at::Tensor Trial::ran() const {
  auto& out = known().out;
  if (!out.defined()) out = run(input(), call());
  return out;
}

namespace {

double longest_row(const at::Tensor& x) {
  return x.numel() == 0 ? 0 : x.detach().to(at::kDouble).norm(2, -1).max().item<double>();
}

// A row of dq is a sum of p (grad_out v - grad_out out) k / sqrt(D), one of dk the same with q.
void measure_terms(const AttentionInput& in, const at::Tensor& grad_out, Attended& attended) {
  const double slope = longest_row(grad_out) * longest_row(in.value) / std::sqrt(static_cast<double>(in.query.size(3)));
  attended.scores = score_bound(in);
  attended.dq_terms = slope * longest_row(in.key);
  attended.dk_terms = slope * longest_row(in.query);
}

}  // namespace

double score_bound(const AttentionInput& input) {
  const double scale = 1 / std::sqrt(static_cast<double>(input.query.size(3)));
  return std::max(1.0, longest_row(input.query) * longest_row(input.key) * scale);
}

Attended Trial::attend(const AttentionInput& input, const Call& call) const {
  return attend(input, call, grad_out());
}

Attended Trial::attend(const AttentionInput& input, const Call& call, const at::Tensor& grad_out,
                       bool with_auxiliary) const {
  const auto in =
      changed(input, [](const at::Tensor& x) { return x.detach().clone().requires_grad_(true); });
  const auto result = forward(in, call);
  if (!result.output.requires_grad()) {
    throw Violation("the output has no gradient: it is cut off from query, key and value");
  }
  return guarded("the plugin", "backward", [&] {
    auto loss = (result.output * grad_out.to(result.output.scalar_type())).sum(at::kDouble);
    if (with_auxiliary && result.auxiliary_loss) loss = loss + result.auxiliary_loss->to(at::kDouble);
    loss.backward();
    Attended attended;
    attended.out = result.output.detach();
    measure_terms(in, grad_out, attended);
    for (const auto& part : kParts) {
      if ((in.*part.input).defined()) attended.*part.gradient = (in.*part.input).grad();
    }
    return attended;
  });
}

at::Tensor Trial::weights_of(const std::vector<std::int64_t>& keys) const {
  auto in = input();
  in.value = unit_values(in.value, keys);
  return run(in, call()).slice(3, 0, static_cast<std::int64_t>(keys.size()));
}

at::Tensor Trial::weights() const {
  expect_room(2);
  auto& all = known().weights;
  if (all.defined()) return all;
  std::vector<at::Tensor> columns;
  for (std::int64_t first = 0; first < check_.length; first += check_.head_dim) {
    std::vector<std::int64_t> keys(
        static_cast<std::size_t>(std::min(check_.head_dim, check_.length - first)));
    std::iota(keys.begin(), keys.end(), first);
    columns.push_back(weights_of(keys).cpu());
  }
  return all = at::cat(columns, 3);
}

void Trial::expect_room(double matrices) const {
  const auto T = static_cast<double>(check_.length);
  const double bytes = matrices * 8 * static_cast<double>(check_.batch * check_.heads) * T * T;
  if (subject_->memory_limit == 0 || bytes < subject_->memory_limit) return;
  throw Skipped("T x T numbers at T = " + std::to_string(check_.length) + " take " +
                human_bytes(bytes) + "; the memory limit is " +
                human_bytes(subject_->memory_limit) + " (--memory-limit)");
}

}  // namespace attnlab::conformance
