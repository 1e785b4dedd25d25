#include "framework/report/page_sections.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/files.h"
#include "framework/core/process.h"
#include "framework/core/text.h"
#include "framework/report/html.h"

namespace attnlab::report {
namespace {

constexpr std::size_t kMostKeyColumns = 10, kMostLogs = 40, kMostCommands = 200;
constexpr std::size_t kLogBytes = 6000, kLogLines = 40;

std::string heading(const char* id, const char* title) {
  return std::string("<section id=\"") + id + "\"><h2>" + title + "</h2>\n";
}

Runs all_runs(const std::vector<Group>& groups) {
  Runs runs;
  for (const auto& group : groups) runs.insert(runs.end(), group.runs.begin(), group.runs.end());
  return runs;
}

struct Keys {
  std::map<std::string, std::string> shared;  // of all runs
  std::vector<std::string> varying;
};

Keys keys_of_configs(const Runs& runs) {
  std::map<std::string, std::pair<std::size_t, std::set<std::string>>> seen;
  for (const auto& run : runs) {
    for (const auto& [key, value] : run.config) {
      auto& [count, values] = seen[key];
      ++count;
      if (values.size() < 2) values.insert(value);
    }
  }
  Keys keys;
  for (const auto& [key, at] : seen) {
    if (at.first == runs.size() && at.second.size() == 1) {
      keys.shared[key] = *at.second.begin();
    } else if (key != "seed" && key != "attention.name") {
      keys.varying.push_back(key);
    }
  }
  return keys;
}

std::string config_value(const RunRow& run, const std::string& key) {
  const auto found = run.config.find(key);
  return found == run.config.end() ? "" : found->second;
}

std::vector<Cell> run_cells(const Group& group, const RunRow& run, const Keys& keys) {
  std::vector<Cell> cells{{run.value("id")},
                          {run.value("status")},
                          {group.label},
                          {run.value("seed")},
                          {run.value("score")},
                          {run.value("tokens_per_second")},
                          {run.value("seconds")},
                          {run.value("shared")}};
  std::string rest;
  for (std::size_t i = 0; i < keys.varying.size(); ++i) {
    const auto value = config_value(run, keys.varying[i]);
    if (i < kMostKeyColumns) {
      cells.push_back({value});
    } else if (!value.empty()) {
      rest += (rest.empty() ? "" : " ") + keys.varying[i] + "=" + value;
    }
  }
  if (keys.varying.size() > kMostKeyColumns) cells.push_back({rest});
  return cells;
}

/// The last lines of a file that lies where a run of this fingerprint leaves its log; a store of somebody
/// else must not be able to name another file, which would then be sent around.
std::string log_end(const std::filesystem::path& path, const std::string& fingerprint) {
  const auto folder = path.parent_path().filename().string();
  if (path.filename() != "log.txt" || !folder.starts_with(fingerprint.substr(0, 12) + "-")) return {};
  if (!is_file(path)) return {};  // a pipe would be waited for
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::streamoff>(file.tellg());
  const auto begin = std::max<std::streamoff>(0, size - static_cast<std::streamoff>(kLogBytes));
  file.seekg(begin);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto lines = split(text, '\n');
  const auto skip = lines.size() > kLogLines ? lines.size() - kLogLines : begin > 0 ? 1 : 0;
  return join(std::span(lines).subspan(skip), "\n");
}

std::string log_of(const store::Reader& reader, const RunRow& run) {
  const auto rows = reader
                        .query("SELECT path FROM artifacts WHERE run_id = ?1 AND kind = 'log' LIMIT 1",
                               {run.value("id")})
                        .rows;
  if (rows.empty()) return "<p class=\"note\">It left no log.</p>\n";
  const auto path = exact(rows[0][0]);
  const auto end = log_end(path, run.text("fingerprint"));
  if (end.empty()) {
    return "<p class=\"note\">Its log is empty or no longer at " + html_escaped(path) + ".</p>\n";
  }
  return "<pre>" + html_escaped(end) + "</pre>\n";
}

std::string shown_value(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// The words of an override line: "a=b c='d e'" as the shell parts them.
std::vector<std::string> override_words(const std::string& line) {
  std::vector<std::string> words(1);
  char quote = 0;
  for (const char c : line) {
    if (quote == 0 && c == ' ') {
      words.emplace_back();
      continue;
    }
    if (quote == 0 && (c == '\'' || c == '"')) quote = c;
    else if (c == quote) quote = 0;
    words.back() += c;
  }
  std::erase(words, "");
  std::erase_if(words, [](const std::string& word) { return word.starts_with("study="); });
  return words;
}

using Words = std::vector<std::string>;

std::string key_of(const std::string& word) { return word.substr(0, word.find('=')); }

/// "attention=dense,none seed=0,1" where the lines, whose keys are the same, are the product of their
/// values; else "".
std::string as_grid(const std::vector<Words>& lines) {
  std::vector<Words> values(lines[0].size());
  std::set<std::string> distinct;
  for (const auto& words : lines) {
    distinct.insert(join(words, " "));
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (std::ranges::find(values[i], words[i]) == values[i].end()) values[i].push_back(words[i]);
    }
  }
  std::size_t product = 1;
  std::vector<std::string> grid;
  for (const auto& list : values) {
    product *= list.size();
    grid.push_back(list[0]);
    for (const auto& word : std::span(list).subspan(1)) {
      grid.back() += "," + word.substr(std::min(word.size(), key_of(word).size() + 1));
    }
  }
  return product == distinct.size() ? join(grid, " ") : "";
}

/// As few commands as are easily found: lines with the same keys together where they are a product, else those that
/// differ in their seed.
std::vector<std::string> grids_of(const std::vector<Words>& lines) {
  const auto parts = [](const std::vector<Words>& all, auto name) {
    std::map<std::string, std::vector<Words>> found;
    for (const auto& words : all) {
      std::string key;
      for (const auto& word : words) key += name(word) + "\n";
      found[key].push_back(words);
    }
    return found;
  };
  std::vector<std::string> commands;
  for (const auto& [keys, same] : parts(lines, key_of)) {
    if (const auto grid = as_grid(same); !grid.empty()) {
      commands.push_back(grid);
      continue;
    }
    const auto but_seed = [](const std::string& word) { return key_of(word) == "seed" ? "seed" : word; };
    for (const auto& [words, seeds] : parts(same, but_seed)) commands.push_back(as_grid(seeds));
  }
  return commands;
}

}  // namespace

std::string runs_section(const std::vector<Group>& groups) {
  const auto runs = all_runs(groups);
  const auto keys = keys_of_configs(runs);
  Table table{{{"id", Align::right, Format::automatic, "run"},
               {"status", Align::left},
               {"attention", Align::left},
               {"seed"},
               {"score", Align::right, Format::automatic, score_title(runs) + " (val)"},
               {"tokens_per_second", Align::right, Format::grouped, "tokens/s"},
               {"seconds", Align::right, Format::duration, "took"},
               {"shared", Align::left, Format::yes_no}},
              {}};
  for (std::size_t i = 0; i < std::min(keys.varying.size(), kMostKeyColumns); ++i) {
    table.columns.push_back({keys.varying[i], Align::left});
  }
  if (keys.varying.size() > kMostKeyColumns) table.columns.push_back({"and", Align::left});
  for (const auto& group : groups) {
    for (const auto& run : group.runs) table.rows.push_back(run_cells(group, run, keys));
  }
  Table shared{{{"key", Align::left}, {"value", Align::left}}, {}};
  for (const auto& [key, value] : keys.shared) shared.rows.push_back({{key}, {value}});
  return heading("runs", "Runs and their configs") + to_html(table) +
         "<details><summary>" + std::to_string(shared.rows.size()) +
         " config values that all runs share</summary>\n" + to_html(shared) + "</details>\n</section>\n";
}

std::string failures_section(const store::Reader& reader, const Runs& runs) {
  std::string body;
  std::size_t count = 0;
  for (const auto& run : runs) {
    const auto status = run.text("status");
    if (status != "failed" && status != "interrupted" && status != "skipped") continue;
    if (++count > kMostLogs) continue;
    body += "<details><summary>run " + html_escaped(run.text("id") + ", " + run.text("attention") + ", seed " +
                                                    run.text("seed") + ": " + status) +
            "</summary>\n<p>" + html_escaped(run.text("reason")) + "</p>\n";
    if (status != "skipped") body += log_of(reader, run);
    body += "</details>\n";
  }
  if (count == 0) body = "<p>Every run ended well.</p>\n";
  if (count > kMostLogs) {
    body += "<p class=\"note\">" + std::to_string(count - kMostLogs) +
            " more: attnlab runs --status failed,interrupted,skipped</p>\n";
  }
  return heading("failed", "Runs that did not end well") + body + "</section>\n";
}

std::string environments_section(const store::Reader& reader, const Runs& runs) {
  std::string ids = "[";
  for (const auto& run : runs) ids += (ids.size() > 1 ? "," : "") + run.text("id");
  const auto answer = reader.query(
      "SELECT e.content, group_concat(a.id, ', ') FROM json_each(?1) AS ids JOIN run_attempts AS a ON a.id = "
      "ids.value JOIN environments AS e ON e.id = environment_id GROUP BY e.id ORDER BY min(a.id)",
      {ids + "]"});
  std::string body;
  for (const auto& row : answer.rows) {
    Table table{{{"what", Align::left}, {"value", Align::left}}, {}};
    const auto content = nlohmann::ordered_json::parse(exact(row[0]), nullptr, false);
    for (const auto& [name, value] : content.items()) table.rows.push_back({{name}, {shown_value(value)}});
    body += "<details><summary>runs " + html_escaped(listed(split(exact(row[1]), ','))) + "</summary>\n" +
            to_html(table) + "</details>\n";
  }
  if (body.empty()) body = "<p>None was stored.</p>\n";
  return heading("environments", "Environments") + body + "</section>\n";
}

std::string commands_section(const std::string& study, const Runs& runs) {
  std::vector<Words> lines;
  for (const auto& run : runs) lines.push_back(override_words(run.text("overrides")));
  const auto commands = grids_of(lines);
  std::string text;
  for (const auto& words : std::span(commands).first(std::min(commands.size(), kMostCommands))) {
    text += "attnlab grid --study " + shell_quoted(study) + " " + words + "\n";
  }
  if (commands.size() > kMostCommands) text += "# and more: attnlab runs --columns overrides\n";
  return heading("commands", "Commands that make it again") + "<pre>" + html_escaped(text) +
         "</pre>\n</section>\n";
}

}  // namespace attnlab::report
