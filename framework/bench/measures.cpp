#include "framework/bench/measures.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attnlab::bench {
namespace {

class List {
 public:
  void add(const std::string& name, const char* unit, Goal goal, double value) {
    metrics_.push_back({{name, unit, goal}, value});
  }
  std::vector<Metric> take() { return std::move(metrics_); }

 private:
  std::vector<Metric> metrics_;
};

void add_side(List& list, const Measured& m, std::size_t index) {
  const auto& side = m.sides[index];
  const std::string prefix = index == 0 ? "" : side.name + "/";
  const auto& samples = side.of(m.pass);
  const auto s = spread(samples);
  list.add(prefix + "seconds_median", "s", Goal::minimise, s.median);
  list.add(prefix + "seconds_min", "s", Goal::minimise, s.least);
  list.add(prefix + "seconds_q1", "s", Goal::minimise, s.q1);
  list.add(prefix + "seconds_q3", "s", Goal::minimise, s.q3);
  list.add(prefix + "samples", "", Goal::none, static_cast<double>(samples.size()));
  if (m.pass != config::Pass::forward && !side.backward.empty()) {
    list.add(prefix + "forward_seconds_median", "s", Goal::minimise, spread(side.forward).median);
    list.add(prefix + "backward_seconds_median", "s", Goal::minimise, spread(side.backward).median);
  }
  double wall = 0;
  for (const auto seconds : side.both.empty() ? side.forward : side.both) wall += seconds;
  if (wall > 0 && side.cpu_seconds > 0) {
    list.add(prefix + "cores_busy", "threads", Goal::none, side.cpu_seconds / wall);
  }
  if (index < m.memory.size()) {
    list.add(prefix + "peak_bytes", "bytes", Goal::minimise, m.memory[index].allocator);
    list.add(prefix + "process_peak_bytes", "bytes", Goal::minimise, m.memory[index].process);
    list.add(prefix + "allocations", "", Goal::minimise, m.memory[index].allocations);
    if (m.memory[index].launches > 0) {
      list.add(prefix + "launches", "", Goal::minimise, m.memory[index].launches);
    }
  }
}

// Of the samples taken in the same round, whose disturbances cancel.
Spread ratios(const std::vector<double>& ours, const std::vector<double>& peers) {
  std::vector<double> each;
  for (std::size_t i = 0; i < std::min(ours.size(), peers.size()); ++i) {
    each.push_back(peers[i] / ours[i]);
  }
  return spread(each);
}

void add_ratio(List& list, const Measured& m) {
  const auto& ours = m.sides[0].of(m.pass);
  const double own = spread(ours).median;
  const Side* fastest = nullptr;
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < m.sides.size(); ++i) {
    if (m.sides[i].captured) continue;  // no peer, but the subject once more
    const double median = spread(m.sides[i].of(m.pass)).median;
    if (median < best) best = median, fastest = &m.sides[i];
  }
  if (fastest == nullptr || !(own > 0)) return;
  const auto each = ratios(ours, fastest->of(m.pass));
  list.add("peer_seconds", "s", Goal::none, best);
  list.add("ratio", "x", Goal::maximise, best / own);
  list.add("ratio_of_best", "x", Goal::maximise,
           spread(fastest->of(m.pass)).least / spread(ours).least);
  list.add("ratio_q1", "x", Goal::maximise, each.q1);
  list.add("ratio_q3", "x", Goal::maximise, each.q3);
}

}  // namespace

Spread spread(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::ranges::sort(samples);
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(samples.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const auto above = std::min(below + 1, samples.size() - 1);
    return std::lerp(samples[below], samples[above], place - static_cast<double>(below));
  };
  return {at(0), at(0.25), at(0.5), at(0.75), at(1)};
}

double growth_exponent(const std::vector<double>& x, const std::vector<double>& y) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<double>(x.size());
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!(x[i] > 0) || !(y[i] > 0)) return kNone;
    const double u = std::log(x[i]), v = std::log(y[i]);
    sum_x += u, sum_y += v, sum_xx += u * u, sum_xy += u * v;
  }
  const double spread_x = sum_xx - sum_x * sum_x / n;
  return x.size() < 2 || spread_x < 1e-12 ? kNone : (sum_xy - sum_x * sum_y / n) / spread_x;
}

double flop_per_pair(std::int64_t head_dim, config::Pass pass) {
  const auto D = static_cast<double>(head_dim);
  return pass == config::Pass::forward ? 4 * D : pass == config::Pass::backward ? 10 * D : 14 * D;
}

double least_bytes(double rows, std::int64_t head_dim, std::int64_t element_bytes,
                   config::Pass pass) {
  const double tensors = pass == config::Pass::forward    ? 4
                         : pass == config::Pass::backward ? 8
                                                          : 12;
  return tensors * rows * static_cast<double>(head_dim * element_bytes);
}

std::vector<Metric> metrics_of(const Measured& m) {
  List list;
  for (std::size_t i = 0; i < m.sides.size(); ++i) add_side(list, m, i);
  add_ratio(list, m);
  const double median = spread(m.sides[0].of(m.pass)).median;
  if (m.pairs_over_even) list.add("pairs_over_even", "of even", Goal::none, *m.pairs_over_even);
  if (!(m.pairs > 0)) return list.take();
  list.add("pairs", "", Goal::none, m.pairs);
  if (m.pairs_in_tiles > 0) {
    list.add("tile_efficiency", "share", Goal::maximise, m.pairs / m.pairs_in_tiles);
  }
  if (median > 0) {
    list.add("flop_rate", "FLOP/s", Goal::maximise,
             m.pairs * flop_per_pair(m.head_dim, m.pass) / median);
    if (m.bytes > 0) list.add("bytes_rate", "bytes/s", Goal::maximise, m.bytes / median);
  }
  return list.take();
}

}  // namespace attnlab::bench
