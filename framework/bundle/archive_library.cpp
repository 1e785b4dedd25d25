// archive_library.cpp: what archive.h promises, with libarchive; a shared library of its own.
#include <archive.h>
#include <archive_entry.h>

#include <exception>
#include <new>

#include "framework/bundle/archive.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::bundle {
namespace {

constexpr int kBlockBytes = 1 << 20;

std::string words_of(archive* from) {
  const char* reason = archive_error_string(from);
  return reason != nullptr ? reason : "unknown error";
}

/// An exception must not pass through libarchive, which is C: it waits here.
class Caught {
 public:
  template <class Work>
  la_ssize_t keep(archive* of, Work&& work) {
    try {
      return work();
    } catch (...) {
      failure_ = std::current_exception();
      archive_set_error(of, EIO, "stopped");
      return ARCHIVE_FATAL;
    }
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::exception_ptr failure_;
};

class Writer : public ArchiveWriter {
 public:
  Writer(Sink sink, std::int64_t seconds)
      : sink_(std::move(sink)), seconds_(seconds), archive_(archive_write_new(), archive_write_free) {
    if (!archive_) throw std::bad_alloc();
    require(archive_write_set_format_pax_restricted(archive_.get()));
    require(archive_write_add_filter_zstd(archive_.get()));
    require(archive_write_set_bytes_per_block(archive_.get(), kBlockBytes));
    require(archive_write_set_bytes_in_last_block(archive_.get(), 1));
    require(archive_write_open(archive_.get(), this, nullptr, &Writer::take, nullptr));
  }
  // Freeing what is not finished would write its end.
  ~Writer() override { archive_write_fail(archive_.get()); }

  void begin(const std::string& name, std::int64_t bytes) override {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), archive_entry_free);
    if (!entry) throw std::bad_alloc();
    archive_entry_set_pathname(entry.get(), name.c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_mtime(entry.get(), seconds_, 0);
    archive_entry_set_size(entry.get(), bytes);
    require(archive_write_header(archive_.get(), entry.get()));
  }
  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto written = archive_write_data(archive_.get(), bytes.data(), bytes.size());
      if (written <= 0) fail();
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void finish() override { require(archive_write_close(archive_.get())); }

 private:
  static la_ssize_t take(archive* of, void* self, const void* bytes, std::size_t count) {
    auto& writer = *static_cast<Writer*>(self);
    return writer.caught_.keep(of, [&] {
      writer.sink_({static_cast<const char*>(bytes), count});
      return static_cast<la_ssize_t>(count);
    });
  }
  void require(int status) const {
    if (status != ARCHIVE_OK) fail();
  }
  [[noreturn]] void fail() const {
    caught_.rethrow();
    throw Error("the archive cannot be written: libarchive says '" + words_of(archive_.get()) + "'");
  }

  Sink sink_;
  std::int64_t seconds_;
  Caught caught_;
  std::unique_ptr<archive, decltype(&archive_write_free)> archive_;
};

std::string kind_of(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return "a hard link";
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG: return archive_entry_size_is_set(entry) ? "" : "a file of unknown size";
    case AE_IFLNK: return "a link";
    case AE_IFDIR: return "a folder";
    case AE_IFCHR:
    case AE_IFBLK: return "a device";
    case AE_IFIFO: return "a pipe";
    case AE_IFSOCK: return "a socket";
    default: return "something unknown";
  }
}

class Reader : public ArchiveReader {
 public:
  explicit Reader(Pull pull) : pull_(std::move(pull)), archive_(archive_read_new(), archive_read_free) {
    if (!archive_) throw std::bad_alloc();
    require(archive_read_support_filter_zstd(archive_.get()));
    require(archive_read_support_format_tar(archive_.get()));
    require(archive_read_open(archive_.get(), this, nullptr, &Reader::give, nullptr));
  }

  std::optional<Member> next() override {
    archive_entry* entry = nullptr;
    // libarchive goes on behind a damaged header with a warning; here there is nothing to be lenient about.
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) {
      caught_.rethrow();
      return std::nullopt;
    }
    require(status);
    const char* name = archive_entry_pathname(entry);
    return Member{name != nullptr ? name : "", archive_entry_size(entry), kind_of(entry)};
  }

  std::size_t read(std::span<char> room) override {
    const auto count = archive_read_data(archive_.get(), room.data(), room.size());
    if (count < 0) fail();
    return static_cast<std::size_t>(count);
  }

 private:
  static la_ssize_t give(archive* of, void* self, const void** bytes) {
    auto& reader = *static_cast<Reader*>(self);
    return reader.caught_.keep(of, [&] {
      const auto piece = reader.pull_();
      *bytes = piece.data();
      return static_cast<la_ssize_t>(piece.size());
    });
  }
  void require(int status) const {
    if (status != ARCHIVE_OK) fail();
  }
  [[noreturn]] void fail() const {
    caught_.rethrow();
    throw Error("it is damaged, cut short or no tar packed with Zstandard (near packed byte " +
                grouped(archive_filter_bytes(archive_.get(), -1)) + "; libarchive says '" + words_of(archive_.get()) + "')");
  }

  Pull pull_;
  Caught caught_;
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_;
};

}  // namespace
}  // namespace attnlab::bundle

extern "C" [[gnu::visibility("default")]] void attnlab_write_archive(
    attnlab::bundle::Sink& sink, std::int64_t seconds, std::unique_ptr<attnlab::bundle::ArchiveWriter>& writer) {
  writer = std::make_unique<attnlab::bundle::Writer>(std::move(sink), seconds);
}

extern "C" [[gnu::visibility("default")]] void attnlab_read_archive(
    attnlab::bundle::Pull& pull, std::unique_ptr<attnlab::bundle::ArchiveReader>& reader) {
  reader = std::make_unique<attnlab::bundle::Reader>(std::move(pull));
}
