// What a timing on a GPU counts, and the same call as a CUDA graph.
#include <map>

#include "framework/bench/bench.h"
#include "framework/bench/call_graph.h"
#include "framework/bench/sampling.h"
#include "tests/gpu/cost.h"

namespace attnlab::test {
namespace {

struct Numbers final : MetricSink {
  std::map<std::string, double> values;
  std::map<std::string, std::string> facts;
  void add(MetricEvent event) override {
    for (const auto& metric : event.metrics) values[metric.key.name] = metric.value;
  }
  void fact(std::string_view name, std::string_view text) override { facts[std::string(name)] = text; }
};

config::Node engine() {
  auto node = config::Node::map();
  node.set("name", config::Node(std::string("engine")));
  return node;
}

Numbers time(config::Pass pass) {
  config::RunConfig run;
  config::ModelConfig model;
  model.width = 32;
  model.heads = 2;
  config::BenchConfig bench;
  bench.lengths = "48";
  bench.batch = 1;
  bench.dtype = config::Dtype::float32;
  bench.pass = pass;
  bench.samples = bench.least_samples = 2;
  bench.seconds = 0;
  bench.roofline = false;
  Numbers numbers;
  const auto section = engine();
  const bench::Setting setting{run, model, {section, nullptr}, device(), 0, numbers, [](const auto&) { return true; }};
  EXPECT_EQ(bench::time_attention(setting, bench).timed, 1);
  return numbers;
}

using BenchOnGpu = OnCountedGpu;

TEST_F(BenchOnGpu, counts_launches_and_allocations_and_times_the_call_as_a_graph) {
  const auto both = time(config::Pass::both), forward = time(config::Pass::forward);
  EXPECT_EQ(forward.values.at("launches"), 5) << "tiles: list, count, scan, place; attention";
  EXPECT_EQ(both.values.at("launches"), 11) << "backward: tiles of keys; queries, keys";
  EXPECT_GE(both.values.at("allocations"), 10);
  EXPECT_GT(both.values.at("allocations"), forward.values.at("allocations"));
  EXPECT_EQ(both.facts.count("attention_graph T=48"), 0U) << both.facts.at("attention_graph T=48");
  for (const auto* numbers : {&both, &forward}) {
    EXPECT_EQ(numbers->values.at("attention_graph/samples"), 2);
    EXPECT_GT(numbers->values.at("attention_graph/seconds_median"), 0);
  }
}

/// Its answer, or a wait, comes from outside.
struct Told final : bench::Subject {
  explicit Told(std::function<at::Tensor(const bench::Inputs&)> answer) : answer_(std::move(answer)) {}
  at::Tensor forward(const bench::Inputs& in) override { return answer_(in); }
  std::string kernel() const override { return "told"; }
  bench::Promise promise() const override { return {}; }
  std::function<at::Tensor(const bench::Inputs&)> answer_;
};

TEST_F(BenchOnGpu, captures_nothing_that_waits_or_gives_another_answer) {
  const auto in = bench::make_inputs({1, 1, 8, 8}, true, config::KeyNorm::per_head, 7, at::kFloat, device());
  Told fine([](const bench::Inputs& x) { return x.query * x.key + x.value; });
  bench::CallGraph graph(fine, in, config::Pass::both);
  graph.replay();
  Told waiting([](const bench::Inputs& x) { return x.value * x.query.sum().item<double>(); });
  EXPECT_THROW(bench::CallGraph(waiting, in, config::Pass::both), c10::Error);
  double calls = 0;
  Told moody([&](const bench::Inputs& x) { return x.value * (calls += 1); });
  EXPECT_THROW(bench::CallGraph(moody, in, config::Pass::forward), Error);
}

}  // namespace
}  // namespace attnlab::test
