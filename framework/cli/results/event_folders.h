/// event_folders.h: the tree of folders that TensorBoard looks at, brought up to date in place.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace attnlab::cli {

/// The text as the name of one folder: no slash, no control character, no leading dot, 100 bytes at most.
/// What had to be changed ends in six digits of the text's digest, so that different texts stay apart.
[[nodiscard]] std::string folder_name(const std::string& text);

/// Everything throws Error with the file's name.
class EventFolders {
 public:
  explicit EventFolders(std::filesystem::path root) : root_(std::move(root)) {}

  /// Removes `file` from the folders of a study in which it stands from before: other than `place`, or all
  /// where that is empty. A label may have changed since, and an attempt may have been continued.
  void only_in(const std::string& place, const std::string& study, const std::string& file);
  /// Appends where the file holds the beginning of `content`, else replaces it.
  void write(const std::string& place, const std::string& file, const std::string& content) const;

 private:
  using Places = std::multimap<std::string, std::string>;  // from file to "STUDY/FOLDER"
  const Places& places_of(const std::string& study);
  std::filesystem::path root_;
  std::map<std::string, Places> known_;
};

}  // namespace attnlab::cli
