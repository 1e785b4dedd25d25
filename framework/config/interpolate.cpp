// interpolate.cpp: `${...}` after OmegaConf's rules.
#include <cstdlib>
#include <ctime>

#include "framework/config/compose.h"
#include "framework/config/scalar.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

constexpr int kMaxDepth = 100;
constexpr std::size_t kMaxValues = 100000;

bool has_reference(const std::string& text) { return text.find("${") != std::string::npos; }

std::string child_path(const std::string& parent, const std::string& key) {
  return parent.empty() ? key : parent + "." + key;
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

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

// 'a b' and "7" are text without the quotes; a plain word is typed.
Node::Value typed_word(const std::string& word) {
  const bool quoted =
      word.size() >= 2 && (word[0] == '\'' || word[0] == '"') && word.back() == word[0];
  return quoted ? Node::Value(word.substr(1, word.size() - 2)) : typed_scalar(word);
}

class Interpolation {
 public:
  explicit Interpolation(const Node& root) : root_(root) {}

  Node resolved(const Node& node, const std::string& path) {
    if (++values_ > kMaxValues) fail(multiplied());
    if (node.is_map()) {
      Node copy = Node::map(node.origin());
      for (const auto& [key, child] : node.as_map()) {
        copy.set(key, resolved(child, child_path(path, key)));
      }
      return copy;
    }
    if (node.is_list()) {
      List items;
      for (std::size_t i = 0; i < node.as_list().size(); ++i) {
        items.push_back(resolved(node.as_list()[i], child_path(path, std::to_string(i))));
      }
      return {std::move(items), node.origin()};
    }
    const auto* text = std::get_if<std::string>(&node.value());
    if (text == nullptr || !has_reference(*text)) return node;
    const Step step{path, &node};
    forbid_cycle(step);
    forbid_depth();
    steps_.push_back(step);
    Node value = expand(*text);
    steps_.pop_back();
    value.set_origin(node.origin());
    return value;
  }

 private:
  struct Step {
    std::string path;
    const Node* node;
  };

  static std::string multiplied() {
    return "references multiply to more than " + std::to_string(kMaxValues) + " values.";
  }

  [[noreturn]] void fail(const std::string& message) const {
    if (steps_.empty()) throw Error("the config: " + message);
    const auto& [path, node] = steps_.back();
    const auto place = node->origin().text();
    throw Error((place.empty() ? "" : place + ": ") + path + ": " + message);
  }

  void forbid_depth() const {
    if (depth_ == kMaxDepth) {
      fail("references nested more than " + std::to_string(kMaxDepth) + " deep.");
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

  Node expand_parts(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      if (text.compare(i, 3, "\\${") == 0) {
        out += "${";
        i += 3;
      } else if (text.compare(i, 2, "${") == 0) {
        const auto end = closing_brace(text, i + 2);
        Node value = evaluate(text.substr(i + 2, end - i - 2));
        if (i == 0 && end + 1 == text.size()) return value;
        out += plain_text(value);
        i = end + 1;
      } else {
        out += text[i++];
      }
    }
    return Node(std::move(out));
  }

  std::size_t closing_brace(const std::string& text, std::size_t begin) const {
    int depth = 1;
    for (std::size_t i = begin; i < text.size(); ++i) {
      if (text.compare(i, 2, "${") == 0) ++depth;
      if (text[i] == '}' && --depth == 0) return i;
    }
    fail("'${' without its '}' in \"" + text + "\"");
  }

  static std::string plain_text(const Node& value) {
    if (const auto* text = std::get_if<std::string>(&value.value())) return *text;
    return value.text();
  }

  Node evaluate(const std::string& inner) {
    const std::string text = has_reference(inner) ? plain_text(expand(inner)) : inner;
    const auto colon = text.find(':');
    return colon == std::string::npos ? reference(text)
                                      : call(text.substr(0, colon), text.substr(colon + 1));
  }

  Node reference(const std::string& text) {
    std::string path = without_brackets(text);
    if (path.starts_with('.')) {
      std::string base = parent_path(steps_.back().path);
      for (path.erase(0, 1); path.starts_with('.'); path.erase(0, 1)) {
        if (base.empty()) fail("${" + text + "} goes above the root of the config.");
        base = parent_path(base);
      }
      path = child_path(base, path);
    }
    const Node* target = root_.find_path(path);
    if (target == nullptr) {
      const Node* parent = parent_path(path).empty() ? &root_ : root_.find_path(parent_path(path));
      std::vector<std::string> siblings;
      if (parent != nullptr && parent->is_map()) {
        for (const auto& [key, child] : parent->as_map())
          siblings.push_back(child_path(parent_path(path), key));
      }
      fail("${" + text + "} refers to '" + path + "', which is not in the config." +
           did_you_mean(path, siblings));
    }
    return resolved(*target, path);
  }

  Node call(const std::string& name, const std::string& argument) const {
    if (name == "oc.env") return environment(argument);
    if (name == "oc.decode") return Node(typed_word(trimmed(argument)));
    if (name == "now") return now(argument);
    const std::vector<std::string> known{"oc.env", "oc.decode", "now"};
    fail("unknown resolver '" + name + "'." + did_you_mean(name, known));
  }

  Node environment(const std::string& argument) const {
    const auto comma = argument.find(',');
    const std::string name = argument.substr(0, comma);
    if (const char* value = std::getenv(name.c_str())) return Node(std::string(value));
    if (comma == std::string::npos) {
      fail("the environment variable '" + name +
           "' is not set; set it, or give a default: ${oc.env:" + name + ",VALUE}");
    }
    return Node(typed_word(trimmed(argument.substr(comma + 1))));
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

void interpolate(Node& config) {
  const Node original = config;
  config = Interpolation(original).resolved(original, "");
}

}  // namespace attnlab::config
