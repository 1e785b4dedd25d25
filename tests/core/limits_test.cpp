// What a process may use: quotas of both kinds of control groups at every level, affinity, memory.
#include "framework/core/limits.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

#include "tests/support/fresh_folder.h"

namespace attnlab {
namespace {

struct File {
  const char *name, *text;
};

double usable(const std::vector<File>& files) {
  const FreshFolder root;
  for (const auto& [name, text] : files) write_file(root / name, text);
  return processors(root.path()).usable;
}

TEST(Processors, are_what_the_tightest_quota_leaves) {
  const double all = usable({});
  struct Case {
    std::vector<File> files;
    double expected;
  };
  const std::vector<Case> cases{
      {{{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/cpu.max", "max 100000\n"}}, all},
      {{{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/cpu.max", "30000 100000\n"}}, 0.3},
      {{{"proc/self/cgroup", "0::/a/b\n"},
        {"sys/fs/cgroup/a/cpu.max", "50000 100000\n"},
        {"sys/fs/cgroup/a/b/cpu.max", "max 100000\n"}},
       0.5},
      {{{"proc/self/cgroup", "0::/a/b\n"},
        {"sys/fs/cgroup/a/cpu.max", "50000 100000\n"},
        {"sys/fs/cgroup/a/b/cpu.max", "10000 50000\n"}},
       0.2},
      // A container that does not see the host's path: the top is its own group.
      {{{"proc/self/cgroup", "0::/docker/abc\n"}, {"sys/fs/cgroup/cpu.max", "25000 100000\n"}},
       0.25},
      {{{"proc/self/cgroup", "0::/../../x\n"}, {"sys/fs/cgroup/cpu.max", "25000 100000\n"}}, 0.25},
      {{{"proc/self/cgroup", "3:cpu,cpuacct:/box\n1:memory:/\n"},
        {"sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "40000\n"},
        {"sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n"}},
       0.4},
      {{{"proc/self/cgroup", "3:cpuacct,cpu:/\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "70000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
       0.7},
      {{{"proc/self/cgroup", "3:cpu:/\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
       all},
      {{{"proc/self/cgroup", "rubbish\n0::/\n"}, {"sys/fs/cgroup/cpu.max", "no number\n"}}, all},
      {{{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/cpu.max", "10000 0\n"}}, all},
      {{{"proc/self/cgroup", "0::/\n"}, {"sys/fs/cgroup/cpu.max", "99900000 100000\n"}}, all}};
  for (const auto& each : cases) {
    EXPECT_DOUBLE_EQ(usable(each.files), each.expected)
        << each.files[0].text << each.files[1].name << ": " << each.files[1].text;
  }
}

TEST(Processors, are_those_of_the_affinity) {
  std::jthread([] {  // a thread of its own: the rest of the process keeps its processors
    cpu_set_t all, one;
    ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    if (CPU_COUNT(&all) < 2) return;
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu) {
      if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
    }
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    const auto found = processors("/nowhere");
    EXPECT_EQ(found.usable, 1);
    EXPECT_EQ(found.why, "affinity");
  }).join();
}

TEST(Processors, are_told_where_jobs_or_threads_are_more) {
  const Processors two{.machine = 2, .usable = 2},
      third{.machine = 2, .usable = 0.3, .why = "control group quota"};
  EXPECT_EQ(third.threads(), 1);
  EXPECT_EQ((Processors{.machine = 8, .usable = 2.5, .why = "x"}).threads(), 2);
  EXPECT_EQ(crowding(1, 2, two), "");
  EXPECT_EQ(crowding(2, 1, two), "");
  EXPECT_EQ(crowding(2, 2, two),
            "2 jobs of 2 threads on 2 processors: threads wait for each other and timings mean "
            "nothing; lower --jobs or threads");
  EXPECT_EQ(crowding(1, 1, third),
            "1 job of 1 thread on 0.3 of 2 processors (control group quota): threads wait for each "
            "other and timings mean nothing; lower the load, or raise the quota");
}

TEST(Memory, is_the_smallest_limit_on_the_way_up) {
  const FreshFolder root;
  EXPECT_EQ(memory_limit(root.path()), 0);
  write_file(root / "proc/meminfo", "MemTotal:  8388608 kB\nMemAvailable:  1048576 kB\n");
  EXPECT_EQ(memory_limit(root.path()), std::int64_t{8} << 30);
  EXPECT_EQ(memory_available(root.path()), std::int64_t{1} << 30);
  write_file(root / "proc/self/cgroup", "0::/a/b\n");
  write_file(root / "sys/fs/cgroup/a/memory.max", "536870912\n");
  write_file(root / "sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(memory_limit(root.path()), 536870912);
  EXPECT_EQ(memory_available(root.path()), 536870912);
}

}  // namespace
}  // namespace attnlab
