#include "framework/data/locate.h"

#include <cstdlib>

#include "framework/core/files.h"
#include "framework/core/paths.h"
#include "framework/core/text.h"

namespace attnlab::data {
namespace fs = std::filesystem;

std::vector<Place> search_places(const std::string& dataset, const std::string& data_dir,
                                 const std::string& path) {
  std::vector<Place> places;
  const auto add = [&](const fs::path& root, const std::string& origin) {
    if (root.empty()) return;
    places.push_back({root / dataset, origin});
    places.push_back({root, origin});
  };
  if (!path.empty()) {
    if (!is_folder(path)) {
      throw Error("dataset.path '" + path +
                  "' is not a folder; expected one that holds the files of " + dataset +
                  ". Leave it empty to search --data, ATTNLAB_DATA and the cache.");
    }
    add(path, "dataset.path");
    return places;
  }
  const char* variable = std::getenv("ATTNLAB_DATA");
  add(data_dir, "--data");
  add(variable ? variable : "", "ATTNLAB_DATA");
  add(paths::cache_dir(), "the cache");
  return places;
}

std::optional<fs::path> find_file(const std::vector<Place>& places,
                                  const std::vector<std::string>& names) {
  for (const auto& place : places) {
    for (const auto& name : names) {
      if (is_file(place.folder / name)) return place.folder / name;
    }
  }
  return std::nullopt;
}

fs::path download_folder(const std::string& dataset, const std::string& to) {
  const fs::path root = to.empty() ? paths::cache_dir() : fs::path(to);
  if (root.empty()) {
    throw Error(
        "no folder to download to: HOME and XDG_CACHE_HOME are not set. Name one with --to DIR.");
  }
  return root / dataset;
}

std::string how_to_get_by_hand(const DatasetEntry& entry, const std::string& folder) {
  std::string text;
  for (const auto& file : entry.files) {
    if (!file.needed) continue;
    text += "  download " + file.urls.front() + "\n    " + grouped(file.bytes) +
            " bytes, sha256 " + file.sha256 + "\n";
    for (std::size_t i = 1; i < file.urls.size(); ++i) text += "    or " + file.urls[i] + "\n";
  }
  std::string target = folder;
  if (target.empty()) {
    const auto cache = paths::cache_dir();
    if (!cache.empty()) target = (cache / entry.name).string();
  }
  text += "  and put what you have downloaded into ";
  if (!target.empty()) text += target + ", or into ";
  return text + "DIR/" + entry.name + " and say --data DIR or ATTNLAB_DATA=DIR";
}

void throw_missing(const DatasetEntry& entry, const std::string& wanted,
                   const std::vector<Place>& places, const std::string& hint) {
  std::string text = entry.name + ": no " + wanted + " was found. Looked in";
  for (const auto& place : places) {
    text += "\n  " + place.folder.string() + " (" + place.origin +
            (is_folder(place.folder) ? "" : ", no such folder") + ")";
  }
  if (places.empty()) text += " no folder at all: without a home folder there is no cache";
  if (!hint.empty()) text += "\n" + hint;
  throw MissingData(text + "\nRun `attnlab data fetch " + entry.name +
                    "`, or where there is no network:\n" + how_to_get_by_hand(entry));
}

}  // namespace attnlab::data
