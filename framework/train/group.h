/// group.h: the processes of one data-parallel run, as the trainer sees them. All ranks call the same
///   things in the same order; whatever is asked of a group gives all of them the same bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

namespace attnlab::train {

class Group {
 public:
  Group(int rank, int size) : rank_(rank), size_(size) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  virtual ~Group() = default;

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] bool first() const { return rank_ == 0; }

  /// A sum that is on its way.
  class Sum {
   public:
    virtual ~Sum() = default;
    /// On the CPU returns once it is there, and throws Error where a rank is gone, or does not come within
    /// the group's patience. On a GPU the current stream waits for it and the host does not; see settle().
    virtual void wait() = 0;
  };

  /// How long a rank that has done its own share waits for the others: long enough for shares that are
  /// alike, or for as long as it takes, where rank 0 writes a checkpoint.
  enum class Patience { usual, endless };

  /// Begins to sum `numbers` (contiguous; float32, float64, int64 or uint8; on the CPU, or on the GPU that the
  /// group was made for) in place over all ranks, in an order that depends on their number alone, behind what
  /// the current stream does. Not to be touched before wait().
  [[nodiscard]] virtual std::unique_ptr<Sum> begin_sum(const at::Tensor& numbers,
                                                       Patience patience = Patience::usual) = 0;
  /// Returns once the sums on the GPU that were begun are over; throws as Sum::wait() does on the CPU. Before
  /// the host waits for the device in any other way: a rank that is gone would let it wait for ever.
  virtual void settle() {}
  void sum(const at::Tensor& numbers, Patience patience = Patience::usual) {
    begin_sum(numbers, patience)->wait();
    settle();
  }

  /// Rank 0's bits to all; `numbers` as above.
  void broadcast(const at::Tensor& numbers);
  [[nodiscard]] std::string broadcast(const std::string& text);
  /// Every rank's, in the order of ranks: [size, ...].
  [[nodiscard]] at::Tensor gather(const at::Tensor& numbers);
  [[nodiscard]] std::vector<std::string> gather(const std::string& text);

 private:
  int rank_, size_;
};

}  // namespace attnlab::train
