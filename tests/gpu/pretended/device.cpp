// device.cpp: guard, hooks and allocators: what LibTorch asks of a device beside operators.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>

#include "tests/gpu/pretended/pretended.h"

namespace attnlab::pretended {
namespace {

const c10::Device kDevice(c10::kCUDA, 0);
std::atomic<int> no_waiting{0};
std::atomic<std::int64_t> live{0}, peak{0};

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
  c10::Device exchangeDevice(c10::Device) const override { return kDevice; }
  c10::Device getDevice() const override { return kDevice; }
  void setDevice(c10::Device device) const override {
    TORCH_CHECK(device.index() <= 0, "CUDA error: invalid device ordinal ", device.index());
  }
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override {
    return c10::Stream(c10::Stream::DEFAULT, kDevice);
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return getStream(device);
  }
  c10::Stream getNewStream(c10::Device device, int) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  void* getStreamNativeHandle(const c10::Stream) const override { return nullptr; }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }

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
  c10::DeviceIndex deviceCount() const override { return 1; }
  int getNumGPUs() const override { return 1; }
  c10::DeviceIndex current_device() const override { return 0; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::Device getDeviceFromPtr(void*) const override { return kDevice; }
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
  TORCH_CHECK(no_waiting == 0,
              "CUDA error: operation not permitted when stream is capturing: ", what,
              " makes the host wait for the device");
}

c10::Storage on_device(const c10::Storage& host) {
  const auto bytes = static_cast<std::int64_t>(host.nbytes());
  for (std::int64_t now = live += bytes, seen = peak; now > seen;) {
    if (peak.compare_exchange_weak(seen, now)) break;
  }
  auto* const data = const_cast<void*>(host.data());
  return {c10::Storage::use_byte_size_t{}, host.nbytes(),
          c10::DataPtr(data, new Held{host, bytes}, &let_go, kDevice),
          c10::GetAllocator(c10::kCUDA), /*resizable=*/true};
}

bool is_pinned(const void* data) { return Pinned::instance().holds(data); }

}  // namespace attnlab::pretended

namespace at {
using CUDAHooks = attnlab::pretended::Hooks;  // the name that LibTorch asks for
REGISTER_CUDA_HOOKS(CUDAHooks)
}  // namespace at
