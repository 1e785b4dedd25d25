/// dataset.h: sequences of tokens with what is needed to score them. No LibTorch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/config/node.h"
#include "framework/config/run_config.h"

namespace attnlab::data {

enum class Split { train, valid, test };

/// What is known of a data set without reading all of it into a model: for planning and results.
struct DatasetInfo {
  std::string name;              // "mnist"
  std::string description;       // as tables print it: "mnist", "synthetic digits", "enwik8 prefix
                                 // (4,154,064 bytes)"
  std::string digest;            // sha256 over the content that training and scoring use
  std::string metric;            // "bits_per_dim", "bits_per_char", "perplexity" (score.h)
  double bytes_per_token = 0;    // of the text that is scored; 0: none, or not known
  double train_bytes_per_token = 0;  // the same of the training text
  std::int64_t train_apart = 1;  // sequences of Split::train that are so many apart share no target: T for texts
  bool has_test = true;          // a test split
  std::int64_t vocabulary = 0;   // input tokens, start token included
  std::int64_t max_length = 0;   // longest `dataset.length` that it can serve
  std::string first_token_rule;  // how the first prediction gets its context
  std::string stride_rule;       // "windows of T, stride T, each token scored once" (windows.h)
  std::string document_rule{};   // where a document ends within a sequence; empty: there are none
  bool synthetic = false;
  bool partial = false;  // a prefix of the official data
  std::string source;    // files that were read
};

/// One sequence: `target[i]` is to be predicted from `input[0..i]`. A target of -1 is not scored.
struct Example {
  std::vector<std::int32_t> input;   // T tokens
  std::vector<std::int32_t> target;  // T tokens
  /// Number of each input token's document, from 0 on, never decreasing; empty: all are one.
  std::vector<std::int32_t> documents{};
};

/// One training example. Sequence ids are unique per (step, row) over a run, so that attention draws
/// differ: id = step * batch + row.
struct TrainDraw {
  std::int64_t index;  // into Split::train
  std::int64_t sequence_id;
};

/// Thread-safe after construction.
class Dataset {
 public:
  virtual ~Dataset() = default;
  [[nodiscard]] virtual const DatasetInfo& info() const = 0;
  /// Number of sequences of a split: fixed windows for scoring; for training, distinct starts.
  [[nodiscard]] virtual std::int64_t size(Split split) const = 0;
  /// The index-th sequence. Over valid or test, the indices 0..size-1 score every token once.
  [[nodiscard]] virtual Example get(Split split, std::int64_t index) const = 0;
  /// The examples of a training step: a pure function of (seed, step). Here draw_training_batch();
  /// a data set that knows epochs has another.
  [[nodiscard]] virtual std::vector<TrainDraw> draw(std::uint64_t seed, std::int64_t step,
                                                    std::int64_t batch_total) const;
};

/// Opens `dataset.name` with its section of the composed config. `data_dir` is --data, may be
/// empty. Throws Error: missing (where it looked, how to get it), corrupt, too short for
/// dataset.length.
[[nodiscard]] std::unique_ptr<Dataset> open_dataset(const config::Node& section,
                                                    const std::string& data_dir);

/// Checks and digests without building sequences; what the planner needs. Same errors.
/// Digests of large files are cached by path, size and modification time.
[[nodiscard]] DatasetInfo inspect_dataset(const config::Node& section, const std::string& data_dir);

/// Uniform over 0..train_size-1, with replacement.
[[nodiscard]] std::vector<TrainDraw> draw_training_batch(std::uint64_t seed, std::int64_t step,
                                                         std::int64_t batch_total,
                                                         std::int64_t train_size);

}  // namespace attnlab::data
