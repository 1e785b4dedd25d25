#include "framework/cli/complete/candidates.h"

#include <algorithm>
#include <iterator>

#include "framework/config/yaml.h"
#include "framework/core/paths.h"
#include "framework/core/status.h"
#include "framework/core/text.h"
#include "framework/data/dataset_table.h"
#include "framework/store/reader.h"

namespace attnlab::cli {
namespace {

constexpr double kNoPatience = 0;      // of a lock
constexpr double kQuerySeconds = 0.2;  // a store of any size must not hold a shell

constexpr char kStudyNames[] = "SELECT name FROM studies ORDER BY id DESC";
constexpr char kRunNumbers[] = "SELECT id FROM run_attempts ORDER BY id DESC";
constexpr char kVariants[] = "SELECT DISTINCT value FROM configs WHERE key = 'attention.name' ORDER BY 1";
constexpr char kMetricNames[] = "SELECT name FROM metric_keys ORDER BY name";
constexpr char kTags[] = "SELECT DISTINCT tag FROM run_tags ORDER BY tag";
constexpr char kRunsColumns[] = "SELECT name FROM pragma_table_info('runs')";

/// What follows on the line: options that were given, and words.
struct Given {
  std::vector<std::string> words;
  std::string database;
  std::string open_option;  // the last word is this option, whose value comes next
};

const Surface::Option* option_named(const Surface& surface, const std::string& word) {
  for (const auto& option : surface.options) {
    if (word == "--" + option.name || (!option.shorthand.empty() && word == "-" + option.shorthand)) return &option;
  }
  return nullptr;
}

Given given_from(const Surface& surface, std::span<const std::string> words) {
  Given given;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word.starts_with("--db=")) given.database = word.substr(5);
    const auto* option = option_named(surface, word);
    if (option && option->value_follows) {
      if (i + 1 == words.size()) given.open_option = option->name;
      else if (option->name == "db") given.database = words[i + 1];
      ++i;
    } else if (!option && !word.starts_with("--")) {
      given.words.push_back(word);
    }
  }
  if (given.database.empty()) given.database = paths::default_database().string();
  return given;
}

bool is_path(const std::string& placeholder) {
  return placeholder.starts_with("FILE") || placeholder.starts_with("FOLDER") || placeholder == "DIR" || placeholder == "PATH";
}

/// What an option of that name takes, in whatever command.
Candidates option_values(const Surface& surface, const std::string& name, const std::string& database) {
  const auto* option = option_named(surface, "--" + name);
  if (name == "study") return {from_database(database, kStudyNames)};
  if (name == "against") return {from_database(database, kVariants)};
  if (name == "metric") return {from_database(database, kMetricNames)};
  if (name == "tag") return {from_database(database, kTags)};
  if (name == "sort" || name == "columns") return {from_database(database, kRunsColumns)};
  if (name == "status") return {{kStatusNames.begin() + 1, kStatusNames.end()}};
  if (name == "at-equal") return {{"steps", "seconds", "tokens", "flops"}};
  if (name == "axis") return {{"step", "seconds", "tokens"}};
  if (name == "split") return {{"train", "val", "test"}};
  if (name == "reuse") return {{"config"}};
  if (name == "device") return {{"auto", "cpu", "cuda"}};
  if (name == "peer") return {plugin_names()};
  if (name == "preset") return {config::yaml_names(paths::home() / "experiments" / "bench"), true};
  return {{}, option && is_path(option->placeholder)};
}

std::vector<std::string> describable() {
  std::vector<std::string> names{"check", "model", "run", "train"};
  for (const auto& name : plugin_names()) names.push_back("attention/" + name);
  for (const auto& name : data::names()) names.push_back("dataset/" + name);
  return names;
}

/// The word behind the options, by what the command's usage says of it.
Candidates word_values(const Surface& surface, const Given& given, const std::string& current) {
  const auto& usage = surface.usage;
  const bool first = given.words.empty();
  const bool takes_config = usage.find("overrides") != std::string::npos;
  if ((first && (usage.starts_with("RUN") || usage.starts_with("CHECKPOINT"))) || usage.starts_with("RUN...")) {
    auto runs = from_database(given.database, kRunNumbers);
    if (usage.starts_with("RUN[")) std::ranges::move(override_words({}, current), std::back_inserter(runs));
    return {std::move(runs), usage.find("CHECKPOINT") != std::string::npos};
  }
  if (surface.command == "describe") return {first ? describable() : std::vector<std::string>{}};
  if (surface.command == "completion") return {first ? std::vector<std::string>{"bash", "zsh"} : std::vector<std::string>{}};
  if (surface.command == "plugins") return {first ? std::vector<std::string>{"show"} : plugin_names()};
  if (surface.command == "plugin check" && first) return {plugin_names(), true};
  if (surface.command == "data prepare") return {first ? std::vector<std::string>{"openwebtext2", "text"} : std::vector<std::string>{}};
  if (surface.command.starts_with("data ")) return {usage.starts_with("NAME") || usage.starts_with("[NAME") ? data::names() : std::vector<std::string>{}};
  if (usage.starts_with("FILE") || usage.starts_with("INTO")) return {{}, true};
  if (takes_config) return {override_words(given.words, current)};
  return {};
}

}  // namespace

std::vector<std::string> from_database(const std::string& database, const std::string& sql) {
  std::vector<std::string> found;
  try {
    store::Reader reader(database, kNoPatience);
    reader.set_timeout(kQuerySeconds);
    for (const auto& row : reader.query(sql + " LIMIT 500").rows) {
      const auto* number = std::get_if<std::int64_t>(row.data());
      const auto* text = std::get_if<std::string>(row.data());
      if (number || text) found.push_back(number ? std::to_string(*number) : *text);
    }
  } catch (const std::exception&) {  // no database, a locked or damaged one, one of another version
  }
  return found;
}

Candidates candidates(const std::vector<std::string>& words, const std::string& current, int (*probe)(Arguments)) {
  Surface surface;
  {
    const Probe probing(surface);
    try {
      probe(words);
    } catch (const std::exception&) {  // what stands before its options is wrong already
    }
  }
  if (surface.options.empty()) return {surface.actions};  // none below a word that is no command
  const auto depth = split(surface.command, ' ').size();
  const auto given = given_from(surface, std::span(words).subspan(std::min(depth, words.size())));
  if (!given.open_option.empty()) return option_values(surface, given.open_option, given.database);
  const auto equals = current.find('=');
  if (current.starts_with("--") && equals != std::string::npos) {
    auto values = option_values(surface, current.substr(2, equals - 2), given.database);
    for (auto& value : values.words) value.insert(0, current.substr(0, equals + 1));
    return values;
  }
  if (!current.starts_with("-")) return word_values(surface, given, current);
  Candidates options;
  for (const auto& option : surface.options) {
    const bool glued = !option.placeholder.empty() && !option.value_follows;
    options.words.push_back("--" + option.name);
    if (glued) options.words.push_back("--" + option.name + "=");
  }
  return options;
}

}  // namespace attnlab::cli
