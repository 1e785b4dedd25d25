// nccl.cpp: libattnlab_nccl.so of the pretended GPUs. Tensors on them are summed over processes through the store at
// which the ranks met, in the order of ranks, by a thread of their own as NCCL has a stream of its own.
#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <thread>

#include "framework/train/nccl_backend.h"

namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

constexpr auto kLimit = 20s;  // NCCL itself would wait for ever

class Sum final : public c10d::Work {
 public:
  explicit Sum(std::shared_future<void> over) : Work(-1, c10d::OpType::ALLREDUCE), over_(std::move(over)) {}
  bool isCompleted() override { return over_.wait_for(0s) == std::future_status::ready; }
  bool isSuccess() const override { return !exception(); }
  std::exception_ptr exception() const override {
    try {
      over_.get();
      return nullptr;
    } catch (...) {
      return std::current_exception();
    }
  }
  /// What comes behind it on the pretended device is computed at once, so it cannot be let go on.
  void blockCurrentStream() override { over_.wait(); }

 private:
  std::shared_future<void> over_;
};

class Backend final : public c10d::Backend {
 public:
  Backend(c10::intrusive_ptr<c10d::Store> store, int rank, int size)
      : c10d::Backend(rank, size), store_(std::move(store)) {}
  ~Backend() override { abort(); }
  const std::string getBackendName() const override { return "pretended"; }
  void abort() override { aborted_ = true; }

  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors, const c10d::AllreduceOptions&) override {
    const auto numbers = tensors.at(0);
    TORCH_CHECK(numbers.is_cuda() && numbers.is_contiguous(), "a contiguous tensor on a GPU was expected");
    last_ = std::async(std::launch::async, [this, numbers, number = count_++, before = last_] {
              if (before.valid()) before.get();
              sum(numbers, number);
            }).share();
    return c10::make_intrusive<Sum>(last_);
  }

 private:
  void sum(const at::Tensor& numbers, std::int64_t number) {
    const auto here = at::from_blob(numbers.data_ptr(), numbers.sizes(), at::TensorOptions(numbers.scalar_type()));
    const auto key = [&](int rank) { return std::to_string(number) + "/" + std::to_string(rank); };
    Bytes bytes(here.nbytes());
    std::memcpy(bytes.data(), here.const_data_ptr(), bytes.size());
    store_->set(key(getRank()), bytes);
    auto total = at::zeros_like(here);
    for (int rank = 0; rank < getSize(); ++rank) {
      auto theirs = come(key(rank));
      total += at::from_blob(theirs.data(), here.sizes(), here.options());
    }
    here.copy_(total);
  }
  Bytes come(const std::string& key) {
    const auto begin = std::chrono::steady_clock::now();
    while (!store_->check({key})) {
      TORCH_CHECK(!aborted_ && std::chrono::steady_clock::now() - begin < kLimit, "a pretended sum was given up");
      std::this_thread::sleep_for(1ms);
    }
    return store_->get(key);
  }

  c10::intrusive_ptr<c10d::Store> store_;
  std::atomic<bool> aborted_{false};
  std::int64_t count_ = 0;
  std::shared_future<void> last_;
};

}  // namespace

__attribute__((visibility("default"))) void attnlab_nccl_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                                 int size, c10::intrusive_ptr<c10d::Backend>& backend) {
  backend = c10::make_intrusive<Backend>(store, rank, size);
}
