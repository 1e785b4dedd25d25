/// batch_loader.h: the batches of a training run, made by a thread of their own while the steps
///   before them are computed. What comes out depends on (data set, seed, sizes) alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "framework/core/ahead.h"
#include "framework/core/digest.h"
#include "framework/data/dataset.h"

namespace attnlab::data {

/// Examples of one length as two arrays [rows, length].
struct HostBatch {
  std::int64_t rows = 0, length = 0;
  std::vector<std::int64_t> input;
  std::vector<std::int64_t> target;        // -1: not scored
  std::vector<std::int64_t> sequence_ids;  // [rows]
  std::int64_t scored = 0;                 // targets that count
  std::vector<std::int32_t> documents{};   // of the input; empty where the data set tells of none
};

/// The examples of `draws`. Where `digest` is given, the tokens are added to it in order.
[[nodiscard]] HostBatch make_host_batch(const Dataset& dataset, Split split,
                                        std::span<const TrainDraw> draws, Sha256* digest = nullptr);

/// How many rows a micro-batch of one of `ranks` processes has, which share the batch_size x accumulation
/// sequences of a step evenly: the most that divides a share and is no more than batch_size.
[[nodiscard]] std::int64_t rows_of_part(std::int64_t batch_size, std::int64_t accumulation, std::int64_t ranks);

struct LoaderOptions {
  std::uint64_t seed = 0;
  std::int64_t batch_size = 1;    // rows of one micro-batch
  std::int64_t accumulation = 1;  // micro-batches of one step
  std::int64_t rank = 0, ranks = 1;  // which share of every step's sequences, of how many
  std::int64_t steps = 1;
  std::int64_t ahead = 2;  // steps that may wait
  std::int64_t first = 0;  // step to begin with
  DigestChain before{};    // digest() of the steps before it
};

class BatchLoader {
 public:
  BatchLoader(const Dataset& dataset, LoaderOptions options);

  /// The micro-batches of the next step that are this rank's. Throws what reading the data threw. At most `steps` calls.
  [[nodiscard]] std::vector<HostBatch> next();
  /// Of all tokens of the steps that next() has given, all ranks' together, chained step by step.
  [[nodiscard]] const DigestChain& digest() const { return digest_; }
  /// Of the step that next() gave last, all ranks' together: tokens, and targets that count.
  [[nodiscard]] std::int64_t tokens() const { return tokens_; }
  [[nodiscard]] std::int64_t scored() const { return scored_; }

 private:
  struct Step {
    std::vector<HostBatch> parts;
    std::string digest;
    std::int64_t tokens = 0, scored = 0;
  };
  [[nodiscard]] Step load(std::int64_t step) const;

  const Dataset& dataset_;
  LoaderOptions options_;
  DigestChain digest_;  // of the thread that calls next(), as the two below
  std::int64_t tokens_ = 0, scored_ = 0;
  std::int64_t unread_;  // the first step that the loading thread has not begun
  Ahead<Step> steps_;    // last: its thread uses what stands above
};

}  // namespace attnlab::data
