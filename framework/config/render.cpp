// render.cpp: a composed config for people: as YAML, and with the place of every value.
#include <algorithm>

#include "framework/config/compose.h"

namespace attnlab::config {
namespace {

void add_yaml(const Node& node, int depth, std::string& out) {
  for (const auto& [key, child] : node.as_map()) {
    out.append(static_cast<std::size_t>(2 * depth), ' ').append(key).append(":");
    if (child.is_map() && !child.as_map().empty()) {
      out += "\n";
      add_yaml(child, depth + 1, out);
    } else {
      out += " " + child.text() + "\n";
    }
  }
}

struct Line {
  std::string setting, origin;
};

void add_lines(const Node& node, const std::string& prefix, std::vector<Line>& lines) {
  for (const auto& [key, child] : node.as_map()) {
    if (child.is_map() && !child.as_map().empty()) {
      add_lines(child, prefix + key + ".", lines);
    } else {
      lines.push_back({prefix + key + " = " + child.text(), child.origin().text()});
    }
  }
}

}  // namespace

std::string render_yaml(const Node& config) {
  std::string out;
  add_yaml(config, 0, out);
  return out;
}

std::string render_origins(const Node& config) {
  std::vector<Line> lines;
  add_lines(config, "", lines);
  std::size_t width = 0;
  for (const auto& line : lines) width = std::max(width, line.setting.size());
  std::string out;
  for (auto& [setting, origin] : lines) {
    setting.resize(width, ' ');
    out += setting + "   # " + origin + "\n";
  }
  return out;
}

}  // namespace attnlab::config
