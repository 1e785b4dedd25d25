// on_demand_tar.cpp: the members of a tar with libarchive, as a stream; see on_demand.h.
#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <new>
#include <string_view>

#include "framework/core/error.h"
#include "framework/core/text.h"
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
        require_end();
        return std::nullopt;
      }
      if (status != ARCHIVE_OK && !is_harmless(status)) refuse();
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
      const auto piece = tar.pull_and_note();
      *bytes = piece.data();
      return static_cast<la_ssize_t>(piece.size());
    } catch (...) {
      tar.failure_ = std::current_exception();
      archive_set_error(reader, EIO, "the archive cannot be read");
      return ARCHIVE_FATAL;
    }
  }

  std::span<const std::uint8_t> pull_and_note() {
    const auto piece = pull_();
    const auto zeros = std::find_if(piece.rbegin(), piece.rend(), [](auto byte) { return byte; });
    if (zeros != piece.rend()) content_end_ = pulled_ + (piece.rend() - zeros);
    pulled_ += std::ssize(piece);
    return piece;
  }

  /// libarchive goes on behind a header that is damaged (ARCHIVE_RETRY) or of which it lost a part
  /// (ARCHIVE_WARN), and members would be missed; a name in another code page is no damage.
  [[nodiscard]] bool is_harmless(int status) const {
    const char* reason = archive_error_string(archive_.get());
    return status == ARCHIVE_WARN && reason != nullptr &&
           std::string_view(reason).find("can't be converted") != std::string_view::npos;
  }

  /// Only zeros may follow the end mark, or what looks like one is a header that was lost.
  void require_end() {
    const auto mark = archive_read_header_position(archive_.get());
    while (!pull_and_note().empty()) {
    }
    if (content_end_ <= mark) return;
    throw Error("the tar archive has its end mark at byte " + grouped(mark) +
                ", but more follows, up to byte " + grouped(content_end_) +
                ": a header there is damaged, or archives were joined. Get the file again and "
                "compare its checksum with the publisher's; of joined archives name each alone.");
  }

  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

  [[noreturn]] void refuse() const {
    rethrow();
    const char* reason = archive_error_string(archive_.get());
    throw Error("the tar archive is damaged or cut short at byte " +
                grouped(archive_filter_bytes(archive_.get(), 0)) + ": libarchive says '" +
                std::string(reason != nullptr ? reason : "unknown error") +
                "'. Get the file again and compare its checksum with the publisher's.");
  }

  Pull pull_;
  std::exception_ptr failure_;
  std::int64_t pulled_ = 0, content_end_ = 0;  // bytes; behind the last that is not zero
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_;
};

}  // namespace
}  // namespace attnlab::data

extern "C" [[gnu::visibility("default")]] void attnlab_open_tar(
    attnlab::data::Pull& pull, std::unique_ptr<attnlab::data::TarStream>& stream) {
  stream = std::make_unique<attnlab::data::Tar>(std::move(pull));
}
