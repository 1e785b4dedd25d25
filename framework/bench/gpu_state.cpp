#include "framework/bench/gpu_state.h"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace attnlab::bench {
namespace {

// From nvml.h, whose numbers are fixed.
using Device = void*;
constexpr int kSm = 1, kMemory = 2, kCore = 0;

/// The driver's library, loaded once; functions are null where there is none.
struct Nvml {
  Nvml() {
    library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    find("nvmlDeviceGetHandleByIndex_v2", by_index);
    find("nvmlDeviceGetHandleByUUID", by_uuid);
    find("nvmlSystemGetDriverVersion", driver);
    find("nvmlDeviceGetClockInfo", clock);
    find("nvmlDeviceGetMaxClockInfo", max_clock);
    find("nvmlDeviceGetTemperature", temperature);
    find("nvmlDeviceGetPowerUsage", power);
    find("nvmlDeviceGetCurrentClocksThrottleReasons", reasons);
    int (*init)() = nullptr;
    find("nvmlInit_v2", init);
    status = init == nullptr ? -1 : init();
  }
  template <class Function>
  void find(const char* name, Function*& function) const {
    function = reinterpret_cast<Function*>(dlsym(library, name));
  }
  void* library = nullptr;
  int status = -1;
  int (*by_index)(unsigned, Device*) = nullptr;
  int (*by_uuid)(const char*, Device*) = nullptr;
  int (*driver)(char*, unsigned) = nullptr;
  int (*clock)(Device, int, unsigned*) = nullptr;
  int (*max_clock)(Device, int, unsigned*) = nullptr;
  int (*temperature)(Device, int, unsigned*) = nullptr;
  int (*power)(Device, unsigned*) = nullptr;  // milliwatts
  int (*reasons)(Device, unsigned long long*) = nullptr;
};

const Nvml& nvml() {
  static const Nvml loaded;
  return loaded;
}

/// What one call tells of `kind`, as text; "?" where it does not.
std::string number(int (*ask)(Device, int, unsigned*), Device device, int kind) {
  unsigned value = 0;
  if (ask == nullptr || ask(device, kind, &value) != 0) return "?";
  return std::to_string(value);
}

std::string clock(Device device, int kind) {
  return number(nvml().clock, device, kind) + " of " + number(nvml().max_clock, device, kind) +
         " MHz";
}

std::string watts(Device device) {
  unsigned milliwatts = 0;
  if (nvml().power == nullptr || nvml().power(device, &milliwatts) != 0) return "? W";
  return std::to_string((milliwatts + 500) / 1000) + " W";
}

std::string driver() {
  char version[96] = "";
  return nvml().driver != nullptr && nvml().driver(version, sizeof version) == 0 ? version : "?";
}

std::string throttled(Device device) {
  unsigned long long reasons = 0;
  if (nvml().reasons == nullptr || nvml().reasons(device, &reasons) != 0) return "?";
  return throttle_words(reasons);
}

Device find_device(const std::string& name) {
  const bool index = name.find_first_not_of("0123456789") == std::string::npos;
  Device device = nullptr;
  int status = -1;
  if (index && nvml().by_index != nullptr) {
    const auto number = std::strtoul(name.c_str(), nullptr, 10);
    status = nvml().by_index(static_cast<unsigned>(number), &device);
  } else if (!index && nvml().by_uuid != nullptr) {
    status = nvml().by_uuid(name.c_str(), &device);
  }
  return status == 0 ? device : nullptr;
}

}  // namespace

std::string gpu_state(const std::string& uuid_or_index) {
  if (nvml().library == nullptr) return "unknown: no libnvidia-ml.so.1";
  if (nvml().status != 0) return "unknown: NVML error " + std::to_string(nvml().status);
  const auto device = find_device(uuid_or_index);
  if (device == nullptr) return "unknown: NVML has no device '" + uuid_or_index + "'";
  return "SM " + clock(device, kSm) + ", memory " + clock(device, kMemory) + ", " +
         number(nvml().temperature, device, kCore) + " C, " + watts(device) +
         ", throttled: " + throttled(device) + ", driver " + driver();
}

std::string first_visible_gpu() {
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  const std::string all = visible == nullptr ? "" : visible;
  return all.substr(0, all.find(','));
}

std::string throttle_words(unsigned long long reasons) {
  // Idle (1) and clocks that somebody set (2, 16, 256) hold nothing down.
  constexpr std::array<std::pair<unsigned long long, const char*>, 5> kWords{
      {{4, "power cap"},
       {8, "hardware slowdown"},
       {32, "heat"},
       {64, "heat of the hardware"},
       {128, "power brake"}}};
  std::string words;
  for (const auto& [bit, word] : kWords) {
    if ((reasons & bit) != 0) words += (words.empty() ? "" : " + ") + std::string(word);
  }
  return words.empty() ? "no" : words;
}

}  // namespace attnlab::bench
