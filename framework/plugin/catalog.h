/// catalog.h: the plugins that this machine has, and which library a name means.
///   Searched in order, first wins: --plugin PATH (a file or a folder), paths from the config,
///   then paths::plugin_dirs(). Nothing is loaded; everything comes from the ELF notes.
///   A name is one variant in every table, so those of attnlab's own plugins are theirs: another
///   library of such a name is refused, as is one named like what `bench` times beside plugins.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/plugin/elf_note.h"
#include "framework/plugin/verdict.h"

namespace attnlab::plugin {

/// One library file.
struct FoundPlugin {
  std::string name;                   // from the note; from the file's name where there is none
  std::filesystem::path file;         // absolute
  std::optional<LibraryFacts> facts;  // empty: the note could not be read
  std::string problem;                // one line why it cannot be loaded; empty: it can
  std::string details;                // the whole message: a table, or the reader's error
  std::filesystem::path shadowed_by;  // a file of that name that was found earlier; or empty
  std::vector<std::filesystem::path> own_libraries{};  // shared libraries that it brings along
};

class Catalog {
 public:
  /// `first`: --plugin paths, then the config's. A path there that does not exist, or a folder
  /// without a library, throws Error; the standard folders may be absent.
  [[nodiscard]] static Catalog search(const std::vector<std::filesystem::path>& first = {});
  /// Only these folders and files, for tests and tools. `shipped` is the folder of attnlab's own.
  [[nodiscard]] static Catalog of(const std::vector<std::filesystem::path>& places,
                                  const HostFacts& host = host_facts(),
                                  const std::filesystem::path& shipped = {});

  /// Everything found, in the order of the search, shadowed ones included.
  [[nodiscard]] const std::vector<FoundPlugin>& all() const { return found_; }
  /// Folders that anybody may write into: whoever can write there can run code as you.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  /// Names that get() knows, in order, each once. It may still say why one cannot be loaded.
  [[nodiscard]] std::vector<std::string> names() const;

  /// The library that `name` means. Throws Error: unknown (nearest names, where it looked), found
  /// but not loadable (the table), or twice in one folder (both files).
  [[nodiscard]] const FoundPlugin& get(const std::string& name) const;

 private:
  void add_place(const std::filesystem::path& place, const HostFacts& host);
  void add_file(const std::filesystem::path& file, const HostFacts& host);
  void mark_duplicates();
  void mark_taken_names(const std::filesystem::path& shipped);

  std::vector<std::filesystem::path> looked_;
  std::vector<FoundPlugin> found_;
  std::vector<std::string> warnings_;
};

/// Whether no plugin may have this name: keys and sections of a config, which `NAME.KEY=VALUE` would
/// mean as well; words that are no text there (null, true, inf); what `bench attention` times beside
/// plugins (engine, reshape).
[[nodiscard]] bool is_reserved(const std::string& name);

}  // namespace attnlab::plugin
