#include "framework/cli/results/event_folders.h"

#include <fstream>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/output.h"
#include "framework/core/text_file.h"
#include "framework/core/utf8.h"

namespace attnlab::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNameBytes = 100;

bool holds_beginning(const fs::path& path, const std::string& content) {
  if (!is_file(path)) return false;  // a pipe would be waited for
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  const std::string old{std::istreambuf_iterator<char>(file), {}};
  return content.starts_with(old);
}

}  // namespace

std::string folder_name(const std::string& text) {
  std::string name = harmless(text::replace_ill_formed(text));
  for (auto& letter : name) {
    const bool awkward = static_cast<unsigned char>(letter) < 0x20 || std::string_view("/\\:*?\"'<>|$`&;#!~").find(letter) != std::string_view::npos;
    if (awkward) letter = '_';
  }
  if (name.empty() || name[0] == '.' || name[0] == '-') name = "_" + name;
  while (name.size() > kMostNameBytes || !text::is_utf8(name)) name.pop_back();
  return name == text ? name : name + "-" + sha256_hex(text).substr(0, 6);
}

const EventFolders::Places& EventFolders::places_of(const std::string& study) {
  const auto [entry, fresh] = known_.try_emplace(study);
  if (!fresh) return entry->second;
  std::error_code ignored;
  for (const auto& folder : fs::directory_iterator(root_ / study, ignored)) {
    for (const auto& file : fs::directory_iterator(folder.path(), ignored)) {
      const auto name = file.path().filename().string();
      if (name.starts_with("events.out.tfevents.")) {
        entry->second.emplace(name, study + "/" + folder.path().filename().string());
      }
    }
  }
  return entry->second;
}

void EventFolders::only_in(const std::string& place, const std::string& study, const std::string& file) {
  const auto [begin, end] = places_of(study).equal_range(file);
  for (auto old = begin; old != end; ++old) {
    if (old->second == place) continue;
    std::error_code ignored;
    fs::remove(root_ / old->second / file, ignored);
    fs::remove(root_ / old->second, ignored);  // stays where somebody else's files are in it
  }
}

void EventFolders::write(const std::string& place, const std::string& file, const std::string& content) const {
  make_folder(root_ / place);
  const auto path = root_ / place / file;
  if (!holds_beginning(path, content)) return write_text(path, content);
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size == content.size()) return;
  std::ofstream more(path, std::ios::binary | std::ios::app);
  more << content.substr(error ? 0 : size);
  more.close();
  if (!more) throw errno_error("cannot write '" + path.string() + "'");
}

}  // namespace attnlab::cli
