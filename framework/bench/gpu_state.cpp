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

void* library() {
  static void* const loaded = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  return loaded;
}

// Calls one function of the driver's library; its status, or -1 where there is none of that name.
template <class... Arguments>
int call(const char* function, Arguments... arguments) {
  const auto found = reinterpret_cast<int (*)(Arguments...)>(dlsym(library(), function));
  return found == nullptr ? -1 : found(arguments...);
}

/// What one call tells of `kind`, as text; "?" where it does not.
std::string number(const char* function, Device device, int kind) {
  unsigned value = 0;
  return call(function, device, kind, &value) == 0 ? std::to_string(value) : "?";
}

std::string clock(Device device, int kind) {
  return number("nvmlDeviceGetClockInfo", device, kind) + " of " +
         number("nvmlDeviceGetMaxClockInfo", device, kind) + " MHz";
}

std::string watts(Device device) {
  unsigned milliwatts = 0;
  if (call("nvmlDeviceGetPowerUsage", device, &milliwatts) != 0) return "? W";
  return std::to_string((milliwatts + 500) / 1000) + " W";
}

std::string throttled(Device device) {
  unsigned long long reasons = 0;
  const int status = call("nvmlDeviceGetCurrentClocksThrottleReasons", device, &reasons);
  return status == 0 ? throttle_words(reasons) : "?";
}

}  // namespace

std::string gpu_state(const std::string& uuid_or_index) {
  if (library() == nullptr) return "unknown: no libnvidia-ml.so.1";
  static const int status = call("nvmlInit_v2");
  if (status != 0) return "unknown: NVML error " + std::to_string(status);
  Device device = nullptr;
  const bool index = uuid_or_index.find_first_not_of("0123456789") == std::string::npos;
  const auto number_of = static_cast<unsigned>(std::strtoul(uuid_or_index.c_str(), nullptr, 10));
  if ((index ? call("nvmlDeviceGetHandleByIndex_v2", number_of, &device)
             : call("nvmlDeviceGetHandleByUUID", uuid_or_index.c_str(), &device)) != 0) {
    return "unknown: NVML has no device '" + uuid_or_index + "'";
  }
  char version[96] = "?";
  static_cast<void>(call("nvmlSystemGetDriverVersion", static_cast<char*>(version),
                         static_cast<unsigned>(sizeof version)));
  return "SM " + clock(device, kSm) + ", memory " + clock(device, kMemory) + ", " +
         number("nvmlDeviceGetTemperature", device, kCore) + " C, " + watts(device) +
         ", throttled: " + throttled(device) + ", driver " + version;
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
