/// checks.h: what every plugin checks of its input, and owners of what they are asked for. Header
///   only.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <sstream>
#include <string>

#include "framework/attention/attention.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab {

/// query, key, value: one shape [B, H, T, D], one floating dtype, one device; T >= 1.
/// `plugin` begins the message. Throws c10::Error.
inline void check_input(const AttentionInput& input, const char* plugin) {
  const auto& query = input.query;
  TORCH_CHECK(query.defined() && query.dim() == 4, "[", plugin,
              "] query: expected 4 dimensions [B, H, T, D], got ",
              query.defined() ? query.dim() : 0);
  TORCH_CHECK(query.size(2) >= 1, "[", plugin, "] query: expected T >= 1, got ", query.sizes());
  TORCH_CHECK(query.is_floating_point(), "[", plugin, "] query: expected a floating dtype, got ",
              query.scalar_type());
  const auto same = [&](const char* name, const at::Tensor& tensor) {
    TORCH_CHECK(tensor.defined() && tensor.sizes() == query.sizes(), "[", plugin, "] ", name,
                ": expected the query's shape ", query.sizes(), ", got ",
                tensor.defined() ? tensor.sizes() : at::IntArrayRef{});
    TORCH_CHECK(tensor.scalar_type() == query.scalar_type(), "[", plugin, "] ", name,
                ": expected the query's dtype ", query.scalar_type(), ", got ",
                tensor.scalar_type());
    TORCH_CHECK(tensor.device() == query.device(), "[", plugin, "] ", name,
                ": expected the query's device ", query.device(), ", got ", tensor.device());
  };
  same("key", input.key);
  same("value", input.value);
}

/// One sequence id per batch row, for plugins whose draws depend on them.
inline void check_sequence_ids(const AttentionInput& input, const AttentionContext& context,
                               const char* plugin) {
  TORCH_CHECK(static_cast<std::int64_t>(context.sequence_ids.size()) == input.query.size(0), "[",
              plugin, "] sequence_ids: expected one per batch row (", input.query.size(0),
              "), got ", context.sequence_ids.size());
}

/// Throws Error where `name` or `sizes` are none for something owned (attention.h), or `taken`.
inline void check_owned(const std::string& name, at::IntArrayRef sizes, bool taken) {
  if (!is_identifier(name)) {
    throw Error("'" + name + "' is no name of a parameter or buffer; expected lower-case letters, "
                "digits and '_'.");
  }
  if (taken) throw Error("'" + name + "' was declared before; each parameter and buffer once.");
  for (const auto size : sizes) {
    if (size < 1) throw Error("'" + name + "' was declared with a size below 1.");
  }
}

/// Throws Error where a parameter cannot be drawn from N(mean, std^2), which would make every loss NaN.
inline void check_initial(const std::string& name, const Initial& initial) {
  if (std::isfinite(initial.mean) && std::isfinite(initial.std) && initial.std >= 0) return;
  std::ostringstream text;
  text << "'" << name << "' was declared with mean " << initial.mean << " and std " << initial.std
       << "; expected finite numbers, and std of at least 0.";
  throw Error(text.str());
}

}  // namespace attnlab
