#include "framework/launch/slurm/node.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/fresh_folder.h"

namespace attnlab::launch::slurm {
namespace {

/// A /proc that a test writes.
struct NodeTest : testing::Test {
  FreshFolder proc;

  void process(const std::string& pid, const std::string& comm, const std::string& cmdline, const std::string& environ = "") {
    std::filesystem::create_directories(proc / pid);
    for (const auto& [name, text] : {std::pair{"comm", comm + "\n"}, std::pair{"cmdline", cmdline}, std::pair{"environ", environ}}) {
      std::ofstream(proc / pid / name) << text;
    }
  }
  [[nodiscard]] bool shared() const { return others_on_node("12", proc.path()); }
};

TEST_F(NodeTest, ItsOwnStepsWorkersAndRanksAreNoOthers) {
  process("1", "systemd", "/sbin/init");
  process("10", "slurmd", "slurmd -D");
  process("11", "slurmstepd", "slurmstepd: [12.batch]");
  process("12", "slurmstepd", "slurmstepd: [12.0]");
  process("13", "attnlab-worker", "attnlab-worker run", std::string("A=1\0SLURM_JOB_ID=12\0B=2\0", 25));
  process("14", "attnlab-worker", "");  // dead, and not waited for
  process("self", "slurmstepd", "slurmstepd: [13.batch]");
  EXPECT_FALSE(shared());
  EXPECT_FALSE(others_on_node("12", proc / "nowhere"));
}

TEST_F(NodeTest, AStepOfAnotherJobIsOneAnybodys) {
  process("11", "slurmstepd", "slurmstepd: [12.batch]");
  process("20", "slurmstepd", "slurmstepd: [123.extern]");
  EXPECT_TRUE(shared());
}

TEST_F(NodeTest, AWorkerOutsideOfTheJobIsOne) {
  process("13", "attnlab-worker", "attnlab-worker run", std::string("SLURM_JOB_ID=121\0", 17));
  EXPECT_TRUE(shared());
}

}  // namespace
}  // namespace attnlab::launch::slurm
