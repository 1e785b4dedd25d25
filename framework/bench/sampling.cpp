#include "framework/bench/sampling.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <time.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "framework/core/status_lines.h"

namespace attnlab::bench {
namespace {

constexpr std::int64_t kL2Bytes = std::int64_t{256} << 20;  // larger than any GPU's

double process_cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

std::vector<at::Tensor> backward(const at::Tensor& out, const Inputs& in) {
  if (!out.requires_grad()) return {};  // `none` depends on nothing
  return torch::autograd::grad({out}, {in.query, in.key, in.value}, {in.grad_out}, false, false,
                               /*allow_unused=*/true);
}

void take(Side& side, const Inputs& in, config::Pass pass, Clock& clock) {
  const double cpu = process_cpu_seconds();
  clock.start();
  clock.mark();
  if (side.captured) {
    side.captured();
    clock.mark();
    (pass == config::Pass::forward ? side.forward : side.both).push_back(clock.laps()[0]);
  } else if (pass == config::Pass::forward) {
    const at::NoGradGuard no_graph;
    const auto out = side.subject->forward(in);
    clock.mark();
    side.forward.push_back(clock.laps()[0]);
  } else {
    const auto out = side.subject->forward(in);
    clock.mark();
    backward(out, in);
    clock.mark();
    const auto laps = clock.laps();
    side.forward.push_back(laps[0]);
    side.backward.push_back(laps[1]);
    side.both.push_back(laps[0] + laps[1]);
  }
  side.cpu_seconds += process_cpu_seconds() - cpu;
}

}  // namespace

void Clock::start() {
  moments_.clear();
  events_.clear();
}

void Clock::mark() {
  if (device_.is_cpu()) {
    moments_.push_back(std::chrono::steady_clock::now());
    return;
  }
  const c10::impl::VirtualGuardImpl guard(device_.type());
  // BACKEND_DEFAULT keeps timing on; PYTORCH_DEFAULT switches it off.
  events_.emplace_back(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  events_.back().record(guard.getStream(device_));
}

std::vector<double> Clock::laps() {
  std::vector<double> seconds;
  for (std::size_t i = 1; i < moments_.size(); ++i) {
    seconds.push_back(std::chrono::duration<double>(moments_[i] - moments_[i - 1]).count());
  }
  if (!events_.empty()) events_.back().synchronize();
  for (std::size_t i = 1; i < events_.size(); ++i) {
    seconds.push_back(events_[i - 1].elapsedTime(events_[i]) / 1e3);
  }
  return seconds;
}

const std::vector<double>& Side::of(config::Pass pass) const {
  return pass == config::Pass::forward ? forward : pass == config::Pass::backward ? backward : both;
}

std::vector<at::Tensor> results_of(Subject& subject, const Inputs& in, config::Pass pass) {
  if (pass == config::Pass::forward) {
    const at::NoGradGuard no_graph;
    return {subject.forward(in)};
  }
  const auto out = subject.forward(in);
  std::vector<at::Tensor> results{out.detach()};
  for (auto& gradient : backward(out, in)) {
    if (gradient.defined()) results.push_back(std::move(gradient));
  }
  return results;
}

void run_once(Subject& subject, const Inputs& in, config::Pass pass) {
  static_cast<void>(results_of(subject, in, pass));
  if (!in.query.device().is_cpu()) {
    c10::impl::VirtualGuardImpl(in.query.device().type()).getStream(in.query.device()).synchronize();
  }
}

bool in_rounds(const Limits& limits, const OnRound& on_round, const std::function<void()>& round) {
  const double begin = clock_seconds();
  for (std::int64_t done = 1; done <= limits.most; ++done) {
    round();
    const double spent = clock_seconds() - begin, each = spent / static_cast<double>(done);
    const auto affordable = static_cast<std::int64_t>(
        std::min(limits.seconds / std::max(each, 1e-9), static_cast<double>(limits.most)));
    const auto expected = std::clamp(affordable, std::min(limits.least, limits.most), limits.most);
    const auto left = each * static_cast<double>(std::max<std::int64_t>(0, expected - done));
    if (!on_round(done, std::max(expected, done), left)) return false;
    if (spent >= limits.seconds && done >= limits.least) break;
  }
  return true;
}

bool sample(std::vector<Side>& sides, const Inputs& in, config::Pass pass, const Limits& limits,
            const OnRound& on_round) {
  const auto device = in.query.device();
  Clock clock(device);
  at::Tensor scratch;
  if (!device.is_cpu()) scratch = at::empty({kL2Bytes}, at::device(device).dtype(at::kByte));
  return in_rounds(limits, on_round, [&] {
    for (auto& side : sides) {
      if (scratch.defined()) scratch.zero_();
      take(side, in, pass, clock);
    }
  });
}

}  // namespace attnlab::bench
