#include "framework/cli/bench/cells.h"

#include <algorithm>
#include <chrono>

#include "framework/cells/fingerprint.h"
#include "framework/cli/launch/room.h"
#include "framework/config/bench_config.h"
#include "framework/config/pattern_sections.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/data/limits.h"
#include "framework/plan/labels.h"
#include "framework/plugin/traits.h"

namespace attnlab::cli {
namespace {

bool is_built_in(const std::string& variant) { return variant == "engine" || variant == "reshape"; }

plan::PlanRequest plan_request(cells::Sources& sources, const BenchRow& row, BenchKind kind) {
  auto request = sources.plan_request();
  request.overrides = row.overrides;
  request.schemas.max_length = {};  // no data is read
  if (kind == BenchKind::train) return request;
  for (const char* name : {"engine", "reshape"}) {
    auto& known = request.compose.plugins;
    if (std::ranges::find(known, name) == known.end()) known.emplace_back(name);
  }
  const auto plugins = request.schemas.attention;
  request.schemas.attention = [plugins](const std::string& name) {
    if (name == "engine") return config::parameters_of<config::EngineSubject>();
    if (name == "reshape") return config::parameters_of<config::ReshapeSubject>();
    return plugins(name);
  };
  return request;
}

bool trains_on_random(const BenchRow& row) {
  return std::get<bool>(row.bench.find("random_tokens")->value());
}

// Before anything is timed: whether the data is there and long enough.
const data::DatasetInfo& data_for(const plan::Cell& cell, const BenchRow& row, cells::Sources& sources) {
  const char* const instead =
      "\n  Name a corpus (dataset=enwik8, dataset=text dataset.path=FOLDER) or shorter --lengths; "
      "--random-tokens does without, but nothing is learned on them and hash buckets collapse.";
  try {
    const auto& info = sources.data(*cell.resolved.config.find("dataset"));
    const auto longest =
        config::lengths_of(std::get<std::string>(row.bench.find("lengths")->value())).back();
    if (longest <= info.max_length) return info;
    throw Error("T = " + std::to_string(longest) + " is longer than " + info.name + " can serve (" +
                std::to_string(info.max_length) + ")");
  } catch (const Error& error) {
    throw Error(error.what() + std::string(instead), error.exit_code());
  }
}

// The parts of a run's config that a timing has.
config::Node config_of(const plan::Cell& cell, const BenchRow& row, BenchKind kind) {
  const auto& all = cell.resolved.config;
  auto config = config::write(cell.resolved.run);
  if (kind == BenchKind::train) {
    auto model = *all.find("model");
    model.erase("attention_pattern");
    config.set("model", model);
    config.set("train", *all.find("train"));
    if (!trains_on_random(row)) config.set("dataset", *all.find("dataset"));
  } else {
    auto model = config::Node::map();
    for (const char* key : {"width", "heads", "shared_keys", "key_norm", "causality"}) {
      model.set(key, *all.find_path(std::string("model.") + key));
    }
    config.set("model", model);
  }
  config.set("attention", *all.find("attention"));
  config.set("bench", row.bench);
  return config;
}

// The variant that training is compared with, under its own defaults.
void add_peer(launch::Cell& cell, const cells::Sources& sources, const std::string& name) {
  if (name.empty() || name == "none") return;
  try {
    cell.spec.peer_plugin_path = sources.plugin(name).file.string();
  } catch (const Error& error) {
    throw Error(error.within("--peer").what(), kExitUsage);
  }
  auto section = config::Node::map();
  section.set("name", config::Node(name));
  cell.spec.config.set("peer", section);
}

std::string moment() {
  using namespace std::chrono;
  return std::to_string(duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count());
}

launch::Cell prepared(const plan::Cell& cell, const BenchRow& row, cells::Sources& sources,
                      const BenchRequest& request) {
  if (!config::pattern_text(cell.resolved.config).empty()) {
    throw Error("'" + cell.variant + "': a timing is of one variant, and model.attention_pattern has " +
                    "several; expected attention=NAME alone.",
                kExitUsage);
  }
  launch::Cell result;
  result.record.kind = store::RunKind::time;
  result.record.study = cell.resolved.run.study;
  result.record.overrides = cell.overrides;
  result.spec.config = config_of(cell, row, request.kind);
  add_peer(result, sources, request.peer);
  result.spec.database = request.launch.database.string();
  result.record.config_json = config::to_json(result.spec.config);
  result.gpus = on_gpu(cell) ? 1 : 0;
  auto parts = cells::code_parts(cell.resolved.run.device);
  parts.config = sha256_hex(result.record.config_json);
  result.spec.data_dir = request.launch.data_dir;
  if (request.kind == BenchKind::train && trains_on_random(row)) {
    data::DatasetInfo none;
    none.name = "random tokens";
    result.refusal = data::documents_refusal(none, cell.resolved.model.documents);
  }
  if (result.spec.config.find("dataset") != nullptr) {
    const auto& info = data_for(cell, row, sources);
    result.refusal = data::documents_refusal(info, cell.resolved.model.documents);
    result.environment = std::make_shared<const store::Facts>(
        store::Facts{{"data", info.description}, {"data_digest", info.digest}, {"data_source", info.source}});
  }
  parts.data = "timed at " + moment();
  parts.plugin = "none";
  if (request.kind == BenchKind::train || !is_built_in(cell.variant)) {
    const auto& library = sources.plugin(cell.variant);
    const auto& note = library.facts->note;
    result.spec.plugin_path = library.file.string();
    parts.plugin = sources.digests(library).plugin;
    const auto& model = cell.resolved.model;
    plugin::Use use{model.head_dim(), model.causality, model.shared_keys, model.documents};
    if (result.refusal.empty()) result.refusal = plugin::refusal(note, use);
  }
  result.record.fingerprint_parts = cells::to_json(parts);
  result.record.fingerprint = cells::fingerprint(parts);
  return result;
}

}  // namespace

BenchCells bench_cells(const BenchRequest& request) {
  cells::Sources sources(request.launch);
  BenchCells result;
  for (const auto& row : request.rows) {
    const auto plan = plan::make_plan(plan_request(sources, row, request.kind));
    const auto labels = plan::labels_of(plan.cells);
    for (std::size_t i = 0; i < plan.cells.size(); ++i) {
      auto cell = prepared(plan.cells[i], row, sources, request);
      if (const auto& file = cell.spec.plugin_path; !file.empty()) {
        const auto& digests = sources.digests(sources.plugin(plan.cells[i].variant));
        store::Facts facts{{"plugin", file}, {"plugin_sha256", digests.library}};
        if (cell.environment) facts.insert(facts.end(), cell.environment->begin(), cell.environment->end());
        cell.environment = std::make_shared<const store::Facts>(std::move(facts));
      }
      cell.label = row.label.empty() ? labels[i] : row.label;
      result.runs.push_back({cell.label, 0, row.goals});
      result.cells.push_back(std::move(cell));
    }
  }
  return result;
}

}  // namespace attnlab::cli
