#include "framework/train/memory.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>

#include "framework/core/text.h"

namespace attnlab::train {
namespace {

std::atomic<std::int64_t> in_use{0};
std::atomic<std::int64_t> peak{0};
std::atomic<std::int64_t> allocations{0};

void count(std::int64_t bytes) {
  const auto now = in_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  auto highest = peak.load(std::memory_order_relaxed);
  while (now > highest && !peak.compare_exchange_weak(highest, now, std::memory_order_relaxed)) {
  }
}

// malloc knows the size of its blocks, so none has to be stored beside them; that also keeps data
// pointer and context equal, which LibTorch's raw_allocate() asks for.
void counted_free(void* block) {
  count(-static_cast<std::int64_t>(malloc_usable_size(block)));
  c10::free_cpu(block);
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    void* const block = bytes == 0 ? nullptr : c10::alloc_cpu(bytes);
    if (block != nullptr) {
      count(static_cast<std::int64_t>(malloc_usable_size(block)));
      allocations.fetch_add(1, std::memory_order_relaxed);
    }
    return {block, block, &counted_free, at::Device(at::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &counted_free; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

std::int64_t process_peak = 0;
std::chrono::steady_clock::time_point last_look{};

void reset_high_water() { std::ofstream("/proc/self/clear_refs") << "5"; }

// What the highest resident set since the last look was without file pages: those that are mapped
// now are taken off, and what is held without them now is the least that it can have been.
void take_process_peak() {
  last_look = std::chrono::steady_clock::now();
  std::int64_t highest = 0, files = 0, own = 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name;
    std::int64_t kib = 0;
    if (!(words >> name >> kib)) continue;
    if (name == "VmHWM:") highest = kib;
    if (name == "RssFile:") files = kib;
    if (name == "RssAnon:" || name == "RssShmem:") own += kib;
  }
  process_peak = std::max({process_peak, (highest - files) * 1024, own * 1024});
  reset_high_water();
}

}  // namespace

void install_counting_allocator() {
  static CountingAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}

std::int64_t tensor_peak_bytes(at::Device device) {
  if (device.is_cpu()) return peak.load();
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
  return c10::getDeviceAllocator(device.type())->getDeviceStats(device.index()).allocated_bytes[kAll].peak;
}

std::int64_t tensor_allocations(at::Device device) {
  if (device.is_cpu()) return allocations.load();
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return c10::getDeviceAllocator(device.type())->getDeviceStats(device.index()).allocation[kAll].allocated;
}

void look_at_process() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_look < std::chrono::milliseconds(100)) return;
  take_process_peak();
}

std::int64_t process_peak_bytes() {
  take_process_peak();
  return process_peak;
}

std::vector<Metric> peak_metrics(at::Device device, const Peaks& earlier) {
  const auto peak_of = [](const char* name, std::int64_t bytes) {
    return Metric{{name, "bytes", Goal::minimise}, static_cast<double>(bytes)};
  };
  std::vector<Metric> metrics{peak_of("allocator_peak_bytes", std::max(tensor_peak_bytes(device), earlier.tensors))};
  if (device.is_cuda()) metrics.push_back(peak_of("host_allocator_peak_bytes", tensor_peak_bytes(at::kCPU)));
  metrics.push_back(peak_of("process_peak_bytes", std::max(process_peak_bytes(), earlier.process)));
  return metrics;
}

void reset_peaks(at::Device device) {
  malloc_trim(0);
  peak = in_use.load();
  reset_high_water();
  process_peak = 0;
  if (device.is_cpu()) return;
  static_cast<void>(at::empty({1}, at::device(device)));  // the allocator begins with a tensor
  c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
  c10::getDeviceAllocator(device.type())->resetPeakStats(device.index());
}

double least_step_bytes(const config::ModelConfig& model, const config::TrainConfig& train,
                        const model::TokenShape& tokens, std::int64_t rows,
                        std::int64_t square_tensors) {
  const auto C = static_cast<double>(model.width), R = static_cast<double>(model.mlp_ratio);
  const auto L = static_cast<double>(model.layers), T = static_cast<double>(tokens.length);
  const auto W = static_cast<double>(tokens.vocabulary), B = static_cast<double>(rows);
  const double element = train.precision == config::Precision::bfloat16 ? 2 : 4;
  const bool learned = model.positions == config::Positions::learned;
  const double weights = (W + (learned ? T : 0)) * C + L * ((model.shared_keys ? 3 : 4) + 2 * R) * C * C;
  // Kept of each block: both inputs and outputs of the norms, the attention's input and output, the
  // MLP before and after GELU.
  const double kept = B * T * L * (model.shared_keys ? 7 + 2 * R : 8 + 2 * R) * C * element;
  const double logits = std::min(static_cast<double>(train.loss_slice), B * T) * W * 4;
  const double batches = static_cast<double>(train.accumulation) * B * T * 2 * sizeof(std::int64_t);
  const double square = static_cast<double>(square_tensors) * B *
                        static_cast<double>(model.heads) * T * T * element;
  return 4 * weights * sizeof(float) + kept + logits + batches + square;
}

std::string too_large(double bytes, double available) {
  if (available <= 0 || bytes <= available) return {};
  return "needs an estimated " + human_bytes(bytes) + "; this process may use " +
         human_bytes(available) + ".";
}

}  // namespace attnlab::train
