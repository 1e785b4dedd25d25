#include "framework/cli/launch/until_plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/cells/prepare.h"
#include "framework/cli/launch/room.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/score.h"
#include "framework/plan/labels.h"
#include "framework/report/statistics.h"

namespace attnlab::cli {
namespace {

using Cells = std::vector<plan::Cell>;

/// The config without what seeds, or attentions, differ in.
std::string config_without(const plan::Cell& cell, std::initializer_list<const char*> keys) {
  auto json = nlohmann::json::parse(config::canonical_json(cell.resolved));
  for (const char* key : keys) json.erase(key);
  return json.dump();
}

std::string surroundings_of(const plan::Cell& cell) { return config_without(cell, {"seed", "attention"}); }

std::int64_t first_seed_of(const Cells& cells) {
  std::set<std::int64_t> seeds;
  for (const auto& cell : cells) seeds.insert(cell.resolved.run.seed);
  if (seeds.size() == 1) return *seeds.begin();
  throw Error("--until-significant chooses the seeds itself; expected one seed to begin with, found " +
                  std::to_string(seeds.size()) + ". Leave the sweep over seed out and say how many at most: --most N.",
              kExitUsage);
}

/// One number for each of `variants`: the cell of `against` whose config is equal but for the attention;
/// its own for those of `against` themselves.
std::vector<std::size_t> partners_of(const Cells& variants, const std::vector<std::string>& labels,
                                     const std::string& against) {
  std::vector<std::size_t> named, partners;
  for (std::size_t i = 0; i < variants.size(); ++i) {
    if (labels[i] == against) named = {i};
    if (labels[i] == against) break;
    if (variants[i].variant == against) named.push_back(i);
  }
  if (named.empty()) {
    throw Error("--against: no cell of this grid is '" + against + "'." + did_you_mean(against, labels), kExitUsage);
  }
  for (std::size_t i = 0; i < variants.size(); ++i) {
    if (std::ranges::find(named, i) != named.end()) {
      partners.push_back(i);
      continue;
    }
    std::vector<std::size_t> fitting;
    for (const auto one : named) {
      if (surroundings_of(variants[one]) == surroundings_of(variants[i])) fitting.push_back(one);
    }
    if (fitting.size() == 1) {
      partners.push_back(fitting[0]);
      continue;
    }
    throw Error("--against: " + labels[i] + " differs from " +
                    (fitting.empty() ? "every cell of '" + against + "' in more than its attention"
                                     : "several cells of '" + against + "' in its attention alone; name one: " +
                                           labels[fitting[0]] + ", " + labels[fitting[1]]),
                kExitUsage);
  }
  return partners;
}

/// With another seed the cell is no cell of the grid.
[[noreturn]] void refuse_value_of_seed(const Cells& variants, const plan::Cell& cell) {
  const auto flat = nlohmann::json::parse(config_without(cell, {"seed"})).flatten();
  std::vector<std::string> fewest;
  for (const auto& variant : variants) {
    std::vector<std::string> keys;
    const auto other = nlohmann::json::parse(config_without(variant, {"seed"})).flatten();
    for (const auto& [key, value] : flat.items()) {
      if (!other.contains(key) || other.at(key) != value) keys.push_back(key.substr(1));
    }
    if (fewest.empty() || keys.size() < fewest.size()) fewest = keys;
  }
  auto keys = join(fewest, ", ");
  std::ranges::replace(keys, '/', '.');
  throw Error("--until-significant: with another seed " + keys + " is another value, so runs of several seeds are no runs of "
              "one variant. Give it a value that does not depend on the seed.", kExitUsage);
}

std::string study_of(const Cells& cells) {
  std::set<std::string> studies;
  for (const auto& cell : cells) studies.insert(cell.resolved.run.study);
  if (studies.size() == 1) return *studies.begin();
  throw Error("--until-significant asks one question of one study; found " +
                  std::to_string(studies.size()) + " studies",
              kExitUsage);
}

/// Before the first run: after it a name that nobody logs would cost all of them.
void require_metric(const std::string& metric, const data::DatasetInfo& info, const plan::Cell& cell) {
  std::vector<std::string> known;
  for (const auto split : {data::Split::valid, data::Split::test}) {
    if (split == data::Split::test && !cell.resolved.train.score_test) continue;
    for (const auto& score : data::scores(info, split, 1)) known.push_back(score.key.name);
  }
  for (const char* name : {"train/loss", "train/auxiliary", "train/reduce_seconds", "grad_norm", "learning_rate", "tokens_per_second",
                           "step_seconds_median", "process_peak_bytes", "allocator_peak_bytes", "host_allocator_peak_bytes", "parameters",
                           "attention_parameters"}) {
    known.emplace_back(name);
  }
  // What a variant reports of itself is known once it has run.
  for (const char* group : {"attention/", "train/attention/", "xray/", "profile/"}) {
    if (metric.starts_with(group) && metric.size() > std::string_view(group).size()) return;
  }
  if (std::ranges::find(known, metric) != known.end()) return;
  throw Error("--metric: no run on " + info.name + " logs '" + metric + "'." + did_you_mean(metric, known) + " A run logs " +
                  join(known, ", ") + ", and what its attention reports as attention/NAME.",
              kExitUsage);
}

std::vector<std::int64_t> looks_of(const UntilRequest& until) {
  std::vector<std::int64_t> looks;
  for (auto pairs = static_cast<std::int64_t>(report::kFewestPairs); pairs < until.most; pairs += until.every) {
    looks.push_back(pairs);
  }
  looks.push_back(until.most);
  return looks;
}

std::string digest_of(const SeededCells& all, const std::string& label, const std::string& against) {
  std::string text;
  for (const auto& name : {label, against}) {
    for (const auto i : all.by_label.at(name)) text += all.cells[i].record.fingerprint;
  }
  return sha256_hex(text);
}

}  // namespace

SeededCells seeded_cells(cells::Sources& sources, const LaunchRequest& request, const UntilRequest& until) {
  auto planned = plan_request(sources, request);
  const auto variants = plan::make_plan(planned).cells;
  const auto first = first_seed_of(variants);
  const auto labels = plan::labels_of(variants);
  const auto partners = partners_of(variants, labels, until.against);
  planned.overrides.push_back("seed=range(" + std::to_string(first) + "," + std::to_string(first + until.most) + ")");
  auto cells = plan::make_plan(planned).cells;

  SeededCells all;
  all.plan = {study_of(variants), until.spending, until.alpha, first, looks_of(until), {}};
  std::map<std::string, std::string> known;  // label by config
  for (std::size_t i = 0; i < variants.size(); ++i) known[config_without(variants[i], {"seed"})] = labels[i];
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto found = known.find(config_without(cells[i], {"seed"}));
    if (found == known.end()) refuse_value_of_seed(variants, cells[i]);
    all.by_label[found->second].push_back(i);
  }
  for (auto& [label, numbers] : all.by_label) {
    std::ranges::sort(numbers, {}, [&](std::size_t i) { return cells[i].resolved.run.seed; });
  }
  std::vector<std::string> metrics;
  for (const auto& cell : variants) {
    const auto& info = sources.data(*cell.resolved.config.find("dataset"));
    metrics.push_back(until.metric.empty() ? "val/" + info.metric : until.metric);
    require_metric(metrics.back(), info, cell);
  }
  if (request.show_plan) {
    require_shape(cells, request);
    if (!request.slurm && std::ranges::any_of(cells, on_gpu)) require_gpu();
  } else {
    all.room = room_for(cells, request);
  }
  all.cells = cells::prepare(std::move(cells), sources, cells::History(request.database), request);
  for (std::size_t i = 0; i < variants.size(); ++i) {
    if (partners[i] == i) continue;
    const auto& against = labels[partners[i]];
    all.plan.variants.push_back({labels[i], against, metrics[i], digest_of(all, labels[i], against)});
  }
  if (all.plan.variants.empty()) {
    throw Error("--until-significant: this grid has nothing beside '" + until.against + "' to compare with it", kExitUsage);
  }
  return all;
}

}  // namespace attnlab::cli
