/// memory.h: what training takes: two peaks, because they answer two questions (what the tensors
///   needed, and what the machine had to give), and an estimate before anything is allocated.
///   The peaks are the process's; not thread-safe but for the counter itself.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/run_config.h"
#include "framework/core/metric.h"
#include "framework/model/transformer.h"

namespace attnlab::train {

/// Puts a counter around LibTorch's CPU allocator. Call once, before the first tensor.
void install_counting_allocator();

/// Most bytes of tensors on `device` alive at once since the start or reset_peaks(): on the CPU 0
/// without the counter, on a GPU by LibTorch's caching allocator.
[[nodiscard]] std::int64_t tensor_peak_bytes(at::Device device);

/// How many tensors got memory on `device` since the start; on the CPU 0 without the counter.
[[nodiscard]] std::int64_t tensor_allocations(at::Device device);

/// Most memory that this process held for itself since then: LibTorch's own buffers are in it, pages
/// of mapped files (a corpus, libraries) are not, since the kernel can take those back.
[[nodiscard]] std::int64_t process_peak_bytes();

/// Both as metrics, and on a GPU the CPU's tensors as well; an attempt that goes on has the peaks of those
/// `earlier` too.
struct Peaks {
  std::int64_t tensors = 0, process = 0;
};
[[nodiscard]] std::vector<Metric> peak_metrics(at::Device device, const Peaks& earlier);

/// Looks at the process's memory, ten times a second at most. The kernel keeps the highest resident
/// set with the file pages in it; the oftener it is asked, the closer is what is taken off for them.
void look_at_process();

/// Both peaks fall back to what is in use now; what was freed goes back to the kernel before. Where
/// the kernel forbids it, the process's peak of before stays.
void reset_peaks(at::Device device);

/// Bytes that one training step takes at the least: weights, gradients and moments, what is kept for
/// the backward pass, a slice of logits, the batches; and `square_tensors` x B x H x T x T numbers
/// for plugins whose memory grows so. `rows` sequences are in a micro-batch.
[[nodiscard]] double least_step_bytes(const config::ModelConfig& model,
                                      const config::TrainConfig& train,
                                      const model::TokenShape& tokens, std::int64_t rows,
                                      std::int64_t square_tensors);

/// Empty, or "needs an estimated 3.2 TiB; this process may use 23.5 GiB." `available` 0: unknown, never.
[[nodiscard]] std::string too_large(double bytes, double available);

}  // namespace attnlab::train
