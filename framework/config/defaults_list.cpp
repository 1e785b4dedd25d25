#include "framework/config/defaults_list.h"

#include <algorithm>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

constexpr int kMaxDepth = 32;

struct Entry {
  enum class Kind { self, config, group };
  Kind kind = Kind::group;
  bool optional = false, overrides = false, absolute = false;
  std::string group;                 // relative to the file's own group, unless absolute
  std::string package;               // of "@package", else empty
  std::vector<std::string> options;  // none: null, a slot to be filled
  Origin origin;
};

// What the choices are made from: a group, or group@package where it is used twice.
std::string slot_name(const std::string& group, const std::string& package) {
  return package.empty() ? group : group + "@" + package;
}

struct Replacement {
  std::vector<std::string> options;
  Origin origin;
  bool operator==(const Replacement& other) const { return options == other.options; }
};

std::string dotted(std::string path) {
  std::ranges::replace(path, '/', '.');
  return path;
}

std::string joined(const std::string& parent, const std::string& child, char between) {
  return parent.empty() || child.empty() ? parent + child : parent + between + child;
}

std::string option_text(const Node& node, const Origin& origin) {
  if (const auto* text = std::get_if<std::string>(&node.value())) return *text;
  if (node.is_map() || node.is_list() || node.is_null()) {
    throw Error(origin.text() + ": " + node.text() + " is no option; expected a name.");
  }
  return node.text();
}

std::vector<std::string> options_of(const Node& node, const Origin& origin) {
  if (node.is_null()) return {};
  if (!node.is_list()) return {option_text(node, origin)};
  std::vector<std::string> options;
  for (const auto& item : node.as_list()) options.push_back(option_text(item, origin));
  return options;
}

void read_key(std::string key, Entry& entry) {
  for (bool found = true; found;) {
    found = false;
    for (const auto& [word, mark] :
         {std::pair{"optional ", &Entry::optional}, {"override ", &Entry::overrides}}) {
      if (!key.starts_with(word)) continue;
      entry.*mark = found = true;
      key.erase(0, std::string_view(word).size());
    }
  }
  if (const auto at = key.find('@'); at != std::string::npos) {
    entry.package = key.substr(at + 1);
    key.erase(at);
  }
  entry.absolute = key.starts_with('/');
  entry.group = key.substr(entry.absolute ? 1 : 0);
}

Entry read_entry(const Node& node) {
  Entry entry;
  entry.origin = node.origin();
  if (node.is_map() && node.as_map().size() == 1) {
    const auto& [key, value] = node.as_map().front();
    entry.origin = value.origin().source.empty() ? node.origin() : value.origin();
    read_key(key, entry);
    entry.options = options_of(value, entry.origin);
    return entry;
  }
  const auto* text = std::get_if<std::string>(&node.value());
  if (text == nullptr) {
    throw Error(node.origin().text() + ": a defaults entry is NAME or `GROUP: OPTION`; found " +
                node.text());
  }
  if (*text == "_self_") {
    entry.kind = Entry::Kind::self;
    return entry;
  }
  entry.kind = Entry::Kind::config;
  read_key(*text, entry);
  return entry;
}

class Expansion {
 public:
  Expansion(ConfigFiles& files, const std::vector<Override>& overrides) : files_(files) {
    for (const auto& override : overrides) add_choice(override);
  }

  DefaultsList expand() {
    // An `override` entry changes a choice made further up, so the walk is repeated with what the
    // last one found until nothing changes.
    replacements_ = chosen_by_user_;
    for (int round = 0; round < kMaxDepth; ++round) {
      result_ = {};
      found_ = chosen_by_user_;
      used_.clear();
      walk(files_.root(), "", "", 0);
      for (const auto& entry : appended_) visit_group(entry, "", "", 0);
      const bool same = found_ == replacements_;
      replacements_ = found_;
      if (same) break;
    }
    for (const auto& [name, replacement] : replacements_) {
      if (used_.contains(name) || removed_.contains(name)) continue;
      throw Error(replacement.origin.text() + ": nothing to override: group '" + name +
                  "' is not in the defaults list. To add it use +" + name + "=...");
    }
    return std::move(result_);
  }

 private:
  void add_choice(const Override& override) {
    if (!chooses_option(files_, override)) return;
    const auto name = override.target();
    if (override.sign == Override::Sign::remove) {
      removed_.insert(name);
      return;
    }
    const auto options = options_of(override.values.at(0), override.origin());
    if (override.sign == Override::Sign::set) {
      chosen_by_user_[name] = {options, override.origin()};
      return;
    }
    Entry entry;
    entry.absolute = true;
    entry.group = override.key;
    entry.package = override.package;
    entry.options = options;
    entry.origin = override.origin();
    appended_.push_back(entry);
  }

  void walk(const YamlFile& file, const std::string& group, const std::string& package, int depth) {
    if (depth > kMaxDepth)
      throw Error("the defaults lists include each other without end (group '" + group + "')");
    const Node* defaults = file.content.find("defaults");
    bool placed = false;
    if (defaults != nullptr && !defaults->is_list()) {
      throw Error(defaults->origin().text() + ": defaults must be a list.");
    }
    for (const auto& node : defaults != nullptr ? defaults->as_list() : List{}) {
      const auto entry = read_entry(node);
      if (entry.kind == Entry::Kind::self) {
        result_.steps.push_back({&file.content, package});
        placed = true;
      } else if (entry.overrides) {
        replace(entry, group);
      } else {
        visit_group(entry, group, package, depth);
      }
    }
    if (!placed) result_.steps.push_back({&file.content, package});
  }

  void replace(const Entry& entry, const std::string& group) {
    const auto path = entry.absolute ? entry.group : joined(group, entry.group, '/');
    const auto slot = slot_name(path, entry.package);
    // The last one in the order of the walk wins, but never over the command line.
    if (!chosen_by_user_.contains(slot)) found_[slot] = {entry.options, entry.origin};
  }

  void visit_group(const Entry& entry, const std::string& group, const std::string& package,
                   int depth) {
    auto path = entry.absolute ? entry.group : joined(group, entry.group, '/');
    if (entry.kind == Entry::Kind::config) {
      const auto slash = path.rfind('/');
      const auto folder = slash == std::string::npos ? "" : path.substr(0, slash);
      include(folder, path.substr(slash == std::string::npos ? 0 : slash + 1), entry, package,
              depth);
      return;
    }
    const auto name = slot_name(path, entry.package);
    if (removed_.contains(name)) return;
    auto options = entry.options;
    auto origin = entry.origin;
    if (const auto found = replacements_.find(name); found != replacements_.end()) {
      used_.insert(name);
      options = found->second.options;
      origin = found->second.origin;
    }
    for (const auto& option : options) {
      if (option == "???") {
        throw Error(origin.text() + ": group '" + path + "' must be chosen: " + path + "=NAME." +
                    did_you_mean("", files_.options(path)));
      }
      auto chosen = entry;
      chosen.origin = origin;
      include(path, option, chosen, package, depth);
    }
  }

  void include(const std::string& group, const std::string& option, const Entry& entry,
               const std::string& parent, int depth) {
    const YamlFile* file = files_.find(group, option);
    if (file == nullptr) {
      if (entry.optional) return;
      const auto where = entry.origin.text();
      throw Error((where.empty() ? "" : where + ": ") + files_.missing(group, option));
    }
    const auto package = package_of(*file, group, entry, parent);
    result_.choices.push_back({group, package, option, entry.origin});
    walk(*file, group, package, depth + 1);
  }

  static std::string package_of(const YamlFile& file, const std::string& group, const Entry& entry,
                                const std::string& parent) {
    const auto named = [&](const std::string& name, bool relative) -> std::string {
      if (name == "_global_") return "";
      if (name.starts_with("_global_.")) return name.substr(9);
      if (name == "_here_") return parent;
      if (name == "_group_") return dotted(group);
      return relative ? joined(parent, name, '.') : name;
    };
    if (!entry.package.empty()) return named(entry.package, true);
    return file.package.empty() ? dotted(group) : named(file.package, false);
  }

  ConfigFiles& files_;
  std::map<std::string, Replacement> chosen_by_user_;
  std::map<std::string, Replacement> replacements_;  // those and what the last walk found
  std::map<std::string, Replacement> found_;         // by this walk
  std::set<std::string> used_;
  std::set<std::string> removed_;
  std::vector<Entry> appended_;
  DefaultsList result_;
};

}  // namespace

bool chooses_option(const ConfigFiles& files, const Override& override) {
  const bool dict = !override.values.empty() && override.values[0].is_map();
  return files.is_group(override.key) && !dict;
}

DefaultsList expand_defaults(ConfigFiles& files, const std::vector<Override>& overrides) {
  return Expansion(files, overrides).expand();
}

}  // namespace attnlab::config
