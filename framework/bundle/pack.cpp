#include "framework/bundle/pack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "framework/bundle/archive.h"
#include "framework/bundle/piecewise.h"
#include "framework/checkpoint/durable_file.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace attnlab::bundle {
namespace {

namespace fs = std::filesystem;

/// The name under which a bundle is written, until it is whole.
class DraftFile {
 public:
  explicit DraftFile(const fs::path& file) : file_(file), draft_(file.string() + ".part-" + std::to_string(::getpid())) {}
  ~DraftFile() { remove_quietly(draft_); }
  DraftFile(const DraftFile&) = delete;
  DraftFile& operator=(const DraftFile&) = delete;
  [[nodiscard]] const fs::path& path() const { return draft_; }
  void publish() {
    std::error_code error;
    fs::rename(draft_, file_, error);
    if (error) throw Error("cannot write '" + file_.string() + "': " + error.message());
    checkpoint::sync_folder(file_.has_parent_path() ? file_.parent_path() : fs::path("."));
  }

 private:
  fs::path file_, draft_;
};

/// The packed bytes of one file go through `take`.
PackedFile read_source(const Source& source, Piecewise& progress, const std::function<void(std::string_view)>& take) {
  const auto descriptor = source.descriptor ? source.descriptor : held_open(source.path);
  PackedFile packed{source.name, 0, {}};
  Sha256 digest;
  std::string room(kPieceBytes, '\0');
  while (source.at_most < 0 || packed.bytes < source.at_most) {
    const auto most = source.at_most < 0 ? room.size() : std::min<std::size_t>(room.size(), static_cast<std::size_t>(source.at_most - packed.bytes));
    const auto count = ::pread(descriptor->number(), room.data(), most, packed.bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw errno_error("cannot read '" + source.path.string() + "'");
    if (count == 0) break;
    const std::string_view piece(room.data(), static_cast<std::size_t>(count));
    digest.add(piece);
    take(piece);
    packed.bytes += count;
    progress.passed(count);
  }
  packed.sha256 = digest.hex();
  return packed;
}

[[noreturn]] void changed(const Source& source) {
  throw Error("'" + source.path.string() + "' changed while it was packed; try again when nothing writes to it");
}

/// As many bytes as the manifest says, whatever became of the file: a tar's header comes first.
void pack_one(const Source& source, const PackedFile& expected, ArchiveWriter& writer, Piecewise& progress) {
  writer.begin(source.name, expected.bytes);
  std::int64_t written = 0;
  const auto packed = read_source(source, progress, [&](std::string_view piece) {
    written += std::ssize(piece);
    if (written > expected.bytes) changed(source);
    writer.write(piece);
  });
  if (packed.bytes != expected.bytes || packed.sha256 != expected.sha256) changed(source);
}

}  // namespace

std::shared_ptr<const Descriptor> held_open(const fs::path& path) {
  // No link: a foreign store must not make the bundle hold another file.
  auto held = std::make_shared<const Descriptor>(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!*held) throw errno_error("cannot open '" + path.string() + "'");
  struct stat facts {};
  if (::fstat(held->number(), &facts) != 0 || !S_ISREG(facts.st_mode)) throw Error("'" + path.string() + "' is no file");
  return held;
}

void pack(const fs::path& file, Manifest& manifest, const std::vector<Source>& sources) {
  std::int64_t total = 0;
  for (const auto& source : sources) total += file_bytes((source.descriptor ? source.descriptor : held_open(source.path))->number());
  manifest.files.clear();
  {
    Piecewise progress("reading", total);
    for (const auto& source : sources) manifest.files.push_back(read_source(source, progress, [](std::string_view) {}));
  }
  DraftFile draft(file);
  checkpoint::DurableFile out(draft.path());
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const auto writer = write_archive([&](std::string_view bytes) { out.write(bytes); }, now);
  const auto json = to_json(manifest);
  writer->begin(kManifest, std::ssize(json));
  writer->write(json);
  Piecewise progress("packing", manifest.bytes());
  for (std::size_t i = 0; i < sources.size(); ++i) pack_one(sources[i], manifest.files[i], *writer, progress);
  writer->finish();
  out.finish();
  draft.publish();
}

}  // namespace attnlab::bundle
