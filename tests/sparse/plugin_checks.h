/// plugin_checks.h: a built plugin under test, and what must hold for every plugin whose pattern
///   never looks ahead: pure draws and no leak from the future, bit for bit.
#pragma once

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "framework/attention/loader.h"
#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::test {

using Values = std::vector<std::pair<std::string, config::Node::Value>>;

/// One plugin with its parameters; layers are built for the tensors that come.
struct PluginUnderTest {
  std::string name;
  Values values;
  config::Causality causality = config::Causality::strict;
  bool shared_keys = true;
  config::Documents documents = config::Documents::joined;

  [[nodiscard]] static const LoadedPlugin& library(const std::string& name) {
    static std::vector<LoadedPlugin> loaded;
    for (const auto& plugin : loaded) {
      if (plugin.note().name.view() == name) return plugin;
    }
    return loaded.emplace_back(load_plugin(built_plugin(name)));
  }
  [[nodiscard]] AttentionShape shape(const at::Tensor& query) const {
    return {.heads = query.size(1),
            .head_dim = query.size(3),
            .max_length = query.size(2),
            .causality = causality,
            .shared_keys = shared_keys,
            .documents = documents};
  }
  [[nodiscard]] std::unique_ptr<Attention> build(const at::Tensor& query) const {
    return library(name).create(shape(query), section(name, values));
  }
  [[nodiscard]] AttentionOutput run(const AttentionInput& input,
                                    const AttentionContext& context) const {
    return build(input.query)->forward(input, context);
  }
  [[nodiscard]] AttentionFunction function(const AttentionContext& context) const {
    return [this, context](const auto& q, const auto& k, const auto& v) {
      return run({q, k, v, {}}, context).output;
    };
  }
  [[nodiscard]] std::string refusal(const AttentionShape& shape) const {
    return library(name).refuses(shape, section(name, values));
  }
  /// The message of the Error that creating it throws.
  [[nodiscard]] std::string error() const {
    try {
      (void)library(name).create(shape(at::zeros({1, 2, 4, 8})), section(name, values));
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
};

/// out, dq, dk, dv of some rows of a batch.
inline std::array<at::Tensor, 4> rows_of(const PluginUnderTest& plugin, const RandomInput& in,
                                         const ContextCase& all,
                                         const std::vector<std::int64_t>& rows) {
  const auto index = at::tensor(rows);
  std::vector<std::int64_t> ids;
  for (const auto row : rows) ids.push_back(all.ids[static_cast<std::size_t>(row)]);
  auto context = all.context;
  context.sequence_ids = ids;
  const auto pick = [&](const at::Tensor& t) { return t.index_select(0, index); };
  const auto got = attend(plugin.function(context), pick(in.query), pick(in.key), pick(in.value),
                          pick(in.grad_out));
  return {got.out, got.dq, got.dk, got.dv};
}

inline void expect_equal_bits(const std::array<at::Tensor, 4>& actual,
                              const std::array<at::Tensor, 4>& expected, const char* what) {
  const char* const names[] = {"out", "dq", "dk", "dv"};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(actual[i].equal(expected[i])) << what << ": " << names[i];
  }
}

/// The same rows whether the batch is permuted together with its ids, cut into micro-batches,
/// asked twice, asked after other calls, or computed on more threads.
inline void expect_pure_draws(const PluginUnderTest& plugin) {
  const RandomInput in({4, 3, 97, 16}, at::kFloat, plugin.shared_keys);
  const ContextCase all(4);
  const auto whole = rows_of(plugin, in, all, {0, 1, 2, 3});
  const std::vector<std::int64_t> order{2, 0, 3, 1};
  std::array<at::Tensor, 4> expected;
  for (std::size_t i = 0; i < 4; ++i) expected[i] = whole[i].index_select(0, at::tensor(order));
  expect_equal_bits(rows_of(plugin, in, all, order), expected, "permuted");

  const auto first = rows_of(plugin, in, all, {0}), rest = rows_of(plugin, in, all, {1, 2, 3});
  for (std::size_t i = 0; i < 4; ++i) expected[i] = at::cat({first[i], rest[i]});
  expect_equal_bits(expected, whole, "micro-batches");
  expect_equal_bits(rows_of(plugin, in, all, {0, 1, 2, 3}), whole, "a second time");

  const auto layer = plugin.build(in.query);
  auto other = all.context;
  other.step = 5;
  (void)layer->forward(in.input(), other);
  EXPECT_TRUE(layer->forward(in.input(), all.context).output.equal(whole[0])) << "another order";

  const int threads = at::get_num_threads();
  at::set_num_threads(3);
  expect_equal_bits(rows_of(plugin, in, all, {0, 1, 2, 3}), whole, "three threads");
  at::set_num_threads(threads);
}

/// Changing query, key and value after row t leaves rows up to t bit-equal.
inline void expect_no_leak(const PluginUnderTest& plugin) {
  const std::int64_t T = 150;
  const RandomInput in({2, 2, T, 8}, at::kFloat, plugin.shared_keys);
  const RandomInput other({2, 2, T, 8}, at::kFloat, plugin.shared_keys, /*seed=*/2);
  const ContextCase context(2);
  const auto before = plugin.run(in.input(), context.context).output;
  for (const std::int64_t t : {0, 1, 63, 64, 100, 148}) {
    const auto mix = [&](const at::Tensor& past, const at::Tensor& future) {
      return at::cat({past.slice(2, 0, t + 1), future.slice(2, t + 1)}, 2);
    };
    const auto after = plugin
                           .run({mix(in.query, other.query),
                                 mix(in.key, other.key),
                                 mix(in.value, other.value),
                                 {}},
                                context.context)
                           .output;
    EXPECT_TRUE(after.slice(2, 0, t + 1).equal(before.slice(2, 0, t + 1))) << "t = " << t;
    EXPECT_FALSE(after.equal(before)) << "nothing changed at all, t = " << t;
  }
}

/// int32 [2, T]: documents of T/3, 1, T/3 and the rest of the rows; and of T/2 and the rest.
inline at::Tensor some_documents(std::int64_t T) {
  auto numbers = at::zeros({2, T}, at::kInt);
  for (const auto border : {T / 3, T / 3 + 1, 2 * T / 3}) numbers[0].slice(0, border).add_(1);
  numbers[1].slice(0, T / 2).add_(1);
  return numbers;
}
/// bool [2, 1, T, T]
inline at::Tensor same_document(const at::Tensor& numbers) {
  return numbers.unsqueeze(2).eq(numbers.unsqueeze(1)).unsqueeze(1);
}

/// The value of a statistic; NaN where it is missing.
inline double statistic(const AttentionOutput& output, const std::string& name) {
  for (const auto& statistic : output.statistics) {
    if (statistic.name == name) return statistic.value.read();
  }
  return std::nan("");
}

/// With documents apart: unit vectors as values say which keys a row takes of, none of another
/// document's among them, and pairs_per_query says how many.
inline void expect_pairs_told_within_documents(PluginUnderTest plugin) {
  constexpr std::int64_t T = 48;
  RandomInput in({2, 2, T, T}, at::kFloat, plugin.shared_keys);
  in.value = at::eye(T).expand({2, 2, T, T}).contiguous();
  ContextCase batch(2);
  batch.context.training = false;
  plugin.documents = config::Documents::isolated;
  auto input = in.input();
  input.documents = some_documents(T);
  const auto output = plugin.run(input, batch.context);
  const auto seen = output.output.ne(0);
  EXPECT_TRUE(seen.any().item<bool>());
  EXPECT_FALSE(seen.logical_and(same_document(input.documents).logical_not()).any().item<bool>());
  EXPECT_NEAR(statistic(output, "pairs_per_query"), seen.sum(-1).to(at::kDouble).mean().item<double>(),
              1e-9);
}

}  // namespace attnlab::test
