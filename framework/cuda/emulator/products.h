/// products.h: wgmma, one warp's share of it: 16 of the 64 rows. A product reads shared memory from
///   its start to the wait for its group; until then its sums are NaN, and neither they nor a left
///   operand in registers may be written. Sums and left operands are arrays that live until then.
///   Layouts of PTX ISA 8.0, "wgmma.mma_async.m64nNk16" and "matrix descriptor format".
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "framework/cuda/emulator/shared_memory.h"

namespace attnlab::cuda::emulator {

/// Where a matrix of 16-bit elements stands in shared memory, in pieces of 16 bytes.
struct Descriptor {
  explicit Descriptor(std::uint64_t bits);
  /// Piece along the depth of row `row`; the depth is contiguous.
  [[nodiscard]] std::uint32_t of_row(int row, int piece) const;
  /// Piece along the rows at depth `depth`; rows are contiguous.
  [[nodiscard]] std::uint32_t of_depth(int depth, int piece) const;

  std::uint32_t start, leading, stride;
  std::uint32_t pieces;  // of a row of the swizzle's pattern: 1, 2, 4 or 8

 private:
  [[nodiscard]] std::uint32_t swizzled(std::uint32_t at) const {
    return at ^ ((at >> 7 & (pieces - 1)) << 4);
  }
};

/// What one lane brings to a product.
struct Wgmma {
  float* sum = nullptr;                      // columns / 2
  const std::uint32_t* left = nullptr;       // 4; null: left_matrix
  std::uint64_t left_matrix = 0, right = 0;  // descriptors
  int columns = 0;
  bool bf16 = false;
  bool turned = false;  // the right operand's columns are contiguous
  bool add = false;     // to what the sums hold
};
using LaneProducts = std::array<const Wgmma*, 32>;

/// Whether these are sums of a product under way.
[[nodiscard]] bool is_under_way(const void* sums);

class Products {
 public:
  void restart();
  void fence();
  void start(const Order& order, SharedMemory& memory, int warp, const LaneProducts& lanes);
  void commit();
  /// Until at most the `groups` newest groups are under way.
  void wait(const Order& order, SharedMemory& memory, int warp, std::size_t groups);
  [[nodiscard]] bool any_under_way() const { return !sums_.empty(); }

 private:
  struct Product {
    Wgmma what;  // of lane 0
    std::array<const std::uint32_t*, 32> left{};
    std::array<std::array<std::uint32_t, 4>, 32> words{};
  };
  /// Sums under way: what they will be, and how many products still add to them.
  struct Sums {
    std::array<float*, 32> registers{};
    std::vector<float> values;  // [32, columns / 2]
    int products = 0;
  };
  /// Registers that products have used, as the last fence saw them.
  struct Known {
    std::array<const void*, 32> registers{};
    std::size_t bytes = 0;
    std::vector<std::uint8_t> at_fence;
  };
  void expect_unchanged(const void* lane0) const;
  void note(const std::array<const void*, 32>& registers, std::size_t bytes);
  void begin_sums(const LaneProducts& lanes);
  void finish(const Order& order, SharedMemory& memory, int warp, const Product& product);

  bool fenced_ = false;
  std::vector<Product> open_;
  std::deque<std::vector<Product>> groups_;
  std::map<const float*, Sums> sums_;  // by lane 0's registers, as the next
  std::map<const void*, Known> known_;
};

}  // namespace attnlab::cuda::emulator
