#include "framework/launch/gpu_claims.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "framework/core/error.h"

namespace attnlab::launch {
namespace {

namespace fs = std::filesystem;

// Descriptors 0 to 3 are a child's own.
constexpr int kLowestDescriptor = 4;

/// A locked descriptor, or none where somebody has the lock.
Descriptor lock_file(const fs::path& file, int kind) {
  auto opened = lifted(Descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)), kLowestDescriptor);
  if (!opened) throw errno_error("cannot claim a GPU: '" + file.string() + "'");
  if (::flock(opened.number(), kind | LOCK_NB) != 0) return {};
  return opened;
}

void make_own_folder(const fs::path& folder) {
  struct stat facts {};
  const bool made = ::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST;
  const int cause = errno;
  const bool ours = made && ::lstat(folder.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) && facts.st_uid == ::geteuid();
  if (ours) return;
  throw Error("cannot claim GPUs in '" + folder.string() + "': " +
              (made ? "it is not a folder of this user" : std::strerror(cause)) + ". Name another with ATTNLAB_RUNTIME_DIR.");
}

/// None where somebody has one of them.
std::vector<Descriptor> lock(const fs::path& folder, const std::string& name, int place, int per_gpu) {
  std::vector<Descriptor> locks;
  locks.push_back(lock_file(folder / name, per_gpu == 1 ? LOCK_EX : LOCK_SH));
  if (locks[0] && per_gpu > 1) locks.push_back(lock_file(folder / (name + "." + std::to_string(place)), LOCK_EX));
  if (!locks.back()) locks.clear();
  return locks;
}

}  // namespace

void GpuClaim::add(const std::string& visible, std::vector<Descriptor> locks) {
  visible_ += (visible_.empty() ? "" : ",") + visible;
  std::ranges::move(locks, std::back_inserter(locks_));
}

std::vector<int> GpuClaim::descriptors() const {
  std::vector<int> numbers;
  for (const auto& lock : locks_) numbers.push_back(lock.number());
  return numbers;
}

GpuClaims::GpuClaims(fs::path folder, std::vector<machine::Gpu> gpus, int per_gpu)
    : folder_(std::move(folder)), gpus_(std::move(gpus)), per_gpu_(per_gpu) {
  make_own_folder(folder_);
}

// All or nothing: two that each hold a part of what both need would wait for ever.
std::unique_ptr<GpuClaim> GpuClaims::take(std::size_t count) const {
  auto claim = std::make_unique<GpuClaim>();
  std::vector<const machine::Gpu*> taken;
  for (int place = 0; place < per_gpu_; ++place) {
    for (const auto& gpu : gpus_) {
      if (taken.size() == count) return claim;
      if (std::ranges::find(taken, &gpu) != taken.end()) continue;
      // Numbers are each process's own; without an id there is nothing better.
      auto locks = lock(folder_, gpu.id.empty() ? "gpu-" + gpu.visible : gpu.id, place, per_gpu_);
      if (locks.empty()) continue;
      claim->add(gpu.visible, std::move(locks));
      taken.push_back(&gpu);
    }
  }
  return taken.size() == count ? std::move(claim) : nullptr;
}

fs::path gpu_claims_folder() {
  const char* const named = std::getenv("ATTNLAB_RUNTIME_DIR");
  return named != nullptr && *named != 0 ? fs::path(named) : fs::path("/tmp/attnlab-" + std::to_string(::geteuid()));
}

}  // namespace attnlab::launch
