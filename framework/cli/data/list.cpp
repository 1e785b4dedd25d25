// data_list.cpp: `attnlab data list` and `attnlab data check`.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/cli/data/actions.h"
#include "framework/core/error.h"
#include "framework/core/json_text.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/data/dataset_table.h"
#include "framework/data/vocabulary.h"

namespace attnlab::cli {
namespace {

constexpr std::int64_t kAnyLength = 2;  // short and even: every data set can serve it

struct DataRow {
  const data::DatasetEntry* entry;
  std::string state;  // "verified", "generated", "prefix only", "unofficial", "missing", "refused"
  std::string text;   // where it was found, or why not
  data::DatasetInfo info;
};

std::string first_line(const Error& error) { return split(error.what(), '\n').front(); }

std::string how_to_get(const data::DatasetEntry& entry) {
  const std::string prepare = "attnlab data prepare " + entry.name;
  if (entry.files.empty()) return prepare + " --source PATH --out DIR, then --data DIR";
  return "attnlab data fetch " + entry.name + (entry.prepared ? "; " + prepare : "");
}

DataRow row_of(const data::DatasetEntry& entry, const std::string& data_dir, bool prefix) try {
  auto info = entry.inspect(dataset_section(entry.name, prefix, kAnyLength), data_dir);
  const char* part = entry.prepared ? "unofficial" : "prefix only";
  const char* state = info.synthetic ? "generated" : info.partial ? part : "verified";
  return {&entry, state, info.source, std::move(info)};
} catch (const data::MissingData&) {
  if (!prefix) return row_of(entry, data_dir, true);
  return {&entry, "missing", how_to_get(entry), {}};
} catch (const Error& error) {
  return {&entry, "refused", first_line(error), {}};
}

std::int64_t download_bytes(const data::DatasetEntry& entry) {
  std::int64_t bytes = 0;
  for (const auto& file : entry.files) bytes += file.needed ? file.bytes : 0;
  return bytes;
}

std::string as_json(const std::vector<DataRow>& rows) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& [entry, state, text, info] : rows) {
    const bool found = !info.name.empty();
    auto& one = list.emplace_back(nlohmann::ordered_json{{"name", entry->name},
                                                         {"summary", entry->summary},
                                                         {"state", state},
                                                         {"download_bytes", download_bytes(*entry)},
                                                         {found ? "source" : "reason", text}});
    if (found) one.update({{"description", info.description}, {"digest", info.digest}, {"metric", info.metric}});
  }
  return json_text(list, 2);
}

void print_list(const std::vector<DataRow>& rows) {
  static constexpr char kLine[] = "{:<12} {:<12} {:<10} {}\n";
  print(fmt::format(kLine, "NAME", "STATE", "DOWNLOAD", "WHAT"));
  for (const auto& row : rows) {
    const std::int64_t bytes = download_bytes(*row.entry);
    print(fmt::format(kLine, row.entry->name, row.state,
                      bytes ? human_bytes(static_cast<double>(bytes)) : "-", row.entry->summary));
    print(fmt::format("{:36} {}\n", "", row.text));
  }
}

/// A vocabulary: its files are checked, and there are no sequences.
void check_files(const data::DatasetEntry& entry, const std::string& data_dir) {
  const auto info = entry.inspect({}, data_dir);
  print(fmt::format("{}: passed: {}\n  read {}\n  digest {}\n", entry.name, info.description,
                    info.source, info.digest));
}

void check_one(const data::DatasetEntry& entry, const std::string& data_dir, bool prefix,
               const std::string& path = {}) {
  if (entry.open == nullptr) return check_files(entry, data_dir);
  const auto section = dataset_section(entry.name, prefix, kAnyLength, path);
  const auto dataset = data::open_dataset(section, data_dir);
  const auto& info = dataset->info();
  print(fmt::format("{}: passed: {}\n  read {}\n", entry.name, info.description, info.source));
  if (entry.check_more != nullptr) {
    for (const auto& line : entry.check_more(section, data_dir)) print("  read " + line + "\n");
  }
  print(fmt::format("  {} training sequences of length {}, digest {}\n",
                    dataset->size(data::Split::train), kAnyLength, info.digest));
}

int check_all(const std::string& data_dir, bool prefix) {
  int refused = 0;
  for (const auto* entry : data::entries_with_files()) {
    try {
      check_one(*entry, data_dir, prefix);
    } catch (const data::MissingData& error) {
      print(entry->name + ": missing\n");
    } catch (const Error& error) {
      print(entry->name + ": refused: " + error.what() + "\n");
      ++refused;
    }
  }
  return refused == 0 ? kExitOk : kExitError;
}

}  // namespace

int data_list(Arguments arguments) {
  Options options("data list", "[--data DIR] [--json]", "Every data set, and where it was found.");
  options.value("data", "DIR", "folder to look in first").flag("json", "as JSON").no_words("; it takes no names");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  std::vector<DataRow> rows;
  for (const auto* entry : data::entries_with_files()) {
    rows.push_back(row_of(*entry, parsed->text("data", ""), false));
  }
  if (parsed->has("json")) {
    print(as_json(rows) + "\n");
  } else {
    print_list(rows);
  }
  return kExitOk;
}

int data_check(Arguments arguments) {
  Options options(
      "data check", "[NAME...] [--path PATH] [--data DIR] [--prefix]",
      "Reads data sets in full and checks form and checksums; without a name, all found.");
  options.value("path", "PATH", "of the one data set that is named, as dataset.path")
      .value("data", "DIR", "folder to look in first")
      .flag("prefix", "accept a shorter beginning of enwik8");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const std::string data_dir = parsed->text("data", "");
  const auto path = parsed->text("path", "");
  if (!path.empty() && parsed->words().size() != 1) {
    throw Error("--path is of one data set; expected its name, found " +
                    std::to_string(parsed->words().size()) + " names.",
                kExitUsage);
  }
  if (parsed->words().empty()) return check_all(data_dir, parsed->has("prefix"));
  for (const auto& name : parsed->words()) {
    check_one(data::entry_with_files(name), data_dir, parsed->has("prefix"), path);
  }
  return kExitOk;
}

}  // namespace attnlab::cli
