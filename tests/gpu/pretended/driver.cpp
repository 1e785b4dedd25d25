// libcuda.so.1 of the pretended GPUs: a driver that names devices and can do nothing else.
// ATTNLAB_PRETENDED_MODELS: a word for each, "A,B,A"; all are "" where it is not set.
#include <algorithm>
#include <cstring>

#include "tests/gpu/pretended/shown.h"

#define ATTNLAB_OFFERED __attribute__((visibility("default")))

namespace {

std::string model_of(int device) {
  const char* const models = std::getenv("ATTNLAB_PRETENDED_MODELS");
  std::istringstream list(models == nullptr ? "" : models);
  std::string word;
  for (int i = 0; i <= device; ++i) {
    if (!std::getline(list, word, ',')) return "";
  }
  return word;
}

}  // namespace

extern "C" {
ATTNLAB_OFFERED int cuInit(unsigned) { return 0; }
ATTNLAB_OFFERED int cuDeviceGetCount(int* count) {
  *count = static_cast<int>(attnlab::pretended::shown_devices().size());
  return 0;
}
ATTNLAB_OFFERED int cuDeviceGet(int* device, int ordinal) {
  const auto shown = attnlab::pretended::shown_devices();
  if (ordinal < 0 || ordinal >= static_cast<int>(shown.size())) return 101;  // CUDA_ERROR_INVALID_DEVICE
  *device = shown[static_cast<std::size_t>(ordinal)];
  return 0;
}
ATTNLAB_OFFERED int cuDeviceGetName(char* name, int length, int device) {
  const auto model = model_of(device);
  const auto size = std::min(model.size(), static_cast<std::size_t>(length - 1));
  std::memcpy(name, model.data(), size);
  name[size] = 0;
  return 0;
}
ATTNLAB_OFFERED int cuDeviceGetUuid_v2(unsigned char* uuid, int device) {
  std::memset(uuid, 0xab, 16);
  uuid[15] = static_cast<unsigned char>(device);
  return 0;
}
}
