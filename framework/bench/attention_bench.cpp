#include <ATen/ATen.h>

#include <algorithm>
#include <optional>

#include "framework/bench/answer_check.h"
#include "framework/bench/bench.h"
#include "framework/bench/call_graph.h"
#include "framework/bench/gpu_state.h"
#include "framework/bench/measures.h"
#include "framework/bench/roofline.h"
#include "framework/bench/tiles.h"
#include "framework/core/error.h"
#include "framework/core/text.h"
#include "framework/model/transformer.h"
#include "framework/train/memory.h"

namespace attnlab::bench {
namespace {

std::string list_of(const std::vector<double>& seconds) {
  std::vector<std::string> words;
  for (const double each : seconds) words.push_back(exact_number(each));
  return "[" + join(words, ",") + "]";
}

class AttentionTiming {
 public:
  AttentionTiming(const Setting& setting, const config::BenchConfig& bench)
      : setting_(setting), bench_(bench), seed_(static_cast<std::uint64_t>(setting.run.seed)) {}

  Result go() {
    require_some_length();
    record_conditions();
    return over_lengths(
        bench_.lengths, setting_.sink, [this](auto length) { return refusal(length); },
        [this](auto length, auto after) {
          lengths_after_ = after;
          return time(length);
        });
  }

 private:
  // A subject that can have none of the lengths is a slip in the command.
  void require_some_length() const {
    if (setting_.variant.plugin != nullptr) return;
    std::string why;
    for (const auto length : config::lengths_of(bench_.lengths)) {
      why = subject_refuses(setting_.variant.section, length);
      if (why.empty()) return;
    }
    throw Error(why);
  }

  [[nodiscard]] std::string refusal(std::int64_t length) const {
    const auto* plugin = setting_.variant.plugin;
    if (plugin == nullptr) {
      const auto why = subject_refuses(setting_.variant.section, length);
      return why.empty() ? too_large(length, false) : why;
    }
    const auto why = plugin->refuses(model::attention_shape(setting_.model, length),
                                     setting_.variant.section, setting_.run.device, bench_.dtype);
    if (!why.empty()) return why;
    const auto traits = plugin->note().traits;
    if ((traits & plugin::kNeedsHidden) != 0) {
      return "the plugin reads the model's hidden states, which a benchmark of the attention alone "
             "does not have";
    }
    return too_large(length, (traits & plugin::kQuadraticMemory) != 0);
  }

  // q, k, v, output and the gradients of all four; and of T x T numbers what exact attention without
  // a kernel of its own holds at once: weights, and with the backward pass two gradients.
  [[nodiscard]] std::string too_large(std::int64_t length, bool square) const {
    const auto T = static_cast<double>(length);
    const bool forward = bench_.pass == config::Pass::forward;
    const double rows = static_cast<double>(bench_.batch * setting_.model.heads) * T;
    const double numbers = rows * static_cast<double>(setting_.model.head_dim()) * (forward ? 4 : 8) +
                           (square ? rows * T * (forward ? 1 : 3) : 0);
    return train::too_large(
        numbers * static_cast<double>(at::elementSize(scalar_type(bench_.dtype))), setting_.memory);
  }

  bool time(std::int64_t length) {
    if (!report(length, 0, 0, -1)) return false;
    train::reset_peaks(setting_.device);
    const double process_before = static_cast<double>(train::process_peak_bytes());
    const auto& model = setting_.model;
    const auto in = make_inputs({bench_.batch, model.heads, length, model.head_dim()},
                                model.shared_keys, model.key_norm, seed_,
                                scalar_type(bench_.dtype), setting_.device);
    const auto subject =
        make_subject(setting_.variant.section, model::attention_shape(model, length),
                     setting_.variant.plugin, in, seed_);
    const auto checked = check(*subject, in);
    const auto peers = this->peers(in);
    Measured m{.length = length,
               .head_dim = model.head_dim(),
               .pass = bench_.pass,
               .threads = setting_.run.threads,
               .pairs = pairs(*subject, in, checked),
               .pairs_in_tiles = pairs_in_tiles(*subject, in, bench_.pass).value_or(0),
               .bytes = least_bytes(static_cast<double>(in.query.numel() / in.query.size(-1)),
                                    in.query.size(-1), in.query.element_size(), bench_.pass),
               .pairs_over_even = subject->pairs_over_even(in),
               .sides = {{"attention", subject.get()}}};
    for (const auto& [name, peer] : peers) m.sides.push_back({name, peer.get()});
    for (const auto& side : m.sides) m.memory.push_back(memory(*side.subject, in, process_before));
    const auto graph = captured(*subject, in);
    if (graph) {
      m.memory[0].launches = static_cast<double>(graph->launches());
      m.sides.push_back({"attention_graph", subject.get(), {}, {}, {}, 0, [&] { graph->replay(); }});
    }
    // memory() has run every side twice, so nothing is cold.
    if (!sample(m.sides, in, bench_.pass, {bench_.samples, bench_.least_samples, bench_.seconds},
                [&](auto done, auto rounds, double left) {
                  return report(length, done, rounds, left);
                })) {
      return false;
    }
    if (setting_.device.is_cuda()) {  // while it is as warm as the samples left it
      setting_.sink.fact("gpu T=" + std::to_string(length), gpu_state(first_visible_gpu()));
    }
    store(m);
    return true;
  }

  Checked check(Subject& subject, const Inputs& in) {
    const auto length = std::to_string(in.shape().length);
    try {
      auto checked = check_answer(subject, in, seed_);
      setting_.sink.fact("checked T=" + length, checked.what);
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
    train::reset_peaks(setting_.device);
    const auto before = train::tensor_peak_bytes(setting_.device);
    const auto allocations = train::tensor_allocations(setting_.device);
    run_once(subject, in, bench_.pass);
    const auto made = train::tensor_allocations(setting_.device) - allocations;
    const auto outputs = bench_.pass == config::Pass::forward ? 1 : 4;  // out, dq, dk, dv
    const auto peak = train::tensor_peak_bytes(setting_.device) - before -
                      static_cast<std::int64_t>(in.query.nbytes()) * outputs;
    return {static_cast<double>(std::max<std::int64_t>(0, peak)),
            static_cast<double>(train::process_peak_bytes()) - process_before, static_cast<double>(made)};
  }

  // Where launches are most of a call: what is left when the host starts it as one.
  std::unique_ptr<CallGraph> captured(Subject& subject, const Inputs& in) {
    const auto length = in.shape().length;
    if (setting_.device.is_cpu() || length > kLongestCaptured || bench_.pass == config::Pass::backward) return nullptr;
    try {
      return std::make_unique<CallGraph>(subject, in, bench_.pass);
    } catch (const std::exception& error) {
      setting_.sink.fact("attention_graph T=" + std::to_string(length),
                         std::string("cannot be captured: ") + split(error.what(), '\n').at(0));
      return nullptr;
    }
  }

  // The peers that can run these inputs here. LibTorch says only by trying.
  std::vector<std::pair<std::string, std::unique_ptr<Subject>>> peers(const Inputs& in) {
    std::vector<std::pair<std::string, std::unique_ptr<Subject>>> found;
    if (bench_.peer == config::Peer::none) return found;
    for (const std::string back_end : {"cudnn", "flash"}) {
      if (setting_.device.is_cpu()) break;
      auto peer = make_sdpa(back_end);
      try {
        run_once(*peer, in, bench_.pass);
        found.emplace_back("sdpa_" + back_end, std::move(peer));
      } catch (const c10::Error& error) {
        setting_.sink.fact("sdpa_" + back_end + "_kernel",
                           "cannot run: " + split(error.what_without_backtrace(), '\n').at(0));
      }
    }
    if (found.empty()) found.emplace_back("sdpa", make_sdpa());
    return found;
  }

  void store(const Measured& m) {
    auto metrics = metrics_of(m);
    for (std::size_t i = 0; i < m.sides.size(); ++i) {
      const auto& side = m.sides[i];
      const std::string prefix = i == 0 ? "" : side.name + "_";
      setting_.sink.fact(prefix + "kernel", side.subject->kernel());
      setting_.sink.fact(prefix + "samples T=" + std::to_string(m.length),
                         list_of(side.of(m.pass)));
      const double median = spread(side.of(m.pass)).median;
      if (!side.captured) add_growth(i, m, median, i == 0 ? "" : side.name + "/", metrics);
    }
    if (bench_.roofline) {
      if (!rates_) rates_ = measure_rates(setting_.device, scalar_type(bench_.dtype), m.head_dim);
      const auto least = bound(*rates_, m, setting_.device.is_cpu());
      const double median = spread(m.sides[0].of(m.pass)).median;
      for (auto& metric : metrics_of(*rates_, least, median)) metrics.push_back(std::move(metric));
    }
    setting_.sink.add({m.length, 0, 0, std::move(metrics)});
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
    const auto& model = setting_.model;
    std::string keys = model.shared_keys ? "k = q" : "k of its own";
    if (model.key_norm != config::KeyNorm::none) keys += ", of unit length per head";
    setting_.sink.fact("inputs", "q, v, gradient ~ N(0, 1), seed " +
                                     std::to_string(setting_.run.seed) + "; " + keys);
    setting_.sink.fact("cpu_capability", at::get_cpu_capability());
    const auto* plugin = setting_.variant.plugin;
    if (plugin != nullptr && (plugin->note().traits & plugin::kPatternSeesFuture) != 0) {
      setting_.sink.fact("pattern_sees_future", "true");
    }
  }

  [[nodiscard]] bool report(std::int64_t length, std::int64_t done, std::int64_t rounds,
                            double left) const {
    const double later = static_cast<double>(lengths_after_) * bench_.seconds;
    return setting_.report({length, done, rounds, left < 0 ? -1 : left + later});
  }

  const Setting& setting_;
  const config::BenchConfig& bench_;
  std::uint64_t seed_;
  std::size_t lengths_after_ = 0;
  std::optional<Rates> rates_;                // measured once
  std::vector<double> timed_;                 // lengths
  std::vector<std::vector<double>> seconds_;  // by side, medians
};

}  // namespace

Result time_attention(const Setting& setting, const config::BenchConfig& bench) {
  return AttentionTiming(setting, bench).go();
}

Result over_lengths(const std::string& lengths, MetricSink& sink,
                    const std::function<std::string(std::int64_t)>& refusal,
                    const std::function<bool(std::int64_t, std::size_t)>& time) {
  Result result;
  const auto all = config::lengths_of(lengths);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (const auto why = refusal(all[i]); !why.empty()) {
      result.left_out = "T = " + std::to_string(all[i]) + ": " + why;
      sink.fact("left out T=" + std::to_string(all[i]), why);
    } else if (time(all[i], all.size() - i - 1)) {
      ++result.timed;
    } else {
      result.stopped = true;
      break;
    }
  }
  return result;
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
