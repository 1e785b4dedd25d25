#include "framework/data/corpus_entry.h"

#include "framework/core/files.h"
#include "framework/data/locate.h"

namespace attnlab::data {
namespace fs = std::filesystem;
namespace {

struct Found {
  CorpusSettings settings;
  fs::path folder;
  CorpusManifest manifest;
  DatasetInfo info;
};

Found find(const std::string& name, const config::Node& section, const std::string& data_dir,
           DescribeCorpus describe) {
  Found found;
  found.settings = read_settings<CorpusConfig>(section);
  const auto& common = found.settings.common;
  found.folder = find_corpus(name, common.path, data_dir);
  found.manifest = inspect_corpus(found.folder);
  found.info = corpus_info(found.manifest, found.folder, common);
  found.info.name = name;
  describe(found.manifest, found.info);
  return found;
}

std::string how_to_prepare(const std::string& name) {
  if (name == "openwebtext2") {
    return "Run `attnlab data fetch openwebtext2` and `attnlab data prepare openwebtext2`, or "
           "prepare an archive of that form with --source FILE.";
  }
  return "Run `attnlab data prepare " + name +
         " --source PATH --out DIR` and say dataset.path=DIR.";
}

/// Where one is being prepared, or "": it is not taken for a finished one.
std::string begun_at(const std::vector<fs::path>& folders) {
  for (fs::path folder : folders) {
    if (!folder.has_filename()) folder = folder.parent_path();  // a slash at the end
    if (folder.extension() != ".part") folder += ".part";
    if (is_folder(folder)) {
      return "'" + folder.string() +
             "' was begun and is not finished: wait for `attnlab data prepare`, or run the same "
             "command again.";
    }
  }
  return {};
}

}  // namespace

fs::path find_corpus(const std::string& name, const std::string& path,
                     const std::string& data_dir) {
  if (const auto begun = begun_at({path}); !path.empty() && !fs::exists(path) && !begun.empty()) {
    throw MissingData(name + ": no prepared corpus: " + begun);
  }
  const auto places = search_places(name, data_dir, path);
  const std::string inner = std::string("tokens/") + kManifestName;
  if (const auto file = find_file(places, {inner, kManifestName})) return file->parent_path();
  std::string text = name + ": no prepared corpus (" + kManifestName + ") was found. Looked in";
  std::vector<fs::path> folders;
  for (const auto& place : places) {
    text += "\n  " + place.folder.string() + " (" + place.origin + ")";
    folders.insert(folders.end(), {place.folder / "tokens", place.folder});
  }
  const auto begun = begun_at(folders);
  throw MissingData(text + "\n" + (begun.empty() ? how_to_prepare(name) : begun));
}

DatasetInfo inspect_corpus_entry(const std::string& name, const config::Node& section,
                                 const std::string& data_dir, DescribeCorpus describe) {
  const auto found = find(name, section, data_dir, describe);
  verify_bins_once(found.folder, found.manifest);
  return found.info;
}

std::unique_ptr<Dataset> open_corpus_entry(const std::string& name, const config::Node& section,
                                           const std::string& data_dir, DescribeCorpus describe) {
  auto found = find(name, section, data_dir, describe);
  return std::make_unique<CorpusDataset>(std::move(found.info), found.manifest, found.folder,
                                         found.settings.common, found.settings.own.sampling);
}

std::vector<std::string> check_corpus_entry(const std::string& name, const config::Node& section,
                                            const std::string& data_dir) {
  const auto path = read_settings<CorpusConfig>(section).common.path;
  const auto folder = find_corpus(name, path, data_dir);
  return verify_corpus(folder, inspect_corpus(folder));
}

}  // namespace attnlab::data
