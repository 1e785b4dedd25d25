/// sequential.h: how small p must be at each of several looks at growing data, so that together they
///   are wrong as seldom as one look would be. Pure functions; none throws.
///   Spending of error: Lan & DeMets, Biometrika 70 (1983). The levels are those of Student's t of so
///   few pairs, not of the normal distribution that stands for it elsewhere: the t of n + 1 differences
///   depends on those before only through the t of n of them, so its distribution over all paths that
///   have crossed no boundary is followed pair by pair.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace attnlab::report {

/// pocock: about as much at every look, for differences that may be large. obrien_fleming: next to
/// nothing at first, so that the last look costs least.
enum class Spending { pocock, obrien_fleming };
[[nodiscard]] std::string to_text(Spending spending);
/// "pocock" or "obrien-fleming". Throws a usage Error naming both.
[[nodiscard]] Spending spending_from(const std::string& name);

/// Of `alpha`, two-sided, what may be spent until `share` (0 to 1) of all pairs are there.
[[nodiscard]] double spent_until_share(Spending spending, double alpha, double share);

/// The level of a two-sided paired t test at each look: calling a difference real at the first look at
/// which p is not above its level is wrong with probability `alpha`. `looks`: pairs at each, ascending,
/// the first 2 or more. In about 2 ms per pair; a fifth of a percent exact.
[[nodiscard]] std::vector<double> sequential_levels(Spending spending, double alpha,
                                                    std::span<const std::int64_t> looks);

/// levels[k - 1]: those for the case that k of `questions` are undecided, alpha / k each: Holm's method
/// at every look, which is wrong anywhere among them with probability alpha at most (Maurer & Bretz,
/// Statistics in Biopharmaceutical Research 5, 2013). Never greater for more questions.
[[nodiscard]] std::vector<std::vector<double>> holm_levels(Spending spending, double alpha,
                                                           std::span<const std::int64_t> looks,
                                                           std::size_t questions);

/// Which of the undecided p values are called real at a look with levels[k - 1] where k are undecided;
/// each that is makes the next easier. NaN never is, but counts as undecided.
[[nodiscard]] std::vector<bool> decided_at(std::span<const double> p, std::span<const double> levels);

}  // namespace attnlab::report
