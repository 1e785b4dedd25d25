// Whole training steps of the model: forward, loss, backward and the optimiser. Repeated bit for
// bit, and captured in a CUDA graph, which nothing that waits for the device can be.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "framework/model/transformer.h"
#include "framework/sparse/plans.h"
#include "framework/train/layer_means.h"
#include "framework/train/optimizer.h"
#include "framework/train/step.h"
#include "tests/gpu/device.h"
#include "tests/gpu/graph.h"
#include "tests/sparse/plugin_checks.h"

namespace attnlab::test {
namespace {

using config::Precision;

struct TrainingCase {
  PluginUnderTest plugin;
  Precision precision;
  config::Positions positions = config::Positions::learned;
  config::Documents documents = config::Documents::joined;
};
void PrintTo(const TrainingCase& c, std::ostream* out) {
  *out << c.plugin.name << " " << c.plugin.values.size() << (c.precision == Precision::bfloat16 ? " bfloat16" : " float32")
       << (c.positions == config::Positions::rope ? " rope" : "")
       << (c.documents == config::Documents::isolated ? " documents" : "");
}

/// A model and its optimiser on the GPU, at the same batch of random tokens again and again.
class Steps {
 public:
  explicit Steps(const TrainingCase& c) : precision_(c.precision), plugin_(c.plugin) {
    config_.layers = 2;
    config_.heads = 2;
    config_.positions = c.positions;
    config_.documents = c.documents;
    config_.width = emulated() ? 32 : 128;
    const std::int64_t T = emulated() ? 24 : 512, B = 2, vocabulary = 19;
    at::manual_seed(3);
    const auto tokens = at::randint(0, vocabulary, {B, T + 1}, at::kLong);
    input_ = tokens.narrow(1, 0, T).contiguous().to(device());
    target_ = tokens.narrow(1, 1, T).contiguous().to(device());
    documents_ = at::arange(T, at::kInt).floor_divide(T / 3).expand({B, T}).contiguous().to(device());
    ids_.resize(static_cast<std::size_t>(B));
    std::iota(ids_.begin(), ids_.end(), 0);
    loss = at::zeros({}, at::device(device()).dtype(at::kDouble));
    told = at::zeros({16}, loss.options());
    model_.emplace(config_, model::TokenShape{vocabulary, T}, /*seed=*/5, device(),
                   [&](std::int64_t layer, Owner& owner) {
                     return PluginUnderTest::library(plugin_.name)
                         .create(model::attention_shape(config_, T, layer),
                                 section(plugin_.name, plugin_.values), owner);
                   });
    optimizer_.emplace(model_->parameters(), train_);
  }

  /// `draw`: the step that the plugin's draws belong to.
  void step(std::int64_t draw) {
    optimizer_->zero_grad();
    at::Tensor nats;
    {
      const train::AutocastScope autocast(precision_, device().type());
      const auto output =
          model_->forward(input_, {7, 0, draw, ids_, /*training=*/true, /*statistics=*/true}, documents_);
      keep(output.statistics);
      nats = model_->nats(output.hidden, target_, /*slice_rows=*/16) /
             static_cast<double>(target_.numel());
    }
    nats.backward();
    optimizer_->step(0.01);
    model_->finish_step();
    loss.copy_(nats.detach());
  }

  [[nodiscard]] double loss_now() const { return loss.item<double>(); }
  [[nodiscard]] std::string weights() const {
    const auto& all = model_->parameters();
    return model::digest(all) + model::digest(all, model::Part::attention);
  }

  /// All that the attentions remember, one behind the other.
  [[nodiscard]] at::Tensor buffers() const {
    auto all = at::zeros({0}, at::kDouble);
    for (const auto& [name, value] : model_->parameters().buffers()) {
      all = at::cat({all, value.cpu().to(at::kDouble).flatten()});
    }
    return all;
  }

  at::Tensor loss;  // the same tensor every step
  at::Tensor told;  // what the attention reports, as tensors of the device: layer by layer, then 0
  std::vector<model::LayerStatistic> statistics;  // of the last step that was no replay

 private:
  void keep(const std::vector<model::LayerStatistic>& reported) {
    std::int64_t at = 0;
    for (const auto& [layer, statistic] : reported) {
      if (!statistic.value.tensor().defined() || !statistic.value.tensor().is_cuda()) continue;
      told.select(0, at++).copy_(statistic.value.tensor());
    }
    statistics = reported;
  }

  Precision precision_;
  PluginUnderTest plugin_;
  config::ModelConfig config_;
  config::TrainConfig train_;
  at::Tensor input_, target_, documents_;
  std::vector<std::int64_t> ids_;
  std::optional<model::Transformer> model_;
  std::optional<train::AdamW> optimizer_;
};

class Training : public OnGpu, public testing::WithParamInterface<TrainingCase> {};

TEST_P(Training, repeats_its_losses_bit_for_bit) {
  Steps one(GetParam()), two(GetParam());
  double first = 0;
  for (int i = 0; i < (emulated() ? 3 : 20); ++i) {
    one.step(i);
    two.step(i);
    ASSERT_EQ(one.loss_now(), two.loss_now()) << "step " << i;
    if (i == 0) first = one.loss_now();
  }
  EXPECT_EQ(one.weights(), two.weights());
  EXPECT_LT(one.loss_now(), first) << "it learns";
}

TEST_P(Training, is_in_a_graph_what_it_is_without) {
  const auto run = run_in_graph();
  ASSERT_NE(run, nullptr);
  const int replays_wanted = emulated() ? 2 : 5;
  Steps eager(GetParam()), graphed(GetParam());
  for (int i = 0; i < kWarmUps; ++i) eager.step(0);
  int replays = 0;
  run([&] { graphed.step(0); }, replays_wanted,
      [&] {
        ++replays;
        eager.step(0);
        EXPECT_EQ(graphed.loss_now(), eager.loss_now()) << "replay " << replays;
        EXPECT_TRUE(graphed.told.equal(eager.told)) << graphed.told << eager.told;
      });
  EXPECT_EQ(replays, replays_wanted);
  EXPECT_EQ(graphed.weights(), eager.weights());
  EXPECT_TRUE(graphed.buffers().equal(eager.buffers())) << "the running moments of hash_space=whitened";
  EXPECT_FALSE(eager.buffers().eq(0).all().item<bool>() && eager.buffers().numel() > 0);
}

TEST_P(Training, reports_what_a_walk_on_the_host_counts) {
  Steps steps(GetParam());
  steps.step(0);
  train::LayerMeans means;
  means.add(steps.statistics, 1);
  std::map<std::string, double> metrics;
  for (const auto& metric : means.metrics("train")) metrics[metric.key.name] = metric.value;
  ASSERT_FALSE(metrics.empty());
  for (const auto& [layer, statistic] : steps.statistics) {
    const auto name = "train/" + statistic.name + "/layer_" + std::to_string(layer);
    EXPECT_EQ(metrics.at(name), statistic.value.read()) << name;
  }
}

TEST_F(OnGpu, pairs_are_tallied_as_a_walk_on_the_host_counts_them) {
  at::manual_seed(4);
  const std::int64_t T = emulated() ? 50 : 3000;
  const auto buckets = [&] { return at::randint(4, {2, 3, T}, at::kInt).to(device()); };
  const auto keep = [&] { return at::rand({2, 3, T}).lt(0.5).to(device()); };
  for (const bool include_self : {false, true}) {
    auto gaps = sparse::bucket_plan(buckets(), buckets(), 4, include_self);
    gaps.key_begin = gaps.key_end.clone();  // nobody sees anything
    const auto documents = at::arange(T, gaps.query_rows.options()).floor_divide(7).to(at::kInt).expand({2, T});
    const sparse::SegmentPlan plans[]{sparse::bucket_plan(buckets(), buckets(), 4, include_self),
                                      sparse::window_plan(2, 3, T, 5, 3, include_self, device()),
                                      sparse::keep_within(gaps, documents),
                                      sparse::keep_within(sparse::window_plan(2, 3, T, 5, 1, include_self, device()),
                                                          documents),
                                      sparse::kept_plan(keep(), keep(), include_self),
                                      sparse::full_plan(1, 2, T, include_self, device()), gaps};
    for (const auto& plan : plans) {
      const auto told = sparse::tally(plan);
      EXPECT_TRUE(told.pairs.is_cuda());
      const auto counts = sparse::count(plan);
      EXPECT_EQ(told.pairs.item<double>(), static_cast<double>(counts.pairs));
      EXPECT_EQ(told.queries.item<double>(), static_cast<double>(counts.queries));
      EXPECT_EQ(told.seeing.item<double>(), static_cast<double>(counts.seeing));
      EXPECT_EQ(told.largest_segment.item<double>(), static_cast<double>(counts.largest_segment));
    }
  }
  auto labelled = sparse::full_plan(1, 1, 4, false, device());
  labelled.query_labels = labelled.key_labels = labelled.query_rows.flip({2}).contiguous();
  EXPECT_TRUE(std::isnan(sparse::tally(labelled).pairs.item<double>())) << "labels that decrease";
}

std::vector<TrainingCase> training_cases() {
  const auto number = [](std::int64_t value) { return config::Node::Value(value); };
  const PluginUnderTest plugins[]{
      {"hash_sparse", {{"buckets", number(4)}}},
      {"hash_sparse", {{"buckets", number(4)}, {"hash_space", std::string("whitened")}}},
      {"qk_drop", {}},
      {"reformer", {{"buckets", number(4)}, {"chunk", number(16)}, {"rounds", number(2)}}},
      {"sliding_window", {{"window", number(9)}}}};
  std::vector<TrainingCase> all;
  for (const auto& plugin : plugins) {
    for (const auto precision : {Precision::float32, Precision::bfloat16}) {
      all.push_back({plugin, precision});
    }
  }
  all.push_back({plugins[0], Precision::float32, config::Positions::rope});
  all.push_back({plugins[3], Precision::bfloat16, config::Positions::rope});
  for (const auto& plugin : {plugins[0], plugins[3], PluginUnderTest{"dense", {}}}) {
    all.push_back({plugin, Precision::bfloat16, config::Positions::learned, config::Documents::isolated});
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(plugins, Training, testing::ValuesIn(training_cases()));

}  // namespace
}  // namespace attnlab::test
