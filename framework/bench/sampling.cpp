#include "framework/bench/sampling.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <time.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "framework/bench/clock.h"

namespace attnlab::bench {
namespace {

constexpr std::int64_t kL2Bytes = std::int64_t{256} << 20;  // larger than any GPU's

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double process_cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

void backward(const at::Tensor& out, const Inputs& in) {
  if (!out.requires_grad()) return;  // `none` depends on nothing
  static_cast<void>(torch::autograd::grad({out}, {in.query, in.key, in.value}, {in.grad_out}, false,
                                          false, /*allow_unused=*/true));
}

void take(Side& side, const Inputs& in, config::Pass pass, Clock& clock) {
  const double cpu = process_cpu_seconds();
  clock.start();
  clock.mark();
  if (pass == config::Pass::forward) {
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

const std::vector<double>& Side::of(config::Pass pass) const {
  return pass == config::Pass::forward ? forward : pass == config::Pass::backward ? backward : both;
}

void run_once(Subject& subject, const Inputs& in, config::Pass pass) {
  if (pass == config::Pass::forward) {
    const at::NoGradGuard no_graph;
    static_cast<void>(subject.forward(in));
  } else {
    backward(subject.forward(in), in);
  }
  synchronise(in.query.device());
}

bool sample(std::vector<Side>& sides, const Inputs& in, config::Pass pass, const Limits& limits,
            const OnRound& on_round) {
  const auto device = in.query.device();
  Clock clock(device);
  at::Tensor scratch;
  if (!device.is_cpu()) scratch = at::empty({kL2Bytes}, at::device(device).dtype(at::kByte));
  const auto round = [&] {
    for (auto& side : sides) {
      if (scratch.defined()) scratch.zero_();
      take(side, in, pass, clock);
    }
  };
  for (int i = 0; i < limits.warm_up; ++i) round();
  for (auto& side : sides) side.forward.clear(), side.backward.clear(), side.both.clear();
  for (auto& side : sides) side.cpu_seconds = 0;

  const double sampling = now();
  for (std::int64_t done = 1; done <= limits.most; ++done) {
    round();
    const double spent = now() - sampling, each = spent / static_cast<double>(done);
    const auto affordable = static_cast<std::int64_t>(limits.seconds / std::max(each, 1e-9));
    const auto expected = std::clamp(affordable, std::min(limits.least, limits.most), limits.most);
    if (!on_round(done, std::max(expected, done), each * static_cast<double>(expected - done))) {
      return false;
    }
    if (spent >= limits.seconds && done >= limits.least) break;
  }
  return true;
}

}  // namespace attnlab::bench
