#include "framework/data/digest_cache.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "framework/core/paths.h"
#include "framework/core/text_file.h"

namespace attnlab::data {
namespace fs = std::filesystem;
namespace {

fs::path cache_file() {
  const auto folder = paths::cache_dir();
  return folder.empty() ? folder : folder / "digests";
}

}  // namespace

FileStamp stamp_of(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return {};
  std::error_code failed;
  const std::string path = fs::weakly_canonical(file, failed).string();
  if (failed || path.find('\n') != std::string::npos) return {};
  std::ostringstream stamp;
  const auto add = [&](const timespec& time) { stamp << ' ' << time.tv_sec << '.' << time.tv_nsec; };
  stamp << status.st_size;
  add(status.st_mtim);
  add(status.st_ctim);
  stamp << ' ' << status.st_ino;
  return {stamp.str(), path};
}

std::optional<CheckedContent> remembered(const FileStamp& file) {
  if (file.stamp.empty()) return std::nullopt;
  std::ifstream in(cache_file());
  const std::string wanted = " " + file.stamp + " " + file.path;
  for (std::string line, rest; std::getline(in, line);) {
    std::istringstream words(line);
    CheckedContent content;
    if (words >> content.sha256 >> content.bytes && std::getline(words, rest) && rest == wanted) {
      return content;
    }
  }
  return std::nullopt;
}

void remember(const FileStamp& file, const CheckedContent& content) noexcept try {
  const auto cache = cache_file();
  if (file.stamp.empty() || cache.empty() || remembered(file)) return;
  fs::create_directories(cache.parent_path());
  std::string lines;
  std::ifstream in(cache);
  for (std::string line; std::getline(in, line);) {
    const bool outdated = line.ends_with(" " + file.path);
    if (!outdated) lines += line + "\n";
  }
  lines += content.sha256 + " " + std::to_string(content.bytes) + " " + file.stamp + " " + file.path + "\n";
  write_text(cache, lines);
} catch (...) {
  return;  // a read-only home
}

}  // namespace attnlab::data
