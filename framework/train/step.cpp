#include "framework/train/step.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include <memory>
#include <utility>

namespace attnlab::train {
namespace {

/// [rows, length]; the tensor keeps the numbers alive.
template <class Number>
at::Tensor tensor_of(std::vector<Number>&& numbers, std::int64_t rows, std::int64_t length) {
  auto owner = std::make_shared<std::vector<Number>>(std::move(numbers));
  Number* const at = owner->data();
  return at::from_blob(
      at, {rows, length}, [owner](void*) {}, c10::CppTypeToScalarType<Number>::value);
}

/// Pinned on the way to a GPU: from pageable memory the copy would wait for it.
at::Tensor on(at::Device device, const at::Tensor& host) {
  return device.is_cpu() ? host : host.pin_memory().to(device, /*non_blocking=*/true);
}

}  // namespace

AutocastCache::AutocastCache() { at::autocast::increment_nesting(); }

AutocastCache::~AutocastCache() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

AutocastScope::AutocastScope(config::Precision precision, at::DeviceType device) : device_(device) {
  if (precision != config::Precision::bfloat16) return;
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  at::autocast::set_autocast_enabled(device_, true);
  cache_.emplace();
}

AutocastScope::~AutocastScope() {
  if (cache_) at::autocast::set_autocast_enabled(device_, false);
}

Batch to_batch(data::HostBatch&& host, const model::Transformer& model) {
  const auto device = model.device();
  Batch batch;
  if (model.isolates_documents() && !host.documents.empty()) {
    batch.documents = on(device, tensor_of(std::move(host.documents), host.rows, host.length));
  }
  batch.input = on(device, tensor_of(std::move(host.input), host.rows, host.length));
  batch.target = on(device, tensor_of(std::move(host.target), host.rows, host.length));
  batch.sequence_ids = std::move(host.sequence_ids);
  batch.scored = host.scored;
  return batch;
}

PartLoss forward_backward(model::Transformer& model, const config::RunConfig& run,
                          const config::TrainConfig& train, const Batch& part, std::int64_t step,
                          std::int64_t scored_in_step, bool statistics) {
  PartLoss loss;
  at::Tensor whole;
  {
    const AutocastScope autocast(train.precision, model.device().type());
    const AttentionContext context{static_cast<std::uint64_t>(run.seed), 0, step, part.sequence_ids,
                                   /*training=*/true, statistics};
    auto output = model.forward(part.input, context, part.documents);
    whole = model.nats(output.hidden, part.target, train.loss_slice) /
            static_cast<double>(scored_in_step);
    loss.nats = whole.detach();
    loss.statistics = std::move(output.statistics);
    if (output.auxiliary_loss) {
      // A rank's micro-batches may have fewer rows; they are alike within a step.
      const auto parts = static_cast<double>(train.batch_size * train.accumulation) /
                         static_cast<double>(part.sequence_ids.size());
      const auto auxiliary = *output.auxiliary_loss / parts;
      loss.auxiliary = auxiliary.detach();
      whole = whole + auxiliary;
    }
  }
  model.backward(whole);
  return loss;
}

}  // namespace attnlab::train
