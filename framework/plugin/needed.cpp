#include "framework/plugin/needed.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/plugin/library_file.h"

namespace attnlab::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostEntries = 4096, kMostText = 1 << 16;

struct Dynamic {
  std::vector<std::string> needed, rpath, runpath;
};

// Where the loader would map this address, in the file.
std::uint64_t offset_of(std::uint64_t address, const std::vector<Elf64_Phdr>& segments,
                        const LibraryFile& file) {
  for (const auto& segment : segments) {
    const bool inside = segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
                        address - segment.p_vaddr < segment.p_filesz;
    if (inside) return address - segment.p_vaddr + segment.p_offset;
  }
  throw file.error("damaged: its dynamic section points outside of it. Build or copy it again.");
}

std::string text_at(std::uint64_t offset, const LibraryFile& file) {
  std::string text;
  for (char c = 0; (c = file.at<char>(offset + text.size(), "a library's name")) != 0; text += c) {
    if (text.size() > kMostText) throw file.error("damaged: a library's name does not end");
  }
  return text;
}

// "$ORIGIN/lib:/opt" -> folders.
std::vector<std::string> folders_in(std::string list, const fs::path& library) {
  for (const std::string name : {"${ORIGIN}", "$ORIGIN"}) {
    for (std::size_t at = 0; (at = list.find(name)) != std::string::npos;) {
      list.replace(at, name.size(), library.parent_path().string());
    }
  }
  auto folders = split(list, ':');
  std::erase(folders, "");
  return folders;
}

Dynamic read_dynamic(const fs::path& path) {
  const LibraryFile file(path);
  const auto segments = file.segments(file.header());
  Dynamic dynamic;
  for (const auto& segment : segments) {
    if (segment.p_type != PT_DYNAMIC) continue;
    file.need(segment.p_offset, segment.p_filesz, "the dynamic section");
    std::vector<Elf64_Dyn> entries(std::min(segment.p_filesz / sizeof(Elf64_Dyn), kMostEntries));
    file.read(segment.p_offset, entries.data(), entries.size() * sizeof(Elf64_Dyn), "its entries");
    const auto end = std::ranges::find(entries, DT_NULL, &Elf64_Dyn::d_tag);
    entries.erase(end, entries.end());
    const auto table = std::ranges::find(entries, DT_STRTAB, &Elf64_Dyn::d_tag);
    if (table == entries.end()) continue;
    const auto texts = offset_of(table->d_un.d_ptr, segments, file);
    for (const auto& entry : entries) {
      const auto text = [&] { return text_at(texts + entry.d_un.d_val, file); };
      if (entry.d_tag == DT_NEEDED) dynamic.needed.push_back(text());
      if (entry.d_tag == DT_RPATH) dynamic.rpath = folders_in(text(), path);
      if (entry.d_tag == DT_RUNPATH) dynamic.runpath = folders_in(text(), path);
    }
  }
  if (!dynamic.runpath.empty()) dynamic.rpath.clear();  // as the loader does
  return dynamic;
}

// The loader's cache names every library of the system's folders.
bool system_has(const std::string& name) {
  static const std::string cache = text_in("/etc/ld.so.cache");
  const std::string ended = name + '\0';
  for (auto at = cache.find(ended); at != std::string::npos; at = cache.find(ended, at + 1)) {
    if (at > 0 && (cache[at - 1] == '\0' || cache[at - 1] == '/')) return true;
  }
  return std::ranges::any_of(std::array{"/lib", "/usr/lib", "/lib64", "/usr/lib64"},
                             [&](const char* at) { return is_there(fs::path(at) / name); });
}

std::vector<std::string> search_path(const Dynamic& dynamic) {
  auto folders = dynamic.rpath;
  const char* const variable = std::getenv("LD_LIBRARY_PATH");
  for (auto& folder : split(variable == nullptr ? "" : variable, ':')) {
    if (!folder.empty()) folders.push_back(std::move(folder));
  }
  folders.insert(folders.end(), dynamic.runpath.begin(), dynamic.runpath.end());
  return folders;
}

fs::path found_in(const std::vector<std::string>& folders, const std::string& name) {
  for (const auto& folder : folders) {
    if (is_file(fs::path(folder) / name)) return fs::path(folder) / name;
  }
  return {};
}

}  // namespace

NeededLibraries needed_libraries(const fs::path& library, const std::vector<fs::path>& host) {
  NeededLibraries result;
  std::vector<fs::path> waiting{library};
  while (!waiting.empty()) {
    const auto user = waiting.back();
    waiting.pop_back();
    const auto dynamic = read_dynamic(user);
    const auto folders = search_path(dynamic);
    for (const auto& name : dynamic.needed) {
      const bool hosts = std::ranges::any_of(
          host, [&](const fs::path& folder) { return is_there(folder / name); });
      if (hosts) continue;  // loaded by then, under this name
      const auto file = name.find('/') == std::string::npos ? found_in(folders, name) : fs::path(name);
      if (file.empty() && system_has(name)) continue;
      if (file.empty() || !is_there(file)) {
        result.missing = user.filename().string() + " needs " + name + ", which is neither in " +
                         (folders.empty() ? "a path of its own (it has none)" : join(folders, ", ")) +
                         " nor in the system's folders";
        return result;
      }
      const auto known = fs::weakly_canonical(file);
      if (std::ranges::find(result.own, known) != result.own.end()) continue;
      result.own.push_back(known);
      waiting.push_back(known);
    }
  }
  std::ranges::sort(result.own);
  return result;
}

std::vector<fs::path> host_folders() {
  std::vector<fs::path> folders{paths::executable_dir().parent_path() / "lib"};
  try {
    const auto dynamic = read_dynamic(paths::worker());
    for (const auto& list : {dynamic.rpath, dynamic.runpath}) {
      folders.insert(folders.end(), list.begin(), list.end());
    }
  } catch (const Error&) {
    return folders;  // no worker: then nothing can be loaded, and a run says so
  }
  return folders;
}

}  // namespace attnlab::plugin
