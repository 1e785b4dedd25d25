#include "framework/plan/plan.h"

#include <algorithm>
#include <optional>
#include <set>

#include "framework/core/error.h"
#include "framework/plan/axes.h"
#include "framework/plan/cell_errors.h"
#include "framework/plan/combinations.h"
#include "framework/plan/where.h"
#include "framework/plan/words.h"

namespace attnlab::plan {
namespace {

using config::Override;

std::vector<Override> parse_all(const std::vector<std::string>& texts) {
  std::vector<Override> overrides;
  for (const auto& text : texts) overrides.push_back(config::parse_override(text));
  return overrides;
}

std::string name_of(const config::Node& config) {
  const config::Node* name = config.find_path("attention.name");
  return name == nullptr ? "" : name->text();
}

// An override 'attention.KEY' that only some of the grid's variants know: how to limit it to them.
std::string limit_hint(const Combination& failed, const std::vector<Combination>& all,
                       const config::Schemas& schemas) {
  const auto knows = [&schemas](const std::string& variant, const std::string& key) {
    if (!schemas.attention) return false;
    try {
      const auto parameters = schemas.attention(variant);
      return std::ranges::find(parameters, key, &config::Parameter::name) != parameters.end();
    } catch (const Error&) {
      return false;  // of a plugin that cannot be read; its own cell says so
    }
  };
  for (const auto& override : failed.overrides) {
    if (!override.key.starts_with("attention.")) continue;
    const std::string key = override.key.substr(std::string("attention.").size());
    if (knows(failed.variant, key)) continue;
    for (const auto& other : all) {
      if (!knows(other.variant, key)) continue;
      return " '" + key + "' is a parameter of " + other.variant +
             ": to set it there alone, write " + other.variant + "." + key + "=...";
    }
  }
  return "";
}

// Composes combinations of one request to cells.
class Planner {
 public:
  explicit Planner(const PlanRequest& request)
      : request_(request),
        composer_(request.compose),
        words_(composer_),
        where_(request.where, words_),
        fill_([&request](config::Node& config) { fill_defaults(config, request.schemas); }) {}

  [[nodiscard]] Combinations combinations(const std::vector<Override>& overrides) const {
    return combine(make_axes(overrides, composer_), composer_, fill_);
  }

  // nullopt: --where leaves it out. That is asked first, so that it can spare a cell its refusal.
  [[nodiscard]] std::optional<Cell> cell(const Combination& combination) const {
    const auto composed = composer_.compose(combination.overrides, fill_);
    if (!where_.holds(composed.config, name_of(composed.config))) return std::nullopt;
    Cell cell{0, combination.text, "", resolve(composed.config, request_.schemas)};
    cell.variant = cell.resolved.attention;
    return cell;
  }

 private:
  const PlanRequest& request_;
  config::Composer composer_;
  Words words_;
  Where where_;
  config::Fill fill_;
};

void require_cells(const Plan& plan, const PlanRequest& request) {
  if (!plan.cells.empty()) return;
  throw Error("no cell is left: --where '" + request.where + "' holds for none of " +
              std::to_string(plan.product) + ". `attnlab grid ... --plan` without it lists them.");
}

[[noreturn]] void refuse_sweep(const Override& override) {
  const auto equals = override.text.find('=');
  const std::string key = override.text.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : override.text.substr(equals + 1);
  std::string message = "override '" + override.text +
                        "' is a sweep, and attnlab run does one run; expected a single value.\n"
                        "  all of them:    attnlab grid with the same words";
  const bool plain = override.form == Override::Form::sweep && value.find('(') == value.npos;
  if (plain) {
    message += "\n  one list:       '" + key + "=[" + value + "]'\n  one string:     \"" + key +
               "='" + value + "'\"";
  }
  throw Error(message);
}

}  // namespace

Plan make_plan(const PlanRequest& request) {
  const Planner planner(request);
  const auto combinations = planner.combinations(parse_all(request.overrides));
  Plan plan{{}, combinations.product};
  CellErrors errors;
  std::set<std::string> seen;
  std::size_t number = 1;  // of the next cell, those with errors counted
  for (const auto& combination : combinations.distinct) {
    try {
      auto cell = planner.cell(combination);
      if (!cell || !seen.insert(config::to_json(cell->resolved.config)).second) continue;
      cell->index = static_cast<int>(number);
      plan.cells.push_back(std::move(*cell));
    } catch (const Error& error) {
      const auto hint = limit_hint(combination, combinations.distinct, request.schemas);
      errors.add(number, combination.variant, error.what() + hint);
    }
    ++number;
  }
  errors.throw_if_any();
  require_cells(plan, request);
  return plan;
}

Cell make_run(const PlanRequest& request) {
  const auto overrides = parse_all(request.overrides);
  for (const auto& override : overrides) {
    if (override.form != Override::Form::single) refuse_sweep(override);
  }
  const Planner planner(request);
  auto cell = planner.cell(planner.combinations(overrides).distinct.at(0));
  if (!cell) require_cells({{}, 1}, request);
  cell->index = 1;
  return std::move(*cell);
}

std::string config_text(const Cell& cell) { return config::render_yaml(cell.resolved.config); }

std::string origin_text(const Cell& cell) { return config::render_origins(cell.resolved.config); }

}  // namespace attnlab::plan
