#include "framework/train/conditions.h"

#include "framework/train/evaluator.h"

namespace attnlab::train {
namespace {

MetricKey key(const char* name) { return {name, "", Goal::none}; }

}  // namespace

void record_conditions(const TrainRequest& request) {
  const auto& info = request.dataset.info();
  auto& sink = request.sink;
  sink.fact("data", info.description);
  sink.fact("data_partial", info.partial ? "true" : "false");
  sink.fact("data_synthetic", info.synthetic ? "true" : "false");
  sink.fact("data_source", info.source);
  sink.fact("first_token_rule", info.first_token_rule);
  sink.fact("stride_rule", info.stride_rule);
  sink.fact("validated", std::to_string(evaluated_sequences(request.train, request.dataset)) + " of " +
                             std::to_string(request.dataset.size(data::Split::valid)) +
                             " sequences");
  if (request.resume != nullptr) return;
  const auto& parameters = request.model.parameters();
  sink.fact("initial_weights", model::digest(parameters));
  std::vector<Metric> counts{{key("parameters"), static_cast<double>(parameters.count())}};
  if (const auto own = parameters.attention_count(); own > 0 || !parameters.buffers().empty()) {
    counts.push_back({key("attention_parameters"), static_cast<double>(own)});
    sink.fact("initial_attention", model::digest(parameters, model::Part::attention));
    sink.fact("attention_owns", model::owned_by_attention(parameters));
  }
  sink.add({0, 0, 0, std::move(counts)});
}

}  // namespace attnlab::train
