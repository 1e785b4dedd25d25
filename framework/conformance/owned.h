/// owned.h: a plugin with what it owns: trained parameters and buffers (class Owner, attention.h).
#pragma once

#include <memory>
#include <stdexcept>
#include <vector>

#include "framework/attention/free_owner.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {

/// A case in which the plugin owns nothing of the kind that a property is about: neither looked at
/// nor skipped.
class Absent : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Owned = std::vector<FreeOwner::Owned>;

/// A plugin's object and the tensors that it asked for.
struct Built {
  std::unique_ptr<Attention> attention;
  Owned parameters, buffers;
};
[[nodiscard]] Built build_with_owned(const Trial& trial);

/// `trial` where the plugin owns something of the `kind`; else with another value of one flag or
/// choice that the user did not fix, where that makes it own something. Throws Absent.
[[nodiscard]] Trial owning(const Trial& trial, Owned Built::*kind);

/// The same input and gradient, of these sequences of the batch.
struct Sequences {
  AttentionInput input;
  at::Tensor grad_out;
  Call call;
};
[[nodiscard]] Sequences sequences_of(const Trial& trial, const std::vector<std::int64_t>& rows,
                                     std::uint64_t which = 0);

extern const Property kLeaves, kParameterGradients, kBuffers;

}  // namespace attnlab::conformance
