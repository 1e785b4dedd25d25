#include "framework/core/gpus.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "framework/core/error.h"
#include "framework/core/number_in.h"
#include "framework/core/text.h"

namespace attnlab::machine {
namespace {

/// cuda.h's CUuuid.
struct Uuid {
  std::array<unsigned char, 16> bytes{};
};

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

std::string text_of(const Uuid& uuid) {
  std::string text = "GPU-";
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[uuid.bytes[i] / 16];
    text += kDigits[uuid.bytes[i] % 16];
  }
  return text;
}

/// What the variable lists; nothing where it is not set.
std::vector<std::string> listed() {
  const char* const list = std::getenv("CUDA_VISIBLE_DEVICES");
  return list == nullptr || *list == 0 ? std::vector<std::string>{} : split(list, ',');
}

std::vector<Gpu> ask_driver() {
  void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return {};
  int (*init)(unsigned) = nullptr;
  int (*count)(int*) = nullptr;
  int (*get)(int*, int) = nullptr;
  int (*name)(char*, int, int) = nullptr;
  int (*uuid)(Uuid*, int) = nullptr;
  int devices = 0;
  const bool there = find(driver, "cuInit", init) && find(driver, "cuDeviceGetCount", count) &&
                     init(0) == 0 && count(&devices) == 0;
  if (!there) return {};
  const bool named = find(driver, "cuDeviceGet", get) && find(driver, "cuDeviceGetName", name);
  // The second version tells the parts of one that is cut up (MIG) apart.
  const bool told = find(driver, "cuDeviceGetUuid_v2", uuid) || find(driver, "cuDeviceGetUuid", uuid);
  const auto names = listed();
  std::vector<Gpu> found(static_cast<std::size_t>(devices));
  for (int i = 0; i < devices; ++i) {
    auto& gpu = found[static_cast<std::size_t>(i)];
    gpu.visible = static_cast<std::size_t>(i) < names.size() ? names[static_cast<std::size_t>(i)] : std::to_string(i);
    int device = 0;
    if (!named || get(&device, i) != 0) continue;
    std::array<char, 256> text{};
    if (name(text.data(), static_cast<int>(text.size()) - 1, device) == 0) gpu.model = text.data();
    Uuid bytes;
    if (told && uuid(&bytes, device) == 0) gpu.id = text_of(bytes);
  }
  return found;
}

std::size_t number_from(const std::string& word, const std::string& list) {
  const auto number = number_in<std::size_t>(word);
  if (number && *number < 1024) return *number;
  throw Error("--gpus " + list + ": '" + word + "' is no GPU's number; expected numbers with commas (0,1) or all. "
              "attnlab doctor lists the GPUs.", kExitUsage);
}

}  // namespace

const std::vector<Gpu>& gpus() {
  static const std::vector<Gpu> found = ask_driver();
  return found;
}

void show_only_gpus(const std::string& list) {
  if (list != "all") {
    const auto before = listed();
    std::vector<std::string> chosen;
    for (const auto& word : split(list, ',')) {
      const auto number = number_from(word, list);
      if (!before.empty() && number >= before.size()) {
        throw Error("--gpus " + list + ": CUDA_VISIBLE_DEVICES shows " + std::to_string(before.size()) +
                        " here, so that the last one is " + std::to_string(before.size() - 1), kExitUsage);
      }
      chosen.push_back(before.empty() ? std::to_string(number) : before[number]);
      if (std::ranges::count(chosen, chosen.back()) > 1) {
        throw Error("--gpus " + list + ": the same GPU twice. --per-gpu N says how many runs share one.", kExitUsage);
      }
    }
    ::setenv("CUDA_VISIBLE_DEVICES", join(chosen, ",").c_str(), 1);
    if (gpus().size() == chosen.size()) return;
  }
  if (list == "all" && !gpus().empty()) return;
  throw Error("--gpus " + list + ": the driver shows " +
                  (gpus().empty() ? std::string("none") : "only " + std::to_string(gpus().size())) +
                  " of these. attnlab doctor lists the GPUs.", kExitUsage);
}

}  // namespace attnlab::machine
