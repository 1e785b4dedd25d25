/// gpu_state.h: the clocks of a GPU and what holds them down, by the driver's own account (NVML).
#pragma once

#include <string>

namespace attnlab::bench {

/// Of one device, now: "SM 1980 of 1980 MHz, memory 2619 of 2619 MHz, 41 C, 355 W, throttled: no,
/// driver 580.95.05".
/// "unknown: ..." with the reason where the driver does not tell; never throws. `uuid_or_index` as
/// in CUDA_VISIBLE_DEVICES ("0", "GPU-8f2a..."); empty: the first device.
[[nodiscard]] std::string gpu_state(const std::string& uuid_or_index);

/// What CUDA's first device is called in CUDA_VISIBLE_DEVICES; empty where that is not set.
[[nodiscard]] std::string first_visible_gpu();

/// The bits of nvmlDeviceGetCurrentClocksEventReasons in words: "no", "power cap", "power cap +
/// heat".
[[nodiscard]] std::string throttle_words(unsigned long long reasons);

}  // namespace attnlab::bench
