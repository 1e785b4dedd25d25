#include "framework/train/trainer.h"

#include <ATen/ATen.h>

#include <chrono>
#include <cmath>
#include <optional>

#include "framework/core/text.h"
#include "framework/data/batch_loader.h"
#include "framework/data/score.h"
#include "framework/train/evaluator.h"
#include "framework/train/layer_means.h"
#include "framework/train/memory.h"
#include "framework/train/meters.h"
#include "framework/train/optimizer.h"
#include "framework/train/step.h"

namespace attnlab::train {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

MetricKey key(std::string name, std::string unit, Goal goal = Goal::none) {
  return {std::move(name), std::move(unit), goal};
}

class Run {
 public:
  explicit Run(const TrainRequest& request)
      : request_(request),
        config_(request.train),
        loader_(request.dataset, {.seed = static_cast<std::uint64_t>(request.run.seed),
                                  .batch_size = config_.batch_size,
                                  .accumulation = config_.accumulation,
                                  .steps = config_.steps}),
        optimizer_(request.model.parameters(), config_) {}

  Ending go() {
    reset_peaks(request_.model.device());
    record_conditions();
    for (step_ = 0; step_ < config_.steps; ++step_) {
      if (request_.stop) return interrupted(step_);
      if (const auto reason = take_step(); !reason.empty()) return failed(reason);
      if (step_ == 0) request_.sink.fact("kernel", request_.model.kernel());
      if (!is_validation_due()) continue;
      const auto result = validate();
      request_.model.expect_buffers_untouched();
      if (!result) return interrupted(step_ + 1);
      if (!std::isfinite(result->nats)) {
        return failed("the validation loss is " + exact_number(result->nats) + " after step " +
                      std::to_string(step_ + 1));
      }
      log_validation(*result);
    }
    record_digests();
    return {};
  }

 private:
  // Returns why the run cannot go on, or "".
  std::string take_step() {
    const double begin = now_seconds();
    optimizer_.zero_grad();
    accumulate_gradients();
    const bool finite = std::isfinite(loss_) && std::isfinite(auxiliary_.value_or(0));
    const double norm = finite ? optimizer_.clip_gradients(config_.grad_clip) : 0;
    if (!finite || !std::isfinite(norm)) return not_finite(norm);
    const double rate = learning_rate(config_, step_);
    optimizer_.step(rate);
    request_.model.finish_step();
    timer_.add(now_seconds() - begin);
    last_finite_ = loss_;
    losses_.add({reinterpret_cast<const char*>(&loss_), sizeof loss_});
    if (auxiliary_) losses_.add({reinterpret_cast<const char*>(&*auxiliary_), sizeof loss_});
    look_at_process();
    log_step(rate, norm);
    report(Progress::Kind::step, loss_);
    return {};
  }

  // loss_: mean nats over all scored tokens of the step; auxiliary_: the attention's own, where it
  // has one. The gradients of both are in the weights.
  void accumulate_gradients() {
    std::vector<Batch> parts;
    std::int64_t scored = 0;
    for (auto& host : loader_.next()) {
      tokens_seen_ += static_cast<std::size_t>(host.rows * host.length);
      scored += host.scored;
      parts.push_back(to_batch(std::move(host), request_.model.device()));
    }
    loss_ = 0;
    auxiliary_.reset();
    statistics_ = {};
    for (const auto& part : parts) {
      const auto loss = forward_backward(request_.model, request_.run, config_, part, step_, scored,
                                         is_logged());
      statistics_.add(loss.statistics);
      loss_ += loss.nats.item<double>();
      if (loss.auxiliary.defined()) {
        auxiliary_ = auxiliary_.value_or(0) + loss.auxiliary.item<double>();
      }
    }
  }

  std::string not_finite(double norm) const {
    const bool loss = !std::isfinite(loss_), auxiliary = !std::isfinite(auxiliary_.value_or(0));
    const auto last = std::isnan(last_finite_) ? "no step before it was finite"
                                               : "the loss of step " + std::to_string(step_) +
                                                     " was " + exact_number(last_finite_);
    return std::string(loss        ? "the loss is "
                       : auxiliary ? "the attention's auxiliary loss is "
                                   : "the gradient norm is ") +
           exact_number(loss ? loss_ : auxiliary ? *auxiliary_ : norm) + " at step " + std::to_string(step_ + 1) + " (" +
           last +
           "). Lower train.learning_rate, set train.grad_clip, or look at the attention's output.";
  }

  [[nodiscard]] bool is_logged() const {
    return (step_ + 1) % config_.log_every == 0 || step_ + 1 == config_.steps;
  }

  void log_step(double rate, double norm) {
    if (!is_logged()) return;
    auto metrics = statistics_.metrics("train/attention");
    metrics.push_back({key("train/loss", "nats", Goal::minimise), loss_});
    metrics.push_back({key("learning_rate", ""), rate});
    metrics.push_back({key("grad_norm", ""), norm});
    if (auxiliary_) metrics.push_back({key("train/auxiliary", ""), *auxiliary_});
    add(std::move(metrics));
  }

  [[nodiscard]] bool is_validation_due() const {
    const auto done = step_ + 1;
    return done == config_.steps || (config_.eval_every > 0 && done % config_.eval_every == 0);
  }

  // Nothing when it was asked to stop. Reports go on meanwhile, so that nobody takes a long
  // validation for a hang.
  std::optional<Evaluation> validate() {
    return evaluate(request_.run, config_, request_.dataset, request_.model, step_ + 1, [&] {
      report(Progress::Kind::step, loss_);
      return !request_.stop;
    });
  }

  void log_validation(const Evaluation& result) {
    std::vector<Metric> metrics = result.statistics;
    const double seconds = timer_.median();
    const double tokens = static_cast<double>(tokens_seen_) / static_cast<double>(step_ + 1);
    const auto score = data::score(request_.dataset.info().metric, result.nats);
    metrics.push_back({key("val/loss", "nats", Goal::minimise), result.nats});
    metrics.push_back(score);
    metrics.push_back({key("tokens_per_second", "tokens/s", Goal::maximise), tokens / seconds});
    metrics.push_back({key("step_seconds_median", "s", Goal::minimise), seconds});
    metrics.push_back({key("allocator_peak_bytes", "bytes", Goal::minimise),
                       static_cast<double>(tensor_peak_bytes(request_.model.device()))});
    if (request_.model.device().is_cuda()) {
      metrics.push_back({key("host_allocator_peak_bytes", "bytes", Goal::minimise),
                         static_cast<double>(tensor_peak_bytes(at::kCPU))});
    }
    metrics.push_back({key("process_peak_bytes", "bytes", Goal::minimise),
                       static_cast<double>(process_peak_bytes())});
    add(std::move(metrics));
    report(Progress::Kind::evaluation, score.value);
  }

  void add(std::vector<Metric> metrics) {
    request_.sink.add(
        {step_ + 1, static_cast<std::int64_t>(tokens_seen_), timer_.total(), std::move(metrics)});
  }

  void report(Progress::Kind kind, double value) {
    if (!request_.report) return;
    const double left = timer_.mean() * static_cast<double>(config_.steps - step_ - 1);
    request_.report({kind, step_ + 1, config_.steps, value, left});
  }

  void record_conditions() {
    const auto& info = request_.dataset.info();
    auto& sink = request_.sink;
    sink.fact("data", info.description);
    sink.fact("data_partial", info.partial ? "true" : "false");
    sink.fact("data_synthetic", info.synthetic ? "true" : "false");
    sink.fact("data_source", info.source);
    sink.fact("first_token_rule", info.first_token_rule);
    sink.fact("stride_rule", info.stride_rule);
    sink.fact("validated", std::to_string(evaluated_sequences(config_, request_.dataset)) + " of " +
                               std::to_string(request_.dataset.size(data::Split::valid)) +
                               " sequences");
    const auto& parameters = request_.model.parameters();
    sink.fact("initial_weights", model::digest(parameters));
    std::vector<Metric> counts{{key("parameters", ""), static_cast<double>(parameters.count())}};
    if (const auto own = parameters.attention_count(); own > 0 || !parameters.buffers().empty()) {
      counts.push_back({key("attention_parameters", ""), static_cast<double>(own)});
      sink.fact("initial_attention", model::digest(parameters, model::Part::attention));
      sink.fact("attention_owns", model::owned_by_attention(parameters));
    }
    sink.add({0, 0, 0, std::move(counts)});
  }

  void record_digests() {
    request_.sink.fact("training_batches", loader_.digest());
    request_.sink.fact("loss_chain", losses_.hex());
  }

  [[nodiscard]] Ending failed(const std::string& reason) const {
    return {Status::failed, reason};
  }
  [[nodiscard]] Ending interrupted(std::int64_t done) const {
    return {Status::interrupted,
            "stopped after step " + std::to_string(done) + " of " + std::to_string(config_.steps)};
  }

  const TrainRequest& request_;
  const config::TrainConfig& config_;
  data::BatchLoader loader_;
  AdamW optimizer_;
  StepTimer timer_;
  Sha256 losses_;  // every loss: with the loader's digest, what repetition is judged by
  std::int64_t step_ = 0;
  std::size_t tokens_seen_ = 0;
  double loss_ = 0;
  std::optional<double> auxiliary_;
  LayerMeans statistics_;  // of a step that is logged
  double last_finite_ = std::nan("");
};

}  // namespace

Ending train(const TrainRequest& request) { return Run(request).go(); }

}  // namespace attnlab::train
