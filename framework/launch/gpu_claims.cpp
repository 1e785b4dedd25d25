#include "framework/launch/gpu_claims.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "framework/core/error.h"

namespace attnlab::launch {
namespace {

namespace fs = std::filesystem;

// Descriptors 0 to 3 are a child's own.
constexpr int kLowestDescriptor = 4;

/// A locked descriptor, or -1 where somebody has the lock.
int lock_file(const fs::path& file, int kind) {
  const int low = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  const int fd = low < 0 ? -1 : ::fcntl(low, F_DUPFD_CLOEXEC, kLowestDescriptor);
  const int cause = errno;
  if (low >= 0) ::close(low);
  if (fd < 0) throw Error("cannot claim a GPU: '" + file.string() + "': " + std::strerror(cause));
  if (::flock(fd, kind | LOCK_NB) == 0) return fd;
  ::close(fd);
  return -1;
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

std::vector<int> lock(const fs::path& folder, const std::string& name, int place, int per_gpu) {
  const int whole = lock_file(folder / name, per_gpu == 1 ? LOCK_EX : LOCK_SH);
  if (whole < 0 || per_gpu == 1) return whole < 0 ? std::vector<int>{} : std::vector<int>{whole};
  const int part = lock_file(folder / (name + "." + std::to_string(place)), LOCK_EX);
  if (part >= 0) return {whole, part};
  ::close(whole);
  return {};
}

}  // namespace

GpuClaim::~GpuClaim() {
  for (const int fd : locks_) ::close(fd);
}

void GpuClaim::add(const std::string& visible, const std::vector<int>& locks) {
  visible_ += (visible_.empty() ? "" : ",") + visible;
  locks_.insert(locks_.end(), locks.begin(), locks.end());
}

GpuClaims::GpuClaims(fs::path folder, std::vector<machine::Gpu> gpus, int per_gpu)
    : folder_(std::move(folder)), gpus_(std::move(gpus)), per_gpu_(per_gpu) {
  make_own_folder(folder_);
}

// All or nothing: two that each hold a part of what both need would wait for ever.
std::unique_ptr<GpuClaim> GpuClaims::take(std::size_t count) const {
  auto claim = std::make_unique<GpuClaim>("", std::vector<int>{});
  std::vector<const machine::Gpu*> taken;
  for (int place = 0; place < per_gpu_; ++place) {
    for (const auto& gpu : gpus_) {
      if (taken.size() == count) return claim;
      if (std::ranges::find(taken, &gpu) != taken.end()) continue;
      // Numbers are each process's own; without an id there is nothing better.
      auto locks = lock(folder_, gpu.id.empty() ? "gpu-" + gpu.visible : gpu.id, place, per_gpu_);
      if (locks.empty()) continue;
      claim->add(gpu.visible, locks);
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
