#include "framework/cli/bench/request.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "framework/cli/checkpoints/find.h"
#include "framework/cli/checkpoints/origin.h"
#include "framework/cli/results/output.h"
#include "framework/config/bench_config.h"
#include "framework/config/bind.h"
#include "framework/config/override.h"
#include "framework/config/scalar.h"
#include "framework/core/error.h"
#include "framework/core/limits.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

constexpr char kAttentionNotes[] = R"(examples
  attnlab bench attention attention=hash_sparse hash_sparse.buckets=16
  attnlab bench attention attention=hash_sparse,qk_drop,dense --lengths 1024,4096 --dtype bfloat16
  attnlab bench attention attention=qk_drop qk_drop.drop=0.5,0.8 --pass forward --plot drop.svg
  attnlab bench attention --preset goals_cpu                  the goals of this project, yes or no
  attnlab bench attention --preset goals_cpu --rows qk_drop   some lines of it

Overrides are those of attnlab grid: sweeps give one run each, and one that begins with a variant's
name applies to it only. Of the sections only `attention`, `seed`, `threads`, `device`, `study` and
model.{heads,causality,shared_keys,key_norm} matter here. Beside the plugins there are two subjects:
  attention=engine    the segment engine; engine.pattern=full, or zipf with engine.buckets
  attention=reshape   reshape.segments equal segments by LibTorch: fast, and not the same function

Before it is timed, every answer is checked on the very tensors: an exact softmax against float64,
others by finite differences; a wrong one gives an error and no time, and "checked" says what was
looked at. Lengths that a variant refuses, or whose tensors cannot fit, are left out and named. Samples alternate with LibTorch's scaled_dot_product_attention (causal, same dtype
and threads; on a GPU once forced to cuDNN and once to Flash). Every run stands in the database:
attnlab query "select * from timings". Ctrl-C keeps what is done.)";

constexpr char kTrainNotes[] = R"(examples
  attnlab bench train attention=hash_sparse model=paper train.precision=bfloat16 dataset=openwebtext2 --warm-steps 300
  attnlab bench train attention=hash_sparse,qk_drop dataset=enwik8 dataset.prefix=true --lengths 512,1024
  attnlab bench train attention=hash_sparse,qk_drop --checkpoint 5@best
  attnlab bench train --preset goals_train

Whole optimiser steps of one model on a data set, in sequences of each length: the variant's and, in
turn, those of the same model with --peer, on the same batches. How even hash buckets are, and with it
the speed, depends on what the model has learned: --warm-steps trains both sides first, --checkpoint begins
with a trained model's weights, and "pairs / even" stands beside every ratio (1: even buckets; as many as
buckets: all in one). Of a checkpoint come model, data and recipe, where nothing else is said; without
--warm-steps its weights stay as they are (steps at learning rate 0). --random-tokens needs no
data; nothing is learned on them. Overrides are those of attnlab grid; dataset.length is each of --lengths.)";

std::string option_name(std::string key) {
  for (auto& c : key) c = c == '_' ? '-' : c;
  return key;
}

std::vector<config::Parameter> keys_of(BenchKind kind) {
  return kind == BenchKind::train ? config::parameters_of<config::TrainTimingConfig>()
                                  : config::parameters_of<config::BenchConfig>();
}

// The keys of the section bench, each an option.
void add_keys(Options& options, BenchKind kind) {
  for (const auto& key : keys_of(kind)) {
    const auto name = option_name(key.name);
    if (key.kind == config::Kind::boolean) {
      options.flag(name, key.help);
      continue;
    }
    const auto help = key.choices.empty() ? key.help : key.help + ": " + join(key.choices, ", ");
    options.value(name, key.kind == config::Kind::text     ? "LIST"
                        : key.kind == config::Kind::choice ? "NAME"
                        : key.kind == config::Kind::real   ? "S"
                                                           : "N",
                  help + " (default: " + key.default_value.text() + ")");
  }
}

// Where nothing else says so: all of the machine.
std::vector<std::string> defaults(BenchKind kind) {
  std::vector<std::string> words{"study=bench", "device=auto",
                                 "threads=" + std::to_string(processors().threads())};
  if (kind == BenchKind::attention) words.insert(words.end(), {"model.heads=8", "model.width=512"});
  return words;
}

std::vector<std::string> typed(BenchKind kind, const ParsedOptions& parsed) {
  std::vector<std::string> words;
  if (parsed.has("device")) words.push_back("device=" + parsed.choice("device", {"auto", "cpu", "cuda"}));
  if (parsed.has("threads")) {
    words.push_back("threads=" + std::to_string(parsed.integer("threads", 1, 1)));
  }
  if (kind == BenchKind::attention && (parsed.has("heads") || parsed.has("head-dim"))) {
    const auto heads = parsed.integer("heads", 8, 1), head_dim = parsed.integer("head-dim", 64, 1);
    if (heads > 1024 || head_dim > 65536 / heads) {
      throw Error("--heads and --head-dim make too many channels; expected at most 1024 heads and "
                  "65536 channels of all",
                  kExitUsage);
    }
    words.push_back("model.heads=" + std::to_string(heads));
    words.push_back("model.width=" + std::to_string(heads * head_dim));
  }
  return words;
}

config::Node bench_section(BenchKind kind, config::Node section, const ParsedOptions& parsed) {
  for (const auto& key : keys_of(kind)) {
    const auto name = option_name(key.name);
    const config::Origin origin{"--" + name, 0};
    if (key.kind == config::Kind::boolean) {
      if (parsed.has(name)) section.set(key.name, {true, origin});
    } else if (const auto value = parsed.text(name)) {
      section.set(key.name, {key.kind == config::Kind::text ? config::Node::Value(*value)
                                                            : config::typed_scalar(*value),
                             origin});
    }
  }
  try {
    return kind == BenchKind::train
               ? config::write(config::read<config::TrainTimingConfig>(section, "bench"))
               : config::write(config::read<config::BenchConfig>(section, "bench"));
  } catch (const Error& error) {
    throw Error(error.what(), kExitUsage);
  }
}

// Overrides that make a run like the checkpoint's and begin with its weights; `chosen` come behind them.
std::vector<std::string> of_checkpoint(const std::filesystem::path& path, const std::vector<std::string>& chosen) {
  const auto state = checkpoint::read_state(path);
  auto words = overrides_of(state, chosen);
  words.push_back("train.initial=" + config::as_literal(state.weights));
  words.push_back("train.initial_path=" + config::as_literal(path.string()));
  return words;
}

// The length that it was trained at, where none is asked for.
void take_length(const std::filesystem::path& path, config::Node& section) {
  if (section.find("lengths") != nullptr) return;
  const auto config = config::from_json(checkpoint::read_state(path).config, "the config in its state.json");
  if (const auto* length = config.find_path("dataset.length")) section.set("lengths", config::Node(length->text()));
}

// Now, and not when all is timed.
void require_place_for(const std::string& plot) {
  namespace fs = std::filesystem;
  if (plot.empty()) return;
  require_svg(plot);
  std::error_code failed;
  const auto folder = fs::absolute(plot).parent_path();
  const auto there = fs::status(plot, failed).type();  // none: the name alone is refused
  const bool fits = there != fs::file_type::none && there != fs::file_type::directory;
  if (fits && fs::is_directory(folder, failed) && ::access(folder.c_str(), W_OK) == 0) return;
  throw Error("--plot: cannot write '" + plot + "'; expected a file in a folder that is there",
              kExitUsage);
}

}  // namespace

Options bench_options(BenchKind kind) {
  const bool train = kind == BenchKind::train;
  Options options(train ? "bench train" : "bench attention", "[options] [overrides]",
                  train ? "Times whole training steps of a model under two attentions, over lengths."
                        : "Times attention forward and backward against LibTorch's, over lengths.");
  add_keys(options, kind);
  if (train) {
    options.value("peer", "NAME", "variant that is compared with, or none (default: dense)")
        .value("checkpoint", "WHICH", "begin with its weights: RUN@STEP, RUN@best, RUN or a folder; "
                                      "--lengths is then the one it was trained at");
    add_source_options(options);
  } else {
    add_plugin_options(options);
    options.value("heads", "H", "heads (default: 8)")
        .value("head-dim", "D", "channels of one head (default: 64)");
  }
  options.value("device", "NAME", "cpu, cuda or auto (default: auto)")
      .value("threads", "N", "compute threads of both sides (default: what this process may use)")
      .value("preset", "NAME", "rows and goals from experiments/bench/NAME.yaml, or a file")
      .value("rows", "TEXT", "only the preset's rows with this in their label")
      .value("plot", "FILE.svg", "draw times faster over T as SVG")
      .value("study", "NAME", "name under which the runs are grouped (default: bench)")
      .flag("quiet", "no progress");
  add_reading_options(options);
  options.notes(train ? kTrainNotes : kAttentionNotes);
  return options;
}

BenchRequest read_bench_request(BenchKind kind, const ParsedOptions& parsed, Arguments arguments) {
  BenchRequest request;
  request.kind = kind;
  request.launch = read_launch_request(LaunchKind::bench, parsed, arguments);
  request.plot = parsed.text("plot", "");
  require_place_for(request.plot);
  if (kind == BenchKind::train) request.peer = parsed.text("peer", "dense");
  if (const auto preset = parsed.text("preset")) {
    try {
      read_bench_preset(*preset, request);
    } catch (const Error& error) {
      throw Error(error.what(), kExitUsage);
    }
  } else {
    request.rows.emplace_back();
  }
  if (const auto text = parsed.text("rows")) {
    if (!parsed.has("preset")) {
      throw Error("--rows chooses among the rows of a --preset", kExitUsage);
    }
    keep_rows(*text, request.rows);
  }
  std::filesystem::path trained;
  if (const auto word = kind == BenchKind::train ? parsed.text("checkpoint") : std::nullopt) {
    if (parsed.has("random-tokens")) {
      throw Error("--checkpoint and --random-tokens: a trained model tells nothing of random tokens", kExitUsage);
    }
    trained = find_checkpoint(*word, parsed);
  }
  for (auto& row : request.rows) {
    std::vector<std::string> chosen = row.overrides;
    for (const auto& more : {typed(kind, parsed), request.launch.overrides}) {
      chosen.insert(chosen.end(), more.begin(), more.end());
    }
    auto words = trained.empty() ? std::vector<std::string>{} : of_checkpoint(trained, chosen);
    for (const auto& more : {defaults(kind), chosen}) {
      words.insert(words.end(), more.begin(), more.end());
    }
    row.overrides = std::move(words);
    if (!trained.empty() && !parsed.has("lengths")) take_length(trained, row.bench);
    row.bench = bench_section(kind, row.bench, parsed);
  }
  return request;
}

}  // namespace attnlab::cli
