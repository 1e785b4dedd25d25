/// support.h: plugins with small parameters, and all T x T weights, for tests of the X-ray.
#pragma once

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "framework/xray/read_rows.h"
#include "tests/model/masked_softmax.h"
#include "tests/support/plugin_case.h"

namespace attnlab::xray {

struct Variant {
  std::string name;
  std::vector<std::pair<std::string, config::Node::Value>> values = {};
};
inline std::ostream& operator<<(std::ostream& out, const Variant& variant) { return out << variant.name; }

inline std::vector<Variant> variants() {
  return {{"dense"},
          {"hash_sparse", {{"buckets", std::int64_t{4}}}},
          {"qk_drop", {{"drop", 0.4}}},
          {"reformer", {{"chunk", std::int64_t{4}}}},
          {"sliding_window", {{"window", std::int64_t{9}}}},
          {"moba", {{"block", std::int64_t{4}}, {"top", std::int64_t{2}}}},
          {"sink"},
          {"fastmax"},
          {"polynomial"},
          {"none"}};
}

inline std::unique_ptr<Attention> build(const Variant& variant, std::int64_t heads, std::int64_t head_dim, std::int64_t length) {
  const AttentionShape shape{.heads = heads, .head_dim = head_dim, .max_length = length};
  return load_plugin(test::built_plugin(variant.name)).create(shape, test::section(variant.name, variant.values));
}

inline at::Tensor rows_of(std::vector<std::int64_t> rows) { return at::tensor(rows, at::kLong); }

/// [H, T, T]: what every row takes of every value row, a value row at a time.
inline at::Tensor all_weights(Attention& attention, const AttentionInput& input, const AttentionContext& context) {
  const at::NoGradGuard no_graph;
  std::vector<at::Tensor> columns;
  for (std::int64_t s = 0; s < input.value.size(2); ++s) {
    auto in = input;
    in.value = at::zeros_like(input.value);
    in.value.select(2, s).fill_(1);
    columns.push_back(attention.forward(in, context).output.select(0, 0).select(-1, 0));
  }
  return at::stack(columns, -1).to(at::kDouble);
}

}  // namespace attnlab::xray
