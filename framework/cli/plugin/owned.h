/// owned.h: `attnlab plugins show NAME --owns`: what a variant's attention owns under a model.
#pragma once

#include <string>
#include <vector>

#include "framework/cells/sources.h"
#include "framework/launch/worker_protocol.h"

namespace attnlab::cli {

/// What it owns, and of which model that is.
struct Owns {
  std::vector<launch::OwnedTensor> tensors;  // of every layer
  std::string model;                         // "2 layers of 4 heads of 16, T = 784"
};

/// Composes the config as `attnlab run attention=NAME OVERRIDES` would, without data, and asks a
/// child process. Throws Error.
[[nodiscard]] Owns owned_by(const std::string& name, cells::Request request);

/// A table, layers that own the same in one row, and the sums.
[[nodiscard]] std::string owned_text(const Owns& owns);

}  // namespace attnlab::cli
