/// resolve.h: from a composed tree to a checked run: typed structs and one canonical tree.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
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
  /// Bytes that a run on the CPU may hope for; 0: not known.
  double memory = 0;
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

/// Fills and checks the configs of one grid: what two of them share is asked for and checked once.
/// Not for several threads at once.
class Resolver {
 public:
  explicit Resolver(Schemas schemas) : schemas_(std::move(schemas)) {}

  /// Adds the defaults that `composed` lacks, with origin "default". Unknown names are left for
  /// resolve(), so that an override of them can still be reported.
  void fill(Node& composed);

  /// Checks every section. Throws Error: unknown key with the nearest names, wrong type, out of
  /// range, a broken rule, heads that do not divide the width, a length beyond the data, a model or
  /// batch that cannot fit the memory. A default that depends on another key is taken here, when
  /// all keys are known: on a GPU train.precision is bfloat16.
  [[nodiscard]] Resolved resolve(const Node& composed);

  /// Of the attention or dataset of that name. Throws what the schemas throw.
  [[nodiscard]] const std::vector<Parameter>& parameters(const std::string& section,
                                                         const std::string& name);

 private:
  struct Section {
    Node given, checked;
  };
  const Node& checked_section(const std::string& name, const Node& section,
                              const std::vector<Parameter>& parameters,
                              const std::vector<std::string>& extra_keys = {});
  void require_length(const Resolved& resolved);

  Schemas schemas_;
  std::map<std::string, std::vector<Parameter>> parameters_;  // by "section/name"
  std::map<std::string, Section> sections_;     // the last one, by name
  std::unordered_map<std::string, Node> seen_;  // checked ones, by what was given
  Node measured_;  // the dataset section that longest_ is of
  std::int64_t longest_ = 0;
};

[[nodiscard]] inline Resolved resolve(const Node& composed, const Schemas& schemas) {
  return Resolver(schemas).resolve(composed);
}

/// Dotted paths of the keys that change no result, of the sections that every run has, the root keys
/// among them; a data set's and a plugin's own come with Resolved.
[[nodiscard]] const std::vector<std::string>& cosmetic_keys();

/// JSON of the config without cosmetic keys, keys sorted, numbers exact: equal text, equal run.
[[nodiscard]] std::string canonical_json(const Resolved& resolved);

}  // namespace attnlab::config
