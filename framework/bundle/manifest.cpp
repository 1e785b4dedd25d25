#include "framework/bundle/manifest.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/json_text.h"

namespace attnlab::bundle {
namespace {

using ManifestJson = nlohmann::ordered_json;

constexpr int kBundleFormat = 1;
constexpr std::string_view kDigits = "0123456789", kHexDigits = "0123456789abcdef";

bool all_of(std::string_view text, std::string_view letters) {
  return !text.empty() && text.find_first_not_of(letters) == text.npos;
}

/// A name without a slash that no shell and no file system takes for something else.
bool is_plain_word(std::string_view word) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return all_of(word, kLetters) && word[0] != '.' && word[0] != '-' && word.size() <= 120;
}

bool is_plain_file(std::string_view name, std::string_view folder, std::string_view ending) {
  return name.starts_with(folder) && name.ends_with(ending) && name.size() > folder.size() + ending.size() &&
         is_plain_word(name.substr(folder.size()));
}

/// What a run's folder may hold.
bool is_run_file(std::string_view name) {
  if (name == "log.txt" || name == "spec.json") return true;
  constexpr std::string_view kSteps = "checkpoints/step-";
  if (!name.starts_with(kSteps)) return false;
  const auto slash = name.find('/', kSteps.size());
  if (slash == name.npos) return false;
  const auto step = name.substr(kSteps.size(), slash - kSteps.size()), file = name.substr(slash + 1);
  return step.size() <= 15 && all_of(step, kDigits) &&
         (file == "model.safetensors" || file == "optimizer.safetensors" || file == "state.json");
}

ManifestJson content_of(const Manifest& manifest) {
  ManifestJson content{{"made", manifest.made},
                       {"by", manifest.by},
                       {"from", manifest.from},
                       {"study", manifest.study},
                       {"checkpoints", manifest.checkpoints},
                       {"runs", ManifestJson::array()},
                       {"files", ManifestJson::array()}};
  for (const auto& run : manifest.runs) content["runs"].push_back({{"uid", run.uid}, {"folder", run.folder}});
  for (const auto& file : manifest.files) {
    content["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return content;
}

void read_content(const ManifestJson& content, Manifest& manifest) {
  content.at("made").get_to(manifest.made);
  content.at("by").get_to(manifest.by);
  content.at("from").get_to(manifest.from);
  content.at("study").get_to(manifest.study);
  content.at("checkpoints").get_to(manifest.checkpoints);
  for (const auto& run : content.at("runs")) {
    manifest.runs.push_back({run.at("uid").get<std::string>(), run.at("folder").get<std::string>()});
  }
  for (const auto& file : content.at("files")) {
    manifest.files.push_back(
        {file.at("name").get<std::string>(), file.at("bytes").get<std::int64_t>(), file.at("sha256").get<std::string>()});
  }
}

void check_manifest(const Manifest& manifest) {
  std::set<std::string> names, folders, uids;
  std::int64_t total = 0;
  for (const auto& [name, bytes, sha256] : manifest.files) {
    if (!is_bundle_name(name)) throw Error("the file '" + name + "' has no place in a bundle");
    if (!names.insert(name).second) throw Error("the file '" + name + "' is listed twice");
    if (bytes < 0 || bytes > std::numeric_limits<std::int64_t>::max() - total) throw Error("'" + name + "' has an impossible size");
    if (sha256.size() != 64 || !all_of(sha256, kHexDigits)) throw Error("'" + name + "' has no digest");
    total += bytes;
  }
  if (!names.contains(kDatabase)) throw Error(std::string("there is no ") + kDatabase);
  for (const auto& [uid, folder] : manifest.runs) {
    if (!is_run_folder(folder)) throw Error("'" + folder + "' is no folder of a run");
    if (uid.empty() || !uids.insert(uid).second || !folders.insert(folder).second) {
      throw Error("the folder '" + folder + "' of a run is listed twice, or for no run");
    }
  }
  for (const auto& name : names) {
    if (!name.starts_with("runs/")) continue;
    const auto folder = name.substr(5, name.find('/', 5) - 5);
    if (!folders.contains(folder)) throw Error("'" + name + "' belongs to no run");
  }
}

}  // namespace

std::int64_t Manifest::bytes() const {
  std::int64_t total = 0;
  for (const auto& file : files) total += file.bytes;
  return total;
}

bool is_run_folder(std::string_view name) {
  constexpr std::size_t kFingerprint = 12;
  return name.size() > kFingerprint + 1 && name.size() <= 60 && all_of(name.substr(0, kFingerprint), kHexDigits) &&
         name[kFingerprint] == '-' && all_of(name.substr(kFingerprint + 1), "0123456789-");
}

bool is_bundle_name(std::string_view name) {
  if (name == kDatabase || is_plain_file(name, "report/", ".html") || is_plain_file(name, "configs/", ".json")) return true;
  if (!name.starts_with("runs/")) return false;
  const auto slash = name.find('/', 5);
  return slash != name.npos && is_run_folder(name.substr(5, slash - 5)) && is_run_file(name.substr(slash + 1));
}

std::string to_json(const Manifest& manifest) {
  const auto content = content_of(manifest);
  return json_text(ManifestJson{{"format", kBundleFormat}, {"sha256", sha256_hex(json_text(content))}, {"content", content}}, 1) + "\n";
}

Manifest manifest_from(const std::string& json) {
  Manifest manifest;
  try {
    const auto read = ManifestJson::parse(json);
    if (const auto format = read.at("format").get<int>(); format != kBundleFormat) {
      throw Error("it has format " + std::to_string(format) + ", expected " + std::to_string(kBundleFormat) +
                  ": it is of another version of attnlab");
    }
    const auto& content = read.at("content");
    if (sha256_hex(json_text(content)) != read.at("sha256").get<std::string>()) {
      throw Error("its digest does not match its content");
    }
    read_content(content, manifest);
  } catch (const nlohmann::json::exception& error) {
    throw Error(std::string("it is damaged: ") + error.what());
  }
  check_manifest(manifest);
  return manifest;
}

}  // namespace attnlab::bundle
