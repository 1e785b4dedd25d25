// draws.cpp: what is random is a function of seed, layer, step and sequence, and of nothing else.
#include <ATen/Parallel.h>

#include <numeric>

#include "framework/conformance/compare.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }

 private:
  int before_;
};

bool equal(const Gradients& a, const Gradients& b) {
  return same_bits(a.query, b.query) && same_bits(a.key, b.key) && same_bits(a.value, b.value);
}

at::Tensor quiet_forward(Attention& attention, const Call& call) {
  const at::NoGradGuard no_grad;
  return forward(attention, call).output;
}

Call at_step(Call call, std::int64_t step) {
  call.step = step;
  return call;
}

}  // namespace

Verdict check_repeats(const Subject& subject, const Case& c) {
  const auto call = make_call(c);
  const auto expected = subject.output(c, call);
  const auto attention = subject.create(c);
  if (!same_bits(quiet_forward(*attention, call), expected)) {
    return fail("two attentions made alike give different bits for one call");
  }
  (void)quiet_forward(*attention, at_step(call, call.step + 1));
  if (!same_bits(quiet_forward(*attention, call), expected)) {
    return fail("a call gives other bits after another call: draws follow the order of calls");
  }
  const auto weight = at::ones_like(call.query);
  const auto grads = subject.gradients(c, call, weight);
  for (const int threads : {1, 2, 3}) {
    const Threads count(threads);
    if (!same_bits(subject.output(c, call), expected)) {
      return fail("the output's bits depend on the number of threads (" + std::to_string(threads) +
                  ")");
    }
    if (!equal(subject.gradients(c, call, weight), grads)) {
      return fail("the gradients' bits depend on the number of threads, or differ between calls");
    }
  }
  return pass();
}

Verdict check_seed(const Subject& subject, const Case& drawn) {
  Case c = drawn;
  c.T = std::max<std::int64_t>(c.T, 48);  // a few rows may look alike under many draws
  const auto call = make_call(c);
  const auto expected = subject.output(c, call);
  const auto differs = [&](auto change) {
    for (int i = 1; i <= 4; ++i) {
      Call other = call;
      change(other, i);
      if (!same_bits(subject.output(c, other), expected)) return true;
    }
    return false;
  };
  const bool by_step = differs([](Call& x, int i) { x.step += i; });
  const bool by_layer = differs([](Call& x, int i) { x.layer += i; });
  const bool by_seed = differs([](Call& x, int i) { x.run_seed += static_cast<std::uint64_t>(i); });
  if (by_seed) return pass();
  return by_step || by_layer
             ? fail("it draws anew for another step or layer, but run_seed changes nothing")
             : not_applicable("nothing here is random");
}

Verdict check_batch(const Subject& subject, const Case& drawn) {
  Case c = drawn;
  c.B = std::max<std::int64_t>(c.B, 3);
  const auto call = make_call(c);
  const auto expected = subject.output(c, call);
  Call turned = call;
  for (auto* x : {&turned.query, &turned.key, &turned.value, &turned.hidden})
    *x = x->flip(0).contiguous();
  turned.ids.assign(call.ids.rbegin(), call.ids.rend());
  const auto out = subject.output(c, turned).flip(0);
  if (!same_bits(out, expected)) {
    return fail("the batch in another order, with its sequence ids, gives other outputs: " +
                where_apart(out, expected));
  }
  Call alone = call;
  for (auto* x : {&alone.query, &alone.key, &alone.value, &alone.hidden})
    *x = x->slice(0, 1, 2).contiguous();
  alone.ids = {call.ids[1]};
  Case one = c;
  one.B = 1;
  const auto row = subject.output(one, alone), among = expected.slice(0, 1, 2);
  return near(row, among, slack(c.dtype))
             ? pass()
             : fail("a sequence alone gives another output than in its batch: " +
                    where_apart(row, among));
}

}  // namespace attnlab::conformance
