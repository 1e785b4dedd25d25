// spool_file.cpp: the writing side of a spool: a RunWriter's batches as lines of a file.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "framework/core/descriptor.h"
#include "framework/core/files.h"
#include "framework/store/destination.h"
#include "framework/store/spool.h"

namespace attnlab::store {
namespace {

using namespace std::chrono_literals;

class SpoolFile final : public Destination {
 public:
  explicit SpoolFile(const Spooled& spooled)
      : folder_(spooled.folder), attempt_(spooled.fingerprint + "-" + std::to_string(spooled.attempt)) {
    open_next();
    append(life_text({life_, Owner::of_this_process().host, now_ms(), spooled.environment}, attempt_));
  }

  bool write(const Batch& batch) override {
    if (taken_over()) return false;
    append(batch_text(batch, attempt_));
    return true;
  }

  bool taken_over() const override { return is_there(spool_file(folder_, life_ + 1)); }

  bool begin(const Beginning&, double) override { return true; }
  std::string attempt() const override { return attempt_; }
  std::string name() const override { return "the attempt in '" + folder_.string() + "'"; }
  std::chrono::milliseconds flush_every() const override { return 2s; }
  std::chrono::milliseconds beat_every() const override { return 20s; }

 private:
  // Never one that is there: another process may still write to it.
  void open_next() {
    while (true) {
      const auto path = spool_file(folder_, life_);
      file_ = Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644));
      if (file_) return;
      if (errno != EEXIST) fail(path);
      ++life_;
    }
  }

  // A line that a full disk cut off is taken away, so that the next try begins a line of its own.
  void append(std::string line) {
    line += '\n';
    struct stat before {};
    if (::fstat(file_.number(), &before) != 0) fail(spool_file(folder_, life_));
    if (!write_all(file_.number(), line) || ::fdatasync(file_.number()) != 0) take_back(before.st_size);
  }

  [[noreturn]] void take_back(off_t size) const {
    const int cause = errno;
    [[maybe_unused]] const auto cut = ::ftruncate(file_.number(), size);
    errno = cause;
    fail(spool_file(folder_, life_));
  }

  [[noreturn]] static void fail(const std::filesystem::path& path) {
    throw errno_error("cannot write '" + path.string() + "'");
  }

  std::filesystem::path folder_;
  std::string attempt_;
  int life_ = 0;
  Descriptor file_;
};

}  // namespace

std::unique_ptr<Destination> to_spool(const Spooled& spooled) {
  return std::make_unique<SpoolFile>(spooled);
}

}  // namespace attnlab::store
