// on_demand_unzip.cpp: the one member of a .zip with libarchive; see on_demand.h.
#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>
#include <new>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/data/on_demand.h"

namespace attnlab::data {
namespace {

class Zip {
 public:
  explicit Zip(const std::filesystem::path& file)
      : file_("'" + file.string() + "'"), archive_(archive_read_new(), archive_read_free) {
    if (!archive_) throw std::bad_alloc();
    archive_read_support_format_zip_seekable(archive_.get());
    constexpr std::size_t kBlock = 1 << 16;
    if (archive_read_open_filename(archive_.get(), file.c_str(), kBlock) != ARCHIVE_OK) refuse();
  }

  /// The next member's name, or empty at the end.
  std::string next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) return {};
    if (status != ARCHIVE_OK) refuse();
    const char* name = archive_entry_pathname(entry);
    announced_ = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    return name ? name : "(no name)";
  }

  Bytes content(std::size_t limit) {
    Bytes bytes;
    bytes.reserve(std::min(limit, static_cast<std::size_t>(std::max<std::int64_t>(0, announced_))));
    std::uint8_t piece[1 << 16];
    while (true) {
      const auto count = archive_read_data(archive_.get(), piece, sizeof piece);
      if (count < 0) refuse();
      if (count == 0) return bytes;
      if (bytes.size() + static_cast<std::size_t>(count) > limit) {
        throw Error(file_ + " unpacks to more than " +
                    grouped(static_cast<std::int64_t>(limit)) +
                    " bytes, the most expected of it. Delete it and download it again.");
      }
      bytes.insert(bytes.end(), piece, piece + count);
    }
  }

 private:
  [[noreturn]] void refuse() const {
    const char* reason = archive_error_string(archive_.get());
    throw Error(file_ + " is damaged or no zip archive: libarchive says '" +
                (reason ? reason : "unknown error") + "'. Delete it and download it again.");
  }

  std::string file_;
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_;
  std::int64_t announced_ = 0;
};

}  // namespace
}  // namespace attnlab::data

extern "C" [[gnu::visibility("default")]] void attnlab_unzip(const std::filesystem::path& file,
                                                             const std::string& member,
                                                             std::size_t limit,
                                                             attnlab::data::Bytes& content) {
  using namespace attnlab::data;
  Zip zip(file);
  const auto refuse = [&](const std::string& found) {
    throw attnlab::Error("'" + file.string() + "' holds " + found + "; expected one member '" +
                         member + "' and no other. Put the right archive there.");
  };
  const std::string first = zip.next();
  if (first.empty()) refuse("no member");
  if (first != member) refuse("the member '" + first + "'");
  content = zip.content(limit);
  if (const std::string second = zip.next(); !second.empty()) {
    refuse("a second member '" + second + "'");
  }
}
