#include "framework/report/html.h"

#include <fmt/format.h>

#include <array>

#include "framework/core/output.h"

namespace attnlab::report {
namespace {

/// The page marks verdicts and flags in colour, beside saying them.
std::string_view class_of(const std::string& column, const std::string& text) {
  if (column == "verdict" && (text == "better" || text == "worse")) return text == "better" ? "better" : "worse";
  if (column != "flag") return "";
  return text == "=" ? "flag-same" : "flag-differs";
}

std::string html_cell(const Column& column, const Cell& cell, std::size_t wrap) {
  const auto shown = display(cell, column.format);
  std::string classes;
  const auto add = [&](std::string_view name) {
    if (!name.empty()) (classes += classes.empty() ? "" : " ") += name;
  };
  if (column.align == Align::right) add("right");
  if (shown.size() > wrap) add("wrap");
  if (cell.strong) add("strong");
  add(class_of(column.name, shown));
  std::string tag = "<td";
  if (!classes.empty()) tag += " class=\"" + classes + "\"";
  if (!std::holds_alternative<std::string>(cell.value)) {
    tag += " data-v=\"" + html_escaped(exact(cell.value)) + "\"";
  }
  return tag + ">" + html_escaped(shown) + "</td>";
}

}  // namespace

std::string html_escaped(const std::string& text) {
  constexpr std::string_view kSpecial = "&<>\"'";
  constexpr std::array kNames{"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
  std::string out;
  for (const char c : harmless(text)) {
    const auto special = kSpecial.find(c);
    if (special == kSpecial.npos) out += c;
    else out += kNames[special];
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '_' || c == '.';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string to_html(const Table& table, std::size_t wrap) {
  std::string html = "<div class=\"scroll\"><table class=\"data\"><thead><tr>";
  for (const auto& column : table.columns) {
    if (column.machine_only) continue;
    html += column.align == Align::right ? "<th class=\"right\" scope=\"col\">" : "<th scope=\"col\">";
    html += html_escaped(column.title.empty() ? column.name : column.title) + "</th>";
  }
  html += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!table.columns[i].machine_only) html += html_cell(table.columns[i], row[i], wrap);
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

}  // namespace attnlab::report
