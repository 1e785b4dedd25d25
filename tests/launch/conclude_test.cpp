#include "framework/launch/conclude.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>

#include "framework/launch/memory_watch.h"
#include "framework/launch/worker_protocol.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::launch {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

TEST(Conclude, a_kill_while_memory_ran_out_is_named_with_peak_and_limit) {
  const Ending it = conclude({.end = {.signal = SIGKILL, .peak_bytes = 3 * kGiB},
                              .memory_ran_out = true,
                              .memory_limit = 4 * kGiB});
  EXPECT_EQ(it.status, Status::failed);
  EXPECT_EQ(it.reason, "killed for memory (peak 3.0 GiB of 4.0 GiB)");
}

TEST(Conclude, a_kill_without_memory_trouble_comes_from_outside) {
  const Ending it = conclude({.end = {.signal = SIGKILL}, .memory_ran_out = false});
  EXPECT_THAT(it.reason, StartsWith("killed by SIGKILL from outside"));
  EXPECT_THAT(it.reason, Not(HasSubstr("perhaps")));
}

TEST(Conclude, a_kill_where_the_kernel_does_not_count_says_that_it_is_unsure) {
  EXPECT_THAT(conclude({.end = {.signal = SIGKILL}}).reason, HasSubstr("perhaps for memory"));
}

TEST(Conclude, a_failed_allocation_is_named_as_memory) {
  for (const char* line : {"  what():  std::bad_alloc",
                           "[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate "
                           "memory: you tried to allocate 9 bytes",
                           "CUDA out of memory. Tried to allocate 20.00 GiB"}) {
    const Ending it =
        conclude({.end = {.signal = SIGABRT}, .log_end = std::string("first\n") + line});
    EXPECT_THAT(it.reason, StartsWith("out of memory (peak"));
    EXPECT_THAT(it.reason, HasSubstr(line));
  }
}

TEST(Conclude, a_crash_names_the_signal_and_shows_the_end_of_the_log) {
  const Ending it = conclude({.end = {.signal = SIGSEGV}, .log_end = "last line"});
  EXPECT_EQ(it.status, Status::failed);
  EXPECT_EQ(it.reason, "ended by SIGSEGV (Segmentation fault). The log ends:\nlast line");
}

TEST(Conclude, an_early_exit_is_a_failure_even_with_code_0) {
  const Ending it = conclude({.end = {.exit_code = 0}});
  EXPECT_EQ(it.status, Status::failed);
  EXPECT_EQ(it.reason,
            "the worker exited with code 0 before its run had ended; did a plugin call exit()?");
}

TEST(Conclude, a_worker_that_never_began_was_not_ended_by_a_plugin) {
  EXPECT_EQ(conclude({.end = {.exit_code = 1}, .began = false, .log_end = "words"}).reason,
            "the worker exited with code 1 before its run had begun. The log ends:\nwords");
}

TEST(Conclude, what_the_loader_could_not_load_is_the_reason) {
  for (const std::string line :
       {"w: error while loading shared libraries: libx.so: cannot open shared object file",
        "w: symbol lookup error: p.so: undefined symbol: f", "w: relocation error: p.so: symbol g",
        "w: /lib/libstdc++.so.6: version `GLIBCXX_3.4.99' not found",
        "w: error while loading shared libraries: libx.so: ELF load command past end of file"}) {
    EXPECT_EQ(conclude({.end = {.exit_code = 127}, .began = false, .log_end = "x\n" + line}).reason,
              "the worker could not start: " + line +
                  ". Its libraries are expected where they were at its build; build attnlab again, or "
                  "put them back");
  }
}

TEST(Conclude, a_hung_worker_is_a_failure_that_says_for_how_long) {
  const Ending it =
      conclude({.end = {.signal = SIGKILL}, .asked_to_stop = false, .silent_seconds = 90});
  EXPECT_EQ(it.status, Status::failed);
  EXPECT_EQ(it.reason, "no sign of life for 1 min 30 s: killed");
}

TEST(Conclude, a_worker_that_we_stopped_is_interrupted) {
  EXPECT_EQ(conclude({.end = {.signal = SIGTERM}, .asked_to_stop = true}).status,
            Status::interrupted);
  const Ending killed = conclude({.end = {.signal = SIGKILL}, .asked_to_stop = true});
  EXPECT_EQ(killed.status, Status::interrupted);
  EXPECT_EQ(killed.reason, "stopped; the worker had to be killed");
}

TEST(Conclude, a_refusal_is_skipped_with_the_plugins_words) {
  const Ending it =
      conclude({.end = {.exit_code = kWorkerSkipped}, .last_words = "head_dim 3 is odd"});
  EXPECT_EQ(it.status, Status::skipped);
  EXPECT_EQ(it.reason, "head_dim 3 is odd");
}

TEST(Conclude, what_the_worker_said_last_stands_before_guesses) {
  EXPECT_EQ(conclude({.end = {.exit_code = 1}, .last_words = "the loss became NaN"}).reason,
            "the loss became NaN");
}

TEST(LogEnd, shows_the_last_lines_without_control_characters) {
  const FreshFolder folder;
  write_file(folder / "log", "one\n\ntwo\n\x1b[31mthree\r\n\n");
  EXPECT_EQ(log_end(folder / "log", 2), "two\n[31mthree");
  EXPECT_EQ(log_end(folder / "none"), "");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(log_end(folder / "pipe"), "");
}

TEST(SignalText, has_the_name_and_what_it_means) {
  EXPECT_EQ(signal_text(SIGABRT), "SIGABRT (Aborted)");
}

struct MemoryWatchTest : testing::Test {
  FreshFolder root;
  void vmstat(int kills) {
    write_file(root / "proc/vmstat", "pgfault 9\noom_kill " + std::to_string(kills) + "\n");
  }
};

TEST_F(MemoryWatchTest, sees_the_machines_counter_rise) {
  vmstat(3);
  const MemoryWatch watch(root.path());
  EXPECT_EQ(watch.killed(), false);
  vmstat(4);
  EXPECT_EQ(watch.killed(), true);
}

TEST_F(MemoryWatchTest, sees_the_counter_of_its_control_group_rise) {
  write_file(root / "proc/self/cgroup", "0::/user/me\n");
  write_file(root / "sys/fs/cgroup/user/me/memory.events", "low 0\noom 0\noom_kill 0\n");
  const MemoryWatch watch(root.path());
  write_file(root / "sys/fs/cgroup/user/me/memory.events", "low 0\noom 2\noom_kill 1\n");
  EXPECT_EQ(watch.killed(), true);
}

TEST_F(MemoryWatchTest, sees_the_counter_of_an_old_control_group_rise) {
  write_file(root / "proc/self/cgroup", "4:cpu,memory:/box\n");
  write_file(root / "sys/fs/cgroup/memory/memory.oom_control", "under_oom 0\noom_kill 7\n");
  const MemoryWatch watch(root.path());
  EXPECT_EQ(watch.killed(), false);
  write_file(root / "sys/fs/cgroup/memory/memory.oom_control", "under_oom 0\noom_kill 8\n");
  EXPECT_EQ(watch.killed(), true);
}

TEST_F(MemoryWatchTest, does_not_know_without_counters) {
  EXPECT_EQ(MemoryWatch(root.path()).killed(), std::nullopt);
}

TEST_F(MemoryWatchTest, the_limit_is_the_smallest_on_the_way_up) {
  write_file(root / "proc/meminfo", "MemTotal:       8388608 kB\n");
  EXPECT_EQ(MemoryWatch(root.path()).limit_bytes(), 8 * kGiB);
  write_file(root / "proc/self/cgroup", "0::/a/b\n");
  write_file(root / "sys/fs/cgroup/a/memory.max", "2147483648\n");
  write_file(root / "sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(MemoryWatch(root.path()).limit_bytes(), 2 * kGiB);
}

}  // namespace
}  // namespace attnlab::launch
