/// run_config.h: the typed form of one resolved run. One struct per section of the composed config:
///   the root keys, `model`, `train` and `dataset`; the section `attention` is the plugin's own.
///   Defaults here are the paper's small forms; experiments/ holds the groups.
#pragma once

#include <cstdint>
#include <string>

#include "framework/config/field.h"
#include "framework/core/duration.h"

namespace attnlab::config {

/// strict: a query sees positions before its own. inclusive: its own as well.
enum class Causality { strict, inclusive };
/// per_head: k / |k| over head_dim. whole: k / |k| over width, before the head split. none: raw.
enum class KeyNorm { per_head, whole, none };
/// learned: a vector per position, added to the token's. rope: queries and keys are turned by their
/// position (Su et al. 2021, arXiv 2104.09864). none: only causality tells tokens apart.
enum class Positions { learned, rope, none };
/// joined: a window of a corpus is one text. isolated: a token attends within its own document.
enum class Documents { joined, isolated };
enum class Device { cpu, cuda, automatic };
enum class Precision { float32, bfloat16 };

/// More steps, sequences or tokens than anybody means; what fits a machine is less, and checked by
/// resolve().
inline constexpr double kMostOfAnything = 1'000'000'000;

/// Root keys.
struct RunConfig {
  std::int64_t seed = 0;
  Device device = Device::cpu;
  std::int64_t threads = 1;
  std::string study = "default";
  std::string plugin_path;

  static constexpr auto fields() {
    return std::tuple{
        integer("seed", &RunConfig::seed, {.low = 0}, "",
                "run seed; every random stream derives from it"),
        choice("device", &RunConfig::device, {"cpu", "cuda", "auto"}, "where the run computes"),
        integer("threads", &RunConfig::threads, {.low = 1, .high = 1024}, "threads",
                "compute threads of one worker; changes the order of float sums, so it is part of "
                "the run"),
        cosmetic(
            text("study", &RunConfig::study, "name under which runs are grouped in the database")),
        cosmetic(text("plugin_path", &RunConfig::plugin_path,
                      "plugin libraries or folders of them, ':' between; searched after "
                      "--plugin and before ATTNLAB_PLUGIN_PATH"))};
  }
};

/// Section `model`: a pre-LN GPT-2 without biases, tied embeddings, GELU MLP.
struct ModelConfig {
  std::int64_t layers = 2;
  std::int64_t width = 64;
  std::int64_t heads = 4;
  std::int64_t mlp_ratio = 4;
  bool shared_keys = true;
  KeyNorm key_norm = KeyNorm::per_head;
  Causality causality = Causality::strict;
  Positions positions = Positions::learned;
  double rope_base = 10000;
  Documents documents = Documents::joined;
  double init_std = 0.02;
  double norm_eps = 1e-5;

  static constexpr auto fields() {
    return std::tuple{
        integer("layers", &ModelConfig::layers, {.low = 1, .high = 1000}, "", "transformer blocks"),
        integer("width", &ModelConfig::width, {.low = 1, .high = 65536}, "channels",
                "model width; heads must divide it"),
        integer("heads", &ModelConfig::heads, {.low = 1, .high = 1024}, "", "attention heads"),
        integer("mlp_ratio", &ModelConfig::mlp_ratio, {.low = 1, .high = 64}, "x width",
                "hidden width of the MLP"),
        flag("shared_keys", &ModelConfig::shared_keys,
             "keys are the queries, as in the Reformer and SCFA: one projection less"),
        choice("key_norm", &ModelConfig::key_norm, {"per_head", "whole", "none"},
               "how keys are normalised to unit length"),
        choice("causality", &ModelConfig::causality, {"strict", "inclusive"},
               "strict: a token does not see itself"),
        choice("positions", &ModelConfig::positions, {"learned", "rope", "none"},
               "learned: a vector per position; rope: queries and keys are turned by their position; "
               "none"),
        real("rope_base", &ModelConfig::rope_base, {.low = 1, .low_open = true}, "",
             "positions=rope: channels 2i and 2i+1 turn by t * base^(-2i/head_dim)"),
        choice("documents", &ModelConfig::documents, {"joined", "isolated"},
               "isolated: no token sees another document of its window; for data that has documents"),
        real("init_std", &ModelConfig::init_std, {.low = 0, .low_open = true}, "",
             "standard deviation of initial weights"),
        real("norm_eps", &ModelConfig::norm_eps, {.low = 0, .low_open = true}, "",
             "epsilon of the layer norms")};
  }
  [[nodiscard]] std::int64_t head_dim() const { return width / heads; }
  [[nodiscard]] std::string problem() const {
    if (width % heads == 0 && positions == Positions::rope && head_dim() % 2 != 0) {
      return "positions=rope turns pairs of channels, and width / heads = head_dim " +
             std::to_string(head_dim()) +
             " is odd; expected an even one. Change model.width or model.heads.";
    }
    if (width % heads == 0) return {};
    return "width " + std::to_string(width) + " is not divisible by heads " +
           std::to_string(heads) +
           "; expected a whole head_dim. Change model.width or model.heads.";
  }
};

/// Section `train`: AdamW, one-cycle cosine, as in the paper's code (paper.md section 4).
struct TrainConfig {
  std::int64_t steps = 200;
  std::int64_t batch_size = 8;
  std::int64_t accumulation = 1;
  double learning_rate = 1e-3;
  double warmup_share = 0.02;
  double initial_divisor = 100;
  double final_divisor = 0.05;
  double weight_decay = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double grad_clip = 0;
  Precision precision = Precision::float32;
  std::int64_t loss_slice = 4096;
  std::int64_t log_every = 10;
  std::int64_t eval_every = 100;
  std::int64_t eval_sequences = 0;
  bool score_test = false;
  std::int64_t xray_every = 0;
  std::int64_t profile = 0;
  std::int64_t ranks = 1;
  std::string checkpoint_every = "10m";
  std::int64_t keep = 1;
  std::string initial;
  std::string initial_path;

  static constexpr auto fields() {
    return std::tuple{
        integer("steps", &TrainConfig::steps, {.low = 1, .high = kMostOfAnything}, "steps",
                "optimiser steps"),
        integer("batch_size", &TrainConfig::batch_size, {.low = 1, .high = kMostOfAnything},
                "sequences", "sequences in one micro-batch"),
        integer("accumulation", &TrainConfig::accumulation, {.low = 1, .high = kMostOfAnything},
                "micro-batches", "micro-batches in one step"),
        real("learning_rate", &TrainConfig::learning_rate, {.low = 0, .low_open = true}, "",
             "peak of the one-cycle schedule"),
        real("warmup_share", &TrainConfig::warmup_share, {.low = 0, .high = 1}, "of steps",
             "rising part of the schedule"),
        real("initial_divisor", &TrainConfig::initial_divisor, {.low = 0, .low_open = true}, "",
             "peak / first learning rate"),
        real("final_divisor", &TrainConfig::final_divisor, {.low = 0, .low_open = true}, "",
             "first / last learning rate, as in OneCycleLR: 0.05 ends above the start"),
        real("weight_decay", &TrainConfig::weight_decay, {.low = 0}, "",
             "decoupled decay of the linear weights"),
        real("beta1", &TrainConfig::beta1, {.low = 0, .high = 1, .high_open = true}, "", "AdamW"),
        real("beta2", &TrainConfig::beta2, {.low = 0, .high = 1, .high_open = true}, "", "AdamW"),
        real("grad_clip", &TrainConfig::grad_clip, {.low = 0}, "L2 norm", "0: off"),
        choice("precision", &TrainConfig::precision, {"float32", "bfloat16"}, "bfloat16: autocast"),
        integer("loss_slice", &TrainConfig::loss_slice, {.low = 1, .high = kMostOfAnything},
                "tokens", "rows of logits that stand in memory at once"),
        cosmetic(integer("log_every", &TrainConfig::log_every, {.low = 1, .high = kMostOfAnything},
                         "steps", "training metrics")),
        integer("eval_every", &TrainConfig::eval_every, {.low = 0, .high = kMostOfAnything},
                "steps", "validation; 0: only at the end"),
        integer("eval_sequences", &TrainConfig::eval_sequences, {.low = 0, .high = kMostOfAnything},
                "sequences", "validate on the first N; 0: all"),
        flag("score_test", &TrainConfig::score_test,
             "score the test split once, when the last step is done, as test/...; it obeys "
             "eval_sequences"),
        integer("xray_every", &TrainConfig::xray_every, {.low = 0, .high = kMostOfAnything},
                "steps", "compare what the attention keeps with exact softmax; 0: never"),
        integer("profile", &TrainConfig::profile, {.low = 0, .high = 1000}, "steps",
                "time every operator in so many steps, which slows those; 0: none"),
        integer("ranks", &TrainConfig::ranks, {.low = 1, .high = 1024}, "processes",
                "each computes its share of every step's sequences; gradients are summed"),
        cosmetic(text("checkpoint_every", &TrainConfig::checkpoint_every,
                      "steps (500) or time (30s, 10m, 2h) between checkpoints; also at the best "
                      "validation, when stopped and at the end; 0: none at all")),
        cosmetic(integer("keep", &TrainConfig::keep, {.low = 1, .high = kMostOfAnything},
                         "checkpoints", "newest ones that stay, beside the one of best validation")),
        text("initial", &TrainConfig::initial,
             "SHA-256 of the model.safetensors that the run begins with, which `attnlab fork` writes "
             "here; empty: weights are drawn"),
        cosmetic(text("initial_path", &TrainConfig::initial_path, "the checkpoint that has it"))};
  }
  [[nodiscard]] std::string problem() const {
    const auto sequences = batch_size * accumulation;
    if (sequences % ranks != 0) {
      return "ranks " + std::to_string(ranks) + " do not divide the " + std::to_string(sequences) +
             " sequences of a step (batch_size " + std::to_string(batch_size) + " x accumulation " +
             std::to_string(accumulation) + "); expected a divisor of them.";
    }
    if (!interval_from(checkpoint_every)) {
      return "checkpoint_every '" + checkpoint_every +
             "' is no interval; expected steps (500), a time (30s, 10m, 2h) or 0 for none.";
    }
    return problem_of_initial();
  }
  /// Either alone would name weights that nobody looks at.
  [[nodiscard]] std::string problem_of_initial() const {
    const std::string expected = "; expected both, as attnlab fork RUN writes them.";
    if (initial.empty() && initial_path.empty()) return {};
    if (initial.empty()) {
      return "initial_path '" + initial_path + "' without train.initial, the SHA-256 of the weights in it" + expected;
    }
    constexpr std::size_t kLetters = 64;
    if (initial.size() != kLetters || initial.find_first_not_of("0123456789abcdef") != initial.npos) {
      return "initial '" + initial + "' is no SHA-256 (64 letters, 0-9 and a-f) of a model.safetensors; "
             "attnlab fork RUN begins a run with the weights of another.";
    }
    if (initial_path.empty()) return "initial without train.initial_path, the checkpoint that has these weights" + expected;
    return {};
  }
};

/// Section `dataset`: what every data set shares; a data set's own keys stand beside these.
struct DatasetConfig {
  std::string name = "mnist";
  std::string path;
  std::int64_t length = 784;
  std::int64_t stride = 0;
  bool prefix = false;

  static constexpr auto fields() {
    return std::tuple{
        text("name", &DatasetConfig::name, "data set; `attnlab data list` shows them"),
        cosmetic(text("path", &DatasetConfig::path,
                      "folder or file; empty: searched in --data, ATTNLAB_DATA, ~/.cache/attnlab")),
        integer("length", &DatasetConfig::length, {.low = 1, .high = kMostOfAnything}, "tokens",
                "predictions in one sequence, T"),
        integer("stride", &DatasetConfig::stride, {.low = 0, .high = kMostOfAnything}, "tokens",
                "tokens that each scored window of a text adds; a smaller stride gives every token "
                "more context and costs length / stride times as much; 0: length"),
        flag("prefix", &DatasetConfig::prefix,
             "accept a shorter prefix of the official file; marked in the results")};
  }
  [[nodiscard]] std::string problem() const {
    if (stride <= length) return {};
    return "stride " + std::to_string(stride) + " would leave tokens out; expected at most length " +
           std::to_string(length) + ", or 0.";
  }
};

}  // namespace attnlab::config
