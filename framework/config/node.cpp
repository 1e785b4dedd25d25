#include "framework/config/node.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "framework/core/number_in.h"

namespace attnlab::config {
namespace {

constexpr std::size_t kMostShown = 200;   // letters of an override
constexpr std::size_t kIndexedFrom = 32;  // entries; fewer are found faster without an index

const Map kNoEntries;

// Position of a list index, or the list's size when `word` is none.
std::size_t list_index(const List& list, std::string_view word) {
  return number_in<std::size_t>(word).value_or(list.size());
}

}  // namespace

Origin::Origin(std::string source, int line) : line_(line) {
  const bool override = source.ends_with('\'');  // a path is told whole
  if (override && source.size() > kMostShown) source = source.substr(0, kMostShown) + "...'";
  if (!source.empty()) source_ = std::make_shared<const std::string>(std::move(source));
}

Origin Origin::at(int line) const {
  Origin other = *this;
  other.line_ = line;
  return other;
}

std::string Origin::text() const {
  if (!source_) return "";
  return line_ > 0 ? *source_ + ":" + std::to_string(line_) : *source_;
}

std::string Origin::place() const { return source_ ? text() + ": " : ""; }

struct SharedMap::Body {
  Map entries;
  std::unordered_map<std::string, std::size_t> index;  // of all entries, or empty

  [[nodiscard]] std::size_t position(std::string_view key) const {
    if (!index.empty()) {
      const auto found = index.find(std::string(key));
      return found == index.end() ? entries.size() : found->second;
    }
    const auto found = std::ranges::find(entries, key, &Map::value_type::first);
    return static_cast<std::size_t>(found - entries.begin());
  }
  void append(std::string_view key, Node child) {
    entries.emplace_back(key, std::move(child));
    if (entries.size() < kIndexedFrom) return;
    for (std::size_t i = index.size(); i < entries.size(); ++i) index.emplace(entries[i].first, i);
  }
};

SharedMap::SharedMap(Map entries) : body_(std::make_shared<Body>(Body{std::move(entries), {}})) {}

SharedMap::Body& SharedMap::own() {
  if (!body_) {
    body_ = std::make_shared<Body>();
  } else if (body_.use_count() > 1) {
    body_ = std::make_shared<Body>(*body_);
  }
  return *body_;
}

const Map& Node::as_map() const {
  const auto& body = std::get<SharedMap>(value_).body_;
  return body ? body->entries : kNoEntries;
}

Map& Node::as_map() {
  auto& body = std::get<SharedMap>(value_).own();
  body.index.clear();  // whoever has the entries may change keys
  return body.entries;
}

bool Node::shares_entries(const Node& other) const {
  return is_map() && other.is_map() && std::get<SharedMap>(value_).body_ &&
         std::get<SharedMap>(value_).body_ == std::get<SharedMap>(other.value_).body_;
}

const Node* Node::find(std::string_view key) const {
  const auto* map = std::get_if<SharedMap>(&value_);
  if (map == nullptr || !map->body_) return nullptr;
  const auto at = map->body_->position(key);
  return at < map->body_->entries.size() ? &map->body_->entries[at].second : nullptr;
}

Node* Node::find(std::string_view key) {
  if (std::as_const(*this).find(key) == nullptr) return nullptr;
  auto& body = std::get<SharedMap>(value_).own();
  return &body.entries[body.position(key)].second;
}

const Node* Node::find_path(std::string_view path) const {
  const Node* node = this;
  for (std::size_t begin = 0; node != nullptr && begin <= path.size();) {
    const auto end = std::min(path.find('.', begin), path.size());
    const auto word = path.substr(begin, end - begin);
    begin = end + 1;
    if (node->is_list()) {
      const auto& list = node->as_list();
      const std::size_t index = list_index(list, word);
      node = index < list.size() ? &list[index] : nullptr;
    } else {
      node = node->find(word);
    }
  }
  return node;
}

Node* Node::find_path(std::string_view path) {
  if (std::as_const(*this).find_path(path) == nullptr) return nullptr;
  Node* node = this;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('.', begin), path.size());
    const auto word = path.substr(begin, end - begin);
    begin = end + 1;
    node = node->is_list() ? &node->as_list()[list_index(node->as_list(), word)] : node->find(word);
  }
  return node;
}

void Node::set(std::string_view key, Node child) {
  auto& body = std::get<SharedMap>(value_).own();
  if (const auto at = body.position(key); at < body.entries.size()) {
    body.entries[at].second = std::move(child);
  } else {
    body.append(key, std::move(child));
  }
}

void Node::erase(std::string_view key) {
  std::erase_if(as_map(), [&](const auto& entry) { return entry.first == key; });
}

std::vector<std::string> Node::keys() const {
  std::vector<std::string> names;
  for (const auto& [key, child] : is_map() ? as_map() : kNoEntries) names.push_back(key);
  return names;
}

void Node::set_spelling(std::string_view written) {
  if (as_string() == nullptr && written != text()) spelling_ = written;
}

std::string_view Node::type_name() const {
  constexpr std::array<std::string_view, 7> kNames{"null",   "boolean", "integer", "real",
                                                   "string", "list",    "map"};
  return kNames.at(value_.index());
}

}  // namespace attnlab::config
