// xray.cpp: what the attention of one checkpoint, or of initial weights, keeps of exact softmax.
#include "framework/xray/xray.h"

#include "framework/core/error.h"
#include "framework/worker/job.h"
#include "framework/worker/subject.h"

namespace attnlab::worker {

Ending xray(const Prepared& prepared, Session& session) {
  const auto& spec = session.spec;
  xray::Lens lens;
  auto subject = subject_of(prepared, spec, [&](std::unique_ptr<Attention> inner) { return lens.around(std::move(inner)); });
  if (!subject.refusal.empty()) return {Status::skipped, subject.refusal};
  const auto result = xray::look({.run = prepared.run,
                                  .precision = prepared.train.value().precision,
                                  .inclusive = prepared.model.causality == config::Causality::inclusive,
                                  .dataset = *prepared.dataset,
                                  .split = subject.split,
                                  .model = *subject.model,
                                  .lens = lens,
                                  .step = subject.step,
                                  .sample = {.queries = spec.xray_queries, .sequences = spec.xray_sequences}},
                                 [&](std::int64_t done, std::int64_t all) {
                                   session.reporter.progress({.step = done, .steps = all});
                                   return session.go_on();
                                 });
  if (!result) return {Status::interrupted, "stopped"};
  if (result->empty()) {
    throw Error("no query has a key that it may see: T = " + std::to_string(subject.length) +
                ", model.causality=strict; expected at least two tokens (of one document)");
  }
  for (const auto& [key, value] : *result) {
    session.reporter.send(launch::Report{.kind = "metric", .loss = value, .text = key.name, .status = key.unit});
  }
  return {};
}

}  // namespace attnlab::worker
