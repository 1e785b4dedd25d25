#include "framework/plan/where.h"

#include <array>
#include <compare>
#include <optional>
#include <string_view>

#include "framework/config/scalar.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::plan {
namespace {

using config::Node;

// Longer signs first, so that "<=" is not read as "<".
constexpr std::array<std::string_view, 6> kSigns{"==", "!=", "<=", ">=", "<", ">"};

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

// Position of the first of `marks` outside of quotes, and which one.
std::pair<std::size_t, std::string_view> find_outside_quotes(
    std::string_view text, std::span<const std::string_view> marks) {
  char quote = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (quote != 0) {
      if (text[at] == quote) quote = 0;
      continue;
    }
    if (text[at] == '\'' || text[at] == '"') quote = text[at];
    for (const auto mark : marks) {
      if (text.substr(at, mark.size()) == mark) return {at, mark};
    }
  }
  return {text.npos, {}};
}

bool is_key(std::string_view text) {
  constexpr std::string_view kOthers = "_.-/";
  if (text.empty()) return false;
  for (const unsigned char c : text) {
    if (std::isalnum(c) == 0 && kOthers.find(static_cast<char>(c)) == kOthers.npos) return false;
  }
  return true;
}

void add_keys(const Node& node, const std::string& path, std::vector<std::string>& keys) {
  if (!node.is_map()) return keys.push_back(path);
  for (const auto& [key, child] : node.as_map()) {
    add_keys(child, path.empty() ? key : path + "." + key, keys);
  }
}

// A section that has a name stands for it: `attention==dense`.
const Node* value_of(const Node& config, const std::string& key) {
  const Node* node = config.find_path(key);
  return node != nullptr && node->is_map() ? node->find("name") : node;
}

std::optional<std::partial_ordering> order(const Node& left, const Node& right) {
  const auto* a = std::get_if<std::int64_t>(&left.value());
  const auto* b = std::get_if<std::int64_t>(&right.value());
  if (a != nullptr && b != nullptr) return *a <=> *b;
  const auto* x = std::get_if<double>(&left.value());
  const auto* y = std::get_if<double>(&right.value());
  if ((a != nullptr || x != nullptr) && (b != nullptr || y != nullptr)) {
    return (a != nullptr ? static_cast<double>(*a) : *x) <=>
           (b != nullptr ? static_cast<double>(*b) : *y);
  }
  return std::nullopt;
}

bool answer(std::string_view sign, std::partial_ordering order) {
  if (sign == "==") return order == 0;
  if (sign == "!=") return order != 0;
  if (sign == "<") return order < 0;
  if (sign == "<=") return order <= 0;
  return sign == ">" ? order > 0 : order >= 0;
}

// Values without an order: equal or not.
std::optional<bool> equal(const Node& left, const Node& right) {
  if (left.value().index() != right.value().index()) return std::nullopt;
  if (left.is_map()) return std::nullopt;
  return left.text() == right.text();
}

}  // namespace

Where::Where(const std::string& text, const Words& words) : words_(words) {
  constexpr std::array<std::string_view, 1> kAnd{"&&"};
  std::string_view rest = text;
  if (trimmed(rest).empty()) return;
  while (true) {
    const auto [at, mark] = find_outside_quotes(rest, kAnd);
    comparisons_.push_back(parse(trimmed(rest.substr(0, at))));
    if (at == rest.npos) return;
    rest.remove_prefix(at + mark.size());
  }
}

Where::Comparison Where::parse(const std::string& text) const {
  const auto [at, sign] = find_outside_quotes(text, kSigns);
  const std::string key = at == text.npos ? "" : trimmed(text.substr(0, at));
  std::string value = at == text.npos ? "" : trimmed(text.substr(at + sign.size()));
  const bool quoted = value.size() >= 2 && (value.front() == '\'' || value.front() == '"') &&
                      value.back() == value.front();
  if (quoted) value = value.substr(1, value.size() - 2);
  const bool readable = quoted || (!value.empty() && value.find_first_of("=<>|&'\"") == value.npos);
  if (!is_key(key) || !readable) {
    throw Error("--where: cannot read '" + text +
                "'; expected KEY SIGN VALUE with one of == != < <= > >=, joined by &&, for "
                "instance 'train.steps<=100 && attention!=none'.");
  }
  return {text, key, std::string(sign), value, quoted};
}

bool Where::holds(const Node& config, const std::string& variant) const {
  for (const auto& comparison : comparisons_) {
    if (!holds(comparison, config, variant)) return false;
  }
  return true;
}

bool Where::holds(const Comparison& comparison, const Node& config,
                  const std::string& variant) const {
  const std::string where = "--where '" + comparison.text + "': ";
  const auto left_key = words_.scoped(comparison.key);
  if (!left_key.variant.empty() && left_key.variant != variant) return true;
  const Node* left = value_of(config, left_key.key);
  if (left == nullptr) {
    std::vector<std::string> keys;
    add_keys(config, "", keys);
    throw Error(where + "unknown key '" + left_key.key + "'." + did_you_mean(left_key.key, keys));
  }

  Node right(comparison.value);
  if (!comparison.quoted) {
    const auto right_key = words_.scoped(comparison.value);
    if (!right_key.variant.empty() && right_key.variant != variant) return true;
    const Node* other = value_of(config, right_key.key);
    right = other != nullptr ? *other : Node(config::typed_scalar(comparison.value));
  }

  if (const auto found = order(*left, right)) return answer(comparison.sign, *found);
  const auto same = equal(*left, right);
  if (same && comparison.sign == "==") return *same;
  if (same && comparison.sign == "!=") return !*same;
  throw Error(where + "cannot compare " + left->text() + " (" + std::string(left->type_name()) +
              ") with " + right.text() + " (" + std::string(right.type_name()) + ") by " +
              comparison.sign + "; expected two numbers, or equal types and == or !=.");
}

}  // namespace attnlab::plan
