/// resolve.h: from a composed tree to a checked run: typed structs and one canonical tree.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/config/bind.h"
#include "framework/config/node.h"
#include "framework/config/run_config.h"

namespace attnlab::config {

/// What this layer cannot know itself. Each may throw Error; an empty function means "nothing".
struct Schemas {
  /// Parameters of an attention variant, from its plugin's note.
  std::function<std::vector<Parameter>(const std::string& name)> attention;
  /// Parameters of a data set beyond those of DatasetConfig.
  std::function<std::vector<Parameter>(const std::string& name)> dataset;
  /// Longest `dataset.length` that the section's data can serve; 0: no limit.
  std::function<std::int64_t(const Node& dataset)> max_length;
  /// What device=auto is on this machine; where it is empty, `auto` stays for the worker to decide.
  std::function<Device()> automatic_device;
};

struct Resolved {
  Node config;  // root keys, model, train, dataset, attention: every value, in canonical order
  RunConfig run;
  ModelConfig model;
  TrainConfig train;
  DatasetConfig dataset;
  std::string attention;              // the variant's name
  std::vector<std::string> cosmetic;  // dotted paths that change no result
};

/// Adds the defaults that `composed` lacks, with origin "default". Unknown names are left for
/// resolve(), so that an override of them can still be reported.
void fill_defaults(Node& composed, const Schemas& schemas);

/// Checks every section. Throws Error: unknown key with the nearest names, wrong type, out of
/// range, a broken rule, heads that do not divide the width, a length beyond the data.
[[nodiscard]] Resolved resolve(const Node& composed, const Schemas& schemas);

/// Those of the sections that every run has, the root keys among them; a data set's and a plugin's
/// own come with Resolved.
[[nodiscard]] std::vector<std::string> cosmetic_keys();

/// JSON of the config without cosmetic keys, keys sorted, numbers exact: equal text, equal run.
[[nodiscard]] std::string canonical_json(const Resolved& resolved);

}  // namespace attnlab::config
