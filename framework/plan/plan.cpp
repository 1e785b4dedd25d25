#include "framework/plan/plan.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_set>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/plan/axes.h"
#include "framework/plan/cell_errors.h"
#include "framework/plan/variants.h"
#include "framework/plan/where.h"

namespace attnlab::plan {
namespace {

using config::Override;

double physical_memory() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

config::Schemas with_memory(config::Schemas schemas) {
  if (schemas.memory == 0) schemas.memory = physical_memory();
  return schemas;
}

// Composes the combinations of one request to cells.
class Planner {
 public:
  explicit Planner(const PlanRequest& request)
      : resolver_(with_memory(request.schemas)),
        composer_(request.compose, [this](config::Node& config) { resolver_.fill(config); }),
        words_(composer_, resolver_),
        where_(request.where, words_) {
    for (const auto& text : request.overrides) overrides_.push_back(config::parse_override(text));
  }

  [[nodiscard]] const std::vector<Override>& overrides() const { return overrides_; }
  [[nodiscard]] bool is_group(const Override& override) const {
    return composer_.is_group(words_.scoped(override.key).key);
  }

  // The axes of what was typed, with those of the files' `sweep:` before them: one set, or one for
  // each option of a swept group `experiment` whose files have such a mapping.
  [[nodiscard]] std::vector<std::vector<Axis>> all_axes() const {
    std::vector<std::vector<Axis>> all;
    const auto swept = std::ranges::find_if(overrides_, [](const Override& override) {
      return override.key == "experiment" && override.form != Override::Form::single &&
             override.form != Override::Form::zip;
    });
    bool in_files = false;
    if (swept != overrides_.end()) {
      for (const auto& single : single_valued(*swept, composer_, words_)) {
        auto one = overrides_;
        one[static_cast<std::size_t>(swept - overrides_.begin())] = single;
        const auto sweep = sweep_of(one);
        in_files = in_files || !sweep.empty();
        one.insert(one.begin(), sweep.begin(), sweep.end());
        all.push_back(make_axes(one, composer_, words_));
      }
      if (in_files) return all;
    }
    auto whole = overrides_;
    const auto sweep = sweep_of(whole);
    whole.insert(whole.begin(), sweep.begin(), sweep.end());
    return {make_axes(whole, composer_, words_)};
  }

  // Adds the cells of these axes, or keeps what is wrong with them for throw_errors().
  void add_cells(const std::vector<Axis>& axes, Plan& plan) {
    const std::size_t product = product_of(axes);
    plan.product += product;
    const bool scoped = std::ranges::any_of(axes, [](const Axis& axis) {
      return std::ranges::any_of(axis.front(), [](const auto& o) { return !o.variant.empty(); });
    });
    bool all_known = true;
    std::set<std::string> names;
    for (std::size_t index = 0; index < product; ++index) {
      const auto changes = combination(axes, index);
      std::vector<Override> overrides;
      for (const auto* change : changes) {
        if (change->variant.empty()) overrides.push_back(*change);
      }
      const Variant variant = variant_of(composer_, overrides);
      names.insert(variant.names.begin(), variant.names.end());
      options_.insert(variant.option);
      for (const auto& [name, sections] : variant.sections) options_.insert(name);
      all_known = all_known && variant.known;
      if (scoped) overrides = overrides_for(variant, changes);
      add_cell(overrides, variant.option, plan);
    }
    if (all_known) require_all_used(axes, names);
  }

  void throw_errors(bool numbered) const {
    errors_.throw_if_any(numbered, [&](const std::string& key) -> std::string {
      for (const auto& other : options_) {
        if (!knows(other, key)) continue;
        return " '" + key + "' is a parameter of " + other + ": to set it there alone, write " +
               other + "." + key + "=...";
      }
      return "";
    });
  }

  void require_cells(const Plan& plan) const {
    if (!plan.cells.empty()) return;
    throw Error("no cell is left: --where " + where_.text() + " holds for none of " +
                std::to_string(plan.product) +
                ". `attnlab grid ... --plan` without it lists them.");
  }

 private:
  // Throws Error; nullopt: --where leaves it out. That is asked first, so that it can spare a cell
  // its refusal.
  [[nodiscard]] std::optional<Cell> cell(const std::vector<Override>& overrides,
                                         const std::string& text) {
    const auto composed = composer_.compose(overrides);
    const config::Node* name = composed.config.find_path("attention.name");
    if (!where_.holds(composed.config, name == nullptr ? "" : name->plain_text())) return {};
    Cell cell{0, text, "", resolver_.resolve(composed.config), ""};
    cell.variant = cell.resolved.attention;
    cell.config_json = config::to_json(cell.resolved.config);
    return cell;
  }

  std::vector<Override> sweep_of(const std::vector<Override>& overrides) const {
    std::vector<Override> single;
    for (const auto& override : overrides) {
      const auto [key, variant] = words_.scoped(override.key);
      if (override.form == Override::Form::single && variant.empty()) single.push_back(override);
    }
    try {
      return composer_.base(single).sweep;
    } catch (const Error&) {
      return {};  // said when the cells are composed
    }
  }

  void add_cell(const std::vector<Override>& overrides, const std::string& option, Plan& plan) {
    std::string text;
    for (const auto& override : overrides) text += (text.empty() ? "" : " ") + override.text;
    if (!texts_.insert(text).second) return;
    try {
      auto made = cell(overrides, text);
      if (!made || !configs_.insert(sha256_hex(made->config_json)).second) return;
      made->index = static_cast<int>(number_);
      plan.cells.push_back(std::move(*made));
    } catch (const Error& error) {
      std::vector<std::string> keys;
      for (const auto& override : overrides) {
        if (!override.key.starts_with("attention.")) continue;
        const std::string key = override.key.substr(std::string("attention.").size());
        if (key != "name" && !knows(option, key)) keys.push_back(key);
      }
      errors_.add(number_, option, error.what(), std::move(keys));
    }
    ++number_;
  }

  // An override that no cell takes is a mistake that would go unnoticed; of a file's sweep some
  // lines may well have been replaced.
  static void require_all_used(const std::vector<Axis>& axes, const std::set<std::string>& names) {
    for (const auto& axis : axes) {
      for (const auto& change : axis.front()) {
        if (change.variant.empty() || names.contains(change.variant)) continue;
        if (change.origin.line() > 0) continue;
        const std::vector<std::string> chosen(names.begin(), names.end());
        throw Error(change.origin.text() + " is for the attention " + change.variant +
                    ", which no cell has; expected one of " + join(chosen, ", ") +
                    ". Add it with attention=..., or leave the override out.");
      }
    }
  }

  [[nodiscard]] bool knows(const std::string& variant, const std::string& key) const {
    try {
      const auto& parameters = resolver_.parameters(kAttention, variant);
      return std::ranges::find(parameters, key, &config::Parameter::name) != parameters.end();
    } catch (const Error&) {
      return false;  // of a plugin that cannot be read; its own cell says so
    }
  }

  mutable config::Resolver resolver_;
  config::Composer composer_;
  Words words_;
  Where where_;
  std::vector<Override> overrides_;
  std::unordered_set<std::string> texts_, configs_;  // of cells so far
  std::set<std::string> options_;                    // of attention, of cells so far
  CellErrors errors_;
  std::size_t number_ = 1;  // of the next cell, those with errors counted
};

[[noreturn]] void refuse_sweep(const Override& override, bool is_group) {
  const auto equals = override.text.find('=');
  const std::string key = override.text.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : override.text.substr(equals + 1);
  std::string message = override.origin.text() +
                        " is a sweep, and attnlab run does one run; expected a single value.\n"
                        "  all of them:    attnlab grid with the same words";
  const bool plain = override.form == Override::Form::sweep && value.find('(') == value.npos;
  if (plain && !is_group) {
    message += "\n  one list:       '" + key + "=[" + value + "]'\n  one string:     \"" + key +
               "='" + value + "'\"";
  }
  throw Error(message);
}

}  // namespace

Plan make_plan(const PlanRequest& request) {
  Planner planner(request);
  Plan plan;
  for (const auto& axes : planner.all_axes()) planner.add_cells(axes, plan);
  planner.throw_errors(true);
  planner.require_cells(plan);
  return plan;
}

Cell make_run(const PlanRequest& request) {
  Planner planner(request);
  for (const auto& override : planner.overrides()) {
    if (override.form != Override::Form::single) refuse_sweep(override, planner.is_group(override));
  }
  const auto axes = planner.all_axes().at(0);
  for (const auto& axis : axes) {
    const Override& first = axis.at(0).at(0);
    if (axis.size() == 1) continue;
    throw Error(first.origin.text() + ": '" + first.key +
                "' is swept here, and attnlab run does one run. All of them: attnlab grid with the "
                "same words; one of them: give " +
                first.key + "=VALUE.");
  }
  Plan plan;
  planner.add_cells(axes, plan);
  planner.throw_errors(false);
  planner.require_cells(plan);
  return std::move(plan.cells[0]);
}

std::string config_text(const Cell& cell) { return config::render_yaml(cell.resolved.config); }

std::string origin_text(const Cell& cell) { return config::render_origins(cell.resolved.config); }

}  // namespace attnlab::plan
