#include "framework/xray/xray.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "framework/train/evaluator.h"
#include "framework/train/step.h"
#include "framework/xray/measures.h"
#include "framework/xray/read_rows.h"
#include "framework/xray/tally.h"

namespace attnlab::xray {
namespace {

struct Stopped {};

// Of one layer in one sequence.
void examine(const Seen& seen, const Queries& queries, Tally& tally) {
  const auto layer = seen.context.layer;
  const auto read = read_rows(seen.attention, seen.input, seen.context, queries.rows);
  measure(seen.input, queries, read, layer, tally);
  tally.add("unexplained", "of output", layer, -1, read.unexplained, 1);
  for (const auto& statistic : seen.output.statistics) {
    tally.add("reported/" + statistic.name, statistic.unit, layer, -1, statistic.value.read(), 1);
  }
  if (!seen.largest_segment.defined()) return;
  const auto rows = seen.largest_segment.select(0, 0).to(at::kCPU, at::kDouble).contiguous();
  const auto T = static_cast<double>(seen.input.query.size(2));
  for (std::int64_t head = 0; head < rows.size(0); ++head) {
    tally.add("largest_segment", "of T", layer, head, rows.const_data_ptr<double>()[head] / T, 1);
  }
}

}  // namespace

std::optional<std::vector<Metric>> look(const Request& request, const KeepGoing& keep_going) {
  const at::NoGradGuard no_grad;
  const auto& [run, precision, inclusive, dataset, split, model, lens, step, sample] = request;
  const auto all = dataset.size(split), sequences = std::min(all, sample.sequences);
  Tally tally;
  std::int64_t looked = 0, layers = 0, length = 0, done = 0;
  for (std::int64_t i = 0; i < sequences; ++i) {
    const auto index = i * all / sequences;
    const data::TrainDraw draw{index, train::kFirstValidationId + index};
    const auto batch = train::to_batch(data::make_host_batch(dataset, split, {&draw, 1}), model);
    length = batch.input.size(1);
    const auto now = lens.open([&](const Seen& seen) {
      const auto documents = seen.input.documents.defined() ? seen.input.documents.select(0, 0) : at::Tensor();
      const auto queries = sample_queries(length, inclusive, documents, sample.queries, index, model.device());
      const auto n = queries.rows.size(0);
      if (n > 0) examine(seen, queries, tally);
      if (seen.context.layer == 0) looked += n;
      layers = std::max(layers, seen.context.layer + 1);
      if (!keep_going(++done, sequences * layers)) throw Stopped();
    });
    const train::AutocastScope autocast(precision, model.device().type());
    const AttentionContext context{static_cast<std::uint64_t>(run.seed), 0, step, batch.sequence_ids,
                                   /*training=*/false};
    try {
      static_cast<void>(model.forward(batch.input, context, batch.documents));
    } catch (const Stopped&) {
      return std::nullopt;
    }
  }
  auto metrics = tally.metrics();
  if (looked == 0) return std::vector<Metric>{};
  const auto fact = [&](const char* name, const char* unit, std::int64_t value) {
    metrics.push_back({{std::string("xray/") + name, unit, Goal::none}, static_cast<double>(value)});
  };
  fact("queries", "queries", looked);
  fact("sequences", "sequences", sequences);
  fact("length", "tokens", length);
  return metrics;
}

}  // namespace attnlab::xray
