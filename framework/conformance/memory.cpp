// memory.cpp: writes stay inside what was allocated and cover it; memory grows as declared.
#include <cmath>

#include "framework/conformance/compare.h"
#include "framework/conformance/guard.h"
#include "framework/conformance/property.h"

namespace attnlab::conformance {
namespace {

struct Written {
  at::Tensor out;
  Gradients grads;
  std::string overrun;
};

Written run_filled(const Subject& subject, const Case& c, const Call& call, unsigned char byte) {
  (void)overrun();
  fill_with(byte);
  Written written{
      subject.output(c, call).clone(), subject.gradients(c, call, at::ones_like(call.query)), {}};
  fill_with(0xff);
  written.overrun = overrun();
  return written;
}

/// Bytes beyond inputs at the peak of one forward and backward.
double bytes_at(const Subject& subject, Case c, std::int64_t T) {
  c.B = c.H = 1;
  c.T = T;
  const auto call = make_call(c);
  const auto weight = at::ones_like(call.query);
  (void)subject.gradients(c, call, weight);  // what is allocated once does not count
  reset_peak();
  const auto before = peak_bytes();
  (void)subject.gradients(c, call, weight);
  return static_cast<double>(peak_bytes() - before);
}

}  // namespace

Verdict check_writes(const Subject& subject, const Case& c) {
  if (c.device != at::kCPU) return not_applicable("the guarded allocator is the CPU's");
  const auto call = make_call(c);
  const auto expected = run_filled(subject, c, call, 0xff);
  if (!expected.overrun.empty()) return fail(expected.overrun);
  for (const unsigned char byte : {0x00, 0x41}) {
    const auto again = run_filled(subject, c, call, byte);
    if (!again.overrun.empty()) return fail(again.overrun);
    if (!same_bits(again.out, expected.out) ||
        !same_bits(again.grads.query, expected.grads.query) ||
        !same_bits(again.grads.key, expected.grads.key) ||
        !same_bits(again.grads.value, expected.grads.value)) {
      return fail(
          "results depend on what memory held before: a part of the output, of a gradient or "
          "of scratch is used without having been written");
    }
  }
  return pass();
}

Verdict check_memory(const Subject& subject, const Case& c) {
  if (c.device != at::kCPU) return not_applicable("the counting allocator is the CPU's");
  if (subject.has(plugin::kQuadraticMemory)) return not_applicable("it declares quadratic_memory");
  if (!subject.refuses(c).empty()) return pass();
  const double less = bytes_at(subject, c, 1024), more = bytes_at(subject, c, 2048);
  const double exponent = std::log2(more / less);
  // [T, T] doubles twice; rounding to blocks and fixed parts stay well below a half.
  return exponent < 1.4 ? pass()
                        : fail("memory grows as T^" + std::to_string(exponent) + " (" +
                               std::to_string(static_cast<long>(less)) + " bytes at T=1024, " +
                               std::to_string(static_cast<long>(more)) +
                               " at T=2048); expected T^1, or the trait kQuadraticMemory");
}

}  // namespace attnlab::conformance
