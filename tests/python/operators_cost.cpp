// bench_operators [ROUNDS] [T,T,...]: what torch.ops.attnlab costs beside the C++ path, on the CPU: the same call,
// forward and backward, in turn, by processor time of one thread, so that what else runs disturbs little.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "framework/python/operators.h"
#include "framework/sparse/hashing.h"
#include "framework/sparse/plans.h"

namespace {

using attnlab::sparse::SegmentPlan;
constexpr std::int64_t B = 1, H = 8, D = 64, kBuckets = 16, kWindow = 256;

double cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) * 1e-9;
}

struct Inputs {
  explicit Inputs(std::int64_t T) {
    at::manual_seed(0);
    const auto draw = [&] { return at::randn({B, H, T, D}); };
    query = draw().requires_grad_(true);
    key = (query / query.norm(2, -1, true)).detach().requires_grad_(true);
    value = draw().requires_grad_(true);
    grad_out = draw();
    projections = at::randn({1, H, D, kBuckets / 2});
    window = attnlab::sparse::window_plan(B, H, T, kWindow, 1, false);
  }
  at::Tensor query, key, value, grad_out, projections;
  SegmentPlan window;
};

using HashSparse = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, bool, bool,
                              std::optional<double>);

using Attend = std::function<at::Tensor(const Inputs&)>;
struct Pair {
  const char* name;
  Attend engine, operators;
};

std::vector<Pair> pairs() {
  return {{"hash_sparse",
           [](const Inputs& in) {
             const auto buckets = attnlab::sparse::hash_buckets(in.query.detach(), in.projections)[0];
             const auto plan = attnlab::sparse::bucket_plan(buckets, buckets, kBuckets, false);
             return attnlab::sparse::segment_attention(in.query, in.key, in.value, plan).out;
           },
           [](const Inputs& in) {
             static const auto op = attnlab::python::find<HashSparse>("attnlab::hash_sparse");
             return op.call(in.query, in.key, in.value, in.projections[0], false, false, std::nullopt);
           }},
          {"segment_attention",
           [](const Inputs& in) { return attnlab::sparse::segment_attention(in.query, in.key, in.value, in.window).out; },
           [](const Inputs& in) {
             return std::get<0>(attnlab::python::attend(in.query, in.key, in.value, in.window, /*sealed=*/true));
           }}};
}

double once(const Attend& attend, const Inputs& in) {
  for (const auto* leaf : {&in.query, &in.key, &in.value}) leaf->mutable_grad().reset();
  const double begin = cpu_seconds();
  attend(in).backward(in.grad_out);
  return cpu_seconds() - begin;
}

double median(std::vector<double> all) {
  std::ranges::nth_element(all, all.begin() + std::ssize(all) / 2);
  return all[all.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 21;
  std::istringstream lengths(argc > 2 ? argv[2] : "512,1024,2048,4096,8192");
  at::set_num_threads(1);
  std::printf("%-18s %6s %12s %12s %16s\n", "", "T", "engine, ms", "operator, ms", "operator / engine");
  for (std::string length; std::getline(lengths, length, ',');) {
    const Inputs in(std::atoll(length.c_str()));
    for (const auto& [name, engine, operators] : pairs()) {
      std::vector<double> first, second, ratio;
      static_cast<void>(once(engine, in));
      static_cast<void>(once(operators, in));
      for (int i = 0; i < rounds; ++i) {
        first.push_back(once(engine, in));
        second.push_back(once(operators, in));
        ratio.push_back(second.back() / first.back());
      }
      std::printf("%-18s %6s %12.3f %12.3f %16.3f\n", name, length.c_str(), 1e3 * median(first), 1e3 * median(second),
                  median(ratio));
      std::fflush(stdout);
    }
  }
}
