#include "framework/train/ranks.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cstring>

#include "framework/core/error.h"
#include "framework/core/status_lines.h"
#include "framework/model/step_part.h"

namespace attnlab::train {
namespace {

constexpr std::int64_t kAtOnce = 64 << 20;  // bytes
constexpr double kLongStep = 5;  // seconds, from which on a step is left on the way

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

NamedTensors all_tensors(const model::Transformer& model, const AdamW& optimizer) {
  NamedTensors all;
  for (const auto& parameter : model.parameters().all()) all.emplace_back(parameter.name, parameter.value.detach());
  for (const auto& buffer : model.parameters().buffers()) all.push_back(buffer);
  for (const auto& moment : optimizer.state()) {
    all.emplace_back(std::string(moment.what) + " of " + moment.parameter, moment.value);
  }
  return all;
}

// Of the bits, whatever the order of the sum.
at::Tensor checksum(const at::Tensor& numbers) { return numbers.reshape({-1}).view(at::kInt).sum(at::kLong); }

std::int64_t first_bytes(const std::string& text) {
  std::int64_t number = 0;
  std::memcpy(&number, text.data(), std::min(text.size(), sizeof number));
  return number;
}

}  // namespace

Ranks::Ranks(Group* group, model::Transformer& model, const AdamW& optimizer, const std::atomic<bool>& stop)
    : group_(group), model_(model), optimizer_(optimizer), stop_(stop) {
  if (alone()) return;
  buckets_.emplace(model.parameters(), *group);
  collected_.emplace(model, *group);
}

void Ranks::begin_with_first() {
  if (alone()) return;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> bytes;
  std::int64_t size = 0;
  const auto send = [&] {
    const auto flat = at::cat(bytes);
    group_->broadcast(flat);
    for (std::int64_t begin = 0; auto& each : bytes) {
      if (!group_->first()) each.copy_(flat.narrow(0, begin, each.numel()));
      begin += each.numel();
    }
    bytes.clear();
    size = 0;
  };
  for (const auto& [name, numbers] : all_tensors(model_, optimizer_)) {
    bytes.push_back(numbers.reshape({-1}).view(at::kByte));
    size += bytes.back().numel();
    if (size >= kAtOnce) send();
  }
  if (!bytes.empty()) send();
  model_.accept_buffers();
}

bool Ranks::first_says(bool answer, Group::Patience patience) {
  if (alone()) return answer;
  const auto flag = at::full({1}, answer && group_->first() ? 1 : 0, at::kLong);
  // Others may have long to wait for the first; it waits for them no longer than at any other sum.
  group_->sum(flag, group_->first() ? Group::Patience::usual : patience);
  return flag.item<std::int64_t>() != 0;
}

bool Ranks::stop_on_the_way() {
  if (alone()) return stop_;
  if (step_seconds_ < kLongStep) return false;
  const auto asked = at::full({1}, stop_ ? 1 : 0, at::kLong);
  group_->sum(asked);
  agreed_stop_ |= asked.item<std::int64_t>() != 0;
  return agreed_stop_;
}

void Ranks::last_part() {
  if (buckets_) buckets_->arm();
}

void Ranks::add_up(Step& step) {
  if (alone()) return;
  const model::StepPart part("other ranks");
  waited_ += buckets_->finish();
  const double begin = clock_seconds();
  collected_->add_up();
  const bool first = group_->first();
  const auto numbers = at::zeros({6}, at::kDouble);
  double* const all = numbers.mutable_data_ptr<double>();
  all[0] = step.loss;
  all[1] = step.auxiliary.value_or(0);
  all[2] = step.auxiliary ? 1 : 0;
  all[3] = stop_ ? 1 : 0;
  all[4] = first && step.checkpoint ? 1 : 0;
  all[5] = first ? step_seconds_ : 0;
  group_->sum(numbers);
  step.loss = all[0];
  step.auxiliary = all[2] == 0 ? std::nullopt : std::optional(all[1]);
  agreed_stop_ |= all[3] != 0;
  step.checkpoint = all[4] != 0;
  step_seconds_ = all[5];
  waited_ += clock_seconds() - begin;
  ++waits_;
}

void Ranks::add_up(LayerMeans& statistics) {
  if (alone()) return;
  const auto texts = group_->gather(statistics.text());
  statistics = {};
  for (const auto& text : texts) statistics.add(text);
}

double Ranks::wait_seconds() {
  const double mean = waits_ == 0 ? 0 : waited_ / static_cast<double>(waits_);
  waited_ = 0;
  waits_ = 0;
  return mean;
}

void Ranks::expect_equal(const std::string& batches) const {
  if (alone()) return;
  const auto tensors = all_tensors(model_, optimizer_);
  std::vector<at::Tensor> sums;
  for (const auto& [name, numbers] : tensors) sums.push_back(checksum(numbers));
  const auto all = group_->gather(at::cat({at::full({1}, first_bytes(batches), at::kLong), at::stack(sums).cpu()}));
  const auto differs = all.ne(all[0]).nonzero();
  if (differs.size(0) == 0) return;
  const auto rank = differs[0][0].item<std::int64_t>(), which = differs[0][1].item<std::int64_t>();
  const auto what = which == 0 ? "training data" : "'" + tensors[static_cast<std::size_t>(which - 1)].first + "'";
  throw Error("rank " + std::to_string(rank) + " no longer has what rank 0 has: its " + what + " differ" +
              (which == 0 ? ". Do all hosts read the same files?"
                          : "s. All ranks have seen the same gradients, so a machine, or the attention, does not "
                            "compute the same twice; nothing was saved of this state."));
}

}  // namespace attnlab::train
