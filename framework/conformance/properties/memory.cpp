// memory.cpp: no byte is used before it was written, none is written out of bounds, and memory
// grows as declared.
#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <array>
#include <cmath>

#include "framework/conformance/guard_allocator.h"
#include "framework/conformance/judge.h"
#include "framework/conformance/property.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

// What fresh memory holds, for one call.
Attended attend_with(const Trial& trial, Fill fill) {
  const auto input = trial.input();
  const auto grad = trial.grad_out();
  struct Restore {
    ~Restore() { set_fill(Fill::zero); }
  } restore;
  set_fill(fill);
  return trial.attend(input, trial.call(), grad);
}

// A GPU's memory is LibTorch's to fill: with NaN, or the largest integer, in every fresh tensor.
Attended attend_filled(const Trial& trial, bool fill) {
  auto& context = at::globalContext();
  struct Restore {
    bool before;
    ~Restore() { at::globalContext().setDeterministicFillUninitializedMemory(before); }
  } restore{context.deterministicFillUninitializedMemory()};
  context.setDeterministicFillUninitializedMemory(fill);
  return trial.attend(trial.input(), trial.call());
}

void check_unwritten(const Trial& trial) {
  if (trial.device().is_cuda()) {
    expect_equal_bits("where fresh tensors hold NaN instead of what was there",
                      attend_filled(trial, true), attend_filled(trial, false));
    return;
  }
  const auto& zero = trial.attended();  // what fresh memory usually holds here
  expect_equal_bits("where fresh memory holds NaN instead of 0", attend_with(trial, Fill::nan),
                    zero);
  expect_equal_bits("where fresh memory holds 1.5e16 instead of 0", attend_with(trial, Fill::large),
                    zero);
}

void check_bounds(const Trial& trial) {
  const auto input =
      changed(trial.input(), [](const at::Tensor& x) { return x.detach().requires_grad_(true); });
  (void)damage();
  const auto result = trial.forward(input, trial.call());
  if (const auto found = damage(); !found.empty()) throw Violation("forward wrote " + found);
  result.output.backward(trial.grad_out());
  if (const auto found = damage(); !found.empty()) throw Violation("backward wrote " + found);
}

constexpr std::array<std::int64_t, 3> kLengths{1024, 2048, 4096};  // half, where T x T is declared

/// Bytes of tensors on a device.
struct InUse {
  std::int64_t now, most;
};
InUse in_use(at::Device device) {
  if (device.is_cpu()) return {live_bytes(), peak_bytes()};
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  return {stats.allocated_bytes[kAll].current, stats.allocated_bytes[kAll].peak};
}
void reset_most(at::Device device) {
  if (device.is_cpu()) return reset_peak();
  c10::getDeviceAllocator(device.type())->resetPeakStats(device.index());
}

// Bytes of tensors that forward and backward need beside inputs and their copies.
double bytes_for(const Trial& drawn, std::int64_t length) {
  auto check = drawn.check();
  check.batch = check.heads = 1;
  check.length = length;
  const Trial trial(drawn.subject(), check);
  const auto input = trial.input();
  const auto grad = trial.grad_out();
  const auto before = in_use(drawn.device()).now;
  reset_most(drawn.device());
  (void)trial.attend(input, trial.call(), grad);
  return static_cast<double>(in_use(drawn.device()).most - before);
}

// The exponent p of bytes ~ T^p. A plugin without scratch memory has the copies of its inputs.
void check_growth(const Trial& trial) {
  const bool quadratic = trial.has(plugin::kQuadraticMemory);
  std::array<double, kLengths.size()> bytes{};
  std::string table;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::int64_t length = kLengths[i] / (quadratic ? 2 : 1);
    bytes[i] = bytes_for(trial, length);
    table += (i == 0 ? "" : ", ") + human_bytes(bytes[i]) + " at T = " + std::to_string(length);
  }
  const double exponent = std::log2(bytes[2] / bytes[1]);
  const double allowed = quadratic ? 2.2 : 1.3;
  if (exponent <= allowed) return;
  throw Violation("memory grows with T^" + exact_number(std::round(exponent * 100) / 100) + ": " +
                  table + "; " +
                  (quadratic ? "expected T^2, as declared"
                             : "expected T; mend it, or declare kQuadraticMemory"));
}

}  // namespace

const Property kUnwritten{.name = "unwritten",
                          .promise = "the result does not depend on what fresh memory held",
                          .check = check_unwritten};

const Property kBounds{.name = "bounds",
                       .promise = "nothing is written outside of the blocks that were asked for",
                       .check = check_bounds,
                       .not_on_cuda = "not on cuda: compute-sanitizer looks for that there"};

const Property kMemory{.name = "memory",
                       .promise = "memory grows with T, or with T x T where declared",
                       .check = check_growth,
                       .lengths = {kLengths[0]}};

}  // namespace attnlab::conformance
