// interpolate.cpp: `${...}` after OmegaConf's rules.
#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "framework/config/compose.h"
#include "framework/config/expression.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

constexpr int kDeepestReference = 100;
constexpr std::size_t kMostReferenced = 100000;

bool has_reference(const std::string& text) { return text.find("${") != std::string::npos; }

bool refers(const Node& node) {
  return node.is_map() || node.is_list() || (node.as_string() && has_reference(*node.as_string()));
}

std::string parent_path(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

// "a[0].b" -> "a.0.b"
std::string without_brackets(const std::string& path) {
  std::string plain;
  for (const char letter : path) {
    if (letter == ']') continue;
    plain += letter == '[' ? '.' : letter;
  }
  return plain;
}

constexpr auto kNowhere = std::string::npos;

// Where the first of `marks` stands outside of quotes, brackets and nested references, from
// `begin`.
std::size_t find_outside(const std::string& text, std::string_view marks, std::size_t begin = 0) {
  int depth = 0;
  char quote = 0;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\') ++i;
      if (c == quote) quote = 0;
    } else if (depth == 0 && marks.find(c) != marks.npos) {
      return i;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '{' || c == '[' || c == '(') {
      ++depth;
    } else if (c == '}' || c == ']' || c == ')') {
      --depth;
    }
  }
  return kNowhere;
}

std::string unquoted(const std::string& text) {
  const bool quoted = text.size() > 1 && (text[0] == '\'' || text[0] == '"') &&
                      text.find(text[0], 1) == text.size() - 1;
  return quoted ? text.substr(1, text.size() - 2) : text;
}

class Interpolation {
 public:
  explicit Interpolation(const Node& root) : root_(root) {}

  // What has no reference in it is shared, not copied.
  Node resolved(const Node& node, const std::string& path) {
    if (++values_ > kMostReferenced) {
      fail("references multiply to more than " + std::to_string(kMostReferenced) + " values.");
    }
    if (node.is_map()) {
      Node copy = node;
      for (const auto& [key, child] : node.as_map()) {
        if (refers(child)) copy.set(key, resolved(child, key_below(path, key)));
      }
      return copy;
    }
    if (node.is_list()) {
      Node copy = node;
      for (std::size_t i = 0; i < node.as_list().size(); ++i) {
        copy.as_list()[i] = resolved(node.as_list()[i], key_below(path, std::to_string(i)));
      }
      return copy;
    }
    if (!refers(node)) return node;
    const Step step{path, &node};
    forbid_cycle(step);
    forbid_depth();
    steps_.push_back(step);
    Node value = expand(*node.as_string());
    steps_.pop_back();
    value.set_origin(node.origin());
    return value;
  }

 private:
  struct Step {
    std::string path;
    const Node* node;
  };

  [[noreturn]] void fail(const std::string& message) const {
    if (steps_.empty()) throw Error("the config: " + message);
    const auto& [path, node] = steps_.back();
    throw Error(node->origin().place() + path + ": " + message);
  }

  void forbid_depth() const {
    if (depth_ == kDeepestReference) {
      fail("references nested more than " + std::to_string(kDeepestReference) + " deep.");
    }
  }

  void forbid_cycle(const Step& next) const {
    bool inside = false;
    std::string chain;
    for (const auto& step : steps_) {
      inside = inside || step.path == next.path;
      if (inside)
        chain += "\n  " + step.path + " = " + step.node->text() + "   (" +
                 step.node->origin().text() + ")";
    }
    if (!inside) return;
    throw Error("interpolation cycle: these values refer to each other:" + chain +
                "\nSet one of them to a plain value.");
  }

  // A text that is one reference keeps the type of what it refers to.
  Node expand(const std::string& text) {
    forbid_depth();
    ++depth_;
    Node value = expand_parts(text);
    --depth_;
    return value;
  }

  // Of the backslashes before a reference two make one, and one more takes its meaning away.
  Node expand_parts(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      if (text.compare(i, 2, "${") != 0) {
        out += text[i++];
        continue;
      }
      const auto kept = out.find_last_not_of('\\') + 1;  // of `out`, before the backslashes
      const auto run = i - (text.find_last_not_of('\\', i - 1) + 1);
      const std::size_t backslashes = i == 0 ? 0 : std::min(run, out.size() - kept);
      out.resize(out.size() - (backslashes + 1) / 2);
      if (backslashes % 2 == 1) {
        out += "${";
        i += 2;
        continue;
      }
      const auto end = find_outside(text, "}", i + 2);
      if (end == kNowhere) fail("'${' without its '}' in \"" + text + "\"");
      Node value = evaluate(text.substr(i + 2, end - i - 2));
      if (i == 0 && end + 1 == text.size()) return value;
      out += value.plain_text();
      i = end + 1;
    }
    return Node(std::move(out));
  }

  Node evaluate(const std::string& inner) {
    const auto colon = find_outside(inner, ":");
    if (colon == kNowhere) return reference(expanded(inner));
    return call(expanded(inner.substr(0, colon)), inner.substr(colon + 1));
  }

  std::string expanded(const std::string& text) {
    return has_reference(text) ? expand(text).plain_text() : text;
  }

  Node reference(const std::string& text) {
    std::string path = without_brackets(text);
    if (path.starts_with('.')) {
      std::string base = parent_path(steps_.back().path);
      for (path.erase(0, 1); path.starts_with('.'); path.erase(0, 1)) {
        if (base.empty()) fail("${" + text + "} goes above the root of the config.");
        base = parent_path(base);
      }
      path = key_below(base, path);
    }
    const Node* target = root_.find_path(path);
    if (target == nullptr) {
      const Node* parent = parent_path(path).empty() ? &root_ : root_.find_path(parent_path(path));
      std::vector<std::string> siblings;
      if (parent != nullptr && parent->is_map()) {
        for (const auto& [key, child] : parent->as_map())
          siblings.push_back(key_below(parent_path(path), key));
      }
      fail("${" + text + "} refers to '" + path + "', which is not in the config." +
           did_you_mean(path, siblings));
    }
    if (target->as_string() && *target->as_string() == "???") {
      fail("${" + text + "} refers to '" + path + "', which is still ?\?\?.");
    }
    return resolved(*target, path);
  }

  Node call(const std::string& name, const std::string& text) {
    const std::string shown = "${" + name + ":" + text + "}: ";
    if (name == "now") return now(expanded(trimmed(text, " ")));
    if (name == "eval") {
      const std::string formula = expanded(unquoted(trimmed(text, " ")));
      return told(shown, [&] { return evaluate_expression(formula, {}).value(); });
    }
    const auto given = arguments(text, shown);
    if (name == "oc.env") return environment(given);
    if (name == "oc.select") return selected(given);
    if (name == "oc.decode") {
      const std::string* word = given[0].as_string();
      return word == nullptr ? given[0] : told(shown, [&] { return parse_value(*word); });
    }
    auto known = function_names();
    if (std::ranges::find(known, name) != known.end()) {
      return told(shown, [&] { return apply_function(name, given); });
    }
    known.insert(known.end(), {"oc.env", "oc.decode", "oc.select", "now", "eval"});
    fail("unknown resolver '" + name + "'." + did_you_mean(name, known));
  }

  // With the place of the value where `compute` throws.
  template <class Compute>
  Node told(const std::string& what, const Compute& compute) const {
    try {
      return compute();
    } catch (const Error& error) {
      fail(what + error.what());
    }
  }

  // One at least.
  std::vector<Node> arguments(const std::string& text, const std::string& shown) {
    std::vector<Node> given;
    for (std::size_t begin = 0; begin <= text.size();) {
      const auto end = std::min(find_outside(text, ",", begin), text.size());
      const Node node = told(shown, [&] { return parse_value(text.substr(begin, end - begin)); });
      given.push_back(resolved(node, steps_.back().path + "$"));
      begin = end + 1;
    }
    return given;
  }

  Node environment(const std::vector<Node>& given) const {
    const std::string name = given[0].plain_text();
    if (const char* value = std::getenv(name.c_str())) return Node(std::string(value));
    if (given.size() > 1) return given[1];
    fail("the environment variable '" + name +
         "' is not set; set it, or give a default: ${oc.env:" + name + ",VALUE}");
  }

  // A key that may be absent, and then its default.
  Node selected(const std::vector<Node>& given) {
    const std::string path = without_brackets(given[0].plain_text());
    const Node* target = root_.find_path(path);
    const bool missing = target == nullptr || target->plain_text() == "???";
    if (!missing) return resolved(*target, path);
    return given.size() > 1 ? given[1] : Node();
  }

  static Node now(const std::string& format) {
    const std::time_t seconds = std::time(nullptr);
    std::tm local{};
    localtime_r(&seconds, &local);
    char text[256];
    return Node(std::string(text, std::strftime(text, sizeof text, format.c_str(), &local)));
  }

  const Node& root_;
  std::vector<Step> steps_;
  int depth_ = 0;           // of references and of what is nested in them
  std::size_t values_ = 0;  // made so far
};

}  // namespace

void interpolate(Node& config) { config = Interpolation(config).resolved(config, ""); }

}  // namespace attnlab::config
