// evaluate.cpp: one checkpoint, scored on a split of any data set that has its tokens.
#include <algorithm>
#include <tuple>

#include "framework/data/score.h"
#include "framework/train/evaluator.h"
#include "framework/worker/job.h"
#include "framework/worker/subject.h"

namespace attnlab::worker {
Ending evaluate(const Prepared& prepared, Session& session) {
  const auto& [dataset, settings] = std::tie(*prepared.dataset, *prepared.train);
  auto subject = subject_of(prepared, session.spec);
  if (!subject.refusal.empty()) return {Status::skipped, subject.refusal};
  const auto split = subject.split;
  auto& model = *subject.model;
  const auto steps = train::evaluated_sequences(settings, dataset, split);
  std::int64_t done = 0;
  const auto result = train::evaluate(prepared.run, settings, dataset, model, subject.step, [&] {
    done = std::min(steps, done + settings.batch_size);
    session.reporter.progress({.step = done, .steps = steps});
    return session.go_on();
  }, split);
  if (!result) return {Status::interrupted, "stopped"};
  const auto tell = [&](const MetricKey& key, double value) {
    session.reporter.send(launch::Report{.kind = "metric", .loss = value, .text = key.name, .status = key.unit});
  };
  for (const auto& [key, value] : data::scores(dataset.info(), split, result->nats)) tell(key, value);
  tell({"sequences", ""}, static_cast<double>(result->sequences));
  tell({"length", "tokens"}, static_cast<double>(subject.length));
  tell({"step", ""}, static_cast<double>(subject.step));
  for (const auto& [key, value] : result->statistics) tell(key, value);
  return {};
}

}  // namespace attnlab::worker
