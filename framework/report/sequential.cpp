#include "framework/report/sequential.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "framework/core/error.h"

namespace attnlab::report {
namespace {

/// A direction in the plane, by its cosine (not negative) and sine.
struct Angle {
  double cosine, sine;
};

/// P(|T| <= sqrt(freedom) tan(angle)) for Student's t with whole `freedom`, angles of 0 to pi/2
/// (Abramowitz & Stegun 26.7.3 and 26.7.4).
double within(Angle angle, std::int64_t freedom) {
  const double square = angle.cosine * angle.cosine;
  double sum = 1, term = 1;
  const bool odd = freedom % 2 == 1;
  for (std::int64_t k = 2; k < freedom - (odd ? 2 : 1); k += 2) {
    const auto n = static_cast<double>(k);
    term *= square * (odd ? n / (n + 1) : (n - 1) / n);
    sum += term;
  }
  if (!odd) return angle.sine * sum;
  const double rest = freedom == 1 ? 0 : angle.sine * angle.cosine * sum;
  return 2 / std::numbers::pi * (std::atan2(angle.sine, angle.cosine) + rest);
}

/// The distribution function of an angle with density cos^(freedom - 1) on -pi/2 to pi/2.
double below(Angle angle, std::int64_t freedom) {
  const double half = within({angle.cosine, std::abs(angle.sine)}, freedom) / 2;
  return angle.sine < 0 ? 0.5 - half : 0.5 + half;
}

/// What n pairs say is kept as c = (sum of differences) / (root of the sum of their squares), from
/// -sqrt(n) to sqrt(n), or its angle, asin(c / sqrt(n)); t = sqrt(n - 1) tan(angle). Without a
/// difference the vector of all of them points anywhere with equal chance, and one more makes
/// c' = c cos(a) + sin(a), where a has the density cos^(n - 1), whatever came before. This is
/// P(|c'| <= limit) for the step to n + 1.
double stays_within(double c, double limit, std::int64_t n) {
  const double length = std::sqrt(1 + c * c);
  if (limit >= length) return 1;
  // c' = length * sin(a + turn); both angles, a's border and the turn, by sine and cosine.
  const double sine = limit / length, cosine = std::sqrt((1 - sine) * (1 + sine));
  const double turn_sine = c / length, turn_cosine = 1 / length;
  const Angle upper{cosine * turn_cosine + sine * turn_sine, sine * turn_cosine - cosine * turn_sine};
  const Angle sum{cosine * turn_cosine - sine * turn_sine, sine * turn_cosine + cosine * turn_sine};
  const double lower = sum.cosine >= 0 ? -below({sum.cosine, -sum.sine}, n)
                                       : below({-sum.cosine, -sum.sine}, n);
  return below(upper, n) + lower;
}

constexpr std::size_t kPathCells = 128;
constexpr double kFarthest = 8;  // about as many standard deviations: nothing is beyond

struct Node {
  double c, mass;
};

/// |c| of n pairs over the paths that crossed nothing: probabilities of cells between `edges`, which
/// are angles.
struct Paths {
  std::int64_t pairs = 0;
  std::vector<double> edges, masses;
};

/// Cells of equal width in about the normal deviate that is as improbable, up to `limit`.
std::vector<double> cells_up_to(double limit, std::int64_t pairs) {
  const double freedom = static_cast<double>(pairs) - 1;
  const double last = std::min(kFarthest, std::sqrt(-2 * freedom * std::log(std::max(1e-300, std::cos(limit)))));
  std::vector<double> edges(kPathCells + 1);
  for (std::size_t i = 0; i <= kPathCells; ++i) {
    const double deviate = last * static_cast<double>(i) / kPathCells;
    edges[i] = std::acos(std::exp(-deviate * deviate / (2 * freedom)));
  }
  edges.back() = limit;
  return edges;
}

/// Two points for each cell which have the mean and the spread of a density that is linear in it, as its
/// neighbours tell.
std::vector<Node> nodes_of(const Paths& paths) {
  const auto width = [&](std::size_t i) { return paths.edges[i + 1] - paths.edges[i]; };
  const auto density = [&](std::size_t i) { return paths.masses[i] / width(i); };
  const double radius = std::sqrt(static_cast<double>(paths.pairs));
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < kPathCells; ++i) {
    const double here = density(i), before = density(i == 0 ? 0 : i - 1);
    const double after = i + 1 < kPathCells ? density(i + 1) : 2 * here - before;
    const double half = paths.masses[i] / 2;
    const double tilt = std::clamp((after - before) * width(i) * std::numbers::sqrt3 / 24, -half, half);
    const double middle = (paths.edges[i] + paths.edges[i + 1]) / 2;
    const double aside = width(i) / (2 * std::numbers::sqrt3);
    nodes.push_back({radius * std::sin(middle - aside), half - tilt});
    nodes.push_back({radius * std::sin(middle + aside), half + tilt});
  }
  return nodes;
}

Paths first_look(double limit, std::int64_t pairs) {
  Paths paths{pairs, cells_up_to(limit, pairs), {}};
  double before = 0;
  for (std::size_t i = 1; i <= kPathCells; ++i) {
    const double angle = paths.edges[i];
    const double until = within({std::cos(angle), std::sin(angle)}, pairs - 1);
    paths.masses.push_back(until - before);
    before = until;
  }
  return paths;
}

/// One more pair; paths beyond `limit` are left out.
Paths step(const std::vector<Node>& nodes, std::int64_t pairs, double limit) {
  Paths next{pairs + 1, cells_up_to(limit, pairs + 1), std::vector<double>(kPathCells)};
  const double radius = std::sqrt(static_cast<double>(pairs) + 1);
  for (const auto& [c, mass] : nodes) {
    double before = 0;
    for (std::size_t i = 0; i < kPathCells; ++i) {
      const double until = stays_within(c, radius * std::sin(next.edges[i + 1]), pairs);
      next.masses[i] += mass * (until - before);
      before = until;
    }
  }
  return next;
}

/// The angle from 0 to pi/2 beyond which there is so much probability; `beyond` falls with the angle.
template <class Beyond>
double angle_where(double probability, const Beyond& beyond) {
  double low = 0, high = std::numbers::pi / 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (beyond(middle) > probability ? low : high) = middle;
  }
  return high;
}

double beyond(double angle, std::int64_t pairs) {
  return 1 - within({std::cos(angle), std::sin(angle)}, pairs - 1);
}

}  // namespace

std::string to_text(Spending spending) {
  return spending == Spending::pocock ? "pocock" : "obrien-fleming";
}

Spending spending_from(const std::string& name) {
  for (const auto spending : {Spending::pocock, Spending::obrien_fleming}) {
    if (name == to_text(spending)) return spending;
  }
  throw Error("unknown spending '" + name + "'; expected pocock or obrien-fleming", kExitUsage);
}

double spent_until_share(Spending spending, double alpha, double share) {
  if (share <= 0) return 0;
  if (spending == Spending::pocock) return alpha * std::log1p((std::numbers::e - 1) * share);
  // 4 (1 - Phi(z / sqrt(share))) with Phi(z) = 1 - alpha / 4
  double low = 0, high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (2 * std::erfc(middle / std::numbers::sqrt2) > alpha ? low : high) = middle;
  }
  return 2 * std::erfc(high / std::sqrt(2 * share));
}

std::vector<double> sequential_levels(Spending spending, double alpha,
                                      std::span<const std::int64_t> looks) {
  const auto most = static_cast<double>(looks.back());
  const auto may = [&](std::int64_t pairs) {
    return spent_until_share(spending, alpha, static_cast<double>(pairs) / most);
  };
  std::vector<double> levels{may(looks[0])};
  double spent = levels[0];
  auto limit = angle_where(spent, [&](double angle) { return beyond(angle, looks[0]); });
  Paths paths = first_look(limit, looks[0]);
  for (const auto look : looks.subspan(1)) {
    while (paths.pairs + 1 < look) paths = step(nodes_of(paths), paths.pairs, std::numbers::pi / 2);
    const auto nodes = nodes_of(paths);
    const double radius = std::sqrt(static_cast<double>(look)), spend = may(look) - spent;
    limit = angle_where(spend, [&](double angle) {
      double crossed = 0;
      for (const auto& [c, mass] : nodes) {
        crossed += mass * (1 - stays_within(c, radius * std::sin(angle), paths.pairs));
      }
      return crossed;
    });
    levels.push_back(std::max(0.0, beyond(limit, look)));
    spent += spend;
    paths = step(nodes, paths.pairs, limit);
  }
  return levels;
}

std::vector<std::vector<double>> holm_levels(Spending spending, double alpha,
                                             std::span<const std::int64_t> looks,
                                             std::size_t questions) {
  std::vector<std::vector<double>> all;
  for (std::size_t k = 1; k <= questions; ++k) {
    auto levels = sequential_levels(spending, alpha / static_cast<double>(k), looks);
    for (std::size_t i = 0; k > 1 && i < levels.size(); ++i) {
      levels[i] = std::min(levels[i], all.back()[i]);
    }
    all.push_back(std::move(levels));
  }
  return all;
}

std::vector<bool> decided_at(std::span<const double> p, std::span<const double> levels) {
  std::vector<bool> decided(p.size());
  auto undecided = p.size();
  for (bool again = true; again;) {
    again = false;
    for (std::size_t i = 0; i < p.size(); ++i) {
      if (decided[i] || !(p[i] <= levels[undecided - 1])) continue;
      decided[i] = again = true;
      --undecided;
    }
  }
  return decided;
}

}  // namespace attnlab::report
