/// device_arrays.h: typed memory on the device, and rows of attention in it, to and from float64.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <vector>

#include "framework/cuda/attention_launch.h"
#include "framework/cuda/gpu.h"
#include "tests/cuda/device_memory.h"
#include "tests/cuda/float64.h"

namespace attnlab::cuda::test {

/// Memory on the device. Filled with 0xff (NaN, or -1) unless `bare`.
template <class T>
class Device {
 public:
  explicit Device(std::size_t count, bool bare = false)
      : data_(static_cast<T*>(allocate(count * sizeof(T)))), count_(count) {
    if (data_ == nullptr) throw std::bad_alloc();
    if (!bare) std::memset(static_cast<void*>(data_.get()), 0xff, count * sizeof(T));
    if (count > 0) known_.emplace(data_.get(), count * sizeof(T));
  }
  explicit Device(const std::vector<T>& values) : Device(values.size()) {
    std::copy(values.begin(), values.end(), data_.get());
  }
  void fill(T value) const { std::fill_n(data_.get(), count_, value); }
  [[nodiscard]] T* data() const { return count_ == 0 ? nullptr : data_.get(); }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::vector<T> copy() const { return {data_.get(), data_.get() + count_}; }

 private:
  struct Release {
    void operator()(T* memory) const { release(memory); }
  };
  std::unique_ptr<T, Release> data_;
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

/// [B, H, T, D] stored as [B, T, H, D + 8], and `gap` more elements between batches: strides that
/// no kernel may guess.
template <class T>
class StridedRows {
 public:
  StridedRows(const Plan& plan, std::int64_t dim, std::int64_t gap = 0)
      : plan_(plan),
        dim_(dim),
        batch_(plan.length * plan.heads * (dim + 8) + gap),
        store_(static_cast<std::size_t>(plan.groups / plan.heads * batch_ - gap), gap > 0) {}
  StridedRows(const Plan& plan, std::int64_t dim, const Values& values, std::int64_t gap = 0)
      : StridedRows(plan, dim, gap) {
    for (std::size_t i = 0; i < values.size(); ++i) store_.data()[at(i)] = rounded<T>(values[i]);
  }
  void clear() {
    const auto count = static_cast<std::size_t>(plan_.groups * plan_.length * dim_);
    for (std::size_t i = 0; i < count; ++i) store_.data()[at(i)] = rounded<T>(0);
  }
  [[nodiscard]] Rows rows() const {
    return {store_.data(), batch_, dim_ + 8, plan_.heads * (dim_ + 8)};
  }
  [[nodiscard]] Values values() const {
    Values values(static_cast<std::size_t>(plan_.groups * plan_.length * dim_));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = gpu::to_float(store_.data()[at(i)]);
    return values;
  }

 private:
  [[nodiscard]] std::size_t at(std::size_t i) const {
    const auto index = static_cast<std::int64_t>(i);
    const std::int64_t d = index % dim_, t = index / dim_ % plan_.length;
    const std::int64_t g = index / dim_ / plan_.length;
    const std::int64_t b = g / plan_.heads, h = g % plan_.heads;
    return static_cast<std::size_t>(b * batch_ + (t * plan_.heads + h) * (dim_ + 8) + d);
  }
  Plan plan_;
  std::int64_t dim_, batch_;
  Device<T> store_;
};

}  // namespace attnlab::cuda::test
