#include "framework/train/gradient_buckets.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <ranges>

#include "framework/core/status_lines.h"

namespace attnlab::train {

/// Called by autograd when a backward pass has added all that it has to a parameter's gradient.
struct GradientBuckets::Hook final : torch::autograd::PostAccumulateGradHook {
  Hook(GradientBuckets& buckets, std::size_t entry) : buckets_(buckets), entry_(entry) {}
  void operator()(const torch::autograd::Variable&) override {
    if (!buckets_.armed_) return;  // more micro-batches come
    buckets_.fill(entry_);
    buckets_.send_complete();
  }
  GradientBuckets& buckets_;
  std::size_t entry_;
};

GradientBuckets::GradientBuckets(const model::ParameterList& parameters, Group& group, std::int64_t numbers)
    : group_(group) {
  for (const auto& parameter : std::views::reverse(parameters.all())) {
    const auto size = parameter.value.numel();
    if (buckets_.empty() || buckets_.back().size + size > numbers) buckets_.emplace_back();
    auto& bucket = buckets_.back();
    entries_.push_back({parameter.value, buckets_.size() - 1, bucket.size, std::ssize(bucket.entries), false});
    bucket.entries.push_back(entries_.size() - 1);
    bucket.size += size;
  }
  for (auto& bucket : buckets_) {
    const auto device = entries_[bucket.entries.front()].weight.device();
    bucket.numbers = at::zeros({bucket.size + std::ssize(bucket.entries)}, at::TensorOptions(at::kFloat).device(device));
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    torch::autograd::impl::set_post_acc_grad_hooks(entries_[i].weight, std::make_unique<Hook>(*this, i));
  }
}

GradientBuckets::~GradientBuckets() {
  for (const auto& entry : entries_) torch::autograd::impl::set_post_acc_grad_hooks(entry.weight, nullptr);
}

void GradientBuckets::fill(std::size_t number) {
  const at::NoGradGuard no_grad;
  auto& entry = entries_[number];
  auto& bucket = buckets_[entry.bucket];
  const auto& gradient = entry.weight.grad();
  auto place = bucket.numbers.narrow(0, entry.at, entry.weight.numel());
  if (gradient.defined()) {
    place.view(entry.weight.sizes()).copy_(gradient);
  } else {
    place.zero_();
  }
  bucket.numbers.narrow(0, bucket.size + entry.number, 1).fill_(gradient.defined() ? 1 : 0);
  entry.filled = true;
  ++bucket.filled;
}

void GradientBuckets::send_complete() {
  for (; sent_ < buckets_.size() && buckets_[sent_].filled == buckets_[sent_].entries.size(); ++sent_) {
    buckets_[sent_].sum = group_.begin_sum(buckets_[sent_].numbers);
  }
}

// The sums stay where they are: nothing writes to the bucket before the optimiser is done with them.
void GradientBuckets::take(const Bucket& bucket, const float* ranks) {
  for (const auto number : bucket.entries) {
    auto& entry = entries_[number];
    auto& gradient = entry.weight.mutable_grad();
    entry.filled = false;
    if (ranks[entry.number] == 0) {
      gradient.reset();
    } else {
      gradient = bucket.numbers.narrow(0, entry.at, entry.weight.numel()).view(entry.weight.sizes());
    }
  }
}

double GradientBuckets::finish() {
  const double begin = clock_seconds();
  // What this pass did not come to: gradients of micro-batches before it, or none.
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].filled) fill(i);
  }
  send_complete();
  std::vector<at::Tensor> ranks;
  for (auto& bucket : buckets_) {
    bucket.sum->wait();
    bucket.sum.reset();
    bucket.filled = 0;
    ranks.push_back(bucket.numbers.narrow(0, bucket.size, std::ssize(bucket.entries)));
  }
  group_.settle();
  const auto all = at::cat(ranks).cpu();
  for (const float* counts = all.const_data_ptr<float>(); const auto& bucket : buckets_) {
    take(bucket, counts);
    counts += bucket.entries.size();
  }
  sent_ = 0;
  armed_ = false;
  return clock_seconds() - begin;
}

}  // namespace attnlab::train
