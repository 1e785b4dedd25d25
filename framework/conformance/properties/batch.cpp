// batch.cpp: a sequence is computed from itself and its id, wherever in a batch it stands.
#include <algorithm>
#include <numeric>

#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

// The sequences `rows` of the trial's batch, with their ids.
Attended attend_rows(const Trial& trial, const std::vector<std::int64_t>& rows) {
  const auto index = at::tensor(rows).to(trial.device());
  const auto pick = [&](const at::Tensor& x) { return x.index_select(0, index); };
  auto call = trial.call();
  const auto ids = call.ids;
  call.ids.clear();
  for (const auto row : rows) call.ids.push_back(ids[static_cast<std::size_t>(row)]);
  return trial.attend(changed(trial.input(), pick), call, pick(trial.grad_out()));
}

Attended rows_of(const Attended& whole, const std::vector<std::int64_t>& rows) {
  const auto index = at::tensor(rows).to(whole.out.device());
  const auto pick = [&](const at::Tensor& x) { return x.defined() ? x.index_select(0, index) : x; };
  return {pick(whole.out), pick(whole.dq), pick(whole.dk),  pick(whole.dv),
          pick(whole.dh),  whole.scores,   whole.dq_terms, whole.dk_terms};
}

void check_batch(const Trial& drawn) {
  auto check = drawn.check();
  check.batch = std::max<std::int64_t>(check.batch, 2);
  const Trial trial(drawn.subject(), check);
  std::vector<std::int64_t> order(static_cast<std::size_t>(check.batch));
  std::iota(order.begin(), order.end(), 0);
  const auto& whole = trial.attended();

  // Of two, each alone tells as much.
  if (check.length <= kManyRows || check.batch > 2) {
    std::reverse(order.begin(), order.end());
    expect_close("the batch and its sequence ids in another order", attend_rows(trial, order),
                 rows_of(whole, order));
  }
  for (const std::int64_t row : {std::int64_t{0}, check.batch - 1}) {
    expect_close("sequence " + std::to_string(row) + " in a batch of its own",
                 attend_rows(trial, {row}), rows_of(whole, {row}));
  }
}

}  // namespace

const Property kBatch{.name = "batch",
                      .promise =
                          "permuting the batch with its sequence ids permutes the output, and a "
                          "sequence alone is what it is in a batch",
                      .check = check_batch};

}  // namespace attnlab::conformance
