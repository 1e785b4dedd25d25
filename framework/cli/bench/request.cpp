#include "framework/cli/bench/request.h"

#include <span>
#include <thread>

#include "framework/cli/bench/preset.h"
#include "framework/cli/results/output.h"
#include "framework/config/bench_config.h"
#include "framework/config/bind.h"
#include "framework/config/scalar.h"
#include "framework/core/error.h"

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

Before it is timed, every answer is compared with float64 on the very tensors; a wrong one gives an
error and no time. Samples alternate with LibTorch's scaled_dot_product_attention (causal, same dtype
and threads; on a GPU once forced to cuDNN and once to Flash). Every run stands in the database:
attnlab query "select * from timings". Ctrl-C keeps what is done.)";

constexpr char kTrainNotes[] = R"(examples
  attnlab bench train attention=hash_sparse model=paper train.precision=bfloat16 device=cuda
  attnlab bench train attention=hash_sparse,qk_drop model=tiny --lengths 256,512 --device cpu
  attnlab bench train --preset goals_train

Whole optimiser steps of one model on random tokens: the variant's and, in turn, those of the same
model with --peer. Overrides are those of attnlab grid; `dataset` has no meaning here.)";

// Options that are keys of the section bench.
constexpr const char* kAttentionKeys[]{"lengths", "batch",   "dtype",         "pass",
                                       "peer",    "samples", "least_samples", "seconds"};
constexpr const char* kTrainKeys[]{"lengths", "vocabulary",    "tokens",
                                   "samples", "least_samples", "seconds"};

std::string option_name(std::string key) {
  for (auto& c : key) c = c == '_' ? '-' : c;
  return key;
}

void add_common(Options& options) {
  options.value("device", "NAME", "cpu, cuda or auto (default: auto)")
      .value("threads", "N", "compute threads of both sides (default: all)")
      .value("least-samples", "N", "at least so many, however long they take (default: 3)")
      .value("preset", "NAME", "rows and goals from experiments/bench/NAME.yaml, or a file")
      .value("rows", "TEXT", "only the preset's rows with this in their label")
      .value("plot", "FILE", "draw times faster over T as SVG")
      .value("plugin", "PATH", "library or folder with attention plugins; may be repeated")
      .value("config-dir", "DIR", "folder with more config groups; may be repeated")
      .value("study", "NAME", "name under which the runs are grouped (default: bench)")
      .flag("quiet", "no progress");
  add_reading_options(options);
}

Options attention_options() {
  Options options("bench attention", "[options] [overrides]",
                  "Times attention forward and backward against LibTorch's, over lengths.");
  options
      .value("lengths", "LIST", "sequence lengths T, with commas (default: 2048,4096,8192,16384)")
      .value("heads", "H", "heads (default: 8)")
      .value("head-dim", "D", "channels of one head (default: 64)")
      .value("batch", "B", "batch size (default: 1)")
      .value("dtype", "NAME", "float32, bfloat16, float16 or float64 (default: float32)")
      .value("pass", "NAME", "forward, backward or both (default: both)")
      .value("peer", "NAME", "sdpa, or none to time the variant alone (default: sdpa)")
      .value("samples", "N", "at most so many samples of each side and length (default: 50)")
      .value("seconds", "S", "no new sample of a length after so long (default: 10)")
      .flag("roofline", "measure the machine's rates too, and what they bound the times by");
  add_common(options);
  options.notes(kAttentionNotes);
  return options;
}

Options train_options() {
  Options options("bench train", "[options] [overrides]",
                  "Times whole training steps of a model under two attentions, over lengths.");
  options.value("lengths", "LIST", "sequence lengths T, with commas (default: 8192,16384,32768)")
      .value("peer", "NAME", "variant that is compared with, or none (default: dense)")
      .value("vocabulary", "N", "different tokens (default: 50304)")
      .value("tokens", "N", "in a micro-batch; it has tokens / T sequences (default: 32768)")
      .value("samples", "N", "at most so many steps of each side and length (default: 30)")
      .value("seconds", "S", "no new step of a length after so long (default: 30)");
  add_common(options);
  options.notes(kTrainNotes);
  return options;
}

// Where nothing else says so: all of the machine.
std::vector<std::string> defaults(BenchKind kind) {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::string> words{"study=bench", "device=auto", "threads=" + std::to_string(cores)};
  if (kind == BenchKind::attention) words.insert(words.end(), {"model.heads=8", "model.width=512"});
  return words;
}

std::vector<std::string> typed(BenchKind kind, const ParsedOptions& parsed) {
  std::vector<std::string> words;
  if (const auto device = parsed.text("device")) words.push_back("device=" + *device);
  if (parsed.has("threads")) {
    words.push_back("threads=" + std::to_string(parsed.integer("threads", 1, 1)));
  }
  if (kind == BenchKind::attention && (parsed.has("heads") || parsed.has("head-dim"))) {
    const auto heads = parsed.integer("heads", 8, 1), head_dim = parsed.integer("head-dim", 64, 1);
    words.push_back("model.heads=" + std::to_string(heads));
    words.push_back("model.width=" + std::to_string(heads * head_dim));
  }
  return words;
}

config::Node bench_section(BenchKind kind, config::Node section, const ParsedOptions& parsed) {
  const auto keys = kind == BenchKind::train ? std::span<const char* const>(kTrainKeys)
                                             : std::span<const char* const>(kAttentionKeys);
  for (const std::string key : keys) {
    const auto value = parsed.text(option_name(key));
    if (!value) continue;
    const config::Origin origin{"--" + option_name(key), 0};
    section.set(key, key == "lengths" ? config::Node(*value, origin)
                                      : config::Node(config::typed_scalar(*value), origin));
  }
  if (parsed.has("roofline")) section.set("roofline", config::Node(true, {"--roofline", 0}));
  return kind == BenchKind::train
             ? config::write(config::read<config::TrainTimingConfig>(section, "bench"))
             : config::write(config::read<config::BenchConfig>(section, "bench"));
}

}  // namespace

Options bench_options(BenchKind kind) {
  return kind == BenchKind::train ? train_options() : attention_options();
}

BenchRequest read_bench_request(BenchKind kind, const ParsedOptions& parsed, Arguments arguments) {
  BenchRequest request;
  request.kind = kind;
  request.launch = read_launch_request(LaunchKind::bench, parsed, arguments);
  request.plot = parsed.text("plot", "");
  if (kind == BenchKind::train) request.peer = parsed.text("peer", "dense");
  if (const auto preset = parsed.text("preset")) {
    read_bench_preset(*preset, request);
  } else {
    request.rows.emplace_back();
  }
  if (const auto text = parsed.text("rows")) {
    if (!parsed.has("preset")) {
      throw Error("--rows chooses among the rows of a --preset", kExitUsage);
    }
    keep_rows(*text, request.rows);
  }
  for (auto& row : request.rows) {
    auto words = defaults(kind);
    for (const auto& more : {row.overrides, typed(kind, parsed), request.launch.overrides}) {
      words.insert(words.end(), more.begin(), more.end());
    }
    row.overrides = std::move(words);
    row.bench = bench_section(kind, row.bench, parsed);
  }
  return request;
}

}  // namespace attnlab::cli
