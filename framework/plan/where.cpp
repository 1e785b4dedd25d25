#include "framework/plan/where.h"

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::plan {
namespace {

using config::Node;
using config::Operand;

void add_keys(const Node& node, const std::string& path, std::vector<std::string>& keys) {
  if (!node.is_map()) return keys.push_back(path);
  for (const auto& [key, child] : node.as_map()) {
    add_keys(child, key_below(path, key), keys);
  }
}

}  // namespace

Where::Where(std::vector<std::string> conditions, const Words& words) : words_(words) {
  const config::Lookup nothing = [](const auto&, bool) { return Operand(); };
  for (auto& condition : conditions) {
    try {
      if (trimmed(condition).empty()) throw Error("there is no condition: '" + condition + "'.");
      config::Expression read(condition, /*dotted_names=*/true);
      (void)read.value(nothing);  // what is wrong for any cell
      conditions_.push_back({std::move(condition), std::move(read)});
    } catch (const Error& error) {
      throw Error(
          std::string("--where: ") + error.what() +
          " Expected KEY SIGN VALUE with one of == != < <= > >= in, joined by and, or, not, "
          "for instance 'train.steps<=100 and attention!=none'.");
    }
  }
}

bool Where::holds(const Node& config, const std::string& variant) const {
  const auto lookup = [&](const std::string& name, bool as_text) -> Operand {
    auto [key, of] = words_.scoped(name);
    const Node* const own = of.empty() ? nullptr : config.find_path("attention." + of);
    if (own != nullptr && own->is_map()) {  // a variant of a pattern
      if (key.starts_with("attention.")) key.insert(std::string("attention.").size(), of + ".");
    } else if (!of.empty() && of != variant) {
      return std::nullopt;
    }
    const Node* node = config.find_path(key);
    // A section that has a name stands for it: `attention==dense`.
    if (node != nullptr && node->is_map()) node = node->find("name");
    if (node != nullptr) return *node;
    if (as_text) return Node(name);
    std::vector<std::string> keys;
    add_keys(config, "", keys);
    throw Error("unknown key '" + key + "'." + did_you_mean(key, keys));
  };
  for (const auto& [text, condition] : conditions_) {
    try {
      const Operand result = condition.value(lookup);
      if (!result) continue;
      const bool* kept = std::get_if<bool>(&result->value());
      if (kept == nullptr) {
        throw Error(result->text() + " is neither true nor false; expected a comparison.");
      }
      if (!*kept) return false;
    } catch (const Error& error) {
      throw Error("--where '" + text + "': " + error.what());
    }
  }
  return true;
}

std::string Where::text() const {
  std::vector<std::string> texts;
  for (const auto& condition : conditions_) texts.push_back(condition.text);
  return "'" + join(texts, "' and '") + "'";
}

}  // namespace attnlab::plan
