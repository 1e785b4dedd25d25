#include "framework/plan/axes.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::plan {
namespace {

using config::Composer;
using config::Node;
using config::Override;

struct Swept {
  Axis axis;
  std::vector<std::string> targets;  // what its changes set
  bool repeatable = false;           // adds to what is there, so that two of them both count
  std::string shown;                 // "override 'seed=0,1'"
};

Override scoped(Override override, const Words& words) {
  const auto [key, variant] = words.scoped(override.key);
  if (variant.empty()) return override;
  override.key = key;
  override.variant = variant;
  return override;
}

// What it sets: with its sign, as `~train.steps train.steps=3` are two changes.
std::string target_of(const Override& override, const Words& words) {
  const auto [key, variant] = words.scoped(override.key);
  return variant + ":" + key + "@" + override.package + ":" +
         std::to_string(static_cast<int>(override.sign));
}

std::vector<Node> glob_values(const Override& override, const Composer& composer,
                              const Words& words) {
  const auto options = composer.options(words.scoped(override.key).key);
  std::vector<Node> values;
  for (const auto& option : options) {
    if (override.glob.matches(option)) values.emplace_back(option);
  }
  if (!values.empty()) return values;
  throw Error(override.origin.text() + " matches no option; expected a pattern for " +
              (options.empty() ? "a group; '" + override.key + "' is none."
                               : "one of " + join(options, ", ") + "."));
}

Swept swept_by(const Override& override, const Composer& composer, const Words& words) {
  const bool introduces =
      override.sign == Override::Sign::add || override.sign == Override::Sign::force;
  Swept swept{{}, {}, override.extends_list, override.origin.text()};
  const bool zip = override.form == Override::Form::zip;
  for (const auto& part : zip ? override.zipped : std::vector{override}) {
    if (!introduces) words.require_known(part.key, part.origin.text());
    const auto points = single_valued(part, composer, words);
    if (swept.targets.empty()) swept.axis.resize(points.size());  // the parser saw to equal lengths
    for (std::size_t i = 0; i < points.size(); ++i) {
      swept.axis[i].push_back(scoped(points[i], words));
    }
    swept.targets.push_back(target_of(part, words));
  }
  return swept;
}

// Replaces the axis that sets the same, or appends.
void add(std::vector<Swept>& all, Swept swept) {
  for (auto& earlier : all) {
    if (earlier.targets == swept.targets) {
      if (swept.repeatable) continue;
      earlier = std::move(swept);
      return;
    }
    for (const auto& target : swept.targets) {
      if (std::ranges::find(earlier.targets, target) == earlier.targets.end()) continue;
      const auto key = target.substr(target.find(':') + 1, target.rfind('@') - target.find(':') - 1);
      throw Error(swept.shown + " sets " + key + ", and so does " + earlier.shown + "; expected each key either in one zip() or "
                  "outside it. Leave one of the two out.");
    }
  }
  all.push_back(std::move(swept));
}

}  // namespace

std::vector<Override> single_valued(const Override& override, const Composer& composer,
                                    const Words& words) {
  if (override.form == Override::Form::single) return {override};
  const bool glob = override.form == Override::Form::glob;
  std::vector<Override> all;
  for (const auto& value : glob ? glob_values(override, composer, words) : override.values) {
    all.push_back(with_value(override, value));
  }
  return all;
}

std::vector<Axis> make_axes(const std::vector<Override>& overrides, const Composer& composer,
                            const Words& words) {
  std::vector<Swept> all;
  for (const auto& override : overrides) {
    add(all, swept_by(override, composer, words));
  }
  std::vector<Axis> axes;
  std::size_t product = 1;
  for (auto& swept : all) {
    product *= swept.axis.size();
    if (product > kMostCombinations) {
      throw Error("the sweeps have more than " + std::to_string(kMostCombinations) +
                  " combinations; expected fewer. Make several grids of it.");
    }
    axes.push_back(std::move(swept.axis));
  }
  return axes;
}

std::size_t product_of(const std::vector<Axis>& axes) {
  std::size_t product = 1;
  for (const auto& axis : axes) product *= axis.size();
  return product;
}

std::vector<const Override*> combination(const std::vector<Axis>& axes, std::size_t index) {
  std::vector<const Step*> steps;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    steps.push_back(&(*axis)[index % axis->size()]);
    index /= axis->size();
  }
  std::vector<const Override*> changes;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    for (const auto& override : **step) changes.push_back(&override);
  }
  return changes;
}

}  // namespace attnlab::plan
