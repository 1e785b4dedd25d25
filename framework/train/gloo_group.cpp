#include "framework/train/gloo_group.h"

#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/status_lines.h"
#include "framework/core/text.h"
#include "framework/train/gpu_sums.h"
#include "framework/train/meeting_store.h"
#include "framework/train/roll_call.h"

namespace attnlab::train {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLookEvery{20};  // at who has come
constexpr double kOwnShares = 3;     // how often as long as its own share a rank waits for the others'
constexpr double kLearnSeconds = 3;  // in which the kernel tells what became of a child
constexpr double kPartingSeconds = 10;
constexpr double kAskEvery = 0.05;   // seconds, who was lost, while a GPU is looked at
// Gloo's own limit ends no run: how long is too long is decided here.
constexpr milliseconds kGlooLimit{std::chrono::hours(24)};

std::string text_of_error(const std::exception& error) {
  const auto* known = dynamic_cast<const c10::Error*>(&error);
  return known != nullptr ? known->what_without_backtrace() : error.what();
}

class GlooGroup final : public Group {
 public:
  explicit GlooGroup(const Meeting& meeting);
  ~GlooGroup() override;
  std::unique_ptr<Sum> begin_sum(const at::Tensor& numbers, Patience patience) override;
  void settle() override;

 private:
  void wait(c10d::Work& work, Patience patience);
  void block(c10d::Work& work);  // the current stream
  using Keys = std::vector<std::string>;
  Keys keys(const std::string& what, bool own = true) const;
  void come(const std::string& what) { store_->set(keys(what)[static_cast<std::size_t>(rank())], std::string("1")); }
  bool all_came(const Keys& wanted, double seconds);
  std::vector<int> missing(const std::string& what);
  std::string lost(double seconds) const { return lost_ ? lost_(seconds) : ""; }
  void wait_for_all(const Meeting& meeting);
  void connect(bool one_host);
  void connect_gpus(const std::string& library);
  template <class Over>
  void await(Patience patience, const Over& over);
  void compare(const std::string& identity);
  [[noreturn]] void broken(const std::string& why);
  [[noreturn]] void late(double seconds);

  std::function<std::string(double)> lost_;
  double patience_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> backend_;
  std::optional<GpuSums> gpus_;  // none on the CPU
  double since_ = 0;  // when the others were last waited for
  bool broken_ = false;
};

class BegunSum final : public Group::Sum {
 public:
  explicit BegunSum(std::function<void()> wait) : wait_(std::move(wait)) {}
  void wait() override { wait_(); }

 private:
  std::function<void()> wait_;
};

GlooGroup::GlooGroup(const Meeting& meeting)
    : Group(meeting.rank, meeting.size), lost_(meeting.lost), patience_(meeting.patience) {
  try {
    store_ = open_store(meeting);
    come("here");
    wait_for_all(meeting);
    connect(!meeting.file.empty());
  } catch (const c10::Error& error) {
    const auto who = lost(kLearnSeconds);
    if (!who.empty()) throw Error(who);
    throw Error(std::string(kLostContact) + " before they had met" +
                (meeting.file.empty() ? " at " + meeting.host + ":" + std::to_string(meeting.port) : "") +
                ": " + error.what_without_backtrace());
  }
  since_ = clock_seconds();
  compare(meeting.identity);
  if (!meeting.nccl.empty()) connect_gpus(meeting.nccl);
}

GlooGroup::Keys GlooGroup::keys(const std::string& what, bool own) const {
  Keys all;
  for (int other = 0; other < size(); ++other) {
    if (own || other != rank()) all.push_back(what + "/" + std::to_string(other));
  }
  return all;
}

// Store::wait() would warn in the log of every wait that was in vain.
bool GlooGroup::all_came(const Keys& wanted, double seconds) {
  const double begin = clock_seconds();
  try {
    while (!store_->check(wanted)) {
      if (clock_seconds() - begin > seconds) return false;
      std::this_thread::sleep_for(kLookEvery);
    }
  } catch (const std::exception&) {
    return false;  // whoever serves the store is gone
  }
  return true;
}

std::vector<int> GlooGroup::missing(const std::string& what) {
  std::vector<int> ranks;
  const auto all = keys(what);
  for (int other = 0; other < size(); ++other) {
    if (other != rank() && !store_->check({all[static_cast<std::size_t>(other)]})) ranks.push_back(other);
  }
  return ranks;
}

void GlooGroup::wait_for_all(const Meeting& meeting) {
  const double begin = clock_seconds();
  while (!all_came(keys("here"), std::chrono::duration<double>(kSlice).count())) {
    expect_nobody_stops(meeting);
    if (const auto who = lost(0); !who.empty()) throw Error(who);
    if (clock_seconds() - begin < kMeetingSeconds) continue;
    std::vector<std::string> names;
    for (const int rank : missing("here")) names.push_back(std::to_string(rank));
    throw Error("of " + std::to_string(size()) + " ranks these did not come within " +
                human_duration(kMeetingSeconds) + ": " + join(names, ", ") +
                ". Start all of them at once, with the same command.");
  }
}

void GlooGroup::connect(bool one_host) {
  auto options = one_host ? c10d::ProcessGroupGloo::Options::create(kGlooLimit)
                          : c10d::ProcessGroupGloo::Options::create_default(kGlooLimit);
  if (one_host) options->devices = {c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")};
  backend_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
      c10::make_intrusive<c10d::PrefixStore>("gloo", store_), rank(), size(), options);
}

// In the first sum NCCL connects: here, where all are known to be there, and not in the midst of a step.
void GlooGroup::connect_gpus(const std::string& library) {
  try {
    gpus_.emplace(library, c10::make_intrusive<c10d::PrefixStore>("nccl", store_), rank(), size());
    sum(at::zeros({1}, at::TensorOptions(at::kFloat).device(at::kCUDA)));
  } catch (const std::exception& error) {
    if (gpus_) gpus_->abort();  // no destructor will
    if (dynamic_cast<const Error*>(&error) != nullptr) throw;
    broken(text_of_error(error));
  }
}

void GlooGroup::compare(const std::string& identity) {
  const auto all = gather(identity);
  for (int other = 1; other < size(); ++other) {
    if (all[static_cast<std::size_t>(other)] == all[0]) continue;
    throw Error("rank " + std::to_string(other) + " is not what rank 0 is: it has " +
                all[static_cast<std::size_t>(other)] + "; expected rank 0's " + all[0] +
                ". All ranks must be of one build and compute with the same instructions "
                "(ATTNLAB_CPU and ATEN_CPU_CAPABILITY name narrower ones).");
  }
}

// Nobody leaves before all have what they wait for: a connection that is closed can lose what was sent.
GlooGroup::~GlooGroup() {
  if (broken_ || std::uncaught_exceptions() > 0) {
    if (gpus_) gpus_->abort();
    // Its threads wait for ranks that may never come, and the destructor would wait for those threads.
    static_cast<void>(backend_.release());
    return;
  }
  try {
    come("done");
    all_came(keys("done"), std::min(kPartingSeconds, 2 * patience_));
    // Rank 0, which may serve the store, leaves last: c10d warns of a store that is gone in mid-look.
    if (rank() != 0) come("left");
    if (rank() == 0) all_came(keys("left", /*own=*/false), std::min(kPartingSeconds, 2 * patience_));
    if (gpus_) gpus_->shut_down();
  } catch (const std::exception&) {
  }
}

std::unique_ptr<Group::Sum> GlooGroup::begin_sum(const at::Tensor& numbers, Patience patience) {
  try {
    std::vector<at::Tensor> tensors{numbers};
    if (numbers.is_cpu()) {
      return std::make_unique<BegunSum>([=, this, work = backend_->allreduce(tensors)] { wait(*work, patience); });
    }
    return std::make_unique<BegunSum>([this, work = gpus_.value().begin(numbers)] { block(*work); });
  } catch (const std::exception& error) {
    broken(text_of_error(error));
  }
}

// Until over(), which waits a moment each time it is asked.
template <class Over>
void GlooGroup::await(Patience patience, const Over& over) {
  const double begin = clock_seconds();
  const double limit = patience_ + kOwnShares * (begin - since_);
  double asked = begin;
  while (!over()) {
    const double now = clock_seconds();
    if (now - asked < kAskEvery) continue;
    asked = now;
    if (const auto who = lost(0); !who.empty()) broken(who);
    if (patience == Patience::usual && now - begin > limit) late(now - begin);
  }
  since_ = clock_seconds();
}

void GlooGroup::wait(c10d::Work& work, Patience patience) {
  await(patience, [&] {
    if (work.isCompleted()) return true;
    try {
      work.wait(kSlice);
    } catch (const std::exception&) {  // the slice is over, or the sum has failed: looked at below
    }
    return work.isCompleted();
  });
  if (work.isSuccess()) return;
  try {
    std::rethrow_exception(work.exception());
  } catch (const std::exception& error) {
    broken(text_of_error(error));
  }
}

void GlooGroup::block(c10d::Work& work) {
  try {
    work.blockCurrentStream();
  } catch (const std::exception& error) {
    broken(text_of_error(error));
  }
}

void GlooGroup::settle() {
  if (!gpus_ || !gpus_->begun()) return;
  await(Patience::usual, [&] { return gpus_->over(); });
  try {
    gpus_->take();
  } catch (const std::exception& error) {
    broken(text_of_error(error));
  }
}

void GlooGroup::broken(const std::string& why) {
  broken_ = true;
  const auto who = lost(kLearnSeconds);
  throw Error(who.empty() ? std::string(kLostContact) + ": " + why : who);
}

void GlooGroup::late(double seconds) {
  broken_ = true;
  const auto names = silent_ranks(*store_, rank(), size(), patience_);
  if (const auto who = lost(0); !who.empty()) throw Error(who);
  if (names.empty() && gpus_ && gpus_->begun()) {
    throw Error("all ranks wait for a sum of their GPUs, for " + human_duration(seconds) + " on rank " +
                std::to_string(rank()) + ": NCCL_DEBUG=INFO makes NCCL say more. ATTNLAB_RANK_PATIENCE=SECONDS waits longer.");
  }
  throw Error((names.empty() ? "a rank" : join(names, ", ")) + " did not answer for " + human_duration(seconds) +
              ": hung, or far slower than rank " + std::to_string(rank()) +
              " at an equal share. ATTNLAB_RANK_PATIENCE=SECONDS waits longer.");
}

}  // namespace

std::unique_ptr<Group> meet(const Meeting& meeting) { return std::make_unique<GlooGroup>(meeting); }

}  // namespace attnlab::train
