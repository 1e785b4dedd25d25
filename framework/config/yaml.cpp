#include "framework/config/yaml.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "framework/config/scalar.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/core/text_file.h"
#include "framework/core/utf8.h"

namespace attnlab::config {
namespace {

// Deeper trees, and aliases of aliases that blow up, are mistakes or attacks.
constexpr int kDeepestYaml = 64;
constexpr std::size_t kMaxNodes = 100000;
constexpr std::size_t kMostBytes = std::size_t{4} << 20;  // of a file

class Reader {
 public:
  explicit Reader(const std::string& source) : source_(source) {}

  Node read(const YAML::Node& yaml, int depth = 0) {
    const Origin origin = source_.at(yaml.Mark().line + 1);
    if (depth > kDeepestYaml || ++nodes_ > kMaxNodes) {
      throw Error(origin.text() + ": nested too deeply, or aliases that expand without end.");
    }
    switch (yaml.Type()) {
      case YAML::NodeType::Sequence:
        return read_list(yaml, origin, depth);
      case YAML::NodeType::Map:
        return read_map(yaml, origin, depth);
      case YAML::NodeType::Scalar: {
        Node node(scalar(yaml, origin), origin);
        node.set_spelling(yaml.Scalar());
        return node;
      }
      default:
        return {std::monostate{}, origin};
    }
  }

 private:
  Node::Value scalar(const YAML::Node& yaml, const Origin& origin) {
    const std::string& text = yaml.Scalar();
    if (yaml.Tag() == "!" || yaml.Tag() == "tag:yaml.org,2002:str") return text;  // quoted
    if (text.empty() || text == "~") return std::monostate{};
    // YAML's own spelling, ".inf" and ".nan", beside the override grammar's.
    const std::size_t sign = text[0] == '-' || text[0] == '+';
    std::string word = text;
    if (text.size() == sign + 4 && text[sign] == '.') {
      const std::string without_dot = text.substr(0, sign) + text.substr(sign + 1);
      if (without_dot.find_first_of("0123456789") == text.npos && !is_string(without_dot)) {
        word = without_dot;
      }
    }
    try {
      return typed_scalar(word);
    } catch (const Error& error) {
      throw Error(origin.text() + ": " + error.what());
    }
  }

  Node read_list(const YAML::Node& yaml, const Origin& origin, int depth) {
    List list;
    for (const auto& item : yaml) list.push_back(read(item, depth + 1));
    return {std::move(list), origin};
  }

  Node read_map(const YAML::Node& yaml, const Origin& origin, int depth) {
    Node map = Node::map(origin);
    std::map<std::string, int> lines;
    std::vector<YAML::Node> merged;
    for (const auto& entry : yaml) {
      const YAML::Node& key = entry.first;
      const YAML::Node& value = entry.second;
      const int line = key.Mark().line + 1;
      if (!key.IsScalar()) {
        throw Error(source_.at(line).text() + ": a key must be a word; found a list or map.");
      }
      const std::string& name = key.Scalar();
      if (name == "<<" && key.Tag() != "!") {
        merged.push_back(value);
        continue;
      }
      const auto [first, fresh] = lines.emplace(name, line);
      if (!fresh) {
        throw Error(source_.at(line).text() + ": duplicate key '" + name +
                    "'; it is first set in line " + std::to_string(first->second) +
                    ". Keep one of the two.");
      }
      Node child = read(value, depth + 1);
      // An empty value carries no place of its own, or that of what follows.
      if (child.is_null()) child.set_origin(source_.at(line));
      map.set(name, std::move(child));
    }
    for (const auto& value : merged) merge_under(map, value, depth);
    return map;
  }

  // `<<: *base`: keys of the base that the map does not set itself.
  void merge_under(Node& map, const YAML::Node& yaml, int depth) {
    if (yaml.IsSequence()) {
      for (const auto& item : yaml) merge_under(map, item, depth);
      return;
    }
    const Node base = read(yaml, depth + 1);
    if (!base.is_map()) throw Error(base.origin().text() + ": '<<' merges a map, nothing else.");
    for (const auto& [key, child] : base.as_map()) {
      if (!map.find(key)) map.set(key, child);
    }
  }

  Origin source_;
  std::size_t nodes_ = 0;
};

// The name in "# @package NAME", among the comments and blank lines that open the file.
std::string package_header(std::string_view text) {
  for (const auto& line : split(text, '\n')) {
    std::istringstream words(line);
    std::string hash, directive, name;
    words >> hash;
    if (hash.empty() || hash == "---") continue;
    if (hash[0] != '#') break;
    words >> directive >> name;
    if (hash == "#" && directive == "@package") return name;
  }
  return "";
}

// yaml-cpp takes any byte for a letter, and a zero for the end of a line.
void require_characters(std::string_view text, const std::string& source) {
  const auto out_of_place = [](unsigned char c) { return (c < 0x20 && c != '\t' && c != '\r') || c == 0x7f; };
  int number = 0;
  for (const auto& line : split(text, '\n')) {
    ++number;
    if (!text::is_utf8(line)) {
      throw Error(Origin{source, number}.text() + ": not UTF-8: a byte or more of this line are no letter of it; expected a "
                  "text file in UTF-8.");
    }
    const auto control = std::ranges::find_if(line, out_of_place);
    if (control == line.end()) continue;
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(*control);
    const std::string hex{kDigits[byte >> 4], kDigits[byte & 15]};
    throw Error(Origin{source, number}.text() + ": a control character (byte 0x" + hex + ", column " +
                std::to_string(control - line.begin() + 1) + "); expected text. Take it out, or write it as \"\\x" + hex +
                "\" between double quotes.");
  }
}

std::string syntax_error(const YAML::Exception& error, std::string_view text,
                         const std::string& source) {
  const auto breaks = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  const int last = text.ends_with('\n') ? breaks : breaks + 1;
  const int line = error.mark.line + 1;
  const std::string where =
      line > last ? "end of file" : "column " + std::to_string(error.mark.column + 1);
  return Origin{source, std::min(line, last)}.text() + ": not valid YAML: " + error.msg + " (" +
         where + ").";
}

}  // namespace

YamlFile parse_yaml(std::string_view text, const std::string& source) {
  try {
    // yaml-cpp takes a quote that is never closed for closed when a line break ends the file; a
    // last comment without one makes it see the end.
    const auto documents = YAML::LoadAll(std::string(text) + "\n#");
    if (documents.size() > 1) {
      throw Error(source + ": more than one YAML document; expected one. Remove the second '---'.");
    }
    Node content = documents.empty() ? Node() : Reader(source).read(documents[0]);
    if (content.is_null()) content = Node::map({source, 1});
    if (!content.is_map()) {
      throw Error(content.origin().text() + ": expected 'key: value' lines, found a " +
                  std::string(content.type_name()) + ".");
    }
    return {std::move(content), package_header(text)};
  } catch (const YAML::Exception& error) {
    throw Error(syntax_error(error, text, source));
  }
}

std::string read_config_file(const std::filesystem::path& path, const std::string& source) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  auto text = text_of_file(path, source, kMostBytes, "config file");
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  require_characters(text, source);
  return text;
}

YamlFile load_yaml(const std::filesystem::path& path, const std::string& source) {
  return parse_yaml(read_config_file(path, source), source);
}

std::vector<std::string> yaml_names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code absent;
  for (const auto& entry : std::filesystem::directory_iterator(folder, absent)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace attnlab::config
