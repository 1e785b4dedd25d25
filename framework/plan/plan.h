/// plan.h: overrides with sweeps -> axes -> product -> cells, each composed and checked before the
///   first one runs.
///   Cells come in Hydra's order: axes in order of first appearance, the last varies fastest.
///   An override whose first word is a variant's name (`hash_sparse.buckets=8,16`) applies to the
///   cells of that variant only; cells that come out identical collapse into the first.
///   The `sweep:` mappings of the files that are chosen stand before what was typed, which replaces
///   their keys.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "framework/config/compose.h"
#include "framework/config/resolve.h"

namespace attnlab::plan {

/// What the user typed, and what the layers below know.
///
///     PlanRequest request;
///     request.overrides = {"attention=dense,hash_sparse", "hash_sparse.buckets=8,16"};
///     request.compose = {.home = paths::home(), .config_dirs = {}, .plugins = catalog names};
///     request.schemas = {.attention = ..., .dataset = data::parameters, .max_length = ...};
///     for (const Cell& cell : make_plan(request).cells) ...
struct PlanRequest {
  std::vector<std::string> overrides;
  /// Each keeps the cells for which it holds: "train.steps<=100 and model.width==dataset.length".
  std::vector<std::string> where;
  config::ComposeOptions compose;
  config::Schemas schemas;
};

struct Cell {
  int index = 0;          // 1-based, over the cells of the plan
  std::string overrides;  // as typed, one value per sweep: "attention=hash_sparse seed=1"
  std::string variant;    // resolved.attention
  config::Resolved resolved;
  std::string config_json;  // to_json(resolved.config); no two cells of a plan have the same
};

struct Plan {
  std::vector<Cell> cells;
  std::size_t product = 0;  // combinations before collapsing and --where
};

/// `attnlab grid`. Throws Error that lists every cell at fault by number and variant.
[[nodiscard]] Plan make_plan(const PlanRequest& request);

/// `attnlab run`: one cell. A sweep, of a file too, is an Error that offers quotes, a list, or
/// `attnlab grid`.
[[nodiscard]] Cell make_run(const PlanRequest& request);

/// For --cfg: the cell's whole config as YAML. For --origin: one line per value and its source.
[[nodiscard]] std::string config_text(const Cell& cell);
[[nodiscard]] std::string origin_text(const Cell& cell);

}  // namespace attnlab::plan
