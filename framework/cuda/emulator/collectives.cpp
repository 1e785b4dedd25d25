#include "framework/cuda/emulator/collectives.h"

#include <algorithm>
#include <bit>

namespace attnlab::cuda::emulator {
namespace {

constexpr int kLanes = 32;

float bf16(std::uint32_t bits) { return std::bit_cast<float>(bits << 16); }
float f16(std::uint32_t bits) {
  return static_cast<float>(std::bit_cast<_Float16>(static_cast<std::uint16_t>(bits)));
}

struct Operands {
  float a[16][16];  // [row][k]
  float b[8][16];   // [column][k]
};

template <float (*Decode)(std::uint32_t)>
void collect(const Parts& parts, Operands& to) {
  for (int lane = 0; lane < kLanes; ++lane) {
    const int group = lane / 4, k = lane % 4 * 2;
    const Part& part = *parts[static_cast<std::size_t>(lane)];
    for (int half = 0; half < 2; ++half) {
      const int shift = half * 16;
      const auto decode = [&](std::uint32_t word) { return Decode(word >> shift & 0xffff); };
      to.a[group][k + half] = decode(part.word[0]);
      to.a[group + 8][k + half] = decode(part.word[1]);
      to.a[group][k + 8 + half] = decode(part.word[2]);
      to.a[group + 8][k + 8 + half] = decode(part.word[3]);
      to.b[group][k + half] = decode(part.b[0]);
      to.b[group][k + 8 + half] = decode(part.b[1]);
    }
  }
}

/// Local arrays of known size and constant bounds: left out of the sanitizers for their speed.
__attribute__((no_sanitize("address", "undefined"))) float dot(const float* a, const float* b,
                                                               float sum) {
  double total = sum;
  for (int k = 0; k < 16; ++k) total += static_cast<double>(a[k]) * b[k];
  return static_cast<float>(total);
}

template <float (*Decode)(std::uint32_t)>
void multiply(const Parts& parts) {
  Operands operands;
  collect<Decode>(parts, operands);
  for (int lane = 0; lane < kLanes; ++lane) {
    Part& part = *parts[static_cast<std::size_t>(lane)];
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      part.sum[i] = dot(operands.a[row], operands.b[column], part.sum[i]);
    }
  }
}

void move_words(Collective operation, const Parts& parts) {
  std::array<std::uint32_t, kLanes> before, after;
  for (std::size_t l = 0; l < kLanes; ++l) before[l] = parts[l]->word[0];
  std::uint32_t votes = 0;
  auto least = static_cast<std::int32_t>(before[0]), most = least;
  for (std::size_t l = 0; l < kLanes; ++l) {
    votes |= static_cast<std::uint32_t>(before[l] != 0) << l;
    least = std::min(least, static_cast<std::int32_t>(before[l]));
    most = std::max(most, static_cast<std::int32_t>(before[l]));
  }
  for (std::size_t l = 0; l < kLanes; ++l) {
    const auto argument = static_cast<std::size_t>(parts[l]->lane);
    std::uint32_t equal = 0;
    for (std::size_t m = 0; m < kLanes; ++m) {
      equal |= static_cast<std::uint32_t>(before[m] == before[l]) << m;
    }
    after[l] = operation == Collective::shuffle       ? before[argument % kLanes]
               : operation == Collective::shuffle_xor ? before[(l ^ argument) % kLanes]
               : operation == Collective::ballot      ? votes
               : operation == Collective::match       ? equal
               : operation == Collective::min         ? static_cast<std::uint32_t>(least)
               : operation == Collective::max         ? static_cast<std::uint32_t>(most)
                                                      : before[l];
  }
  for (std::size_t l = 0; l < kLanes; ++l) parts[l]->word[0] = after[l];
}

}  // namespace

void compute(Collective operation, const Parts& parts) {
  if (operation == Collective::multiply_bf16) return multiply<bf16>(parts);
  if (operation == Collective::multiply_f16) return multiply<f16>(parts);
  move_words(operation, parts);
}

void deal_matrices(const std::array<std::array<std::uint16_t, 8>, 32>& rows, bool transposed,
                   const Parts& parts) {
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t row = lane / 4, column = lane % 4 * 2;
      const auto element = [&](std::size_t r, std::size_t c) -> std::uint32_t {
        return transposed ? rows[8 * i + c][r] : rows[8 * i + r][c];
      };
      parts[lane]->word[i] = element(row, column) | element(row, column + 1) << 16;
    }
  }
}

int bank_conflicts(const Parts& parts) {
  int extra = 0;
  for (std::size_t matrix = 0; matrix < 4; ++matrix) {
    std::array<int, 8> rows_in{};  // of each group of 4 banks
    for (std::size_t r = 0; r < 8; ++r) ++rows_in[parts[8 * matrix + r]->offset / 16 % 8];
    extra += *std::max_element(rows_in.begin(), rows_in.end()) - 1;
  }
  return extra;
}

}  // namespace attnlab::cuda::emulator
