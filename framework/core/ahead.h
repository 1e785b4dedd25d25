/// ahead.h: an input that a thread of its own reads, some items ahead of who takes them.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace attnlab {

template <class Item>
class Ahead {
 public:
  using Read = std::function<std::optional<Item>()>;  // nullopt: the end
  using Weigh = std::function<std::size_t(const Item&)>;

  /// What is read but not taken weighs at most `limit`, or is one item.
  Ahead(Read read, Weigh weigh, std::size_t limit)
      : read_(std::move(read)),
        weigh_(std::move(weigh)),
        limit_(limit),
        thread_([this] { read_all(); }) {}

  ~Ahead() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
  }

  /// The next item; nullopt at the end. What reading threw is thrown after all items before it. For one thread.
  [[nodiscard]] std::optional<Item> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !items_.empty() || ended_; });
    if (items_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return std::nullopt;
    }
    Item item = std::move(items_.front().first);
    weight_ -= items_.front().second;
    items_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return item;
  }

 private:
  void read_all() {
    try {
      while (auto item = read_()) {
        const auto weight = weigh_(*item);
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopped_ || weight_ == 0 || weight_ + weight <= limit_; });
        if (stopped_) return;
        weight_ += weight;
        items_.emplace_back(std::move(*item), weight);
        lock.unlock();
        changed_.notify_all();
      }
      end(nullptr);
    } catch (...) {
      end(std::current_exception());
    }
  }

  void end(std::exception_ptr failure) {
    {
      const std::lock_guard lock(mutex_);
      failure_ = std::move(failure);
      ended_ = true;
    }
    changed_.notify_all();
  }

  Read read_;
  Weigh weigh_;
  std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<Item, std::size_t>> items_;
  std::size_t weight_ = 0;
  std::exception_ptr failure_;
  bool ended_ = false, stopped_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace attnlab
