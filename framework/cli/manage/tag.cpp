// tag.cpp: `attnlab tag RUN... +word -word`: words that people give to runs.
#include <fmt/format.h>

#include <algorithm>

#include "framework/cli/commands.h"
#include "framework/cli/manage/named.h"
#include "framework/cli/results/choose.h"
#include "framework/cli/results/output.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/store/manage.h"

namespace attnlab::cli {
namespace {

struct Changes {
  std::vector<std::string> add, remove, rest;
};

bool is_tag(const std::string& word) {
  constexpr std::size_t kLongest = 64;
  const auto fits = [](unsigned char c) { return c > ' ' && c != ',' && c != '"' && c != '\'' && c != 0x7f; };
  return !word.empty() && word.size() <= kLongest && word[0] != '-' && word[0] != '+' && std::ranges::all_of(word, fits);
}

// "-word" looks like an option to everybody else, and stands behind the runs; values of options are left.
Changes changes_in(Arguments arguments) {
  Changes changes;
  bool is_value = false;
  for (const auto& word : arguments) {
    const bool change = !is_value && word.size() > 1 && (word[0] == '+' || (word[0] == '-' && word[1] != '-')) && word != "-h";
    is_value = !is_value && word.starts_with("--") && word.find('=') == word.npos && word != "--dry-run" && word != "--help";
    if (!change) {
      changes.rest.push_back(word);
      continue;
    }
    if (!is_tag(word.substr(1))) {
      throw Error("'" + word + "': a tag is one word of up to 64 letters, digits and signs, without commas and quotes", kExitUsage);
    }
    (word[0] == '+' ? changes.add : changes.remove).push_back(word.substr(1));
  }
  return changes;
}

}  // namespace

int tag(Arguments arguments) {
  Options options("tag", "RUN... | --study NAME ... +word -word [options]",
                  "Gives words to runs, and takes them away. attnlab runs --tag good,-todo chooses by them.");
  options.database();
  add_choosing_options(options);
  options.flag("dry-run", "say how many runs would change; change nothing")
      .notes("attnlab tag 3 4 +baseline\nattnlab tag --study first --where \"bits_per_dim < 1\" +good -todo");
  const auto changes = changes_in(arguments);
  const auto parsed = options.parse(changes.rest);
  if (!parsed) return kExitOk;
  if (changes.add.empty() && changes.remove.empty()) {
    throw Error("expected words to add or to take away: attnlab tag RUN... +word -word", kExitUsage);
  }
  for (const auto& word : changes.add) {
    if (std::ranges::find(changes.remove, word) == changes.remove.end()) continue;
    throw Error("+" + word + " and -" + word + " are two answers; expected each word once", kExitUsage);
  }
  const auto runs = named_runs(*parsed, open_reader(*parsed), "tag");
  const auto ids = numbers_of(runs);
  store::Housekeeping house(parsed->database());
  const auto changed = house.tag(ids, changes.add, changes.remove, parsed->has("dry-run"));
  print(fmt::format("{}{} of {} {}\n", parsed->has("dry-run") ? "--dry-run: " : "", changed, counted(static_cast<std::int64_t>(ids.size()), "run"),
                    parsed->has("dry-run") ? "would change" : "changed"));
  return kExitOk;
}

}  // namespace attnlab::cli
