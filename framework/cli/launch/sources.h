/// sources.h: the plugins and data sets of this machine, as composing and launching ask for them.
#pragma once

#include <map>
#include <string>

#include "framework/cli/launch/request.h"
#include "framework/data/dataset.h"
#include "framework/plan/plan.h"
#include "framework/plugin/catalog.h"

namespace attnlab::cli {

class Sources {
 public:
  /// Searches the plugins; opens no data yet.
  explicit Sources(const LaunchRequest& request);

  /// Asks this object while it plans, so it must not outlive it.
  [[nodiscard]] plan::PlanRequest plan_request();

  /// Throws Error when there is none of that name that can be loaded.
  [[nodiscard]] const plugin::FoundPlugin& plugin(const std::string& name) const;

  /// Each section is inspected once. Throws Error when the data is missing or not what it should
  /// be.
  [[nodiscard]] const data::DatasetInfo& data(const config::Node& section);

  /// sha256 of a library file, computed once.
  [[nodiscard]] const std::string& library_digest(const std::filesystem::path& file);

 private:
  LaunchRequest request_;
  plugin::Catalog catalog_;
  std::map<std::string, data::DatasetInfo> data_;       // by the section's text
  std::map<std::string, std::string> library_digests_;  // by path
};

}  // namespace attnlab::cli
