#include "framework/report/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/report/fairness.h"
#include "framework/report/table.h"

namespace attnlab::report {
namespace {

struct BudgetNames {
  const char* name;
  const char* unit;   // behind a number
  const char* event;  // SQL: of a row of events
};
constexpr std::array kBudgets{BudgetNames{"steps", "steps", "step"},
                              BudgetNames{"seconds", "training seconds", "train_seconds"},
                              BudgetNames{"tokens", "training tokens", "tokens_seen"},
                              BudgetNames{"flops", "FLOP", "tokens_seen"}};

const BudgetNames& names_of(Budget budget) { return kBudgets[static_cast<std::size_t>(budget)]; }

std::int64_t id_of(const RunRow& run) { return store::whole_of(run.value("id")); }

/// One validation: the score, and what was spent until then.
struct At {
  double spent = NAN, score = NAN, step = NAN;
};

/// The validations of one run, asked for by SQL.
class Curve {
 public:
  Curve(const store::Reader& reader, const RunRow& run, Budget budget)
      : reader_(reader), run_(id_of(run)), event_(names_of(budget).event) {
    if (budget == Budget::flops) rate_ = flops_per_token(run);
    const auto rows = reader.query("SELECT id FROM metric_keys WHERE name = ?1",
                                   {"val/" + run.text("metric")}).rows;
    if (!rows.empty()) key_ = rows[0][0];
  }

  [[nodiscard]] bool knows_rate() const { return !std::isnan(rate_); }

  /// The validation that `condition` picks; `third` is its ?3.
  [[nodiscard]] std::optional<At> one(const std::string& condition, double third = 0) const {
    const auto rows =
        reader_
            .query("SELECT " + event_ + ", value, step FROM metrics JOIN events USING (run_id, step) "
                       "WHERE run_id = ?1 AND key_id = ?2 AND ?3 IS NOT NULL AND value IS NOT NULL " + condition + " LIMIT 1",
                   {run_, key_, third})
            .rows;
    if (rows.empty()) return std::nullopt;
    return At{number(rows[0][0]) * rate_, number(rows[0][1]), number(rows[0][2])};
  }
  [[nodiscard]] std::optional<At> last() const { return one("ORDER BY step DESC"); }

  /// The greatest step at which not more than `amount` was spent; what is spent grows with steps, so
  /// halving finds it.
  [[nodiscard]] double step_of(double amount) const {
    const auto fits = "coalesce((SELECT " + event_ +
                      " FROM events WHERE run_id = ?1 AND step <= (low + high + 1) / 2 ORDER BY step DESC "
                      "LIMIT 1), 0) <= ?2";
    const auto rows =
        reader_
            .query("WITH RECURSIVE half (low, high) AS (SELECT -1, max(step) FROM events WHERE run_id = ?1 "
                   "UNION ALL SELECT iif(" + fits + ", (low + high + 1) / 2, low), iif(" + fits +
                       ", high, (low + high + 1) / 2 - 1) FROM half WHERE low < high) "
                       "SELECT low FROM half WHERE low = high",
                   {run_, amount / rate_ * (1 + 1e-12)})
            .rows;
    return rows.empty() ? -1 : number(rows[0][0]);
  }

 private:
  const store::Reader& reader_;
  std::int64_t run_;
  std::string event_;
  store::Value key_;
  double rate_ = 1;
};

bool is_done(const RunRow& run) { return run.text("status") == "done" && !run.text("metric").empty(); }

std::string amount_text(double amount, Budget budget) {
  const auto unit = std::string(" ") + names_of(budget).unit;
  if (budget == Budget::flops) return fmt::format("{:.3g}{}", amount, unit);
  if (amount >= 1000 && amount < 1e15) return grouped(std::llround(amount)) + unit;
  return fmt::format("{:.4g}{}", amount, unit);
}

constexpr char kNoRate[] = "its operations a token are not known";

/// The most that every run with a curve has spent at its last validation.
double common_amount(const store::Reader& reader, const Runs& runs, Budget budget) {
  double least = INFINITY;
  for (const auto& run : runs) {
    if (!is_done(run)) continue;
    const auto last = Curve(reader, run, budget).last();
    if (last && !std::isnan(last->spent)) least = std::min(least, last->spent);
  }
  return least;
}

double between(double x, double x0, double y0, double x1, double y1) {
  return x1 == x0 ? y1 : y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}

/// The score at `amount`, or why there is none.
std::string add_score(Measure& measure, const RunRow& run, const Curve& curve, double amount) {
  if (!curve.knows_rate()) return kNoRate;
  const double step = curve.step_of(amount);
  const auto before = curve.one("AND step <= ?3 ORDER BY step DESC", step);
  const auto after = curve.one("AND step > ?3 ORDER BY step", step);
  if (!before) return "not validated before that much was spent; train.eval_every says how often";
  const bool there = std::abs(before->spent - amount) <= 1e-9 * amount;
  if (!there && !after) return "ended before that much was spent";
  measure.values[id_of(run)] =
      there ? before->score
            : between(amount, before->spent, before->score, after->spent, after->score);
  return {};
}

std::string add_spent(Measure& measure, const RunRow& run, const Curve& curve, double target) {
  if (!curve.knows_rate()) return kNoRate;
  const auto first = curve.one("AND value <= ?3 ORDER BY step", target);
  if (!first) return fmt::format("never reached {:g}", target);
  const auto before = curve.one("AND step < ?3 ORDER BY step DESC", first->step);
  if (!before) return fmt::format("was at {:g} or lower at its first validation", target);
  measure.values[id_of(run)] =
      between(target, before->score, before->spent, first->score, first->spent);
  return {};
}

template <class Add>
Measure measured(const store::Reader& reader, const Runs& runs, Budget budget, Measure measure, Add add) {
  for (const auto& run : runs) {
    if (!is_done(run)) continue;
    const auto why = add(measure, run, Curve(reader, run, budget));
    if (!why.empty()) measure.without[id_of(run)] = why;
  }
  return measure;
}

}  // namespace

double Measure::of(const RunRow& run) const {
  const auto found = values.find(id_of(run));
  return found == values.end() ? NAN : found->second;
}

Budget budget_from(const std::string& name) {
  for (std::size_t i = 0; i < kBudgets.size(); ++i) {
    if (kBudgets[i].name == name) return static_cast<Budget>(i);
  }
  throw Error("unknown budget '" + name + "'; expected steps, seconds, tokens or flops", kExitUsage);
}

Measure final_score(const Runs& runs) {
  const auto title = score_title(runs) + " (val)";
  Measure measure{"score", title, title + " at the end of training", {}, {}};
  for (const auto& run : runs) {
    if (measure.key.empty() && !run.text("metric").empty()) measure.key = "val/" + run.text("metric");
    const double score = run.number("score");
    if (is_done(run) && !std::isnan(score)) measure.values[id_of(run)] = score;
  }
  return measure;
}

Measure score_at(const store::Reader& reader, const Runs& runs, Budget budget,
                 std::optional<double> amount) {
  const double spent = amount ? *amount : common_amount(reader, runs, budget);
  const auto title = score_title(runs) + " (val)";
  Measure measure{"score", title, title + " at " + amount_text(spent, budget), {}, {}};
  return measured(reader, runs, budget, std::move(measure),
                  [&](Measure& into, const RunRow& run, const Curve& curve) {
                    return add_score(into, run, curve, spent);
                  });
}

Measure spent_until(const store::Reader& reader, const Runs& runs, Budget budget, double target) {
  const auto& names = names_of(budget);
  Measure measure{names.name, names.unit,
                  fmt::format("{} until {} (val) is {:g}", names.unit, score_title(runs), target), {}, {}};
  measure.by_result = true;
  return measured(reader, runs, budget, std::move(measure),
                  [&](Measure& into, const RunRow& run, const Curve& curve) {
                    return add_spent(into, run, curve, target);
                  });
}

}  // namespace attnlab::report
