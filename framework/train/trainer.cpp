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
#include "framework/train/due.h"
#include "framework/train/evaluator.h"
#include "framework/train/layer_means.h"
#include "framework/train/memory.h"
#include "framework/train/meters.h"
#include "framework/train/optimizer.h"
#include "framework/train/ranks.h"
#include "framework/train/step_losses.h"
#include "framework/train/whole_step.h"

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
                                  .rank = request.group == nullptr ? 0 : request.group->rank(),
                                  .ranks = request.group == nullptr ? 1 : request.group->size(),
                                  .steps = config_.steps,
                                  .first = begin(),
                                  .before = resumed() ? DigestChain(request.resume->state.batches)
                                                      : DigestChain()}),
        optimizer_(request.model.parameters(), config_),
        checkpoints_(config_, request.saving),
        ranks_(request.group, request.model, optimizer_, request.stop),
        profiled_(config_, request.profiling, begin()) {}

  Ending go() {
    reset_peaks(request_.model.device());
    record_conditions(request_);
    if (resumed()) load();
    ranks_.begin_with_first();
    saving_ = ranks_.first_says(checkpoints_.wanted());
    if (resumed()) {
      if (auto end = finish_validation()) return *end;
    }
    for (step_ = begin(); step_ < config_.steps; ++step_) {
      if (ranks_.stop()) return stopped();
      profiled_.before(step_);
      if (auto end = take_step()) return *end;
      if (auto profile = profiled_.after(step_); !profile.empty()) add(std::move(profile));
      if (step_ == begin()) request_.sink.fact("kernel", request_.model.kernel());
      validation_.reset();
      look();  // first, so that a run that is stopped in its validation has done with it
      if (is_validated(config_, step_ + 1)) {
        if (auto end = validated()) return *end;
      }
      if (save_due()) {
        if (auto end = settle()) return *end;
        timer_.count(clock_seconds());
        save(step_ + 1);
      }
    }
    ranks_.expect_equal(batches_.hex());
    request_.sink.fact("training_batches", batches_.hex());
    request_.sink.fact("loss_chain", losses_.digest());
    return config_.score_test ? score_test() : Ending{};
  }

 private:
  [[nodiscard]] bool resumed() const { return request_.resume != nullptr; }
  [[nodiscard]] std::int64_t begin() const { return resumed() ? request_.resume->state.step : 0; }

  // Returns how the run ends, where it does.
  std::optional<Ending> take_step() {
    const double start = clock_seconds();
    timer_.begin(start);
    optimizer_.zero_grad();
    auto step = accumulate(request_, loader_, ranks_, step_, is_logged(config_, step_ + 1),
                           checkpoints_.due(step_ + 1, {}));
    if (!step) return stopped();
    const model::StepPart part("optimiser");
    checkpoint_due_ = step->checkpoint;
    statistics_ = std::move(step->statistics);
    losses_.add(step_, step->loss, step->auxiliary, optimizer_.clip_gradients(config_.grad_clip));
    if (auto end = reads_losses() ? settle() : std::nullopt) return end;
    const double rate = learning_rate(config_, step_);
    optimizer_.step(rate);
    request_.model.finish_step();
    timer_.end();
    if (losses_.unread() == 0) timer_.count(clock_seconds());
    ranks_.took(clock_seconds() - start);
    batches_ = loader_.digest();
    tokens_seen_ += step->tokens;
    look_at_process();
    log_step(rate);
    report(Progress::Kind::step, losses_.last().loss);
    return {};
  }

  // Reads the losses so far, for which a GPU is waited for. Returns how the run ends, where one is not finite.
  std::optional<Ending> settle() {
    if (const auto why = losses_.read(); !why.empty()) return failed(why);
    return {};
  }
  Ending stopped() {
    const auto end = settle();
    timer_.count(clock_seconds());
    return end ? *end : interrupted(step_);
  }

  [[nodiscard]] bool reads_losses() const {
    const auto done = step_ + 1;
    return request_.model.device().is_cpu() || is_logged(config_, done) || is_validated(config_, done) ||
           is_looked_at(config_, done) || checkpoint_due_ || losses_.unread() >= StepLosses::kMostUnread;
  }

  void log_step(double rate) {
    if (!is_logged(config_, step_ + 1)) return;
    ranks_.add_up(statistics_);
    auto metrics = statistics_.metrics("train/attention");
    metrics.push_back({key("train/loss", "nats", Goal::minimise), losses_.last().loss});
    metrics.push_back({key("learning_rate", ""), rate});
    metrics.push_back({key("grad_norm", ""), losses_.last().gradient_norm});
    if (const auto own = losses_.auxiliary()) metrics.push_back({key("train/auxiliary", ""), *own});
    if (!ranks_.alone()) {
      metrics.push_back({key("train/reduce_seconds", "s", Goal::minimise), ranks_.wait_seconds()});
    }
    add(std::move(metrics));
  }

  void look() {
    if (!request_.look || !is_looked_at(config_, step_ + 1)) return;
    if (auto metrics = request_.look(step_ + 1); !metrics.empty()) add(std::move(metrics));
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
  std::optional<Evaluation> validate(data::Split split = data::Split::valid) {
    const auto go_on = [&] { report(Progress::Kind::step, losses_.last().loss); return !request_.stop; };
    return evaluate(request_.run, config_, request_.dataset, request_.model, step_ + 1, go_on, split, &ranks_);
  }

  // Of the weights after the last step. Who is stopped here comes back with no step left to do.
  Ending score_test() {
    step_ = config_.steps - 1;
    const auto result = validate(data::Split::test);
    if (!result) return {Status::interrupted, interrupted(config_.steps).reason + ", while the test split was scored"};
    add(data::scores(request_.dataset.info(), data::Split::test, result->nats));
    return {};
  }

  void log_validation(const Evaluation& result) {
    std::vector<Metric> metrics = result.statistics;
    const double seconds = timer_.median();
    const double tokens = static_cast<double>(tokens_seen_) / static_cast<double>(step_ + 1);
    const auto scores = data::scores(request_.dataset.info(), data::Split::valid, result.nats);
    metrics.insert(metrics.end(), scores.begin(), scores.end());
    metrics.push_back({key("tokens_per_second", "tokens/s", Goal::maximise), tokens / seconds});
    metrics.push_back({key("step_seconds_median", "s", Goal::minimise), seconds});
    const auto peaks = peak_metrics(request_.model.device(), {earlier_.tensor_peak, earlier_.process_peak});
    metrics.insert(metrics.end(), peaks.begin(), peaks.end());
    add(std::move(metrics));
    report(Progress::Kind::evaluation, scores[1].value);
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
    if (ranks_.rank() == 0) {
      load_model(path / checkpoint::kModel, request_.model);
      load_optimizer(path / checkpoint::kOptimizer, request_.model, optimizer_);
    }
    tokens_seen_ = state.tokens;
    losses_.load(state);
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
    checkpoint_due_ = ranks_.first_says(checkpoints_.due(step_ + 1, {}));
    if (save_due()) save(step_ + 1);
    return {};
  }

  // A best validation needs one more word of rank 0's, who knows those of earlier attempts.
  bool save_due() {
    if (ranks_.alone()) return checkpoints_.due(step_ + 1, validation_);
    return checkpoint_due_ || (validation_ && ranks_.first_says(checkpoints_.due(step_ + 1, validation_)));
  }

  // By rank 0, of what all have. Returns why the state of after `done` steps could not be saved, or "".
  std::string save(std::int64_t done) {
    ranks_.expect_equal(batches_.hex());
    auto why = ranks_.rank() == 0 ? write_state(done) : "";
    if (ranks_.first_says(why.empty(), Group::Patience::endless)) saved_ = done;
    return why;
  }

  std::string write_state(std::int64_t done) {
    auto state = request_.saving.base;
    state.step = done;
    state.steps = config_.steps;
    state.sequences = done * config_.batch_size * config_.accumulation;
    state.tokens = tokens_seen_;
    state.learning_rate = done < config_.steps ? learning_rate(config_, done) : 0;
    if (std::isfinite(losses_.last_finite())) state.loss = losses_.last_finite();
    state.validation_due = validation_due_;
    state.validation = validation_;
    for (const auto& [name, value] : request_.model.parameters().buffers()) state.buffers.push_back(name);
    state.losses = losses_.digest();
    state.batches = batches_.hex();
    timer_.save(state);
    state.tensor_peak = std::max(tensor_peak_bytes(request_.model.device()), earlier_.tensor_peak);
    state.process_peak = std::max(process_peak_bytes(), earlier_.process_peak);
    return checkpoints_.save(std::move(state), request_.model, optimizer_);
  }

  [[nodiscard]] Ending failed(const std::string& reason) const { return {Status::failed, reason}; }
  [[nodiscard]] Ending interrupted(std::int64_t done) {
    Ending ending{Status::interrupted,
                  "stopped after step " + std::to_string(done) + " of " + std::to_string(config_.steps)};
    if (!saving_ || done == 0 || done == saved_) return ending;
    if (const auto why = save(done); !why.empty()) ending.reason += "; its state could not be saved: " + why;
    return ending;
  }

  const TrainRequest& request_;
  const config::TrainConfig& config_;
  data::BatchLoader loader_;
  AdamW optimizer_;
  Checkpoints checkpoints_;
  Ranks ranks_;
  ProfiledSteps profiled_;
  StepTimer timer_;
  StepLosses losses_;
  DigestChain batches_;  // of the steps that are done
  std::int64_t step_ = 0;
  std::int64_t tokens_seen_ = 0;
  LayerMeans statistics_;  // of a step that is logged
  std::optional<double> validation_;  // of the step that was just done
  bool validation_due_ = false;       // it was asked to stop before that was over
  bool checkpoint_due_ = false;       // after this step, as rank 0 found before its validation
  bool saving_ = false;               // checkpoints are written, be it by rank 0
  std::int64_t saved_ = -1;           // steps done when the state was last saved
  checkpoint::State earlier_;         // what it goes on from
};

}  // namespace

Ending train(const TrainRequest& request) { return Run(request).go(); }

}  // namespace attnlab::train
