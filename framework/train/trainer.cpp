#include "framework/train/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/data/batch_loader.h"
#include "framework/data/score.h"
#include "framework/model/step_part.h"
#include "framework/train/conditions.h"
#include "framework/train/evaluator.h"
#include "framework/train/layer_means.h"
#include "framework/train/memory.h"
#include "framework/train/meters.h"
#include "framework/train/not_finite.h"
#include "framework/train/optimizer.h"
#include "framework/train/step.h"

namespace attnlab::train {
namespace {

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
                                  .steps = config_.steps,
                                  .first = begin(),
                                  .before = resumed() ? DigestChain(request.resume->state.batches)
                                                      : DigestChain()}),
        optimizer_(request.model.parameters(), config_),
        checkpoints_(config_, request.saving),
        profiled_(config_, request.profiling, begin()) {}

  Ending go() {
    reset_peaks(request_.model.device());
    record_conditions(request_);
    if (resumed()) {
      load();
      if (auto end = finish_validation()) return *end;
    }
    for (step_ = begin(); step_ < config_.steps; ++step_) {
      if (request_.stop) return interrupted(step_);
      profiled_.before(step_);
      if (auto end = take_step()) return *end;
      if (auto profile = profiled_.after(step_); !profile.empty()) add(std::move(profile));
      if (step_ == begin()) request_.sink.fact("kernel", request_.model.kernel());
      validation_.reset();
      look();  // first, so that a run that is stopped in its validation has done with it
      if (is_validation_due()) {
        if (auto end = validated()) return *end;
      }
      if (checkpoints_.due(step_ + 1, validation_)) save(step_ + 1);
    }
    record_digests();
    return {};
  }

 private:
  [[nodiscard]] bool resumed() const { return request_.resume != nullptr; }
  [[nodiscard]] std::int64_t begin() const { return resumed() ? request_.resume->state.step : 0; }

  // Returns how the run ends, where it does.
  std::optional<Ending> take_step() {
    const double start = clock_seconds();
    if (!accumulate_gradients()) return interrupted(step_);
    const model::StepPart part("optimiser");
    const bool finite = std::isfinite(loss_) && std::isfinite(auxiliary_.value_or(0));
    const double norm = finite ? optimizer_.clip_gradients(config_.grad_clip) : 0;
    if (!finite || !std::isfinite(norm)) return failed(not_finite({loss_, auxiliary_.value_or(0), norm}, step_, last_finite_));
    const double rate = learning_rate(config_, step_);
    optimizer_.step(rate);
    request_.model.finish_step();
    timer_.add(clock_seconds() - start);
    last_finite_ = loss_;
    batches_ = loader_.digest();
    tokens_seen_ += tokens_of_step_;
    std::string bits(reinterpret_cast<const char*>(&loss_), sizeof loss_);
    if (auxiliary_) bits.append(reinterpret_cast<const char*>(&*auxiliary_), sizeof loss_);
    losses_.add(bits);
    look_at_process();
    log_step(rate, norm);
    report(Progress::Kind::step, loss_);
    return {};
  }

  // loss_: mean nats over all scored tokens of the step; auxiliary_: the attention's own, where it
  // has one. The gradients of both are in the weights. False: it was asked to stop on the way, and
  // the step has changed nothing yet.
  bool accumulate_gradients() {
    std::vector<Batch> parts;
    std::int64_t scored = 0;
    optimizer_.zero_grad();
    tokens_of_step_ = 0;
    for (auto& host : next_batches()) {
      tokens_of_step_ += host.rows * host.length;
      scored += host.scored;
      parts.push_back(to_batch(std::move(host), request_.model.device()));
    }
    loss_ = 0;
    auxiliary_.reset();
    statistics_ = {};
    for (const auto& part : parts) {
      if (request_.stop && &part != &parts.front()) return false;
      const auto loss = forward_backward(request_.model, request_.run, config_, part, step_, scored,
                                         is_logged());
      statistics_.add(loss.statistics);
      loss_ += loss.nats.item<double>();
      if (loss.auxiliary.defined()) {
        auxiliary_ = auxiliary_.value_or(0) + loss.auxiliary.item<double>();
      }
    }
    return true;
  }

  std::vector<data::HostBatch> next_batches() {
    const model::StepPart part("batches");
    return loader_.next();
  }

  [[nodiscard]] bool is_logged() const { return (step_ + 1) % config_.log_every == 0 || step_ + 1 == config_.steps; }

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

  void look() {
    const auto done = step_ + 1, every = config_.xray_every;
    if (!request_.look || every == 0 || (done % every != 0 && done != config_.steps)) return;
    if (auto metrics = request_.look(done); !metrics.empty()) add(std::move(metrics));
    request_.model.expect_buffers_untouched();
  }

  // Returns how the run ends, where it does.
  std::optional<Ending> validated() {
    const auto result = validate();
    request_.model.expect_buffers_untouched();
    if (!result) {
      validation_due_ = true;
      return interrupted(step_ + 1);
    }
    if (!std::isfinite(result->nats)) {
      return failed("the validation loss is " + exact_number(result->nats) + " after step " +
                    std::to_string(step_ + 1));
    }
    validation_ = result->nats;
    log_validation(*result);
    return {};
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
                       static_cast<double>(std::max(tensor_peak_bytes(request_.model.device()),
                                                    earlier_.tensor_peak))});
    if (request_.model.device().is_cuda()) {
      metrics.push_back({key("host_allocator_peak_bytes", "bytes", Goal::minimise),
                         static_cast<double>(tensor_peak_bytes(at::kCPU))});
    }
    metrics.push_back({key("process_peak_bytes", "bytes", Goal::minimise),
                       static_cast<double>(std::max(process_peak_bytes(), earlier_.process_peak))});
    add(std::move(metrics));
    report(Progress::Kind::evaluation, score.value);
  }

  void add(std::vector<Metric> metrics) {
    request_.sink.add({step_ + 1, tokens_seen_, timer_.total(), std::move(metrics)});
  }

  void report(Progress::Kind kind, double value) {
    if (!request_.report) return;
    const double left = timer_.mean() * static_cast<double>(config_.steps - step_ - 1);
    request_.report({kind, step_ + 1, config_.steps, value, left});
  }

  void load() {
    const auto& [path, state] = *request_.resume;
    load_model(path / checkpoint::kModel, request_.model);
    load_optimizer(path / checkpoint::kOptimizer, request_.model, optimizer_);
    tokens_seen_ = state.tokens;
    last_finite_ = state.loss.value_or(std::nan(""));
    loss_ = last_finite_;
    losses_ = DigestChain(state.losses);
    batches_ = loader_.digest();
    timer_.load(state);
    earlier_ = state;
    saved_ = state.step;
  }

  // Where the run was stopped in the middle of one.
  std::optional<Ending> finish_validation() {
    if (!earlier_.validation_due) return {};
    step_ = begin() - 1;
    if (auto end = validated()) return end;
    if (checkpoints_.due(step_ + 1, validation_)) save(step_ + 1);
    return {};
  }

  // Returns why the state of after `done` steps could not be saved, or "".
  std::string save(std::int64_t done) {
    auto state = request_.saving.base;
    state.step = done;
    state.steps = config_.steps;
    state.sequences = done * config_.batch_size * config_.accumulation;
    state.tokens = tokens_seen_;
    state.learning_rate = done < config_.steps ? learning_rate(config_, done) : 0;
    if (std::isfinite(last_finite_)) state.loss = last_finite_;
    state.validation_due = validation_due_;
    state.validation = validation_;
    for (const auto& [name, value] : request_.model.parameters().buffers()) state.buffers.push_back(name);
    state.losses = losses_.hex();
    state.batches = batches_.hex();
    timer_.save(state);
    state.tensor_peak = std::max(tensor_peak_bytes(request_.model.device()), earlier_.tensor_peak);
    state.process_peak = std::max(process_peak_bytes(), earlier_.process_peak);
    auto why = checkpoints_.save(std::move(state), request_.model, optimizer_);
    if (why.empty()) saved_ = done;
    return why;
  }

  void record_digests() {
    request_.sink.fact("training_batches", batches_.hex());
    request_.sink.fact("loss_chain", losses_.hex());
  }

  [[nodiscard]] Ending failed(const std::string& reason) const { return {Status::failed, reason}; }
  [[nodiscard]] Ending interrupted(std::int64_t done) {
    Ending ending{Status::interrupted,
                  "stopped after step " + std::to_string(done) + " of " + std::to_string(config_.steps)};
    if (!checkpoints_.wanted() || done == 0 || done == saved_) return ending;
    if (const auto why = save(done); !why.empty()) ending.reason += "; its state could not be saved: " + why;
    return ending;
  }

  const TrainRequest& request_;
  const config::TrainConfig& config_;
  data::BatchLoader loader_;
  AdamW optimizer_;
  Checkpoints checkpoints_;
  ProfiledSteps profiled_;
  StepTimer timer_;
  DigestChain losses_;   // every loss: with the loader's digest, what repetition is judged by
  DigestChain batches_;  // of the steps that are done
  std::int64_t step_ = 0;
  std::int64_t tokens_seen_ = 0, tokens_of_step_ = 0;
  double loss_ = 0;
  std::optional<double> auxiliary_;
  LayerMeans statistics_;  // of a step that is logged
  double last_finite_ = std::nan("");
  std::optional<double> validation_;  // of the step that was just done
  bool validation_due_ = false;       // it was asked to stop before that was over
  std::int64_t saved_ = -1;           // steps done when the state was last saved
  checkpoint::State earlier_;         // what it goes on from
};

}  // namespace

Ending train(const TrainRequest& request) { return Run(request).go(); }

}  // namespace attnlab::train
