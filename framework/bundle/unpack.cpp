// unpack.cpp: out of a bundle, with nothing believed that was not compared; see pack.h.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>

#include "framework/bundle/archive.h"
#include "framework/bundle/pack.h"
#include "framework/bundle/piecewise.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"

namespace attnlab::bundle {
namespace {

namespace fs = std::filesystem;

fs::path behind_links(const fs::path& file) {
  std::error_code problem;
  auto found = fs::canonical(file, problem);
  return problem ? file : found;
}

/// The packed bytes of the file, a piece at a time.
class PackedBytes {
 public:
  explicit PackedBytes(const fs::path& file) : path_(file), descriptor_(held_open(behind_links(file))) {}
  std::string_view next() {
    while (true) {
      const auto count = ::pread(descriptor_->number(), room_.data(), room_.size(), at_);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw errno_error("cannot read '" + path_.string() + "'");
      at_ += count;
      return {room_.data(), static_cast<std::size_t>(count)};
    }
  }

 private:
  fs::path path_;
  std::shared_ptr<const Descriptor> descriptor_;
  std::string room_ = std::string(kPieceBytes, '\0');
  off_t at_ = 0;
};

/// Not yet on the disk: all of them are brought there at once.
class NewFile {
 public:
  explicit NewFile(const fs::path& path) : path_(path) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    descriptor_ = Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!descriptor_) fail();
  }
  void write(std::string_view bytes) {
    if (!write_all(descriptor_.number(), bytes)) fail();
  }

 private:
  [[noreturn]] void fail() const { throw errno_error("cannot write '" + path_.string() + "'"); }
  fs::path path_;
  Descriptor descriptor_;
};

void bring_to_disk(const fs::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened && ::syncfs(opened.number()) == 0) return;
  throw errno_error("cannot write '" + folder.string() + "'");
}

std::string first_file(ArchiveReader& archive) {
  const auto first = archive.next();
  if (!first || first->name != kManifest || !first->other.empty()) {
    throw Error(std::string("its first file is no ") + kManifest + ": it was not made by attnlab export --bundle FILE");
  }
  if (first->bytes > kMostManifestBytes) throw Error("its manifest has " + human_bytes(static_cast<double>(first->bytes)));
  std::string json(static_cast<std::size_t>(first->bytes), '\0');
  std::size_t filled = 0;
  while (filled < json.size()) {
    const auto count = archive.read(std::span(json).subspan(filled));
    if (count == 0) throw Error("its manifest ends early");
    filled += count;
  }
  return json;
}

void require_space(const fs::path& folder, std::int64_t bytes) {
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0) return;
  const auto free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  if (static_cast<double>(bytes) < free) return;
  throw Error("its files need " + human_bytes(static_cast<double>(bytes)) + "; on the disk of '" + folder.string() + "' are " +
              human_bytes(free) + " free");
}

/// Pages and configs are for people who look into the archive; their digests are compared all the same.
bool is_kept(const std::string& name) { return name == kDatabase || name.starts_with("runs/"); }

void take_out(ArchiveReader& archive, const PackedFile& expected, const fs::path& folder, Piecewise& progress) {
  std::optional<NewFile> file;
  if (is_kept(expected.name)) file.emplace(folder / expected.name);
  std::string room(kPieceBytes, '\0');
  std::int64_t bytes = 0;
  Sha256 digest;
  while (const auto count = archive.read(room)) {
    const std::string_view piece(room.data(), count);
    bytes += std::ssize(piece);
    if (bytes > expected.bytes) throw Error("'" + expected.name + "' is longer than its manifest says");
    digest.add(piece);
    if (file) file->write(piece);
    progress.passed(std::ssize(piece));
  }
  if (bytes != expected.bytes) throw Error("'" + expected.name + "' ends early");
  if (digest.hex() != expected.sha256) throw Error("'" + expected.name + "' is not what was packed: its digest differs");
}

void require_expected(const Member& member, const std::map<std::string, const PackedFile*>& missing) {
  if (!member.other.empty()) throw Error("'" + member.name + "' is " + member.other + "; expected files alone");
  const auto listed = missing.find(member.name);
  if (listed == missing.end()) throw Error("'" + member.name + "' is not in its manifest, or there twice");
  if (member.bytes != listed->second->bytes) {
    throw Error("'" + member.name + "' has " + grouped(member.bytes) + " bytes; its manifest says " + grouped(listed->second->bytes));
  }
}

}  // namespace

Manifest unpack(const fs::path& file, const fs::path& folder) try {
  PackedBytes packed(file);
  const auto archive = read_archive([&] { return packed.next(); });
  auto manifest = manifest_from(first_file(*archive));
  require_space(folder, manifest.bytes());
  std::map<std::string, const PackedFile*> missing;
  for (const auto& each : manifest.files) missing[each.name] = &each;
  Piecewise progress("unpacking", manifest.bytes());
  while (const auto member = archive->next()) {
    require_expected(*member, missing);
    take_out(*archive, *missing.at(member->name), folder, progress);
    missing.erase(member->name);
  }
  if (!missing.empty()) {
    throw Error("it lacks " + grouped(std::ssize(missing)) + " of its files, '" + missing.begin()->first + "' among them: it was cut short");
  }
  bring_to_disk(folder);
  return manifest;
} catch (const Error& error) {
  throw Error("'" + file.string() + "' is not taken in: " + error.what(), error.exit_code());
}

}  // namespace attnlab::bundle
