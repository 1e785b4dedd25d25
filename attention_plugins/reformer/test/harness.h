/// harness.h: the built plugin on random problems, for the Reformer's tests.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "attention_plugins/reformer/reformer_config.h"
#include "framework/config/bind.h"
#include "tests/support/plugin_case.h"
#include "tests/support/tolerance.h"

namespace attnlab::reformer {

struct Sizes {
  std::int64_t B = 2, H = 3, T = 53, D = 16;
};

/// Inputs, an output gradient and sequence ids.
struct Problem {
  at::Tensor query, key, value, grad_out;  // [B, H, T, D]
  std::vector<std::int64_t> sequence_ids;  // [B]

  [[nodiscard]] AttentionContext context() const { return {7, 1, 3, sequence_ids, true}; }
};

inline Problem make_problem(const Sizes& n = {}, at::ScalarType dtype = at::kFloat,
                            std::uint64_t seed = 1) {
  const test::RandomInput random({n.B, n.H, n.T, n.D}, dtype, true, seed);
  Problem problem{random.query, random.key, random.value, random.grad_out, {}};
  for (std::int64_t b = 0; b < n.B; ++b) problem.sequence_ids.push_back(100 + b);
  return problem;
}

inline config::Node section_of(const ReformerConfig& config) {
  config::Node section = config::write(config);
  section.set("name", config::Node(std::string("reformer")));
  return section;
}

inline const LoadedPlugin& the_plugin() {
  static const LoadedPlugin plugin = load_plugin(test::built_plugin("reformer"));
  return plugin;
}

inline AttentionShape shape_of(const at::Tensor& query) {
  return {.heads = query.size(1), .head_dim = query.size(3), .max_length = query.size(2)};
}

inline std::unique_ptr<Attention> make_attention(const at::Tensor& query,
                                                 const ReformerConfig& config) {
  return the_plugin().create(shape_of(query), section_of(config));
}

inline AttentionOutput run(const Problem& problem, const ReformerConfig& config,
                           const AttentionContext& context) {
  return make_attention(problem.query, config)
      ->forward({problem.query, problem.key, problem.value, {}}, context);
}

inline at::Tensor out_of(const Problem& problem, const ReformerConfig& config) {
  return run(problem, config, problem.context()).output;
}

/// out, dq, dk, dv.
using Results = std::array<at::Tensor, 4>;
inline constexpr std::array kNames{"out", "dq", "dk", "dv"};

inline Results differentiate(const Problem& problem, const test::AttentionFunction& attention,
                             at::ScalarType dtype) {
  const auto all = test::attend(attention, problem.query.to(dtype), problem.key.to(dtype),
                                problem.value.to(dtype), problem.grad_out.to(dtype));
  return {all.out, all.dq, all.dk, all.dv};
}

inline Results differentiate(const Problem& problem, const ReformerConfig& config) {
  const auto plugin = [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return make_attention(q, config)->forward({q, k, v, {}}, problem.context()).output;
  };
  return differentiate(problem, plugin, problem.query.scalar_type());
}

}  // namespace attnlab::reformer
