// export.cpp: a study into a bundle; see bundle.h.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "framework/bundle/bundle.h"
#include "framework/bundle/pack.h"
#include "framework/bundle/staging.h"
#include "framework/checkpoint/folder.h"
#include "framework/core/build_info.h"
#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/json_text.h"
#include "framework/core/text_file.h"
#include "framework/report/page.h"
#include "framework/store/reader.h"
#include "framework/store/snapshot.h"

namespace attnlab::bundle {
namespace {

namespace fs = std::filesystem;

constexpr char kRunsAndLogs[] =
    "SELECT a.id, a.uid, a.fingerprint, a.status, (SELECT path FROM artifacts WHERE run_id = a.id AND kind = 'log' "
    "ORDER BY created_ms DESC LIMIT 1) FROM run_attempts AS a ORDER BY a.id";

std::string text_at(const store::Row& row, std::size_t column) {
  const auto* text = std::get_if<std::string>(&row.at(column));
  return text == nullptr ? "" : *text;
}

/// A part of a file's name out of a study's.
std::string file_word(const std::string& text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  std::string word;
  for (const char letter : text.substr(0, 60)) word += kLetters.find(letter) == kLetters.npos ? '_' : letter;
  if (word.empty() || word[0] == '.' || word[0] == '-') word.insert(0, "_");
  return word == text ? word : word + "-" + sha256_hex(text).substr(0, 6);
}

/// What goes into one bundle, found piece by piece.
class Collection {
 public:
  Collection(const ExportRequest& request, const fs::path& staging)
      : request_(request), staging_(staging), reader_((staging / kDatabase).string()) {
    reader_.set_timeout(0);
  }

  void collect() {
    sources.push_back({kDatabase, staging_ / kDatabase});
    add_pages();
    add_configs();
    for (const auto& row : reader_.query(kRunsAndLogs).rows) add_run(row);
    // Small ones first, so that a look into the archive need not unpack the tensors.
    std::ranges::stable_partition(sources, [](const Source& source) { return !source.name.ends_with(".safetensors"); });
  }

  std::vector<Source> sources;
  std::vector<PackedRun> runs;
  Exported told;

 private:
  void add_text(const std::string& name, const std::string& text) {
    std::error_code ignored;
    fs::create_directories((staging_ / name).parent_path(), ignored);
    write_text(staging_ / name, text);
    sources.push_back({name, staging_ / name});
  }

  void add_pages() {
    const auto studies = reader_.query("SELECT name FROM studies WHERE ?1 IN ('', name) ORDER BY id", {request_.study}).rows;
    for (const auto& row : studies) {
      const auto study = text_at(row, 0);
      try {
        add_text("report/" + file_word(study) + ".html",
                 report::page(reader_, {.study = study, .against = {}, .command = "attnlab export --bundle", .made = request_.made}));
      } catch (const Error& error) {
        if (store::may_pass(error)) throw;
        told.left_out.push_back("the page of study '" + study + "': " + error.what());
      }
    }
  }

  void add_configs() {
    const auto rows = reader_.query("SELECT id, config_json, overrides, fingerprint, fingerprint_parts FROM run_attempts ORDER BY id");
    for (const auto& row : rows.rows) {
      const auto parsed = [&](std::size_t column) { return nlohmann::ordered_json::parse(text_at(row, column), nullptr, false); };
      const nlohmann::ordered_json config{{"overrides", text_at(row, 2)}, {"fingerprint", text_at(row, 3)},
                                          {"fingerprint_parts", parsed(4)}, {"config", parsed(1)}};
      add_text("configs/run-" + std::to_string(store::whole_of(row.at(0))) + ".json",
               json_text(config, 1) + "\n");
    }
  }

  /// Where a run of that fingerprint leaves its files; a store of somebody else must not name another place.
  [[nodiscard]] std::optional<fs::path> folder_of(const std::string& log, const std::string& fingerprint) const {
    const auto folder = fs::path(log).parent_path();
    const auto name = folder.filename().string();
    if (fs::path(log).filename() != "log.txt" || !is_run_folder(name) || !name.starts_with(fingerprint.substr(0, 12))) return std::nullopt;
    for (const auto& each : {folder, request_.database.parent_path() / name}) {
      if (is_folder(each)) return each;
    }
    return std::nullopt;
  }

  void add_run(const store::Row& row) {
    ++told.runs;
    const auto folder = folder_of(text_at(row, 4), text_at(row, 2));
    if (!folder) return;
    auto name = folder->filename().string();  // merged runs may have equal ones
    for (int copy = 2; !folders_.insert(name).second; ++copy) name = folder->filename().string() + "-" + std::to_string(copy);
    runs.push_back({text_at(row, 1), name});
    const bool running = text_at(row, 3) == "running";
    for (const char* file : {"log.txt", "spec.json"}) add_file("runs/" + name + "/" + file, *folder / file, running);
    if (request_.checkpoints == Checkpoints::none) return;
    for (const auto& checkpoint : chosen(checkpoint::list(*folder / checkpoint::kFolder))) {
      add_checkpoint("runs/" + name + "/checkpoints/" + checkpoint.path.filename().string() + "/", checkpoint.path, running);
    }
  }

  bool add_file(const std::string& name, const fs::path& path, bool running) {
    try {
      const auto held = held_open(path);
      // What a running run writes may grow or go.
      sources.push_back({name, path, running ? held : nullptr, running ? file_bytes(held->number()) : -1});
      if (name.ends_with("/log.txt")) ++told.logs;
      return true;
    } catch (const Error&) {
      return false;  // it is not there, or no file
    }
  }

  void add_checkpoint(const std::string& name, const fs::path& folder, bool running) {
    const auto before = sources.size();
    bool whole = true;
    for (const char* file : {checkpoint::kState, checkpoint::kModel, checkpoint::kOptimizer}) {
      whole = add_file(name + file, folder / file, running) && whole;
    }
    if (whole) {
      ++told.checkpoints;
      return;
    }
    sources.resize(before);
    told.left_out.push_back("the checkpoint '" + folder.string() + "', of which files are missing");
  }

  [[nodiscard]] std::vector<checkpoint::Checkpoint> chosen(std::vector<checkpoint::Checkpoint> all) const {
    if (request_.checkpoints == Checkpoints::all || all.empty()) return all;
    auto best = std::prev(all.end());
    std::optional<double> least;
    for (auto each = all.begin(); each != all.end(); ++each) {
      try {
        const auto score = checkpoint::read_state(each->path).validation;
        if (!score || (least && *score >= *least)) continue;
        least = score;
        best = each;
      } catch (const Error&) {
        continue;
      }
    }
    return {*best};
  }

  const ExportRequest& request_;
  fs::path staging_;
  store::Reader reader_;
  std::set<std::string> folders_;
};

/// What is there is replaced, so it must be a file, and not the one that is packed.
void require_place(const fs::path& file, const fs::path& database) {
  const auto refuse = [&](const std::string& why) { throw Error("cannot write '" + file.string() + "': " + why); };
  if (!is_folder(file.parent_path())) refuse("its folder is not there");
  if (!is_there(file)) return;
  if (is_folder(file)) refuse("it is a folder");
  if (!is_file(file)) refuse("it is a device or a pipe; expected a file");
  std::error_code ignored;
  if (fs::equivalent(file, database, ignored)) refuse("it is the results database itself");
}

}  // namespace

std::string_view to_text(Checkpoints checkpoints) {
  constexpr std::string_view kNames[]{"none", "best", "all"};
  return kNames[static_cast<std::size_t>(checkpoints)];
}

Exported export_bundle(const ExportRequest& request) {
  const auto file = fs::absolute(request.file);
  require_place(file, request.database);
  const Staging staging(file.parent_path());
  fs::create_directory(staging.path() / "database");
  store::write_snapshot(request.database.string(), (staging.path() / kDatabase).string(), request.study);
  Collection collection(request, staging.path());
  collection.collect();
  Manifest manifest{.made = request.made,
                    .by = "attnlab " + std::string(build_info().version),
                    .from = request.database.string(),
                    .study = request.study,
                    .checkpoints = std::string(to_text(request.checkpoints)),
                    .runs = collection.runs,
                    .files = {}};
  pack(file, manifest, collection.sources);
  auto told = std::move(collection.told);
  told.bytes = manifest.bytes();
  told.packed_bytes = static_cast<std::int64_t>(fs::file_size(file));
  return told;
}

}  // namespace attnlab::bundle
