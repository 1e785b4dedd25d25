#include "framework/config/attention_pattern.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/number_in.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

constexpr std::int64_t kMostLayers = 1000;  // as model.layers
constexpr std::string_view kBlanks = " \t";

[[noreturn]] void refuse(const std::string& term, const std::string& text) {
  throw Error("'" + term + "' in '" + text + "' is no term of a pattern; expected NAME or NAME*LAYERS "
              "with 1 to " + std::to_string(kMostLayers) + " layers, ',' between, such as "
              "'dense,hash_sparse*10,dense'.");
}

bool is_name(const std::string& word) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !word.empty() && std::ranges::all_of(word, allowed);
}

}  // namespace

AttentionPattern::AttentionPattern(const std::string& text) {
  for (const auto& part : split(text, ',')) {
    const auto term = trimmed(part, kBlanks);
    const auto star = term.find('*');
    const auto name = trimmed(term.substr(0, star), kBlanks);
    if (!is_name(name)) refuse(term, text);
    std::int64_t count = 1;
    if (star != std::string::npos) {
      count = number_in<std::int64_t>(trimmed(term.substr(star + 1), kBlanks)).value_or(0);
      if (count < 1 || count > kMostLayers) refuse(term, text);
    }
    layers_.insert(layers_.end(), static_cast<std::size_t>(count), name);
    if (static_cast<std::int64_t>(layers_.size()) > kMostLayers) refuse(term, text);
  }
}

std::vector<std::string> AttentionPattern::variants() const {
  std::vector<std::string> all;
  for (const auto& name : layers_) {
    if (std::ranges::find(all, name) == all.end()) all.push_back(name);
  }
  return all;
}

std::vector<std::int64_t> AttentionPattern::layers_of(const std::string& variant) const {
  std::vector<std::int64_t> all;
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    if (layers_[layer] == variant) all.push_back(static_cast<std::int64_t>(layer));
  }
  return all;
}

std::string AttentionPattern::text() const {
  std::vector<std::string> terms;
  for (auto first = layers_.begin(); first != layers_.end();) {
    const auto next = std::find_if(first, layers_.end(), [&](const auto& x) { return x != *first; });
    terms.push_back(next - first == 1 ? *first : *first + "*" + std::to_string(next - first));
    first = next;
  }
  return join(terms, ",");
}

std::string layer_numbers(const std::vector<std::int64_t>& layers) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < layers.size();) {
    std::size_t end = i + 1;
    while (end < layers.size() && layers[end] == layers[end - 1] + 1) ++end;
    const auto first = std::to_string(layers[i]);
    parts.push_back(end == i + 1 ? first : first + "-" + std::to_string(layers[end - 1]));
    i = end;
  }
  return join(parts, ", ");
}

std::string layer_words(const std::vector<std::int64_t>& layers) {
  return (layers.size() == 1 ? "layer " : "layers ") + layer_numbers(layers);
}

}  // namespace attnlab::config
