/// transformer.h: the one model: a pre-LN GPT-2 without biases in which only the attention varies.
///   Embedding tied with the output head, GELU MLP (paper.md section 4). Positions are learned, as in
///   the paper, or turn queries and keys (rotary.h), or there are none.
///   Axes: B batch, T length, C width, H heads, D head_dim, W vocabulary.
/// Non-goal: a module system. Weights are an ordered list, the forward pass is plain ATen.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "framework/attention/attention.h"
#include "framework/config/run_config.h"
#include "framework/model/backward_watch.h"
#include "framework/model/owned_tensors.h"
#include "framework/model/parameters.h"
#include "framework/model/rotary.h"

namespace attnlab::model {

/// Builds the attention of one layer, which asks `owner` for what it owns. Functions of the layer
/// alone will do for attentions that own nothing.
class AttentionFactory {
 public:
  using Function = std::function<std::unique_ptr<Attention>(std::int64_t layer, Owner& owner)>;
  template <class Build>
  AttentionFactory(Build build) {  // NOLINT: any function of that form
    if constexpr (std::is_invocable_v<Build, std::int64_t, Owner&>) {
      build_ = std::move(build);
    } else {
      build_ = [build = std::move(build)](std::int64_t layer, Owner&) { return build(layer); };
    }
  }
  std::unique_ptr<Attention> operator()(std::int64_t layer, Owner& owner) const {
    return build_(layer, owner);
  }

 private:
  Function build_;
};

/// Sizes that come from the data.
struct TokenShape {
  std::int64_t vocabulary = 1;  // W
  std::int64_t length = 1;      // longest T
};

struct LayerStatistic {
  std::int64_t layer;
  Statistic statistic;
};

struct ModelOutput {
  at::Tensor hidden;                         // [B, T, C] after the final norm
  std::optional<at::Tensor> auxiliary_loss;  // sum over the layers that have one
  std::vector<LayerStatistic> statistics;    // of plugins that report some
};

/// What the attention of this model is built for; for factories and refusals.
[[nodiscard]] AttentionShape attention_shape(const config::ModelConfig& config,
                                             std::int64_t length, std::int64_t layer = 0);

class Transformer {
 public:
  /// Initial weights are a pure function of (config, shape, seed): equal bits for every attention, and
  /// but for `position_embedding`, which is there or not, for every choice of positions.
  Transformer(const config::ModelConfig& config, TokenShape shape, std::uint64_t seed,
              at::Device device, const AttentionFactory& attention);

  /// tokens [B, T] int64, T <= length. `context.layer` is filled in here; the rest is the caller's,
  /// with one sequence id per row. documents: int32 [B, T], the number of each token's document; with
  /// model.documents=isolated needed, else not looked at. Positions stay those in the window. Throws c10::Error when an attention returns another shape, dtype
  /// or device than its input's, and Error when in a layer's first training pass it reaches a leaf
  /// that requires a gradient and was not declared.
  [[nodiscard]] ModelOutput forward(const at::Tensor& tokens, const AttentionContext& context,
                                    const at::Tensor& documents = {});
  [[nodiscard]] bool isolates_documents() const {
    return config_.documents == config::Documents::isolated;
  }

  /// Gradients of a loss that was made of forward()'s output. What is thrown in an attention's backward pass names
  /// it, and so does a process that a layer's first one leaves changed (attention/process_state.h).
  void backward(const at::Tensor& loss) const { backward_.run(loss); }

  /// After the optimiser's step: every attention folds what it collected into its buffers. Throws
  /// Error where a buffer was written to since the last one, outside of it, and where anything owned has
  /// another size or dtype than it was declared with: no checkpoint of it could be read.
  void finish_step();

  /// What every attention collected since finish_step(), layer after layer (Attention::collected()).
  [[nodiscard]] std::vector<at::Tensor> collected();
  /// Names of buffers whose attention gives nothing there: they cannot follow a batch that ranks share.
  [[nodiscard]] std::vector<std::string> uncollected_buffers();

  /// After buffers were given other values on purpose: those of a checkpoint.
  void accept_buffers() { owned_.note_versions(parameters_); }

  /// Throws Error where a buffer was written to outside finish_step(): after evaluations.
  void expect_buffers_untouched() const { owned_.expect_untouched(parameters_); }

  /// Scores of every next token: hidden [.., C] -> [.., W]. Training uses nats() instead.
  [[nodiscard]] at::Tensor logits(const at::Tensor& hidden) const;

  /// Sum of nats over targets [B, T] that are not -1; `slice_rows` rows of logits at a time.
  [[nodiscard]] at::Tensor nats(const at::Tensor& hidden, const at::Tensor& target,
                                std::int64_t slice_rows) const;

  [[nodiscard]] const ParameterList& parameters() const { return parameters_; }
  /// What the attentions really ran in the last forward pass; distinct names joined by ", ".
  [[nodiscard]] std::string kernel() const;
  [[nodiscard]] at::Device device() const { return token_embedding_.device(); }

 private:
  struct Block {
    at::Tensor attention_norm;  // [C]
    at::Tensor attention_in;    // [2C or 3C, C]: query, value and, where keys are separate, key
    at::Tensor attention_out;   // [C, C]
    at::Tensor mlp_norm;        // [C]
    at::Tensor mlp_in;          // [R*C, C]
    at::Tensor mlp_out;         // [C, R*C]
    std::unique_ptr<Attention> attention;
    bool trained = false;  // its graph was looked at
  };

  void add_block(std::int64_t layer, const AttentionFactory& attention);
  [[nodiscard]] at::Tensor embed(const at::Tensor& tokens) const;
  /// What is added to the residual stream, of its norm [B, T, C].
  at::Tensor attend(Block& block, const at::Tensor& normal, const at::Tensor& documents,
                    const AttentionContext& context, ModelOutput& result) const;
  void expect_declared(const AttentionOutput& output, const AttentionInput& input,
                       std::int64_t layer) const;
  [[nodiscard]] AttentionInput project(const Block& block, const at::Tensor& normalised) const;

  config::ModelConfig config_;
  ParameterList parameters_;
  at::Tensor token_embedding_;     // [W, C], also the output head
  at::Tensor position_embedding_;  // [length, C]; undefined unless positions are learned
  std::optional<Rotary> rotary_;   // with positions=rope
  std::int64_t length_;            // longest T
  std::vector<Block> blocks_;
  at::Tensor final_norm_;  // [C]
  OwnedTensors owned_;
  BackwardWatch backward_;
};

}  // namespace attnlab::model
