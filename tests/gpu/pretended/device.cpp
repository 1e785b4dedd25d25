// device.cpp: guard, hooks and allocators: what LibTorch asks of a device beside operators.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "tests/gpu/pretended/pretended.h"
#include "tests/gpu/pretended/shown.h"

namespace attnlab::pretended {
namespace {

thread_local c10::DeviceIndex current = 0;
std::atomic<int> no_waiting{0};
std::atomic<std::int64_t> live{0}, peak{0}, allocated{0}, waited{0};

/// They share one memory.
c10::DeviceIndex devices() {
  static const auto shown = static_cast<c10::DeviceIndex>(shown_devices().size());
  return shown;
}
c10::Device device_now() { return {c10::kCUDA, current}; }
c10::DeviceIndex make_current(c10::DeviceIndex index) {
  TORCH_CHECK(index < devices(), "CUDA error: invalid device ordinal ", index);
  return index < 0 ? current : std::exchange(current, index);
}

/// Storages that hold a piece of host memory as the device's.
struct Held {
  c10::Storage host;
  std::int64_t bytes;
};
void let_go(void* context) {
  auto* held = static_cast<Held*>(context);
  live -= held->bytes;
  delete held;
}

class Memory final : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    auto* const host = c10::GetAllocator(c10::kCPU);
    return std::move(
        on_device({c10::Storage::use_byte_size_t{}, bytes, host->allocate(bytes), host, true})
            .mutable_data_ptr());
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override {
    c10::CachingDeviceAllocator::DeviceStats stats;
    auto& bytes = stats.allocated_bytes[0];
    bytes.current = live;
    bytes.peak = peak;
    stats.allocation[0].allocated = allocated;
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override { peak = live.load(); }
};

/// Host memory that copies need not wait for.
class Pinned final : public c10::Allocator {
 public:
  static Pinned& instance() {
    static auto* const allocator = new Pinned;
    return *allocator;
  }
  c10::DataPtr allocate(std::size_t bytes) override {
    auto* const memory = new char[bytes + 1];
    const std::lock_guard lock(mutex_);
    blocks_[memory] = bytes;
    return {memory, memory, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
  bool holds(const void* data) {
    const std::lock_guard lock(mutex_);
    auto after = blocks_.upper_bound(static_cast<const char*>(data));
    if (after == blocks_.begin()) return false;
    --after;
    return static_cast<const char*>(data) <= after->first + after->second;
  }

 private:
  static void release(void* memory) {
    auto& self = instance();
    const std::lock_guard lock(self.mutex_);
    self.blocks_.erase(static_cast<const char*>(memory));
    delete[] static_cast<char*>(memory);
  }
  std::mutex mutex_;
  std::map<const char*, std::size_t> blocks_;
};

class Guard final : public c10::impl::DeviceGuardImplInterface {
  using Clock = std::chrono::steady_clock;

 public:
  c10::DeviceType type() const override { return c10::kCUDA; }
  c10::Device exchangeDevice(c10::Device device) const override {
    return {c10::kCUDA, make_current(device.index())};
  }
  c10::Device getDevice() const override { return device_now(); }
  void setDevice(c10::Device device) const override { make_current(device.index()); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { current = device.index(); }
  c10::Stream getStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, device.has_index() ? device : device_now());
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return getStream(device);
  }
  c10::Stream getNewStream(c10::Device device, int) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  /// The number of its device, which the emulated launchers compare with the current one.
  void* getStreamNativeHandle(const c10::Stream stream) const override {
    return reinterpret_cast<void*>(static_cast<std::intptr_t>(stream.device_index()));
  }
  c10::DeviceIndex deviceCount() const noexcept override { return devices(); }

  void destroyEvent(void* event, const c10::DeviceIndex) const noexcept override {
    delete static_cast<Clock::time_point*>(event);
  }
  void record(void** event, const c10::Stream&, const c10::DeviceIndex,
              const c10::EventFlag) const override {
    if (*event == nullptr) *event = new Clock::time_point;
    *static_cast<Clock::time_point*>(*event) = Clock::now();
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { waits("a stream's end"); }
  void synchronizeEvent(void*) const override { waits("an event"); }
  void synchronizeDevice(const c10::DeviceIndex) const override { waits("the device's end"); }
  double elapsedTime(void* from, void* to, const c10::DeviceIndex) const override {
    return std::chrono::duration<double, std::milli>(*static_cast<Clock::time_point*>(to) -
                                                     *static_cast<Clock::time_point*>(from))
        .count();
  }
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

struct Hooks : at::CUDAHooksInterface {
  explicit Hooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasCUDA() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return devices(); }
  int getNumGPUs() const override { return devices(); }
  c10::DeviceIndex current_device() const override { return current; }
  c10::DeviceIndex getCurrentDevice() const override { return current; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex index) const override {
    return make_current(index);
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex index) const override {
    return make_current(index);
  }
  void setCurrentDevice(c10::DeviceIndex index) const override { make_current(index); }
  c10::Device getDeviceFromPtr(void*) const override { return device_now(); }
  void deviceSynchronize(c10::DeviceIndex) const override { waits("the device's end"); }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &Pinned::instance(); }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    static const auto generator = at::make_generator<at::CPUGeneratorImpl>();
    return generator;
  }
};
[[maybe_unused]] const bool registered = [] {
  static auto* const memory = new Memory;
  c10::SetAllocator(c10::kCUDA, memory);
  return true;
}();

}  // namespace

NoWaiting::NoWaiting() { ++no_waiting; }
NoWaiting::~NoWaiting() { --no_waiting; }

void waits(const char* what) {
  ++waited;
  TORCH_CHECK(no_waiting == 0,
              "CUDA error: operation not permitted when stream is capturing: ", what,
              " makes the host wait for the device");
}

c10::Storage on_device(const c10::Storage& host) {
  ++allocated;
  const auto bytes = static_cast<std::int64_t>(host.nbytes());
  for (std::int64_t now = live += bytes, seen = peak; now > seen;) {
    if (peak.compare_exchange_weak(seen, now)) break;
  }
  auto* const data = const_cast<void*>(host.data());
  return {c10::Storage::use_byte_size_t{}, host.nbytes(),
          c10::DataPtr(data, new Held{host, bytes}, &let_go, device_now()),
          c10::GetAllocator(c10::kCUDA), /*resizable=*/true};
}

bool is_pinned(const void* data) { return Pinned::instance().holds(data); }

}  // namespace attnlab::pretended

extern "C" {
__attribute__((visibility("default"))) int attnlab_pretended_current_device() {
  return attnlab::pretended::current;
}
__attribute__((visibility("default"))) std::int64_t attnlab_pretended_allocations() {
  return attnlab::pretended::allocated;
}
__attribute__((visibility("default"))) std::int64_t attnlab_pretended_waits() {
  return attnlab::pretended::waited;
}
}

namespace at {
using CUDAHooks = attnlab::pretended::Hooks;  // the name that LibTorch asks for
REGISTER_CUDA_HOOKS(CUDAHooks)
}  // namespace at
