/// attention_case.h: one random input and one plan through the launchers, emulated or on a GPU,
/// with
///   arrays that nothing may leave, rows of other strides, and results that start as garbage.
#pragma once

#include <gtest/gtest.h>

#include <random>

#include "framework/cuda/attention_launch.h"
#include "tests/cuda/device_arrays.h"
#include "tests/cuda/float64.h"

namespace attnlab::cuda::test {

/// A plan's arrays on the device.
struct DevicePlan {
  explicit DevicePlan(const HostPlan& host)
      : query_rows(host.query_rows),
        key_rows(host.key_rows),
        query_start(host.query_start),
        key_begin(host.key_begin),
        key_end(host.key_end),
        query_labels(host.query_labels),
        key_labels(host.key_labels),
        chunks(host.chunks),
        round_labels(host.round_labels),
        plan(host.plan) {
    plan.query_rows = query_rows.data();
    plan.key_rows = key_rows.data();
    plan.query_start = query_start.data();
    plan.key_begin = key_begin.data();
    plan.key_end = key_end.data();
    plan.query_labels = query_labels.data();
    plan.key_labels = key_labels.data();
    plan.chunks = chunks.data();
    plan.round_labels = round_labels.data();
  }
  Device<std::int32_t> query_rows, key_rows, query_start, key_begin, key_end;
  Device<std::int32_t> query_labels, key_labels, chunks, round_labels;
  Plan plan;
};

/// Tiles of one side, listed by the launcher.
struct DeviceTiles {
  DeviceTiles(const Plan& plan, int tile_rows, bool keys, bool all)
      : places(plan, tile_rows, keys), memory(static_cast<std::size_t>(places.size)) {
    params.plan = plan;
    params.memory = memory.data();
    params.tile_rows = tile_rows;
    params.of_keys = keys;
    params.all = all;
  }
  void launch(void* stream) const { ASSERT_EQ(attnlab_cuda_list_tiles(&params, stream), 0); }
  [[nodiscard]] TileList list() const { return places.list(memory.data()); }
  TileMemory places;
  Device<std::int32_t> memory;
  TileListParams params;
};

/// Normal numbers that T holds exactly.
template <class T>
AttentionInput random_input(const Plan& plan, std::int64_t dim, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  AttentionInput in{plan.groups, plan.length, dim, 1 / std::sqrt(static_cast<double>(dim)), {}, {},
                    {},          {},          {}};
  for (auto* values : {&in.query, &in.key, &in.value, &in.grad_out}) {
    values->resize(static_cast<std::size_t>(plan.groups * plan.length * dim));
    for (auto& x : *values) x = round_double<T>(normal(random));
  }
  in.grad_lse.resize(static_cast<std::size_t>(plan.groups * plan.length));
  for (auto& x : in.grad_lse) x = static_cast<float>(normal(random));
  return in;
}

/// Scratch of the backward pass where rows repeat among packed keys.
struct PackedGrads {
  PackedGrads(const Plan& plan, std::int64_t dim)
      : key(static_cast<std::size_t>(plan.groups * plan.keys * dim)),
        value(key.size()),
        order(static_cast<std::size_t>(plan.groups * plan.keys)),
        start(static_cast<std::size_t>(plan.groups * (plan.length + 1))),
        counts(static_cast<std::size_t>(
            sort_scratch(plan.groups, plan.keys, static_cast<std::int32_t>(plan.length)))) {}
  void add_to(BackwardParams& params) const {
    params.packed_grad_key = key.data();
    params.packed_grad_value = value.data();
    params.key_order = order.data();
    params.key_start = start.data();
    params.key_counts = counts.data();
  }
  Device<float> key, value;
  Device<std::int32_t> order, start, counts;
};

/// How an attention is run.
struct Manner {
  bool packed = false;   // as if rows could repeat among a group's keys
  bool all = false;      // every row is among the packed ones, so nothing is cleared before
  std::int64_t gap = 0;  // elements between batches
  bool atomic = false;   // 16-bit only
  TileShape shape = TileShape::large;
};

/// Whether the launchers' device multiplies by warpgroups: a launch of nothing says so.
inline bool has_group_device() {
  ForwardParams nothing;
  nothing.shape = TileShape::groups;
  nothing.head_dim = 64;
  nothing.plan.max_distance = 1;
  return attnlab_cuda_attention_forward(&nothing, kAttnlabBfloat16, nullptr) == 0;
}

/// One attention with everything it needs on the device. launch() allocates nothing.
template <class T>
class DeviceAttention {
 public:
  DeviceAttention(const AttentionInput& in, const HostPlan& host, Manner manner)
      : device_(host),
        query_(plan_, in.dim, in.query, manner.gap),
        key_(plan_, in.dim, in.key, manner.gap),
        value_(plan_, in.dim, in.value, manner.gap),
        grad_out_(plan_, in.dim, in.grad_out, manner.gap),
        out_(plan_, in.dim, manner.gap),
        grad_query_(plan_, in.dim, manner.gap),
        grad_key_(plan_, in.dim, manner.gap),
        grad_value_(plan_, in.dim, manner.gap),
        grad_lse_(std::vector<float>(in.grad_lse.begin(), in.grad_lse.end())),
        lse_(static_cast<std::size_t>(plan_.groups * plan_.length)),
        largest_(lse_.size()),
        total_(lse_.size()),
        shift_(lse_.size()),
        query_tiles_(plan_, query_tile_rows(kElement<T>, dim(in), manner.shape), false, manner.all),
        key_tiles_(plan_, key_tile_rows(kElement<T>, dim(in), manner.shape), true, manner.all),
        packed_(plan_, in.dim),
        sums_(lse_.size() * static_cast<std::size_t>(in.dim)),
        manner_(manner),
        in_(in) {
    sums_.fill(0);
    packed_.key.fill(0);
    packed_.value.fill(0);
    if (manner.all) return;  // what no tile has:
    for (auto* rows : {&out_, &grad_query_, &grad_key_, &grad_value_}) rows->clear();
    lse_.fill(-HUGE_VALF);
    largest_.fill(-HUGE_VALF);
    total_.fill(0);
  }

  /// Both passes.
  void launch(void* stream) { ASSERT_EQ(try_launch(stream), 0); }
  int try_launch(void* stream) {
    query_tiles_.launch(stream);
    key_tiles_.launch(stream);
    const ForwardParams forward = forward_params();
    if (const int status = attnlab_cuda_attention_forward(&forward, kElement<T>, stream)) {
      return status;
    }
    const BackwardParams backward = backward_params();
    return attnlab_cuda_attention_backward(&backward, kElement<T>, stream);
  }
  [[nodiscard]] Attended results() const {
    finish();
    const auto lse = lse_.copy();
    return {out_.values(), Values(lse.begin(), lse.end()), grad_query_.values(), grad_key_.values(),
            grad_value_.values()};
  }

 private:
  static int dim(const AttentionInput& in) { return static_cast<int>(in.dim); }
  template <class Params>
  void fill_common(Params& params) const {
    params.plan = plan_;
    params.query = query_.rows();
    params.key = key_.rows();
    params.value = value_.rows();
    params.out = out_.rows();
    params.lse = lse_.data();
    params.largest = largest_.data();
    params.total = total_.data();
    params.scale = static_cast<float>(in_.scale);
    params.head_dim = static_cast<std::int32_t>(in_.dim);
  }
  [[nodiscard]] ForwardParams forward_params() const {
    ForwardParams params;
    fill_common(params);
    params.tiles = query_tiles_.list();
    params.shape = manner_.shape;
    return params;
  }
  [[nodiscard]] BackwardParams backward_params() const {
    BackwardParams params;
    fill_common(params);
    params.query_tiles = query_tiles_.list();
    params.key_tiles = key_tiles_.list();
    params.grad_out = grad_out_.rows();
    params.grad_query = grad_query_.rows();
    params.grad_key = grad_key_.rows();
    params.grad_value = grad_value_.rows();
    params.grad_lse = grad_lse_.data();
    params.shift = shift_.data();
    if (manner_.packed) packed_.add_to(params);
    params.shape = manner_.shape;
    if (manner_.atomic) params.grad_query_sums = sums_.data();
    return params;
  }

  DevicePlan device_;
  const Plan& plan_ = device_.plan;
  StridedRows<T> query_, key_, value_, grad_out_, out_, grad_query_, grad_key_, grad_value_;
  Device<float> grad_lse_, lse_, largest_, total_, shift_;
  DeviceTiles query_tiles_, key_tiles_;
  PackedGrads packed_;
  Device<float> sums_;
  Manner manner_;
  const AttentionInput& in_;
};

template <class T>
Attended attend_on_device(const AttentionInput& in, const HostPlan& plan, Manner manner) {
  DeviceAttention<T> attention(in, plan, manner);
  attention.launch(nullptr);
  return attention.results();
}

}  // namespace attnlab::cuda::test
