#include "framework/cli/launch/cells.h"

#include "framework/plan/labels.h"
#include "framework/config/bench_config.h"
#include "framework/config/fingerprint.h"
#include "framework/core/build_info.h"
#include "framework/core/digest.h"
#include "framework/core/paths.h"
#include "framework/launch/environment.h"
#include "framework/plugin/traits.h"
#include "framework/store/reader.h"

namespace attnlab::cli {
namespace {

std::string fact(const store::Facts& facts, const std::string& name) {
  for (const auto& [key, text] : facts) {
    if (key == name) return text;
  }
  return {};
}

// "cpu", or the GPU's model: a run on another model is another run.
std::string device_kind(config::Device device, const std::string& gpu) {
  const bool cuda =
      device == config::Device::cuda || (device == config::Device::automatic && !gpu.empty());
  return cuda ? "cuda " + gpu : "cpu";
}

config::FingerprintParts parts_of(const plan::Cell& cell, const plugin::PluginNote& note,
                                  const std::string& data_digest, const std::string& gpu) {
  const auto& build = build_info();
  return {.config = sha256_hex(config::canonical_json(cell.resolved)),
          .data = data_digest,
          .plugin = std::string(note.source_digest.view()),
          .engine = build.source_digest,
          .compiler = build.compiler + " " + build.flags,
          .torch = build.torch,
          .device = device_kind(cell.resolved.run.device, gpu)};
}

std::string refusal_of(const plan::Cell& cell, const plugin::PluginNote& note) {
  const auto& resolved = cell.resolved;
  plugin::Use use{resolved.model.head_dim(), resolved.model.causality, resolved.model.shared_keys};
  if (resolved.run.device != config::Device::automatic) use.device = resolved.run.device;
  use.dtype = config::dtype_of(resolved.train.precision);
  return plugin::refusal(note, use);
}

store::Facts build_facts(const LaunchRequest& request) {
  const auto& build = build_info();
  return {{"command", request.command}, {"attnlab", build.version},
          {"compiler", build.compiler}, {"compiler_flags", build.flags},
          {"torch", build.torch},       {"engine_source", build.source_digest}};
}

launch::Cell prepared(const plan::Cell& cell, Sources& sources, const LaunchRequest& request,
                      const store::Facts& common) {
  const auto& library = sources.plugin(cell.variant);
  const auto& note = library.facts->note;
  const auto& data = sources.data(*cell.resolved.config.find("dataset"));
  launch::Cell result;
  result.record.study = cell.resolved.run.study;
  const auto parts = parts_of(cell, note, data.digest, fact(common, "gpu"));
  result.record.fingerprint_parts = config::to_json(parts);
  result.record.fingerprint = config::fingerprint(parts);
  result.record.config_json = config::to_json(cell.resolved.config);
  result.record.overrides = cell.overrides;
  result.spec.database = request.database.string();
  result.spec.plugin_path = library.file.string();
  result.spec.data_dir = request.data_dir;
  result.spec.config = cell.resolved.config;
  result.refusal = refusal_of(cell, note);
  result.environment = common;
  const store::Facts own{{"plugin", library.file.string()},
                         {"plugin_sha256", sources.library_digest(library.file)},
                         {"plugin_source", std::string(note.source_digest.view())},
                         {"data", data.description},
                         {"data_digest", data.digest},
                         {"data_source", data.source}};
  result.environment.insert(result.environment.end(), own.begin(), own.end());
  return result;
}

}  // namespace

// What all cells share. The version of SQLite matters to who reads a damaged file later.
store::Facts common_environment(const LaunchRequest& request) {
  store::Facts facts = build_facts(request);
  for (auto& fact : launch::machine_facts()) facts.push_back(std::move(fact));
  for (auto& fact : launch::source_facts(paths::home())) facts.push_back(std::move(fact));
  if (std::filesystem::exists(request.database)) {
    const auto answer = store::Reader(request.database.string()).query("SELECT sqlite_version()");
    facts.emplace_back("sqlite", std::get<std::string>(answer.rows.at(0).at(0)));
  }
  return facts;
}

std::vector<launch::Cell> prepare_cells(const std::vector<plan::Cell>& cells, Sources& sources,
                                        const launch::History& history, const LaunchRequest& request) {
  const auto common = common_environment(request);
  const auto labels = plan::labels_of(cells);
  std::vector<launch::Cell> result;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    launch::Cell cell = prepared(cells[i], sources, request, common);
    cell.label = labels[i];
    const launch::PastRun* twin = request.reuse_config ? history.same_but_code(cell.record) : nullptr;
    if (twin != nullptr) {
      cell.record.fingerprint = twin->fingerprint;
      cell.record.fingerprint_parts = twin->parts;
    }
    const launch::PastRun* before = history.newest(cell.record.fingerprint);
    if (cell.refusal.empty() && before != nullptr && before->status == "skipped") {
      cell.refusal = before->reason;
    }
    result.push_back(std::move(cell));
  }
  return result;
}

}  // namespace attnlab::cli
