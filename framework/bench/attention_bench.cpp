#include "framework/bench/attention_bench.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "framework/bench/answer_check.h"
#include "framework/bench/gpu_state.h"
#include "framework/bench/measures.h"
#include "framework/bench/memory.h"
#include "framework/bench/roofline.h"
#include "framework/bench/tiles.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/train/memory_meter.h"

namespace attnlab::bench {
namespace {

AttentionShape attention_shape(const config::ModelConfig& model, std::int64_t length) {
  return {.heads = model.heads,
          .head_dim = model.head_dim(),
          .max_length = length,
          .causality = model.causality,
          .shared_keys = model.shared_keys,
          .key_norm = model.key_norm};
}

std::string list_of(const std::vector<double>& seconds) {
  std::vector<std::string> words;
  for (const double each : seconds) words.push_back(exact_number(each));
  return "[" + join(words, ",") + "]";
}

struct Peer {
  std::string name;
  std::unique_ptr<Subject> subject;
};

class Run {
 public:
  explicit Run(const AttentionBench& request)
      : request_(request),
        bench_(request.bench),
        seed_(static_cast<std::uint64_t>(request.run.seed)),
        lengths_(parse_lengths(bench_.lengths)) {}

  bool go() {
    record_conditions();
    for (std::size_t i = 0; i < lengths_.size(); ++i) {
      lengths_after_ = lengths_.size() - i - 1;
      if (!time(lengths_[i])) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] Inputs inputs(std::int64_t length) const {
    const Shape shape{bench_.batch, request_.model.heads, length, request_.model.head_dim()};
    return make_inputs(shape, request_.model.shared_keys, request_.model.key_norm, seed_,
                       scalar_type(bench_.dtype), request_.device);
  }

  bool time(std::int64_t length) {
    if (!report(length, 0, 0, -1)) return false;
    reset_memory(request_.device);
    const double process_before = static_cast<double>(train::process_peak_bytes());
    const auto in = inputs(length);
    const auto subject = make_subject(request_.attention, attention_shape(request_.model, length),
                                      request_.plugin, in, seed_);
    const auto checked = check(*subject, in);
    const auto peers = this->peers(in);
    Measured m{.length = length,
               .head_dim = request_.model.head_dim(),
               .pass = bench_.pass,
               .threads = request_.run.threads,
               .pairs = pairs(*subject, in, checked),
               .pairs_in_tiles = pairs_in_tiles(*subject, in).value_or(0),
               .bytes = least_bytes(static_cast<double>(in.query.numel() / in.query.size(-1)),
                                    in.query.size(-1), in.query.element_size(), bench_.pass),
               .sides = {{"attention", subject.get()}}};
    for (const auto& peer : peers) m.sides.push_back({peer.name, peer.subject.get()});
    for (const auto& side : m.sides) m.memory.push_back(memory(*side.subject, in, process_before));
    // memory() has run every side twice, so nothing is cold.
    const Limits limits{.most = bench_.samples,
                        .least = bench_.least_samples,
                        .seconds = bench_.seconds,
                        .warm_up = 0};
    if (!sample(m.sides, in, bench_.pass, limits, [&](auto done, auto rounds, double left) {
          return report(length, done, rounds, left);
        })) {
      return false;
    }
    if (request_.device.is_cuda()) {  // while it is as warm as the samples left it
      request_.sink.fact("gpu T=" + std::to_string(length), gpu_state(first_visible_gpu()));
    }
    store(m);
    return true;
  }

  Checked check(Subject& subject, const Inputs& in) {
    const auto length = std::to_string(in.shape().length);
    try {
      const auto checked = check_answer(subject, in, seed_);
      const auto rows = checked.all_rows ? "all" : std::to_string(checked.rows);
      request_.sink.fact("checked T=" + length,
                         rows + " rows of each head, output and gradients against float64" +
                             (checked.full ? "; they see all keys" : ""));
      return checked;
    } catch (const Error& error) {
      throw error.within("T = " + length);
    }
  }

  // A plugin's own count, where the rows that were looked at agree with it.
  static double pairs(Subject& subject, const Inputs& in, const Checked& checked) {
    const auto [B, H, T, D] = in.shape();
    if (checked.full) {
      const double row = static_cast<double>(T + (subject.promise().strict ? -1 : 1)) / 2;
      return static_cast<double>(B * H * T) * row;
    }
    const auto own = subject.pairs(in);
    const bool agrees = own && std::abs(*own - checked.pairs) < 0.25 * *own + 16;
    return agrees ? *own : checked.pairs;
  }

  Memory memory(Subject& subject, const Inputs& in, double process_before) const {
    run_once(subject, in, bench_.pass);  // what is kept for later calls is not the pass's
    reset_memory(request_.device);
    const auto before = peak_memory(request_.device);
    run_once(subject, in, bench_.pass);
    const auto outputs = bench_.pass == config::Pass::forward ? 1 : 4;  // out, dq, dk, dv
    const auto peak = peak_memory(request_.device) - before -
                      static_cast<std::int64_t>(in.query.nbytes()) * outputs;
    return {static_cast<double>(std::max<std::int64_t>(0, peak)),
            static_cast<double>(train::process_peak_bytes()) - process_before};
  }

  // The peers that can run these inputs here. LibTorch says only by trying.
  std::vector<Peer> peers(const Inputs& in) {
    std::vector<Peer> found;
    if (bench_.peer == config::Peer::none) return found;
    if (request_.device.is_cpu()) {
      found.push_back({"sdpa", make_sdpa()});
      return found;
    }
    for (const std::string back_end : {"cudnn", "flash"}) {
      auto peer = make_sdpa(back_end);
      try {
        run_once(*peer, in, bench_.pass);
        found.push_back({"sdpa_" + back_end, std::move(peer)});
      } catch (const c10::Error& error) {
        request_.sink.fact("sdpa_" + back_end + "_kernel",
                           "cannot run: " + split(error.what_without_backtrace(), '\n').at(0));
      }
    }
    if (found.empty()) found.push_back({"sdpa", make_sdpa()});
    return found;
  }

  void store(const Measured& m) {
    auto metrics = metrics_of(m);
    for (std::size_t i = 0; i < m.sides.size(); ++i) {
      const auto& side = m.sides[i];
      const std::string prefix = i == 0 ? "" : side.name + "_";
      request_.sink.fact(prefix + "kernel", side.subject->kernel());
      request_.sink.fact(prefix + "samples T=" + std::to_string(m.length),
                         list_of(side.of(m.pass)));
      const double median = spread(side.of(m.pass)).median;
      add_growth(i, m, median, i == 0 ? "" : side.name + "/", metrics);
    }
    if (bench_.roofline) add_bound(m, metrics);
    request_.sink.add({m.length, 0, 0, std::move(metrics)});
  }

  void add_bound(const Measured& m, std::vector<Metric>& metrics) {
    const auto dtype = scalar_type(bench_.dtype);
    if (!rates_) rates_ = measure_rates(request_.device, dtype, m.head_dim);
    const auto least = bound(*rates_, m, request_.device.is_cpu());
    const double median = spread(m.sides[0].of(m.pass)).median;
    for (auto& metric : metrics_of(*rates_, least, median)) metrics.push_back(std::move(metric));
  }

  // Over the lengths so far, so that the last one stands for all.
  void add_growth(std::size_t side, const Measured& m, double median, const std::string& prefix,
                  std::vector<Metric>& metrics) {
    seconds_.resize(std::max(seconds_.size(), side + 1));
    if (side == 0) timed_.push_back(static_cast<double>(m.length));
    seconds_[side].push_back(median);
    if (timed_.size() > 1) {
      metrics.push_back({{prefix + "growth_exponent", "", Goal::minimise},
                         growth_exponent(timed_, seconds_[side])});
    }
  }

  void record_conditions() {
    const auto& model = request_.model;
    std::string keys = model.shared_keys ? "k = q" : "k of its own";
    if (model.key_norm != config::KeyNorm::none) keys += ", of unit length per head";
    request_.sink.fact("inputs", "q, v, gradient ~ N(0, 1), seed " +
                                     std::to_string(request_.run.seed) + "; " + keys);
    request_.sink.fact("cpu_capability", at::get_cpu_capability());
    if (request_.plugin != nullptr &&
        (request_.plugin->note().traits & plugin::kPatternSeesFuture) != 0) {
      request_.sink.fact("pattern_sees_future", "true");
    }
  }

  [[nodiscard]] bool report(std::int64_t length, std::int64_t done, std::int64_t rounds,
                            double left) const {
    if (!request_.report) return true;
    const double later = static_cast<double>(lengths_after_) * bench_.seconds;
    return request_.report({length, done, rounds, left < 0 ? -1 : left + later});
  }

  const AttentionBench& request_;
  const config::BenchConfig& bench_;
  std::uint64_t seed_;
  std::vector<std::int64_t> lengths_;
  std::size_t lengths_after_ = 0;
  std::optional<Rates> rates_;                // measured once
  std::vector<double> timed_;                 // lengths
  std::vector<std::vector<double>> seconds_;  // by side, medians
};

}  // namespace

bool time_attention(const AttentionBench& request) { return Run(request).go(); }

std::vector<std::int64_t> parse_lengths(const std::string& text) {
  std::vector<std::int64_t> lengths;
  for (const auto& word : split(text, ',')) {
    std::int64_t length = 0;
    const auto* end = word.data() + word.size();
    if (std::from_chars(word.data(), end, length).ptr != end || word.empty() || length < 1) {
      throw Error("lengths: '" + word + "' in '" + text +
                  "' is no sequence length; expected positive integers with commas: 2048,4096");
    }
    lengths.push_back(length);
  }
  std::ranges::sort(lengths);
  lengths.erase(std::ranges::unique(lengths).begin(), lengths.end());
  return lengths;
}

at::ScalarType scalar_type(config::Dtype dtype) {
  switch (dtype) {
    case config::Dtype::bfloat16:
      return at::kBFloat16;
    case config::Dtype::float16:
      return at::kHalf;
    case config::Dtype::float64:
      return at::kDouble;
    case config::Dtype::float32:
      break;
  }
  return at::kFloat;
}

}  // namespace attnlab::bench
