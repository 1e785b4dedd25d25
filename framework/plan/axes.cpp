#include "framework/plan/axes.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/plan/words.h"

namespace attnlab::plan {
namespace {

using config::Composer;
using config::Node;
using config::Override;

struct Swept {
  Axis axis;
  std::vector<std::string> targets;  // what its changes set
  bool repeatable = false;           // adds to what is there, so that two of them both count
};

Change scope(const Override& override, const Words& words) {
  const bool introduces =
      override.sign == Override::Sign::add || override.sign == Override::Sign::force;
  if (!introduces) words.require_known(override.key, override.text);
  auto scoped = words.scoped(override.key);
  Change change{override, scoped.variant};
  if (!change.variant.empty()) change.what.key = scoped.key;
  return change;
}

// What it sets: with its sign, as `~train.steps train.steps=3` are two changes.
std::string target_of(const Override& override, const Words& words) {
  const auto scoped = words.scoped(override.key);
  return scoped.variant + ":" + scoped.key + "@" + override.package + ":" +
         std::to_string(static_cast<int>(override.sign));
}

std::vector<Node> glob_values(const Override& override, const Composer& composer) {
  const auto options = composer.options(composer.without_alias(override.key));
  std::vector<Node> values;
  for (const auto& option : options) {
    if (override.glob.matches(option)) values.emplace_back(option);
  }
  if (!values.empty()) return values;
  throw Error("override '" + override.text + "' matches no option; expected a pattern for " +
              (options.empty() ? "a group; '" + override.key + "' is none."
                               : "one of " + join(options, ", ") + "."));
}

std::vector<Override> single_valued(const Override& override, const Composer& composer) {
  if (override.form == Override::Form::single) return {override};
  const auto values =
      override.form == Override::Form::glob ? glob_values(override, composer) : override.values;
  if (values.empty()) {
    throw Error("override '" + override.text + "' is an empty sweep; expected at least one value.");
  }
  std::vector<Override> all;
  for (const auto& value : values) all.push_back(with_value(override, value));
  return all;
}

Swept zipped(const Override& override, const Composer& composer, const Words& words) {
  Swept swept;
  for (const auto& part : override.zipped) {
    const auto points = single_valued(part, composer);
    if (swept.targets.empty()) swept.axis.resize(points.size());
    if (points.size() != swept.axis.size()) {
      throw Error("override '" + override.text + "': '" + part.key + "' has " +
                  std::to_string(points.size()) + " values and '" + override.zipped[0].key +
                  "' has " + std::to_string(swept.axis.size()) +
                  "; expected sweeps of equal length.");
    }
    for (std::size_t i = 0; i < points.size(); ++i) {
      swept.axis[i].push_back(scope(points[i], words));
    }
    swept.targets.push_back(target_of(part, words));
  }
  return swept;
}

Swept swept_by(const Override& override, const Composer& composer, const Words& words) {
  if (override.form == Override::Form::zip) return zipped(override, composer, words);
  Swept swept{{}, {target_of(override, words)}, override.extends_list};
  for (const auto& point : single_valued(override, composer)) {
    swept.axis.push_back({scope(point, words)});
  }
  return swept;
}

// Replaces the axis that sets the same, or appends.
void add(std::vector<Swept>& all, Swept swept, const std::string& shown) {
  for (auto& earlier : all) {
    if (earlier.targets == swept.targets) {
      if (swept.repeatable) continue;
      earlier = std::move(swept);
      return;
    }
    for (const auto& target : swept.targets) {
      if (std::ranges::find(earlier.targets, target) == earlier.targets.end()) continue;
      throw Error("override '" + shown +
                  "' sets a key that zip() sets as well; expected each key " +
                  "either in one zip() or outside it.");
    }
  }
  all.push_back(std::move(swept));
}

}  // namespace

std::vector<Axis> make_axes(const std::vector<Override>& overrides, const Composer& composer) {
  const Words words(composer);
  std::vector<Swept> all;
  for (const auto& override : overrides) {
    add(all, swept_by(override, composer, words), override.text);
  }
  std::vector<Axis> axes;
  for (auto& swept : all) axes.push_back(std::move(swept.axis));
  return axes;
}

}  // namespace attnlab::plan
