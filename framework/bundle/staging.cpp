#include "framework/bundle/staging.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace attnlab::bundle {
namespace {

namespace fs = std::filesystem;

constexpr char kStagingPrefix[] = ".attnlab-bundle-";

Descriptor open_folder(const fs::path& folder, int more = 0) {
  return Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | more));
}

/// A living process holds the lock on its own.
void remove_abandoned(const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with(kStagingPrefix)) continue;
    const auto opened = open_folder(entry.path(), O_NOFOLLOW);
    if (opened && ::flock(opened.number(), LOCK_EX | LOCK_NB) == 0) fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace

Staging::Staging(const fs::path& parent) {
  remove_abandoned(parent);
  std::string name = (parent / kStagingPrefix).string() + "XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw errno_error("cannot make a folder in '" + parent.string() + "'");
  path_ = name;
  lock_ = open_folder(path_);
  if (lock_) ::flock(lock_.number(), LOCK_EX | LOCK_NB);
}

Staging::~Staging() { remove_quietly(path_); }

FolderLock::FolderLock(const fs::path& folder) : descriptor_(open_folder(folder)) {
  if (!descriptor_ || ::flock(descriptor_.number(), LOCK_EX) != 0) {
    throw errno_error("cannot lock the folder '" + folder.string() + "'");
  }
}

}  // namespace attnlab::bundle
