/// bench_config.h: the typed form of one timing: section `bench` of a run of kind `time`, and the
///   parameters of the subjects that are no plugins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/field.h"
#include "framework/config/run_config.h"

namespace attnlab::config {

enum class Dtype { float32, bfloat16, float16, float64 };
[[nodiscard]] constexpr Dtype dtype_of(Precision precision) {
  return precision == Precision::bfloat16 ? Dtype::bfloat16 : Dtype::float32;
}

/// "2048,4096" ascending, each once: sequence lengths from 1 to 2^40. Empty where one of them is none.
[[nodiscard]] std::vector<std::int64_t> lengths_of(const std::string& text);
/// Empty, or what is wrong with it.
[[nodiscard]] std::string lengths_problem(const std::string& text);

/// both: forward with the graph recorded, then backward; their sum is what is compared.
enum class Pass { forward, backward, both };
/// sdpa: LibTorch's scaled_dot_product_attention, on a GPU once per back end. none: alone.
enum class Peer { sdpa, none };

struct BenchConfig {
  std::string lengths = "2048,4096,8192,16384";
  std::int64_t batch = 1;
  Dtype dtype = Dtype::float32;
  Pass pass = Pass::both;
  Peer peer = Peer::sdpa;
  std::int64_t samples = 50;
  std::int64_t least_samples = 3;
  double seconds = 10;
  bool roofline = false;

  static constexpr auto fields() {
    using C = BenchConfig;
    return std::tuple{
        text("lengths", &C::lengths, "sequence lengths T, with commas"),
        integer("batch", &C::batch, {.low = 1, .high = 1e6}, "", "batch size B"),
        choice("dtype", &C::dtype, {"float32", "bfloat16", "float16", "float64"},
               "of query, key and value"),
        choice("pass", &C::pass, {"forward", "backward", "both"}, "what is timed"),
        choice("peer", &C::peer, {"sdpa", "none"},
               "what is timed in between: LibTorch's scaled_dot_product_attention, or nothing"),
        integer("samples", &C::samples, {.low = 1, .high = 1e6}, "per length",
                "at most so many samples of each side"),
        integer("least_samples", &C::least_samples, {.low = 1, .high = 1e6}, "per length",
                "at least so many, however long they take, but no more than samples"),
        real("seconds", &C::seconds, {.low = 0, .high = 1e9}, "s per length",
             "no new sample is begun after so long"),
        flag("roofline", &C::roofline,
             "measure the machine's rates too, and the time below which nothing can fall")};
  }
  [[nodiscard]] std::string problem() const { return lengths_problem(lengths); }
};

/// Section `bench` of a run that times whole training steps.
struct TrainTimingConfig {
  std::string lengths = "8192,16384,32768";
  bool random_tokens = false;
  std::int64_t vocabulary = 50304;
  std::int64_t warm_steps = 0;
  std::int64_t tokens = 32768;
  std::int64_t samples = 30;
  std::int64_t least_samples = 3;
  double seconds = 30;

  static constexpr auto fields() {
    using C = TrainTimingConfig;
    return std::tuple{text("lengths", &C::lengths, "sequence lengths T, with commas"),
                      flag("random_tokens", &C::random_tokens,
                           "train on uniformly random tokens, not on `dataset`: nothing is learned, and "
                           "hash buckets collapse"),
                      integer("vocabulary", &C::vocabulary, {.low = 1, .high = 1e9}, "tokens",
                              "different random tokens; 50304 is GPT-2's, padded"),
                      integer("warm_steps", &C::warm_steps, {.low = 0, .high = 1e9}, "steps",
                              "training steps of each side before it is timed"),
                      integer("tokens", &C::tokens, {.low = 1, .high = 1e9}, "per micro-batch",
                              "the batch is as many sequences as make these, one at least"),
                      integer("samples", &C::samples, {.low = 1, .high = 1e6}, "per length",
                              "at most so many steps of each side"),
                      integer("least_samples", &C::least_samples, {.low = 1, .high = 1e6},
                              "per length", "at least so many, however long they take, but no more than samples"),
                      real("seconds", &C::seconds, {.low = 0, .high = 1e9}, "s per length",
                           "no new step is begun after so long")};
  }
  [[nodiscard]] std::string problem() const { return lengths_problem(lengths); }
};

/// full: one causal segment of all rows. zipf: rows in buckets whose sizes fall as 1/rank.
enum class EnginePattern { full, zipf };

/// Subject `engine`: the segment engine under a plan that needs no plugin.
struct EngineSubject {
  EnginePattern pattern = EnginePattern::full;
  std::int64_t buckets = 16;
  double exponent = 1;

  static constexpr auto fields() {
    using C = EngineSubject;
    return std::tuple{
        choice(
            "pattern", &C::pattern, {"full", "zipf"},
            "full: one causal segment; zipf: buckets of skewed sizes, sorting timed, hashing not"),
        integer("buckets", &C::buckets, {.low = 1, .high = 65536}, "per head", "for zipf"),
        real("exponent", &C::exponent, {.low = 0, .high = 10}, "",
             "for zipf: bucket n has a share of 1/(n+1)^exponent")};
  }
};

/// Subject `reshape`: equal contiguous segments by a reshape and LibTorch's attention on each. Not
/// a model's attention: what anybody can have without computing the right function.
struct ReshapeSubject {
  std::int64_t segments = 16;

  static constexpr auto fields() {
    return std::tuple{integer("segments", &ReshapeSubject::segments, {.low = 1, .high = 1e9}, "",
                              "equal contiguous segments; must divide T")};
  }
};

}  // namespace attnlab::config
