/// in_order.h: work on many threads whose results come out in the order of the input.
///   One thread reads, `threads` work, the caller takes the results. What waits is bounded by
///   weight, so memory does not grow with the input.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace attnlab::corpus {

template <class Item, class Result>
class InOrder {
 public:
  using Read = std::function<std::optional<Item>()>;  // called by one thread; nullopt: the end
  using Work = std::function<Result(Item&)>;          // one for each thread
  using Take = std::function<void(Result)>;           // called by run()'s thread
  using Weigh = std::function<std::size_t(const Item&)>;

  /// What is read but not taken weighs at most `limit`, or is one item.
  InOrder(Read read, Weigh weigh, std::size_t limit)
      : read_(std::move(read)), weigh_(std::move(weigh)), limit_(limit) {}

  /// Until the end of the input. An exception of reading or working is thrown after all results
  /// before it were taken; one of taking at once.
  void run(const std::vector<Work>& workers, const Take& take) {
    std::vector<std::jthread> threads;
    const Stop stop{*this};  // goes before the threads are joined
    threads_ = &threads;
    threads.emplace_back([this] { read_all(); });
    for (const auto& work : workers) threads.emplace_back([this, &work] { work_on(work); });
    while (auto done = next_done()) {
      if (done->failure) std::rethrow_exception(done->failure);
      take(std::move(*done->result));
    }
  }

 private:
  struct Done {
    std::optional<Result> result;
    std::exception_ptr failure;
    std::size_t weight = 0;
  };
  struct Waiting {
    std::uint64_t number;
    Item item;
    std::size_t weight;
  };
  struct Stop {
    InOrder& order;
    ~Stop() {
      {
        const std::lock_guard lock(order.mutex_);
        order.stopped_ = true;
      }
      order.changed_.notify_all();
      order.threads_->clear();
    }
  };

  void read_all() {
    std::uint64_t number = 0;
    try {
      while (auto item = read_()) {
        const auto weight = weigh_(*item);
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopped_ || weight_ == 0 || weight_ + weight <= limit_; });
        if (stopped_) return;
        weight_ += weight;
        waiting_.push_back({number++, std::move(*item), weight});
        lock.unlock();
        changed_.notify_all();
      }
      end(number);
    } catch (...) {
      put(number, {std::nullopt, std::current_exception(), 0});
      end(number + 1);
    }
  }

  void end(std::uint64_t count) {
    {
      const std::lock_guard lock(mutex_);
      count_ = count;
    }
    changed_.notify_all();
  }

  void work_on(const Work& work) {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopped_ || !waiting_.empty() || count_.has_value(); });
      if (stopped_ || waiting_.empty()) return;
      Waiting mine = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
      lock.unlock();
      Done done{std::nullopt, nullptr, mine.weight};
      try {
        done.result = work(mine.item);
      } catch (...) {
        done.failure = std::current_exception();
      }
      put(mine.number, std::move(done));
    }
  }

  void put(std::uint64_t number, Done done) {
    {
      const std::lock_guard lock(mutex_);
      done_.emplace(number, std::move(done));
    }
    changed_.notify_all();
  }

  std::optional<Done> next_done() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_.contains(next_) || count_ == next_; });
    const auto found = done_.find(next_);
    if (found == done_.end()) return std::nullopt;
    Done done = std::move(found->second);
    done_.erase(found);
    ++next_;
    weight_ -= done.weight;
    lock.unlock();
    changed_.notify_all();
    return done;
  }

  Read read_;
  Weigh weigh_;
  std::size_t limit_;
  std::vector<std::jthread>* threads_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> waiting_;
  std::map<std::uint64_t, Done> done_;
  std::optional<std::uint64_t> count_;  // items in all, once known
  std::uint64_t next_ = 0;
  std::size_t weight_ = 0;
  bool stopped_ = false;
};

}  // namespace attnlab::corpus
