// on_demand_tar.cpp: the members of a tar with libarchive, as a stream; see on_demand.h.
#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <exception>
#include <new>

#include "framework/core/error.h"
#include "framework/data/on_demand.h"

namespace attnlab::data {
namespace {

class Tar : public TarStream {
 public:
  explicit Tar(Pull pull)
      : pull_(std::move(pull)), archive_(archive_read_new(), archive_read_free) {
    if (!archive_) throw std::bad_alloc();
    archive_read_support_format_tar(archive_.get());
    if (archive_read_open(archive_.get(), this, nullptr, &Tar::give, nullptr) != ARCHIVE_OK) {
      refuse();
    }
  }

  std::optional<std::string> next() override {
    while (true) {
      archive_entry* entry = nullptr;
      const int status = archive_read_next_header(archive_.get(), &entry);
      if (status == ARCHIVE_EOF) {
        rethrow();
        return std::nullopt;
      }
      if (status < ARCHIVE_WARN) refuse();
      // Links, devices and folders have no content of their own.
      const bool is_link = archive_entry_hardlink(entry) != nullptr;
      if (archive_entry_filetype(entry) != AE_IFREG || is_link) continue;
      const char* name = archive_entry_pathname(entry);
      return name != nullptr ? name : "(no name)";
    }
  }

  std::size_t read(std::span<std::uint8_t> room) override {
    const auto count = archive_read_data(archive_.get(), room.data(), room.size());
    if (count < 0) refuse();
    return static_cast<std::size_t>(count);
  }

 private:
  /// An exception must not pass through libarchive, which is C: it waits in failure_.
  static la_ssize_t give(archive* reader, void* self, const void** bytes) {
    auto& tar = *static_cast<Tar*>(self);
    try {
      const auto piece = tar.pull_();
      *bytes = piece.data();
      return static_cast<la_ssize_t>(piece.size());
    } catch (...) {
      tar.failure_ = std::current_exception();
      archive_set_error(reader, EIO, "the archive cannot be read");
      return ARCHIVE_FATAL;
    }
  }

  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

  [[noreturn]] void refuse() const {
    rethrow();
    const char* reason = archive_error_string(archive_.get());
    throw Error("the tar archive is damaged or cut short: libarchive says '" +
                std::string(reason != nullptr ? reason : "unknown error") +
                "'. Get the file again and compare its checksum with the publisher's.");
  }

  Pull pull_;
  std::exception_ptr failure_;
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_;
};

}  // namespace
}  // namespace attnlab::data

extern "C" [[gnu::visibility("default")]] void attnlab_open_tar(
    attnlab::data::Pull& pull, std::unique_ptr<attnlab::data::TarStream>& stream) {
  stream = std::make_unique<attnlab::data::Tar>(std::move(pull));
}
