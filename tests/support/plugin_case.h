/// plugin_case.h: a built plugin, a random input and a context: what a plugin's test begins with.
#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "framework/attention/loader.h"
#include "framework/config/node.h"
#include "framework/core/error.h"
#include "framework/core/paths.h"

namespace attnlab::test {

/// The plugin of this build folder, whatever else the machine has installed.
inline std::filesystem::path built_plugin(const std::string& name) {
  return paths::executable_dir().parent_path() / "lib" / "attnlab" / "plugins" /
         ("attention_" + name + ".so");
}

/// The `attention` section: section("hash_sparse", {{"buckets", std::int64_t{4}}}).
inline config::Node section(
    const std::string& name,
    const std::vector<std::pair<std::string, config::Node::Value>>& values = {}) {
  auto map = config::Node::map();
  map.set("name", config::Node(name));
  for (const auto& [key, value] : values) map.set(key, config::Node(value));
  return map;
}

/// query, key, value and an output gradient [B, H, T, D], standard normal; keys of unit length.
struct RandomInput {
  at::Tensor query, key, value, grad_out;

  RandomInput(std::vector<std::int64_t> shape, at::ScalarType dtype, bool shared_keys = true,
              std::uint64_t seed = 1) {
    at::manual_seed(seed);
    const auto draw = [&] { return at::randn(shape, at::kDouble); };
    const auto q = draw(), k = shared_keys ? q : draw();
    query = q.to(dtype);
    key = (k / k.norm(2, -1, true)).to(dtype);
    value = draw().to(dtype);
    grad_out = draw().to(dtype);
  }
  [[nodiscard]] AttentionInput input() const { return {query, key, value, {}}; }
};

/// A context with sequence ids 0..batch-1, or the given ones.
struct ContextCase {
  std::vector<std::int64_t> ids;
  AttentionContext context;

  explicit ContextCase(std::int64_t batch, std::uint64_t seed = 7, std::int64_t layer = 0,
                       std::int64_t step = 0)
      : ids(static_cast<std::size_t>(batch)) {
    std::iota(ids.begin(), ids.end(), 0);
    context = {seed, layer, step, ids, true};
  }
  ContextCase(const ContextCase&) = delete;  // the span looks into ids
  ContextCase& operator=(const ContextCase&) = delete;
};

}  // namespace attnlab::test
