// until_significant_store.cpp: the plan and the looks as facts, and back.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/json_text.h"
#include "framework/report/until_significant.h"
#include "framework/store/value.h"

namespace attnlab::report {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const SequentialPlan& plan) {
  auto variants = Json::array();
  for (const auto& [label, against, metric, cells] : plan.variants) {
    variants.push_back({{"variant", label}, {"against", against}, {"metric", metric}, {"cells", cells}});
  }
  return {{"study", plan.study},           {"spending", to_text(plan.spending)}, {"alpha", plan.alpha},
          {"first_seed", plan.first_seed}, {"looks", plan.looks},                {"variants", variants}};
}

/// JSON has no infinity; the ends of an interval may have none.
Json finite(double number) { return std::isfinite(number) ? Json(number) : Json(); }

Json json_of(const Look& look, const SequentialPlan& plan) {
  auto rows = Json::array();
  for (const auto& tested : look.tested) {
    const auto planned = std::ranges::find(plan.variants, tested.variant, &PlannedVariant::label);
    rows.push_back({{"variant", tested.variant},
                    {"against", planned->against},  // for who reads this row alone, as the view does
                    {"metric", planned->metric},
                    {"difference", finite(tested.difference)},
                    {"low", finite(tested.low)},
                    {"high", finite(tested.high)},
                    {"p", finite(tested.p)},
                    {"level", tested.level},
                    {"decided", tested.decided},
                    {"goal", store::to_text(tested.goal)}});
  }
  return {{"study", plan.study}, {"look", look.number}, {"pairs", look.pairs}, {"spent", look.spent},
          {"rows", rows},   {"refused", look.refused}, {"notes", look.notes}};
}

double number_in(const Json& json, const char* key) {
  return json.at(key).is_null() ? NAN : json.at(key).get<double>();
}

SequentialPlan plan_from(const Json& json) {
  SequentialPlan plan;
  plan.study = json.at("study");
  plan.spending = spending_from(json.at("spending"));
  plan.alpha = json.at("alpha");
  plan.first_seed = json.at("first_seed");
  plan.looks = json.at("looks").get<std::vector<std::int64_t>>();
  for (const auto& each : json.at("variants")) {
    plan.variants.push_back({each.at("variant"), each.at("against"), each.at("metric"), each.at("cells")});
  }
  return plan;
}

Look look_from(const Json& json) {
  Look look{json.at("look"), json.at("pairs"), json.at("spent"), {},
            json.at("refused").get<std::vector<std::string>>(), json.at("notes").get<std::vector<std::string>>()};
  for (const auto& row : json.at("rows")) {
    look.tested.push_back({row.at("variant"), number_in(row, "difference"), number_in(row, "low"), number_in(row, "high"),
                           number_in(row, "p"), row.at("level"), row.at("decided"), store::goal_from(row.at("goal").get<std::string>())});
  }
  return look;
}

constexpr const char* kPlan = "plan";

}  // namespace

std::optional<Sequence> stored_sequence(const store::Reader& reader, const std::string& study) try {
  const auto rows = reader.query("SELECT f.name, text FROM study_facts AS f JOIN studies ON id = study_id WHERE studies.name = ?1 "
                                 "AND (f.name = ?2 OR f.name LIKE 'look\\_%' ESCAPE '\\') ORDER BY f.name = ?2 DESC, f.name", {study, std::string(kPlan)}).rows;
  if (rows.empty() || exact(rows[0][0]) != kPlan) return std::nullopt;
  const auto json = Json::parse(exact(rows[0][1]));
  Sequence sequence{plan_from(json), json.at("levels").get<std::vector<std::vector<double>>>(), {}};
  sequence.plan.study = study;  // it may have got another name since
  for (std::size_t i = 1; i < rows.size(); ++i) sequence.looks.push_back(look_from(Json::parse(exact(rows[i][1]))));
  return sequence;
} catch (const nlohmann::json::exception& error) {
  throw Error("the sequential plan stored for study '" + study + "' cannot be read: " + error.what());
}

std::string plan_text(const store::Reader& reader, const Sequence& sequence) {
  const auto stored = stored_sequence(reader, sequence.plan.study);
  if (!stored || stored->plan != sequence.plan) return facts_of(sequence).at(0).second;
  return exact(reader.query("SELECT text FROM study_facts JOIN studies ON id = study_id WHERE studies.name = ?1 AND study_facts.name = ?2",
                            {sequence.plan.study, std::string(kPlan)}).rows.at(0)[0]);
}

store::Facts facts_of(const Sequence& sequence) {
  auto plan = json_of(sequence.plan);
  plan["levels"] = sequence.levels;
  store::Facts facts{{kPlan, json_text(plan)}};
  for (const auto& look : sequence.looks) {
    facts.emplace_back(fmt::format("look_{:03}", look.number), json_text(json_of(look, sequence.plan)));
  }
  return facts;
}

std::string to_json(const Sequence& sequence) {
  auto json = json_of(sequence.plan);
  json["levels"] = sequence.levels;
  json["over"] = sequence.over();
  auto& looks = json["taken"] = Json::array();
  for (const auto& look : sequence.looks) looks.push_back(json_of(look, sequence.plan));
  return json_text(json);
}

}  // namespace attnlab::report
