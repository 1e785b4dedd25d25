#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "framework/core/json_text.h"
#include "framework/core/output.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

/// One harmless line, at most `widest` characters.
std::string cut(const std::string& whole, std::size_t widest) {
  std::string text = harmless(whole);
  std::ranges::replace_if(
      text, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  if (shown_width(text) <= widest) return text;
  std::size_t end = 0;
  for (std::size_t shown = 0; end < text.size(); ++end) {
    const bool starts = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (starts && ++shown == widest) break;
  }
  return text.substr(0, end) + "…";
}

std::string padded(const std::string& text, std::size_t width, Align align) {
  const std::string blanks(width - std::min(width, shown_width(text)), ' ');
  return align == Align::left ? text + blanks : blanks + text;
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

bool reads_as_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size();
}

std::string csv_field(const store::Value& value) {
  auto text = harmless(exact(value));
  const bool formula =
      !text.empty() && std::string_view("=+-@\t").find(text[0]) != std::string::npos;
  if (formula && !reads_as_number(text)) text.insert(0, "'");
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

nlohmann::json json_value(const store::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const auto* real = std::get_if<double>(&value);
  if (!real || std::isnan(*real)) return nullptr;
  if (std::isinf(*real)) return *real > 0 ? "inf" : "-inf";
  return *real;
}

std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& column : table.columns) names.push_back(column.name);
  return names;
}

store::Row values_of(const std::vector<Cell>& cells) {
  store::Row values;
  for (const auto& cell : cells) values.push_back(cell.value);
  return values;
}

/// Header and rows as people see them.
struct Displayed {
  std::vector<std::vector<std::string>> lines;
  std::vector<Align> aligns;
};

Displayed displayed(const Table& table, std::size_t widest, const std::string& strong = {}) {
  Displayed shown{{{}}, {}};
  for (const auto& column : table.columns) {
    if (column.machine_only) continue;
    shown.lines[0].push_back(cut(column.title.empty() ? column.name : column.title, widest));
    shown.aligns.push_back(column.align);
  }
  for (const auto& row : table.rows) {
    auto& line = shown.lines.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (table.columns[i].machine_only) continue;
      const auto mark = row[i].strong ? strong : "";
      line.push_back(mark + cut(display(row[i], table.columns[i].format), widest) + mark);
    }
  }
  return shown;
}

}  // namespace

std::string to_text(const Table& table, std::size_t widest) {
  const auto [lines, aligns] = displayed(table, widest);
  std::vector<std::size_t> widths(aligns.size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], shown_width(line[i]));
    }
  }
  std::string text;
  for (std::size_t number = 0; number < lines.size(); ++number) {
    std::string shown, rule;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (i > 0) shown += "  ", rule += "  ";
      shown += padded(lines[number][i], widths[i], aligns[i]);
      for (std::size_t dash = 0; dash < widths[i]; ++dash) rule += "─";
    }
    text += without_trailing_blanks(shown) + "\n";
    if (number == 0) text += rule + "\n";
  }
  return text;
}

std::string to_markdown(const Table& table) {
  std::string text;
  const auto [lines, aligns] = displayed(table, std::string::npos, "**");
  for (std::size_t number = 0; number < lines.size(); ++number) {
    text += "|";
    for (const auto& field : lines[number]) {
      text += " ";
      for (const char c : field) text += c == '|' ? "\\|" : std::string(1, c);
      text += " |";
    }
    text += "\n";
    if (number > 0) continue;
    text += "|";
    for (const auto align : aligns) text += align == Align::left ? "---|" : "---:|";
    text += "\n";
  }
  return text;
}

std::string csv_line(const store::Row& row) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) line += (i > 0 ? "," : "") + csv_field(row[i]);
  return line + "\n";
}

std::string to_csv(const Table& table) {
  const auto names = names_of(table);
  std::string text = csv_line({names.begin(), names.end()});
  for (const auto& row : table.rows) text += csv_line(values_of(row));
  return text;
}

std::string json_object(const std::vector<std::string>& names, const store::Row& row) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < names.size(); ++i) {
    // SQL allows two columns of one name, an object does not.
    auto name = names[i];
    for (int copy = 2; object.contains(name); ++copy) name = names[i] + "_" + std::to_string(copy);
    object[name] = json_value(row[i]);
  }
  return json_text(object);
}

std::string to_json(const Table& table) {
  const auto names = names_of(table);
  std::string text = "[";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    text += (i > 0 ? ",\n " : "\n ") + json_object(names, values_of(table.rows[i]));
  }
  return text + (table.rows.empty() ? "]\n" : "\n]\n");
}

}  // namespace attnlab::report
