// merge_bench.cpp: many stores merged into one while a process each writes to them.
//   merge_bench [STORES [EVENTS [METRICS]]]: 64 stores, 2,000 events of 5 metrics each. Prints rows, rows lost,
//   rates and how long a pass over all of them took. Exit code 1 where a row is lost. Not a test: it takes a
//   while, and its rates are those of the machine.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "framework/core/output.h"
#include "framework/core/text.h"
#include "tests/store/merging.h"

namespace attnlab::store {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Sizes {
  int stores = 64, events = 2000, metrics = 5;
};

// As a run of a hundred steps a second would: its writer has a thread of its own and writes twice a second.
void write_store(const std::string& path, int number, const Sizes& sizes) {
  std::int64_t run = 0;
  {
    Store store(path);
    run = store.claim(cell(number), Owner::of_this_process()).run_id;
  }
  RunWriter writer(path, run);
  for (int step = 1; step <= sizes.events; ++step) {
    MetricEvent event{step, step * 100, 0.001 * step, {}};
    for (int key = 0; key < sizes.metrics; ++key) {
      event.metrics.push_back({{"train/metric_" + std::to_string(key), "nats", Goal::minimise}, 1.0 / (step + key)});
    }
    writer.add(std::move(event));
    if (step % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  writer.finish(Status::done, "");
}

bool all_ended(std::vector<pid_t>& children) {
  std::erase_if(children, [](pid_t child) { return ::waitpid(child, nullptr, WNOHANG) == child; });
  return children.empty();
}

int bench(const Sizes& sizes) {
  const FreshFolder folder;
  std::vector<std::string> stores;
  std::vector<pid_t> children;
  for (int number = 0; number < sizes.stores; ++number) {
    stores.push_back(folder / (std::to_string(number) + ".db"));
    { const Store made(stores.back()); }
    children.push_back(::fork());
    if (children.back() == 0) {
      write_store(stores.back(), number, sizes);
      ::_exit(0);
    }
  }
  const auto into = folder / "into.db";
  Merger merger(into);
  const auto start = Clock::now();
  std::int64_t rows = 0;
  double working = 0, longest = 0;
  int passes = 0;
  for (bool last = false; !last; ++passes) {
    last = all_ended(children);
    const auto pass = Clock::now();
    for (const auto& path : stores) rows += merger.take(path).numbers;
    const double seconds = since(pass);
    working += seconds;
    longest = std::max(longest, seconds);
    if (!last && seconds < 1) std::this_thread::sleep_for(std::chrono::duration<double>(1 - seconds));
  }
  const double seconds_in_all = since(start);
  std::int64_t written = 0;
  bool same = true;
  for (const auto& path : stores) {
    written += count(path, "SELECT count(*) FROM metrics");
    same &= contents(into, "a.merged_from = '" + path + "'") == contents(path);
  }
  const auto here = count(into, "SELECT count(*) FROM metrics");
  print(fmt::format("{} stores, {} rows written, {} merged in {} passes while they were written, lost {}{}\n"
                    "{:.1f} s in all, {:.1f} s of them merging: {} rows a second; the longest pass took {:.2f} s\n",
                    sizes.stores, grouped(written), grouped(rows), passes, grouped(written - here),
                    same ? ", every table equal" : ", TABLES DIFFER", seconds_in_all, working,
                    grouped(static_cast<std::int64_t>(static_cast<double>(rows) / working)), longest));
  const auto again = Clock::now();
  Merger second(folder / "second.db");
  std::int64_t at_once = 0;
  for (const auto& path : stores) at_once += second.take(path).numbers;
  print(fmt::format("all of them at once, nobody writing: {} rows in {:.2f} s, {} rows a second\n", grouped(at_once), since(again),
                    grouped(static_cast<std::int64_t>(static_cast<double>(at_once) / since(again)))));
  return same && written == here ? 0 : 1;
}

}  // namespace
}  // namespace attnlab::store

int main(int argc, char** argv) {
  attnlab::store::Sizes sizes;
  if (argc > 1) sizes.stores = std::stoi(argv[1]);
  if (argc > 2) sizes.events = std::stoi(argv[2]);
  if (argc > 3) sizes.metrics = std::stoi(argv[3]);
  return attnlab::store::bench(sizes);
}
