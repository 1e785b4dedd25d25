#include "framework/config/defaults_list.h"

#include <algorithm>
#include <optional>

#include "framework/config/defaults_entry.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::config {
namespace {

constexpr int kDeepestDefaults = 32;
using Options = std::vector<std::string>;

// Which options a group uses, and what said so.
struct Pick {
  Options options;
  Origin origin;
  bool operator==(const Pick& other) const { return options == other.options; }
};

std::string dotted(std::string path) {
  std::ranges::replace(path, '/', '.');
  return path;
}

std::string joined(const std::string& parent, const std::string& child, char between) {
  return parent.empty() || child.empty() ? parent + child : parent + between + child;
}

std::string quoted(const Options& options) {
  return options.empty() ? "no option" : "'" + join(options, ",") + "'";
}

// A path that would leave its folder, or mean another file on another system.
bool strays(const std::string& path) {
  if (path.starts_with('/') || path.find('\\') != std::string::npos) return true;
  const auto words = split(path, '/');
  return std::ranges::find(words, "..") != words.end();
}

// After Hydra: relative to the section of the including file, unless a header says otherwise.
std::string package_of(const DefaultsEntry& entry, const std::string& group,
                       const std::string& header, const std::string& parent) {
  const auto absolute = [](const std::string& name) -> std::string {
    if (name == "_global_") return "";
    return name.starts_with("_global_.") ? name.substr(9) : name;
  };
  if (entry.package == "_here_") return parent;
  if (entry.package == "_group_") return dotted(group);
  if (entry.package.starts_with("_global_")) return absolute(entry.package);
  if (!entry.package.empty()) return joined(parent, entry.package, '.');
  if (!header.empty()) return absolute(header);
  return joined(parent, dotted(entry.group), '.');
}

// What a group is called in overrides: GROUP, or GROUP@PACKAGE where it does not go to its own
// section.
std::string slot_of(const DefaultsEntry& entry, const std::string& group,
                    const std::string& parent) {
  const auto package = package_of(entry, group, "", parent);
  if (package == dotted(group)) return group;
  return group + "@" + (package.empty() ? "_global_" : package);
}

class Expansion {
 public:
  Expansion(ConfigFiles& files, const std::vector<Override>& overrides) : files_(files) {
    for (const auto& override : overrides) add_choice(override);
  }

  DefaultsList expand() {
    // An `override` entry changes a choice made further up, so the walk is repeated with what the
    // last one found until nothing changes; only then do missing options count.
    found_ = chosen_by_user_;
    bool settled = false;
    for (int round = 0; round < kDeepestDefaults && !settled; ++round) {
      replacements_ = found_;
      walk_all();
      settled = found_ == replacements_;
    }
    if (!settled) {
      throw Error(last_override_.place() +
                  "the `override` entries of the defaults lists change each other without end.");
    }
    if (problem_) throw Error(*problem_);
    require_targets();
    return std::move(result_);
  }

 private:
  void add_choice(const Override& override) {
    if (!chooses_option(files_, override.key, override)) return;
    const auto name = override.target();
    Pick pick{{}, override.origin};
    if (!override.values.empty()) pick.options = option_names(override.values[0], pick.origin);
    switch (override.sign) {
      case Override::Sign::set:
        chosen_by_user_[name] = pick;
        return;
      case Override::Sign::remove:
        removed_[name] = pick;
        return;
      case Override::Sign::force:
        throw Error(pick.origin.place() + "a group has no '++'. Use " + override.text.substr(2) +
                    ", or " + override.text.substr(1) +
                    " where the defaults list lacks the group.");
      case Override::Sign::add:
        appended_.push_back({.absolute = true,
                             .group = override.key,
                             .package = override.package,
                             .options = pick.options,
                             .origin = pick.origin,
                             .appended = true});
    }
  }

  void walk_all() {
    result_ = {};
    problem_.reset();
    found_ = chosen_by_user_;
    in_use_.clear();
    walk(files_.root(), "", "", 0);
    for (const auto& entry : appended_) visit(entry, "", "", 0);
  }

  void walk(const YamlFile& file, const std::string& group, const std::string& package, int depth) {
    if (depth > kDeepestDefaults)
      throw Error("the defaults lists include each other without end (group '" + group + "')");
    const Node* defaults = file.content.find("defaults");
    bool placed = false;
    if (defaults != nullptr && !defaults->is_list()) {
      throw Error(defaults->origin().place() + "defaults must be a list.");
    }
    for (const auto& node : defaults != nullptr ? defaults->as_list() : List{}) {
      const auto entry = read_defaults_entry(node);
      if (entry.kind == DefaultsEntry::Kind::self) {
        result_.steps.push_back({&file.content, package});
        placed = true;
      } else if (entry.overrides) {
        replace(entry, group, package);
      } else {
        visit(entry, group, package, depth);
      }
    }
    if (!placed) result_.steps.push_back({&file.content, package});
  }

  static std::string path_of(const DefaultsEntry& entry, const std::string& group) {
    return entry.absolute ? entry.group : joined(group, entry.group, '/');
  }

  void replace(const DefaultsEntry& entry, const std::string& group, const std::string& package) {
    const auto slot = slot_of(entry, path_of(entry, group), package);
    // The last one in the order of the walk wins, but never over the command line.
    if (!chosen_by_user_.contains(slot)) found_[slot] = {entry.options, entry.origin};
    last_override_ = entry.origin;
  }

  void visit(const DefaultsEntry& entry, const std::string& group, const std::string& package,
             int depth) {
    const auto path = path_of(entry, group);
    auto chosen = entry;
    if (entry.kind == DefaultsEntry::Kind::group && !choose(chosen, slot_of(entry, path, package)))
      return;
    if (chosen.options.size() > 1 && (path == "attention" || path == "dataset")) {
      note(chosen.origin, "a run has one " + path + ", found the list [" +
                              join(chosen.options, ",") + "]. To run each of them: attnlab grid " +
                              path + "=" + join(chosen.options, ","));
      return;
    }
    for (const auto& option : chosen.options) include(path, option, chosen, package, depth);
  }

  // Puts in what overrides say of the slot. False where it is removed or has an option already.
  bool choose(DefaultsEntry& entry, const std::string& slot) {
    const auto found = replacements_.find(slot);
    if (found != replacements_.end() && !entry.appended) {
      entry.options = found->second.options;
      entry.origin = found->second.origin;
    }
    auto& use = in_use_[slot];
    if (!use.options.empty() && !entry.options.empty()) {
      const auto remedy = entry.appended ? "To use " + quoted(entry.options) + " instead: " + slot +
                                               "=" + join(entry.options, ",")
                                         : "Keep one of the two entries.";
      note(entry.origin, "group '" + slot + "' already uses " + quoted(use.options) + " (" +
                             use.origin.text() + "). " + remedy);
      return false;
    }
    if (use.options.empty()) use = {entry.options, entry.origin};
    return !is_removed(slot, entry.options);
  }

  bool is_removed(const std::string& slot, const Options& options) {
    const auto removed = removed_.find(slot);
    if (removed == removed_.end()) return false;
    const auto& [expected, origin] = removed->second;
    if (!expected.empty() && expected != options) {
      note(origin, "could not delete '" + slot + "': it uses " + quoted(options) + ", not " +
                       quoted(expected) + ".");
    }
    return true;
  }

  void include(const std::string& group, const std::string& option, const DefaultsEntry& entry,
               const std::string& parent, int depth) {
    if (option == "???") {
      note(entry.origin, "group '" + group + "' must be chosen: " + group + "=NAME." +
                             did_you_mean("", files_.options(group)));
      return;
    }
    if (strays(option) || strays(group)) {
      note(entry.origin, "'" + (strays(option) ? option : group + "/" + option) +
                             "' is no option: expected a name inside the group, without '..' and "
                             "'\\', and not beginning with '/'.");
      return;
    }
    const YamlFile* file = files_.find(group, option);
    if (file == nullptr) {
      if (!entry.optional) note(entry.origin, files_.missing(group, option));
      return;
    }
    const auto package = package_of(entry, group, file->package, parent);
    result_.choices.push_back({group, package, option, entry.origin});
    walk(*file, group, package, depth + 1);
  }

  // The first problem of a walk is the one to report, if it is still there in the last walk.
  void note(const Origin& origin, const std::string& message) {
    if (!problem_) problem_ = origin.place() + message;
  }

  void require_targets() const {
    for (const auto& [slot, removed] : removed_) {
      if (in_use_.contains(slot)) continue;
      throw Error(removed.origin.place() + "could not delete '" + slot +
                  "': the group is not in the defaults list.");
    }
    for (const auto& [slot, pick] : replacements_) {
      if (in_use_.contains(slot)) continue;
      const auto value = pick.options.empty() ? "null" : join(pick.options, ",");
      const bool typed = pick.origin.line() == 0;
      throw Error(pick.origin.place() + "nothing to override: group '" + slot +
                  "' is not in the defaults list." + elsewhere(slot) +
                  (typed ? " To add it use +" + slot + "=" + value
                         : " Add the entry `" + slot + ": " + value + "` to it."));
    }
  }

  // The same group in other sections.
  [[nodiscard]] std::string elsewhere(const std::string& slot) const {
    const auto group = slot.substr(0, slot.find('@'));
    Options others;
    for (const auto& [used, pick] : in_use_) {
      if (used.substr(0, used.find('@')) == group) others.push_back("'" + used + "'");
    }
    return others.empty() ? "" : " It has " + join(others, ", ") + ".";
  }

  ConfigFiles& files_;
  std::map<std::string, Pick> chosen_by_user_;
  std::map<std::string, Pick> removed_;  // with the option that must be there, if one was said
  std::vector<DefaultsEntry> appended_;
  std::map<std::string, Pick> replacements_;  // by the user and by the last walk
  std::map<std::string, Pick> found_;         // by this walk
  std::map<std::string, Pick> in_use_;        // slots of this walk
  std::optional<std::string> problem_;        // of this walk
  Origin last_override_;
  DefaultsList result_;
};

}  // namespace

bool chooses_option(const ConfigFiles& files, const std::string& key, const Override& override) {
  const bool dict = !override.values.empty() && override.values[0].is_map();
  return !dict && files.is_group(key);
}

DefaultsList expand_defaults(ConfigFiles& files, const std::vector<Override>& overrides) {
  return Expansion(files, overrides).expand();
}

}  // namespace attnlab::config
