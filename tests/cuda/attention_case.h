/// attention_case.h: one random input and one plan through the emulated launchers, with arrays that
///   nothing may leave, rows of other strides, and results that start as garbage.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "framework/cuda/attention_launch.h"
#include "framework/cuda/gpu.h"
#include "tests/cuda/float64.h"

namespace attnlab::cuda::test {

/// Memory on the pretended device.
template <class T>
class Device {
 public:
  explicit Device(std::size_t count)
      : data_(static_cast<T*>(std::aligned_alloc(16, (count * sizeof(T) + 15) / 16 * 16))),
        count_(count) {
    std::memset(static_cast<void*>(data_.get()), 0xff, count * sizeof(T));  // NaN, or -1
    if (count > 0) known_.emplace(data_.get(), count * sizeof(T));
  }
  explicit Device(const std::vector<T>& values) : Device(values.size()) {
    std::copy(values.begin(), values.end(), data_.get());
  }
  [[nodiscard]] T* data() const { return count_ == 0 ? nullptr : data_.get(); }
  [[nodiscard]] std::size_t size() const { return count_; }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t count_;
  std::optional<emulator::KnownArray> known_;
};

template <class T>
T rounded(double x) {
  if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(x);
  } else {
    return {gpu::round_to<T>(static_cast<float>(x))};
  }
}
template <class T>
double round_double(double x) {
  return gpu::to_float(rounded<T>(x));
}
template <class T>
constexpr AttnlabElement kElement = std::is_same_v<T, float>  ? kAttnlabFloat32
                                    : std::is_same_v<T, Bf16> ? kAttnlabBfloat16
                                                              : kAttnlabFloat16;

/// [B, H, T, D] stored as [B, T, H, D + 8]: strides that no kernel may guess.
template <class T>
class StridedRows {
 public:
  StridedRows(const Plan& plan, std::int64_t dim)
      : plan_(plan),
        dim_(dim),
        store_(static_cast<std::size_t>(plan.groups * plan.length * wide())) {}
  StridedRows(const Plan& plan, std::int64_t dim, const Values& values) : StridedRows(plan, dim) {
    for (std::size_t i = 0; i < values.size(); ++i) store_.data()[at(i)] = rounded<T>(values[i]);
  }
  [[nodiscard]] Rows rows() const {
    return {store_.data(), plan_.length * plan_.heads * wide(), wide(), plan_.heads * wide()};
  }
  [[nodiscard]] Values values() const {
    Values values(static_cast<std::size_t>(plan_.groups * plan_.length * dim_));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = gpu::to_float(store_.data()[at(i)]);
    return values;
  }

 private:
  [[nodiscard]] std::int64_t wide() const { return dim_ + 8; }
  [[nodiscard]] std::size_t at(std::size_t i) const {
    const auto index = static_cast<std::int64_t>(i);
    const std::int64_t d = index % dim_, t = index / dim_ % plan_.length;
    const std::int64_t g = index / dim_ / plan_.length;
    const std::int64_t b = g / plan_.heads, h = g % plan_.heads;
    return static_cast<std::size_t>(((b * plan_.length + t) * plan_.heads + h) * wide() + d);
  }
  Plan plan_;
  std::int64_t dim_;
  Device<T> store_;
};

/// A plan's arrays on the pretended device.
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

/// Made by the launcher.
struct DeviceTiles {
  DeviceTiles(const Plan& plan, int tile_rows, bool keys)
      : slots(tile_slots(keys ? plan.keys : plan.queries, tile_rows, plan.segments)),
        items(static_cast<std::size_t>(plan.groups * slots)),
        classes(items.size()),
        order(items.size()),
        counts(static_cast<std::size_t>(sort_chunks(plan.groups * slots, kTileClasses) *
                                        kTileClasses)),
        start(kTileClasses + 1) {
    TileListParams list;
    list.query_start = plan.query_start;
    list.key_begin = plan.key_begin;
    list.key_end = plan.key_end;
    list.tiles = items.data();
    list.classes = classes.data();
    list.groups = plan.groups;
    list.segments = plan.segments;
    list.slots = slots;
    list.tile_rows = tile_rows;
    list.grows = plan.causal && plan.ascending;
    SortParams<void> sort;
    sort.keys = classes.data();
    sort.counts = counts.data();
    sort.rows = order.data();
    sort.start = start.data();
    sort.groups = 1;
    sort.length = plan.groups * slots;
    sort.buckets = kTileClasses;
    EXPECT_EQ(attnlab_cuda_list_tiles(&list, &sort, keys ? 1 : 0, nullptr), 0);
  }
  [[nodiscard]] TileList list() const {
    return {items.data(), order.data(), start.data() + kTileClasses,
            static_cast<std::int64_t>(items.size())};
  }
  std::int64_t slots;
  Device<TileItem> items;
  Device<std::uint8_t> classes;
  Device<std::int32_t> order, counts, start;
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
            plan.groups * sort_chunks(plan.keys, static_cast<std::int32_t>(plan.length)) *
            plan.length)) {}
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

/// One attention with everything it needs on the pretended device.
template <class T>
class EmulatedAttention {
 public:
  EmulatedAttention(const AttentionInput& in, const HostPlan& host)
      : device_(host),
        dim_(static_cast<int>(in.dim)),
        scale_(static_cast<float>(in.scale)),
        query_(plan_, in.dim, in.query),
        key_(plan_, in.dim, in.key),
        value_(plan_, in.dim, in.value),
        out_(plan_, in.dim),
        lse_(static_cast<std::size_t>(plan_.groups * plan_.length)),
        largest_(lse_.size()),
        total_(lse_.size()),
        tiles_(plan_, query_tile_rows(kElement<T>, dim_), false) {}

  void forward() {
    ForwardParams params;
    params.plan = plan_;
    params.tiles = tiles_.list();
    params.query = query_.rows();
    params.key = key_.rows();
    params.value = value_.rows();
    params.out = out_.rows();
    params.lse = lse_.data();
    params.largest = largest_.data();
    params.total = total_.data();
    params.scale = scale_;
    params.head_dim = dim_;
    ASSERT_EQ(attnlab_cuda_attention_forward(&params, kElement<T>, nullptr), 0);
  }

  /// packed: as if rows could repeat among a group's keys.
  Attended backward(const AttentionInput& in, bool packed) {
    const StridedRows<T> grad_out(plan_, in.dim, in.grad_out);
    const StridedRows<T> grad_query(plan_, in.dim), grad_key(plan_, in.dim);
    const StridedRows<T> grad_value(plan_, in.dim);
    const Device<float> grad_lse(std::vector<float>(in.grad_lse.begin(), in.grad_lse.end()));
    const Device<float> shift(lse_.size());
    const DeviceTiles key_tiles(plan_, key_tile_rows(kElement<T>, dim_), true);
    const PackedGrads scratch(plan_, in.dim);
    BackwardParams params;
    params.plan = plan_;
    params.query_tiles = tiles_.list();
    params.key_tiles = key_tiles.list();
    params.query = query_.rows();
    params.key = key_.rows();
    params.value = value_.rows();
    params.out = out_.rows();
    params.grad_out = grad_out.rows();
    params.grad_query = grad_query.rows();
    params.grad_key = grad_key.rows();
    params.grad_value = grad_value.rows();
    params.lse = lse_.data();
    params.largest = largest_.data();
    params.total = total_.data();
    params.grad_lse = grad_lse.data();
    params.shift = shift.data();
    params.scale = scale_;
    params.head_dim = dim_;
    if (packed) scratch.add_to(params);
    EXPECT_EQ(attnlab_cuda_attention_backward(&params, kElement<T>, nullptr), 0);
    return {out_.values(), Values(lse_.data(), lse_.data() + lse_.size()), grad_query.values(),
            grad_key.values(), grad_value.values()};
  }

 private:
  DevicePlan device_;
  const Plan& plan_ = device_.plan;
  int dim_;
  float scale_;
  StridedRows<T> query_, key_, value_, out_;
  Device<float> lse_, largest_, total_;
  DeviceTiles tiles_;
};

template <class T>
Attended attend_emulated(const AttentionInput& in, const HostPlan& plan, bool packed) {
  EmulatedAttention<T> attention(in, plan);
  attention.forward();
  return attention.backward(in, packed);
}

inline double largest_of(const Values& values) {
  double largest = 0;
  for (const double x : values) largest = std::max(largest, std::isinf(x) ? 0 : std::abs(x));
  return largest;
}

/// The rule of tests/support/tolerance.h, with a plain implementation of the same type in place of
/// LibTorch's: max|x - exact| <= 2 max|rounded - exact| + 4 ulp of the largest.
template <class T>
void expect_close(const std::string& name, const Values& actual, const Values& baseline,
                  const Values& exact) {
  ASSERT_EQ(actual.size(), exact.size()) << name;
  double error = 0, allowed = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    if (std::isinf(exact[i])) {
      ASSERT_EQ(actual[i], exact[i]) << name << " " << i;
      continue;
    }
    ASSERT_TRUE(std::isfinite(actual[i])) << name << " " << i;
    error = std::max(error, std::abs(actual[i] - exact[i]));
    allowed = std::max(allowed, 2 * std::abs(baseline[i] - exact[i]));
  }
  constexpr int kBits = std::is_same_v<T, float> ? 23 : std::is_same_v<T, F16> ? 10 : 7;
  const double largest = largest_of(exact);
  if (largest > 0) allowed += 4 * std::ldexp(1.0, std::ilogb(largest) - kBits);
  EXPECT_LE(error, allowed) << name << ": the largest value is " << largest;
}

/// Rows without keys: results of exactly 0.
inline void expect_nothing_unseen(const AttentionInput& in, const Attended& actual,
                                  const Attended& exact) {
  const auto D = static_cast<std::size_t>(in.dim);
  for (std::size_t i = 0; i < exact.lse.size(); ++i) {
    if (!std::isinf(exact.lse[i])) continue;
    for (std::size_t d = 0; d < D; ++d) {
      ASSERT_EQ(actual.out[i * D + d], 0) << "row " << i;
      ASSERT_EQ(actual.grad_query[i * D + d], 0) << "row " << i;
    }
  }
}

template <class T>
void expect_exact(const HostPlan& plan, const AttentionInput& in, bool packed) {
  const Attended actual = attend_emulated<T>(in, plan, packed);
  const Attended exact = attend(in, plan), baseline = attend<float>(in, plan, round_double<T>);
  expect_close<T>("out", actual.out, baseline.out, exact.out);
  expect_close<float>("lse", actual.lse, baseline.lse, exact.lse);
  expect_close<T>("grad_query", actual.grad_query, baseline.grad_query, exact.grad_query);
  expect_close<T>("grad_key", actual.grad_key, baseline.grad_key, exact.grad_key);
  expect_close<T>("grad_value", actual.grad_value, baseline.grad_value, exact.grad_value);
  expect_nothing_unseen(in, actual, exact);
}

}  // namespace attnlab::cuda::test
