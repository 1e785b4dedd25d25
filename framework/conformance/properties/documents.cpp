// documents.cpp: with AttentionInput::documents no token has anything of another document's.
#include "framework/attention/reference.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"
#include "framework/core/random.h"
#include "framework/core/text.h"
#include "framework/plugin/parameters.h"
#include "framework/plugin/traits.h"

namespace attnlab::conformance {
namespace {

constexpr std::int64_t kEveryPair = 300;  // rows; beyond, D keys and one document of each sequence

/// bool [B, 1, T, T]: rows of one document.
at::Tensor same_document(const Trial& trial) {
  const auto documents = trial.documents();
  return documents.unsqueeze(2).eq(documents.unsqueeze(1)).unsqueeze(1);
}

void expect_none_across(const at::Tensor& weights, const at::Tensor& across, const at::Tensor& keys) {
  const auto leak = weights.abs() * across.index_select(3, keys);
  if (largest(leak) == 0) return;
  const auto s = keys[leak.amax({0, 1, 2}).argmax()].item<std::int64_t>();
  throw Violation("output row t takes " + exact_number(largest(leak)) +
                  " of value row s of another document at " + where_largest(leak.amax(-1)) +
                  " = [b, h, t], s = " + std::to_string(s) +
                  ". Keep within AttentionInput::documents (sparse::keep_within), or do not declare "
                  "kIsolatesDocuments");
}

void check_every_pair(const Trial& trial) {
  expect_none_across(trial.weights(), same_document(trial).logical_not(), at::arange(trial.check().length));
}

void check_pairs(const Trial& trial) {
  const std::int64_t T = trial.check().length;
  if (T <= kEveryPair) {
    check_every_pair(trial);
    kCausality.check(trial);
    const bool average = (trial.note().traits & (plugin::kExactSoftmax | plugin::kOwnScores)) != 0;
    if (average) kSoftmax.check(trial);
    return;
  }
  const RandomStream stream(trial.check().seed, "conformance.document_keys");
  std::vector<std::int64_t> keys(static_cast<std::size_t>(trial.check().head_dim));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i] = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(T), i));
  }
  expect_none_across(trial.weights_of(keys).cpu(), same_document(trial).logical_not(), at::tensor(keys));
}

/// bool [B, T]: the document of row t in each sequence.
at::Tensor document_at(const Trial& trial, std::int64_t t) {
  const auto documents = trial.documents();
  return documents.eq(documents.narrow(1, t, 1));
}

/// `rows` [B, T] for tensors [B, H, T, D], or [B, T, C] as the hidden input is.
at::Tensor rows_like(const at::Tensor& rows, const at::Tensor& x) {
  const auto on = rows.to(x.device());
  return x.dim() == 4 ? on.unsqueeze(1).unsqueeze(3) : on.unsqueeze(2);
}

// Everything of other documents is exchanged, or where the choice of keys may look at all rows, the
// values alone.
void expect_unmoved(const Trial& trial, const at::Tensor& own, const std::string& whose) {
  const bool everything = !trial.has(plugin::kPatternSeesFuture);
  const auto other = trial.input(1);
  auto input = trial.input();
  for (const auto& part : kParts) {
    auto& x = input.*part.input;
    if (!x.defined() || (!everything && part.input != &AttentionInput::value)) continue;
    x = at::where(rows_like(own, x), x, other.*part.input);
  }
  const auto before = trial.ran(), after = trial.run(input, trial.call());
  const auto others = rows_like(own, before).logical_not();
  expect_equal_bits("other documents change the rows of " + whose,
                    after.masked_fill(others, 0), before.masked_fill(others, 0));
}

void expect_no_gradient(const Trial& trial, const at::Tensor& own, const std::string& whose) {
  if (trial.evaluates()) return;
  const auto grad = trial.grad_out();
  const auto attended = trial.attend(trial.input(), trial.call(),
                                     grad.masked_fill(rows_like(own, grad).logical_not(), 0));
  for (const auto& part : kParts) {
    const auto& gradient = attended.*part.gradient;
    if (!gradient.defined()) continue;
    const auto across = gradient.masked_fill(rows_like(own, gradient), 0);
    if (largest(across) == 0) continue;
    throw Violation("the gradient of the output rows of " + whose + " with respect to the " + part.name +
                    " of other documents is " +
                    exact_number(largest(across)) + "; expected exactly 0");
  }
}

void check_rows(const Trial& trial) {
  const std::int64_t T = trial.check().length;
  const RandomStream stream(trial.check().seed, "conformance.document_rows");
  for (std::uint64_t i = 0; i < (T <= kEveryPair ? 3 : 1); ++i) {
    const auto t = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(T), i));
    const auto own = document_at(trial, t);
    const auto whose = "that of t = " + std::to_string(t);
    expect_unmoved(trial, own, whose);
    expect_no_gradient(trial, own, whose);
  }
}

// A border before every row, since what is wrong at one row is not seen where it has none. Half of the
// documents are exchanged, then the others, by three bits of their numbers: of two documents that stand
// close together one is.
void check_borders(const Trial& trial) {
  if (trial.check().length <= kEveryPair) check_every_pair(trial);
  const auto documents = trial.documents();
  for (const std::int64_t bit : {1, 2, 4}) {
    const auto own = documents.bitwise_and(bit).eq(0);
    if (own.all().item<bool>()) break;
    for (const auto& half : {own, own.logical_not()}) {
      const auto whose = "every document with " + std::string(half.is_same(own) ? "no " : "") + "bit " +
                         std::to_string(bit) + " in its number";
      expect_unmoved(trial, half, whose);
      expect_no_gradient(trial, half, whose);
    }
  }
}

/// bool [B, H, T, T]: what dense attention sees, within documents where `trial` keeps them apart.
at::Tensor dense_mask(const Trial& trial, bool within) {
  const auto& check = trial.check();
  auto mask = causal_mask(check.length, trial.strict()).expand({check.batch, check.heads, -1, -1});
  if (within) mask = mask.logical_and(same_document(trial));
  if (!trial.strict() || !trial.has(plugin::kSelfAsLastResort)) return mask;
  const auto none = mask.any(-1, /*keepdim=*/true).logical_not();
  return mask.logical_or(none.logical_and(at::eye(check.length, at::kBool)));
}

// Parameters that switch the sparsity off do so within documents; and what sees every earlier token
// without documents sees all of its own with them.
void check_dense_within(const Trial& drawn) {
  const std::string words(drawn.note().dense_when.view());
  const auto judge = [](const std::string& with, const Trial& trial) {
    expect_by_rule(with, trial, dense_mask(trial, true), trial.attended(), /*gradients=*/true);
  };
  if (!words.empty()) {
    const auto trial = drawn.plain().with(words).isolated();
    const bool met = plugin::unmet(drawn.note(), words, trial.section()).empty();
    if (met && trial.refusal().empty()) judge(" with " + words + " and documents apart", trial);
    return;
  }
  if (!plugin::is_exact_softmax(drawn.note(), drawn.section()) || drawn.has(plugin::kOwnScores)) return;
  const auto left_out = drawn.weights().eq(0).logical_and(dense_mask(drawn, false));
  if (!left_out.any().item<bool>()) judge(" with documents apart", drawn.isolated());
}

void check_documents(const Trial& drawn) {
  if (drawn.check().length < 2) throw Skipped("a single row has no other document");
  const auto trial = drawn.isolated();
  if (const auto refused = trial.refusal(); !refused.empty()) throw Skipped(refused);
  try {
    check_pairs(trial);
    check_rows(trial);
    for (const auto layout : {Layout::tokens, Layout::pairs, Layout::later_pairs}) {
      if (drawn.check().length <= kManyRows) check_borders(drawn.isolated(layout));
    }
  } catch (const Violation& violation) {
    throw Violation(std::string("with documents apart: ") + violation.what());
  }
  if (drawn.check().length <= kEveryPair && !drawn.evaluates()) check_dense_within(drawn);
}

}  // namespace

const Property kDocuments{
    .name = "documents",
    .promise =
        "with documents kept apart no weight, value, choice of keys or gradient crosses a border, and "
        "the other promises hold within",
    .check = check_documents,
    .not_applicable = [](const plugin::PluginNote& note) -> std::string {
      if ((note.traits & plugin::kIsolatesDocuments) != 0) return {};
      return "the plugin does not declare kIsolatesDocuments";
    }};

}  // namespace attnlab::conformance
