#include "framework/worker/resume.h"

#include <algorithm>

#include "framework/checkpoint/folder.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/worker/job.h"

namespace attnlab::worker {
namespace {

namespace fs = std::filesystem;

// A process that was given up may take one away, for a newer one, between the list and the look.
constexpr int kLooks = 2;

std::int64_t number(const config::Node& entry, const char* name) {
  const auto* found = entry.find(name);
  const auto* value = found == nullptr ? nullptr : std::get_if<std::int64_t>(&found->value());
  if (value == nullptr) throw Error("the spec's `earlier` lacks '" + std::string(name) + "'");
  return *value;
}

fs::path folder(const config::Node& entry) {
  const auto* found = entry.find("folder");
  if (found == nullptr || found->as_string() == nullptr) throw Error("the spec's `earlier` lacks 'folder'");
  return fs::path(*found->as_string()) / checkpoint::kFolder;
}

// A file with the right digest in the wrong place is refused as well.
checkpoint::State state_for(const launch::RunSpec& spec, const checkpoint::Checkpoint& found) {
  auto state = checkpoint::read_whole(found.path);
  const std::string which = "the checkpoint '" + found.path.string() + "' ";
  if (state.fingerprint != spec.fingerprint) {
    throw Error(which + "is of another run: its fingerprint is " + state.fingerprint.substr(0, 12) +
                ", expected " + spec.fingerprint.substr(0, 12));
  }
  if (state.step != found.step || state.step > state.steps) {
    throw Error(which + "says that it is of step " + std::to_string(state.step) + " of " +
                std::to_string(state.steps));
  }
  return state;
}

fs::path held_in(const launch::RunSpec& spec) { return fs::path(spec.folder) / "resumed"; }

// The same files under another name, which stay when that one goes.
checkpoint::Checkpoint hold(const checkpoint::Checkpoint& found, const launch::RunSpec& spec) {
  const auto held = held_in(spec);
  fs::remove_all(held);
  fs::create_directories(held);
  for (const char* name : {checkpoint::kModel, checkpoint::kOptimizer, checkpoint::kState}) {
    std::error_code problem;  // a file system without links
    fs::create_hard_link(found.path / name, held / name, problem);
    if (problem) fs::copy_file(found.path / name, held / name);
  }
  return {held, found.step};
}

std::optional<Continuation> newest_in(const fs::path& checkpoints, const launch::RunSpec& spec,
                                      std::int64_t run_id, std::int64_t attempt) {
  auto all = checkpoint::list(checkpoints);
  std::ranges::reverse(all);
  for (auto& found : all) {
    try {
      if (spec.spool) found = hold(found, spec);
      return Continuation{{found.path, state_for(spec, found)}, run_id, attempt};
    } catch (const fs::filesystem_error& error) {
      log_line(std::string("not used: ") + error.what());
    } catch (const Error& error) {
      log_line(std::string("not used: ") + error.what());
    }
  }
  return std::nullopt;
}

}  // namespace

std::string Continuation::text() const {
  return "continues attempt " + std::to_string(attempt) + " at step " + grouped(resume.state.step);
}

std::optional<Continuation> find_checkpoint(const launch::RunSpec& spec) {
  if (spec.spool) {  // a batch system may have started this same attempt before
    for (int look = 0; look < kLooks; ++look) {
      auto own = newest_in(fs::path(spec.folder) / checkpoint::kFolder, spec, spec.run_id, spec.attempt);
      if (own) return own;
    }
  }
  for (const auto& entry : spec.earlier.as_list()) {
    auto found = newest_in(folder(entry), spec, number(entry, "run"), number(entry, "attempt"));
    if (found) return found;
  }
  return std::nullopt;
}

void let_go(const launch::RunSpec& spec) {
  std::error_code ignored;
  fs::remove_all(held_in(spec), ignored);
}

void begin_shared(const launch::RunSpec& spec, const std::optional<Continuation>& earlier, MetricSink& sink) {
  if (earlier && earlier->run_id == spec.run_id) return;  // another life, which has said it
  const bool before = std::ranges::any_of(spec.earlier.as_list(), [](const config::Node& entry) {
    const auto* shared = entry.find("shared");
    const auto* value = shared == nullptr ? nullptr : std::get_if<bool>(&shared->value());
    return value != nullptr && *value;
  });
  sink.fact("shared", earlier && before ? "1" : "0");
}

std::optional<train::Resume> find_initial(const config::TrainConfig& train) {
  if (train.initial.empty()) return std::nullopt;
  const fs::path path(train.initial_path);
  auto state = checkpoint::read_whole(path);
  if (state.weights != train.initial) {
    throw Error("train.initial: the weights in '" + path.string() + "' are " + state.weights +
                "; expected " + train.initial + ". Fork from the checkpoint anew.");
  }
  return train::Resume{path, std::move(state)};
}

std::string text_of(const train::Resume& initial) {
  const auto& state = initial.state;
  return "step " + grouped(state.step) + " of run " + state.fingerprint.substr(0, 12) + ": " + initial.checkpoint.string();
}

void begin_with(const train::Resume& initial, const config::Node& section, model::Transformer& model) {
  const auto config = config::from_json(initial.state.config, "the config in its state.json");
  const auto name_in = [](const config::Node& section) {
    const auto* name = section.find("name");
    return name == nullptr ? "" : name->text();
  };
  const auto* attention = config.find("attention");
  const bool same = attention != nullptr && name_in(*attention) == name_in(section);
  train::load_initial(initial.checkpoint / checkpoint::kModel, model, same);
}

void begin_with_initial(const Prepared& prepared, model::Transformer& model, MetricSink& sink) {
  const auto initial = find_initial(*prepared.train);
  if (!initial) return;
  begin_with(*initial, *prepared.attention, model);
  const auto text = text_of(*initial);
  log_line("begins with the weights of " + text);
  sink.fact("origin", text);
}

train::Saving saving_of(const launch::RunSpec& spec) {
  train::Saving saving;
  if (!spec.folder.empty()) saving.folder = fs::path(spec.folder) / checkpoint::kFolder;
  for (const auto& entry : spec.earlier.as_list()) saving.earlier.push_back(folder(entry));
  std::ranges::reverse(saving.earlier);
  saving.base.fingerprint = spec.fingerprint;
  saving.base.attempt = spec.attempt;
  saving.base.config = config::to_json(spec.config);
  saving.base.plugin = spec.plugin_path;
  saving.say = log_line;
  return saving;
}

}  // namespace attnlab::worker
