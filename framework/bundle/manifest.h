/// manifest.h: what is in a bundle: its first file, manifest.json. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attnlab::bundle {

inline constexpr char kManifest[] = "manifest.json";
inline constexpr char kDatabase[] = "database/attnlab.db";
inline constexpr std::int64_t kMostManifestBytes = 256 << 20;

struct PackedFile {
  std::string name;
  std::int64_t bytes = 0;
  std::string sha256;
};

/// The folder of a run's attempt, by the attempt's name in every database (run_attempts.uid).
struct PackedRun {
  std::string uid, folder;  // "1f2e3d4c5b6a-1"
};

struct Manifest {
  std::string made;         // "2026-11-26 21:30:00 UTC"
  std::string by;           // "attnlab 0.9.0"
  std::string from;         // the database, where it was
  std::string study;        // empty: all
  std::string checkpoints;  // none, best or all
  std::vector<PackedRun> runs;
  std::vector<PackedFile> files;  // in the archive's order, without the manifest

  [[nodiscard]] std::int64_t bytes() const;  // of all files
};

/// Whether a bundle may hold a file of that name: the database, report/X.html, configs/X.json, and of
/// runs/X: log.txt, spec.json and what a checkpoint consists of. So no name leads out of a folder.
[[nodiscard]] bool is_bundle_name(std::string_view name);
/// "1f2e3d4c5b6a-1", as launch::make_run_folder names them.
[[nodiscard]] bool is_run_folder(std::string_view name);

/// {"format", "sha256" over the rest, "content"}
[[nodiscard]] std::string to_json(const Manifest& manifest);
/// Throws Error: no JSON, another format, a digest that does not match, a field that is missing or wrong, a
/// name that may not be in a bundle or is there twice, no database, sizes beyond reason.
[[nodiscard]] Manifest manifest_from(const std::string& json);

}  // namespace attnlab::bundle
