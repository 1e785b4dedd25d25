#include "framework/plan/combinations.h"

#include <algorithm>
#include <map>
#include <set>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/plan/words.h"

namespace attnlab::plan {
namespace {

using config::Composer;
using config::Override;

// The names by which overrides may mean this combination: the option of the group attention, and
// the plugin where the option is a config file of another name.
struct Variant {
  std::string option;
  std::set<std::string> names;
  bool known = true;
};

std::size_t product_of(const std::vector<Axis>& axes) {
  std::size_t product = 1;
  for (const auto& axis : axes) {
    product *= axis.size();
    if (product > kMostCombinations) {
      throw Error("the sweeps have more than " + std::to_string(kMostCombinations) +
                  " combinations; expected fewer. Make several grids of it.");
    }
  }
  return product;
}

// The index-th combination; the last axis varies fastest.
Step changes_of(const std::vector<Axis>& axes, std::size_t index) {
  std::vector<const Step*> steps;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    steps.push_back(&(*axis)[index % axis->size()]);
    index /= axis->size();
  }
  Step changes;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    changes.insert(changes.end(), (*step)->begin(), (*step)->end());
  }
  return changes;
}

template <class Applies>
Combination combination_of(const Step& changes, Applies&& applies) {
  Combination combination;
  for (const auto& change : changes) {
    if (!applies(change)) continue;
    combination.overrides.push_back(change.what);
    combination.text += (combination.text.empty() ? "" : " ") + change.what.text;
  }
  return combination;
}

class VariantOf {
 public:
  // `by_name`: some override is for one variant, so the name of the plugin has to be known as well.
  VariantOf(const Composer& composer, const config::Fill& fill, bool by_name)
      : composer_(composer), fill_(fill), by_name_(by_name) {}

  // Of the overrides that are for all variants; the others cannot choose one.
  const Variant& operator()(const Combination& common) {
    const auto found = seen_.find(common.text);
    if (found != seen_.end()) return found->second;
    return seen_.emplace(common.text, find(common)).first->second;
  }

 private:
  Variant find(const Combination& common) const {
    Variant variant{typed(common), {}, false};
    try {
      for (const auto& choice : composer_.choices(common.overrides)) {
        if (choice.group == kAttention) variant.option = choice.option;
      }
      if (by_name_) {
        const auto composed = composer_.compose(common.overrides, fill_);
        const config::Node* name = composed.config.find_path("attention.name");
        if (name != nullptr) variant.names.insert(name->text());
      }
      variant.known = true;
    } catch (const Error&) {  // said again, with its number, when the cell is composed
      variant.known = false;
    }
    variant.names.insert(variant.option);
    return variant;
  }

  static std::string typed(const Combination& common) {
    std::string text;
    for (const auto& override : common.overrides) {
      if (override.key == kAttention && !override.values.empty()) {
        text = override.values.front().text();
      }
    }
    return text;
  }

  const Composer& composer_;
  const config::Fill& fill_;
  bool by_name_;
  std::map<std::string, Variant> seen_;
};

bool any_for_one_variant(const std::vector<Axis>& axes) {
  return std::ranges::any_of(axes, [](const Axis& axis) {
    return std::ranges::any_of(axis.front(), [](const Change& c) { return !c.variant.empty(); });
  });
}

// An override that no cell takes is a mistake that would go unnoticed.
void require_all_used(const std::vector<Axis>& axes, const std::set<std::string>& names) {
  for (const auto& axis : axes) {
    for (const auto& change : axis.front()) {
      if (change.variant.empty() || names.contains(change.variant)) continue;
      const std::vector<std::string> chosen(names.begin(), names.end());
      throw Error("override '" + change.what.text + "' is for the attention " + change.variant +
                  ", which no cell has; expected one of " + join(chosen, ", ") +
                  ". Add it with attention=..., or leave the override out.");
    }
  }
}

}  // namespace

Combinations combine(const std::vector<Axis>& axes, const Composer& composer,
                     const config::Fill& fill) {
  Combinations all{{}, product_of(axes)};
  VariantOf variant_of(composer, fill, any_for_one_variant(axes));
  std::set<std::string> texts, names;
  bool all_known = true;
  for (std::size_t index = 0; index < all.product; ++index) {
    const Step changes = changes_of(axes, index);
    const auto& variant = variant_of(
        combination_of(changes, [](const Change& change) { return change.variant.empty(); }));
    names.insert(variant.names.begin(), variant.names.end());
    all_known = all_known && variant.known;
    auto combination = combination_of(changes, [&](const Change& change) {
      return change.variant.empty() || variant.names.contains(change.variant);
    });
    combination.variant = variant.option;
    if (texts.insert(combination.text).second) all.distinct.push_back(std::move(combination));
  }
  if (all_known) require_all_used(axes, names);
  return all;
}

}  // namespace attnlab::plan
