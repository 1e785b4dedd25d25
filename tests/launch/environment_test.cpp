#include "framework/launch/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "framework/launch/command.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::launch {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::Pair;

TEST(MachineFacts, reads_cpu_memory_and_what_the_driver_tells) {
  const FreshFolder root;
  write_file(root / "proc/cpuinfo",
             "processor\t: 0\nmodel name\t: Abacus 9\nflags\t\t: fpu avx avx2 fma sgx\n");
  write_file(root / "proc/meminfo", "MemTotal:        1024 kB\n");
  write_file(root / "proc/driver/nvidia/version",
             "NVRM version: NVIDIA UNIX Kernel Module  580.1\n");
  for (const char* slot : {"0", "1"}) {
    write_file(root.path() / "proc/driver/nvidia/gpus" / slot / "information",
               "Model: \t\t NVIDIA X\nIRQ: 3\n");
  }
  const auto facts = machine_facts(root.path());
  EXPECT_THAT(facts, Contains(Pair("cpu", "Abacus 9")));
  EXPECT_THAT(facts, Contains(Pair("instruction_sets", "avx fma avx2")));
  EXPECT_THAT(facts, Contains(Pair("memory_bytes", "1048576")));
  EXPECT_THAT(facts, Contains(Pair("gpu", "2 x NVIDIA X")));
  EXPECT_THAT(facts, Contains(Pair("gpu_driver", "NVIDIA UNIX Kernel Module  580.1")));
}

TEST(MachineFacts, leaves_out_what_is_not_there) {
  const FreshFolder root;
  const auto facts = machine_facts(root.path());
  EXPECT_THAT(facts, Not(Contains(Key("gpu"))));
  EXPECT_THAT(facts, Not(Contains(Key("cpu"))));
  EXPECT_THAT(facts, Contains(Key("host")));
}

struct SourceFactsTest : testing::Test {
  FreshFolder folder;
  void git(std::vector<std::string> words) const {
    words.insert(words.begin(), {"git", "-C", folder.path().string(), "-c", "user.name=t", "-c",
                                 "user.email=t@t"});
    ASSERT_TRUE(output_of(words)) << words.back();
  }
  void SetUp() override {
    if (!output_of({"git", "--version"})) GTEST_SKIP() << "no git";
    git({"init", "-q"});
    write_file(folder / "a.txt", "one\n");
    git({"add", "."});
    git({"commit", "-q", "-m", "first"});
  }
};

TEST_F(SourceFactsTest, a_clean_repository_has_its_commit) {
  const auto facts = source_facts(folder.path());
  EXPECT_THAT(facts, Contains(Pair("git_commit", testing::SizeIs(40))));
  EXPECT_THAT(facts, Contains(Pair("git_dirty", "0")));
  EXPECT_THAT(facts, Not(Contains(Key("git_diff"))));
}

TEST_F(SourceFactsTest, the_repository_is_left_as_it_was) {
  const auto index = [&] { return read_file(folder / ".git/index"); };
  const auto before = index();
  write_file(folder / "a.txt", "one\n");  // the same, but newer: git would refresh what it knows
  (void)source_facts(folder.path());
  EXPECT_EQ(index(), before);
}

TEST_F(SourceFactsTest, a_changed_one_has_the_change) {
  write_file(folder / "a.txt", "two\n");
  write_file(folder / "new.txt", "");
  const auto facts = source_facts(folder.path());
  EXPECT_THAT(facts, Contains(Pair("git_dirty", "1")));
  EXPECT_THAT(facts, Contains(Pair("git_diff", HasSubstr("-one\n+two"))));
  EXPECT_THAT(facts, Contains(Pair("git_changes", HasSubstr("?? new.txt"))));
}

TEST_F(SourceFactsTest, an_installation_has_those_of_its_own_sources) {
  write_file(folder / "share/source_facts", "git_commit=abc\ngit_dirty=0\n");
  const auto facts = source_facts(folder.path() / "share");
  EXPECT_EQ(facts, (store::Facts{{"git_commit", "abc"}, {"git_dirty", "0"}}));
}

TEST(SourceFacts, no_repository_is_no_fact) {
  const FreshFolder folder;
  EXPECT_THAT(source_facts(folder.path()), IsEmpty());
}

TEST(OutputOf, gives_what_a_program_prints_up_to_the_limit) {
  EXPECT_EQ(output_of({"echo", "a b"}), "a b\n");
  EXPECT_EQ(output_of({"seq", "100000"}, 3), "1\n2");
  EXPECT_EQ(output_of({"false"}), std::nullopt);
  EXPECT_EQ(output_of({"/no/such/program"}), std::nullopt);
}

}  // namespace
}  // namespace attnlab::launch
