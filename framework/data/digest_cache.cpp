#include "framework/data/digest_cache.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "framework/core/paths.h"
#include "framework/core/text_file.h"

namespace attnlab::data {
namespace fs = std::filesystem;
namespace {

struct Key {
  std::string stamp;  // "SIZE SECONDS NANOSECONDS"
  std::string path;   // last on its line, since it may hold blanks
};

std::optional<Key> key_of(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  std::error_code failed;
  const std::string path = fs::weakly_canonical(file, failed).string();
  if (failed || path.find('\n') != std::string::npos) return std::nullopt;
  std::ostringstream stamp;
  stamp << status.st_size << ' ' << status.st_mtim.tv_sec << ' ' << status.st_mtim.tv_nsec;
  return Key{stamp.str(), path};
}

fs::path cache_file() {
  const auto folder = paths::cache_dir();
  return folder.empty() ? folder : folder / "digests";
}

}  // namespace

std::optional<CheckedContent> remembered(const fs::path& file) {
  const auto key = key_of(file);
  if (!key) return std::nullopt;
  std::ifstream in(cache_file());
  const std::string wanted = " " + key->stamp + " " + key->path;
  for (std::string line, rest; std::getline(in, line);) {
    std::istringstream words(line);
    CheckedContent content;
    if (words >> content.sha256 >> content.bytes && std::getline(words, rest) && rest == wanted) {
      return content;
    }
  }
  return std::nullopt;
}

void remember(const fs::path& file, const CheckedContent& content) noexcept try {
  const auto key = key_of(file);
  const auto cache = cache_file();
  if (!key || cache.empty() || remembered(file)) return;
  fs::create_directories(cache.parent_path());
  std::string lines;
  std::ifstream in(cache);
  for (std::string line; std::getline(in, line);) {
    const bool outdated = line.ends_with(" " + key->path);
    if (!outdated) lines += line + "\n";
  }
  lines += content.sha256 + " " + std::to_string(content.bytes) + " " + key->stamp + " " +
           key->path + "\n";
  write_text(cache, lines);
} catch (...) {
  return;  // a read-only home
}

}  // namespace attnlab::data
