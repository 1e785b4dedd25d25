// bad_habits.cpp: a plugin whose output is right and which harms others, in the way that `kind` says.
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <csignal>

#include "framework/attention/plugin.h"

namespace attnlab {
namespace {

enum class Kind {
  none,
  threads,
  threads_in_backward,
  no_gradients,
  ignores_sigterm,
  writes,
  statistic,
  buffer_grows
};
// Where threads are changed, what is written to (or the value), what a statistic is (or a vector).
enum class How { plainly, create, evaluation, finish_step, documents, name, twice };

struct BadConfig {
  Kind kind = Kind::none;
  How how = How::plainly;
  static constexpr auto fields() {
    return std::tuple{
        config::choice("kind", &BadConfig::kind,
                       {"none", "threads", "threads_in_backward", "no_gradients", "ignores_sigterm", "writes",
                        "statistic", "buffer_grows"},
                       "what it does"),
        config::choice("how", &BadConfig::how,
                       {"plainly", "create", "evaluation", "finish_step", "documents", "name", "twice"},
                       "in which way")};
  }
};

struct ThreadsInBackward : torch::autograd::Function<ThreadsInBackward> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& value) { return value.clone(); }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 const torch::autograd::variable_list& gradients) {
    at::set_num_threads(7);
    return gradients;
  }
};

class BadHabits final : public Attention {
 public:
  BadHabits(const AttentionShape&, const BadConfig& config, Owner& owner)
      : config_(config), rows_(owner.buffer("rows", {2})) {
    if (is(Kind::threads, How::create)) at::set_num_threads(7);
  }

  AttentionOutput forward(const AttentionInput& input, const AttentionContext& context) override {
    AttentionOutput result{is(Kind::threads_in_backward) ? ThreadsInBackward::apply(input.value)
                                                         : input.value.clone(),
                           std::nullopt, {}};
    if (is(Kind::threads, context.training ? How::plainly : How::evaluation)) at::set_num_threads(7);
    if (is(Kind::no_gradients)) at::GradMode::set_enabled(false);
    if (is(Kind::ignores_sigterm)) std::signal(SIGTERM, SIG_IGN);
    if (is(Kind::writes)) input.value.detach().mul_(2);
    if (is(Kind::writes, How::documents)) const_cast<at::Tensor&>(input.documents).zero_();
    if (context.wants_statistics()) result.statistics = statistics();
    return result;
  }
  void finish_step() override {
    if (is(Kind::threads, How::finish_step)) at::set_num_threads(7);
    if (is(Kind::buffer_grows)) rows_.resize_({rows_.size(0) + 1});
  }
  std::string kernel() const override { return "bad"; }

 private:
  [[nodiscard]] bool is(Kind kind, How how = How::plainly) const { return config_.kind == kind && config_.how == how; }
  [[nodiscard]] std::vector<Statistic> statistics() const {
    if (is(Kind::statistic, How::name)) return {{"Bad Name/x", "rows", 1.0}};
    if (is(Kind::statistic, How::twice)) return {{"rows", "rows", 1.0}, {"rows", "rows", 2.0}};
    if (is(Kind::statistic)) return {{"rows", "rows", at::ones({3})}};
    return {{"rows", "rows", 1.0}};
  }
  BadConfig config_;
  at::Tensor rows_;
};

}  // namespace

ATTNLAB_ATTENTION_PLUGIN((PluginFacts{.name = "bad_habits",
                                      .summary = "harms others, for tests",
                                      .citation = "none",
                                      .traits = plugin::kRunsOnCpu | plugin::kFloat32 | plugin::kStrict |
                                                plugin::kInclusive | plugin::kIsolatesDocuments}),
                         BadHabits, BadConfig)

}  // namespace attnlab
