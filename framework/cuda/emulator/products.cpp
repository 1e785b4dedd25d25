#include "framework/cuda/emulator/products.h"

#include <bit>
#include <cstring>

#include "framework/cuda/emulator/emulator.h"

namespace attnlab::cuda::emulator {
namespace {

constexpr std::size_t kLanes = 32;
constexpr std::uint32_t kUnderWay = 0x7fc0dead;  // a NaN

/// Operands may stand in frames that were left; the sanitizer need not know.
__attribute__((no_sanitize("address"))) void look(const void* from, std::size_t bytes,
                                                  std::uint8_t* to) {
  const auto* const at = static_cast<const volatile std::uint8_t*>(from);
  for (std::size_t i = 0; i < bytes; ++i) to[i] = at[i];
}

float number(std::uint32_t bits, bool bf16) {
  return bf16 ? std::bit_cast<float>(bits << 16)
              : static_cast<float>(std::bit_cast<_Float16>(static_cast<std::uint16_t>(bits)));
}

/// [count][16], the depth last.
using Matrix = std::vector<std::array<float, 16>>;

template <class Read>
Matrix read_matrix(const Descriptor& from, int first, int count, bool turned, bool bf16,
                   const Read& read) {
  Matrix matrix(static_cast<std::size_t>(count));
  const auto element = [&](const std::uint8_t* bytes, std::size_t i) {
    std::uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, 2);
    return number(bits, bf16);
  };
  for (int line = 0; line < (turned ? 16 : count); ++line) {
    for (int piece = 0; piece < (turned ? count / 8 : 2); ++piece) {
      const auto* const bytes =
          read(turned ? from.of_depth(line, piece) : from.of_row(first + line, piece));
      for (std::size_t i = 0; i < 8; ++i) {
        const auto along = static_cast<std::size_t>(piece) * 8 + i;
        const auto at = static_cast<std::size_t>(line);
        (turned ? matrix[along][at] : matrix[at][along]) = element(bytes, i);
      }
    }
  }
  return matrix;
}

/// A warp's share of the left operand, and the right one.
template <class Read>
Matrix read_left(const Wgmma& what, int warp, const Read& read) {
  return read_matrix(Descriptor(what.left_matrix), warp % 4 * 16, 16, false, what.bf16, read);
}
template <class Read>
Matrix read_right(const Wgmma& what, const Read& read) {
  return read_matrix(Descriptor(what.right), 0, what.columns, what.turned, what.bf16, read);
}

__attribute__((no_sanitize("address", "undefined"))) float dot(const float* a, const float* b,
                                                               float sum) {
  double total = sum;
  for (int k = 0; k < 16; ++k) total += static_cast<double>(a[k]) * b[k];
  return static_cast<float>(total);
}

}  // namespace

bool is_under_way(const void* sums) {
  std::uint32_t first;
  look(sums, 4, reinterpret_cast<std::uint8_t*>(&first));
  return first == kUnderWay;
}

Descriptor::Descriptor(std::uint64_t bits)
    : start(static_cast<std::uint32_t>(bits & 0x3fff) << 4),
      leading(static_cast<std::uint32_t>(bits >> 16 & 0x3fff) << 4),
      stride(static_cast<std::uint32_t>(bits >> 32 & 0x3fff) << 4),
      pieces(1U << (4 - (bits >> 62)) % 4) {
  if ((bits >> 49 & 7) != 0) fail("a matrix descriptor has a base offset; expected 0");
}

std::uint32_t Descriptor::of_row(int row, int piece) const {
  const auto r = static_cast<std::uint32_t>(row), p = static_cast<std::uint32_t>(piece);
  return swizzled(start + r % 8 * 16 * pieces + r / 8 * stride + p * (pieces == 1 ? leading : 16));
}
std::uint32_t Descriptor::of_depth(int depth, int piece) const {
  const auto d = static_cast<std::uint32_t>(depth), p = static_cast<std::uint32_t>(piece);
  const std::uint32_t along = p % pieces * 16 + p / pieces * (pieces == 1 ? stride : leading);
  return swizzled(start + d % 8 * 16 * pieces + d / 8 * (pieces == 1 ? leading : stride) + along);
}

void Products::restart() {
  fenced_ = false;
  open_.clear();
  groups_.clear();
  sums_.clear();
  known_.clear();
}

void Products::fence() {
  fenced_ = true;
  for (auto& [lane0, known] : known_) {
    known.at_fence.resize(kLanes * known.bytes);
    for (std::size_t l = 0; l < kLanes; ++l) {
      look(known.registers[l], known.bytes, known.at_fence.data() + l * known.bytes);
    }
  }
}

/// Registers that a product used before are, at the next one, as the fence saw them.
void Products::expect_unchanged(const void* lane0) const {
  const auto found = known_.find(lane0);
  if (found == known_.end() || found->second.at_fence.empty()) return;
  const Known& known = found->second;
  std::vector<std::uint8_t> now(known.bytes);
  for (std::size_t l = 0; l < kLanes; ++l) {
    look(known.registers[l], known.bytes, now.data());
    if (std::memcmp(now.data(), known.at_fence.data() + l * known.bytes, known.bytes) != 0) {
      fail("wgmma uses registers that were written after the last wgmma.fence");
    }
  }
}
void Products::note(const std::array<const void*, 32>& registers, std::size_t bytes) {
  Known& known = known_[registers[0]];
  if (known.registers == registers && known.bytes == bytes) return;
  known = {registers, bytes, {}};
}

void Products::begin_sums(const LaneProducts& lanes) {
  const Wgmma& what = *lanes[0];
  const auto count = static_cast<std::size_t>(what.columns) / 2;
  auto [found, fresh] = sums_.try_emplace(what.sum);
  Sums& sums = found->second;
  ++sums.products;
  if (!fresh) return;
  if (what.add) expect_unchanged(what.sum);
  sums.values.resize(kLanes * count);
  std::array<const void*, 32> registers{};
  for (std::size_t l = 0; l < kLanes; ++l) {
    float* const sum = lanes[l]->sum;
    registers[l] = sums.registers[l] = sum;
    std::memcpy(sums.values.data() + l * count, sum, count * 4);
    std::fill_n(sum, count, std::bit_cast<float>(kUnderWay));
  }
  note(registers, count * 4);
}

void Products::start(const Order& order, SharedMemory& memory, int warp,
                     const LaneProducts& lanes) {
  if (!fenced_) fail("wgmma without a wgmma.fence after registers could be touched");
  Product product{*lanes[0], {}, {}};
  const Wgmma& what = product.what;
  for (const auto* lane : lanes) {
    if (lane->right != what.right || lane->left_matrix != what.left_matrix ||
        lane->columns != what.columns || lane->turned != what.turned || lane->add != what.add) {
      fail("the lanes of a warp differ in what wgmma multiplies");
    }
  }
  if (what.left != nullptr) {
    expect_unchanged(what.left);
    std::array<const void*, 32> registers{};
    for (std::size_t l = 0; l < kLanes; ++l) {
      registers[l] = product.left[l] = lanes[l]->left;
      std::memcpy(product.words[l].data(), lanes[l]->left, 16);
    }
    note(registers, 16);
  }
  const auto begin = [&](std::uint32_t at) {
    memory.begin_async_read(order, warp, at);
    static constexpr std::uint8_t kNothing[16] = {};
    return kNothing;
  };
  if (what.left == nullptr) (void)read_left(what, warp, begin);
  (void)read_right(what, begin);
  begin_sums(lanes);
  open_.push_back(product);
}

void Products::commit() {
  groups_.push_back(std::move(open_));
  open_.clear();
}

void Products::wait(const Order& order, SharedMemory& memory, int warp, std::size_t groups) {
  fenced_ = false;
  for (; groups_.size() > groups; groups_.pop_front()) {
    for (const Product& product : groups_.front()) finish(order, memory, warp, product);
  }
}

void Products::finish(const Order& order, SharedMemory& memory, int warp, const Product& product) {
  const Wgmma& what = product.what;
  const auto end = [&](std::uint32_t at) { return memory.end_async_read(order, warp, at); };
  Matrix left(16);
  if (what.left == nullptr) left = read_left(what, warp, end);
  for (std::size_t l = 0; l < kLanes && what.left != nullptr; ++l) {
    if (std::memcmp(product.left[l], product.words[l].data(), 16) != 0) {
      fail("a left operand of wgmma was written before the wait for it");
    }
    for (std::size_t i = 0; i < 8; ++i) {
      const std::uint32_t word = product.words[l][i / 2] >> (i % 2 * 16) & 0xffff;
      left[l / 4 + i / 2 % 2 * 8][l % 4 * 2 + i / 4 * 8 + i % 2] = number(word, what.bf16);
    }
  }
  const Matrix right = read_right(what, end);
  Sums& sums = sums_.at(what.sum);
  const auto count = static_cast<std::size_t>(what.columns) / 2;
  for (std::size_t l = 0; l < kLanes; ++l) {
    float* const values = sums.values.data() + l * count;
    for (std::size_t i = 0; i < count; ++i) {
      if (std::bit_cast<std::uint32_t>(sums.registers[l][i]) != kUnderWay) {
        fail("sums of wgmma were written before the wait for them");
      }
      const float before = what.add ? values[i] : 0;
      values[i] = dot(left[l / 4 + i / 2 % 2 * 8].data(),
                      right[i / 4 * 8 + l % 4 * 2 + i % 2].data(), before);
    }
  }
  if (--sums.products > 0) return;
  for (std::size_t l = 0; l < kLanes; ++l) {
    std::memcpy(sums.registers[l], sums.values.data() + l * count, count * 4);
  }
  sums_.erase(what.sum);
}

}  // namespace attnlab::cuda::emulator
