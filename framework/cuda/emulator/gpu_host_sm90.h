/// gpu_host_sm90.h: the host twin of the wrappers in gpu_sm90.h. Only gpu_sm90.h includes it.
#pragma once

#include "framework/cuda/emulator/gpu_host.h"

namespace attnlab::cuda::gpu {

inline std::uint32_t shared_address(std::uint32_t offset) { return offset; }

inline std::int64_t blocks() { return emulator::running().blocks(); }
inline void count_careful() {
  if (thread() % kWarp == 0) emulator::running().count_careful();
}

template <int Count>
void give_registers_up() {}
template <int Count>
void take_registers() {}

inline void together(emulator::Collective operation, std::uint32_t offset = 0, int number = 0) {
  emulator::Part part;
  part.offset = offset;
  part.lane = number;
  emulator::running().together(operation, part);
}

inline void barrier_init(std::uint32_t at, int count) {
  emulator::running().barrier_init(at, count);
}
inline void barrier_arrive(std::uint32_t at) { together(emulator::Collective::barrier_arrive, at); }
inline void copies_arrive(std::uint32_t at) { together(emulator::Collective::copies_arrive, at); }
inline void barrier_wait(std::uint32_t at, int parity) {
  together(emulator::Collective::barrier_wait, at, parity);
}
inline void fence_proxy() { together(emulator::Collective::proxy_fence); }

template <class Array>
void wait_until_known(const Array&) {}
template <class... Arrays>
void products_fence(Arrays&...) {
  together(emulator::Collective::wgmma_fence);
}
inline void products_commit() { together(emulator::Collective::wgmma_commit); }
template <int Groups, class... Arrays>
void products_wait(Arrays&... done) {
  together(emulator::Collective::wgmma_wait, 0, Groups);
  const auto expect_done = [](const auto& array) {
    if (emulator::is_under_way(&array)) {
      emulator::fail("a wait for wgmma names an array that is still under way");
    }
  };
  (expect_done(done), ...);
}

template <class T, bool Turned, int N>
void start_product(float (&sum)[N][4], const std::uint32_t* left, std::uint64_t left_matrix,
                   std::uint64_t right, bool add) {
  emulator::Wgmma product;
  product.sum = &sum[0][0];
  product.left = left;
  product.left_matrix = left_matrix;
  product.right = right;
  product.columns = 8 * N;
  product.bf16 = std::is_same_v<T, Bf16>;
  product.turned = Turned;
  product.add = add;
  emulator::Part part;
  part.wgmma = &product;
  emulator::running().together(emulator::Collective::wgmma_start, part);
}
template <class T, bool Turned, int N>
void multiply_group(float (&sum)[N][4], const std::uint32_t (&left)[4], std::uint64_t right) {
  start_product<T, Turned>(sum, &left[0], 0, right, false);
}
template <class T, bool Turned, int N>
void multiply_group_add(float (&sum)[N][4], const std::uint32_t (&left)[4], std::uint64_t right) {
  start_product<T, Turned>(sum, &left[0], 0, right, true);
}
template <class T, bool Turned, int N>
void multiply_group(float (&sum)[N][4], std::uint64_t left, std::uint64_t right) {
  start_product<T, Turned>(sum, nullptr, left, right, false);
}
template <class T, bool Turned, int N>
void multiply_group_add(float (&sum)[N][4], std::uint64_t left, std::uint64_t right) {
  start_product<T, Turned>(sum, nullptr, left, right, true);
}

}  // namespace attnlab::cuda::gpu
