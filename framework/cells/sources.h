/// sources.h: the plugins and data sets of this machine, as composing and launching ask for them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "framework/data/dataset.h"
#include "framework/plan/plan.h"
#include "framework/plugin/catalog.h"

namespace attnlab::cells {

/// What a command was asked for, as far as its cells depend on it.
struct Request {
  std::vector<std::string> overrides;  // of files, typed, --study as `study=NAME`, in this order
  std::vector<std::string> where;      // each must hold
  std::filesystem::path database;  // absolute
  std::string data_dir;            // --data, absolute; or empty
  std::vector<std::filesystem::path> plugins;
  std::vector<std::filesystem::path> config_dirs;
  std::string command;        // the whole command line, for the results
  bool reuse_config = false;  // a run of the same config counts, whatever code it ran
};

/// Not for two threads: it remembers what it was asked.
class Sources {
 public:
  /// Searches the plugins; opens no data yet. Throws Error where a path that was named is no plugin
  /// library and holds none.
  explicit Sources(const Request& request);

  /// Asks this object while it plans, so it must not outlive it.
  [[nodiscard]] plan::PlanRequest plan_request();

  /// Throws Error when there is none of that name that can be loaded.
  [[nodiscard]] const plugin::FoundPlugin& plugin(const std::string& name) const;

  /// The library of each variant that a resolved config uses, in the order of its pattern, ':' between:
  /// what a worker is told. Throws as plugin() does.
  [[nodiscard]] std::string plugin_path(const config::Node& config) const;

  /// Each section is inspected once. Throws Error when the data is missing or not what it should
  /// be.
  [[nodiscard]] const data::DatasetInfo& data(const config::Node& section);

  /// Of a library that plugin() gave; its files are read once.
  struct Digests {
    std::string plugin;   // plugin_digest()
    std::string library;  // sha256 of its file
  };
  [[nodiscard]] const Digests& digests(const plugin::FoundPlugin& library);

 private:
  Request request_;
  plugin::Catalog catalog_;
  std::map<std::string, data::DatasetInfo> data_;  // by the section's text
  std::map<std::filesystem::path, Digests> digests_;
};

}  // namespace attnlab::cells
