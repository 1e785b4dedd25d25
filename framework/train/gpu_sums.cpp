#include "framework/train/gpu_sums.h"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <thread>
#include <utility>

#include "framework/core/error.h"
#include "framework/train/nccl_backend.h"

namespace attnlab::train {
namespace {

constexpr std::chrono::microseconds kMoment{50};
constexpr std::chrono::seconds kAbortLimit{5};

decltype(&attnlab_nccl_backend) function_of(const std::string& library) {
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const symbol = handle == nullptr ? nullptr : dlsym(handle, kNcclSymbol);
  if (symbol != nullptr) return reinterpret_cast<decltype(&attnlab_nccl_backend)>(symbol);
  const char* const reason = dlerror();
  throw Error("ranks on GPUs: '" + library + "' cannot be loaded (" + (reason != nullptr ? reason : "unknown reason") +
              "). Expected the one of this build, beside a LibTorch whose CUDA part has NCCL (ATTNLAB_GPU=1 ./dev setup).");
}

}  // namespace

GpuSums::GpuSums(const std::string& library, c10::intrusive_ptr<c10d::Store> store, int rank, int size) {
  function_of(library)(store, rank, size, backend_);
}

c10::intrusive_ptr<c10d::Work> GpuSums::begin(const at::Tensor& numbers) {
  std::vector<at::Tensor> tensors{numbers};
  on_way_.push_back(backend_->allreduce(tensors));
  return on_way_.back();
}

bool GpuSums::over() {
  if (std::ranges::all_of(on_way_, [](const auto& work) { return work->isCompleted(); })) return true;
  std::this_thread::sleep_for(kMoment);
  return false;
}

void GpuSums::take() {
  const auto ended = std::exchange(on_way_, {});
  for (const auto& work : ended) {
    if (!work->isSuccess()) std::rethrow_exception(work->exception());
  }
}

void GpuSums::abort() {
  std::promise<void> over;
  auto ended = over.get_future();
  std::thread([backend = backend_, over = std::move(over)]() mutable {
    try {
      backend->abort();
    } catch (const std::exception&) {  // it is given up either way
    }
    over.set_value();
  }).detach();
  if (ended.wait_for(kAbortLimit) == std::future_status::ready) return;
  for (auto& work : on_way_) static_cast<void>(work.release());
  static_cast<void>(backend_.release());
}

}  // namespace attnlab::train
