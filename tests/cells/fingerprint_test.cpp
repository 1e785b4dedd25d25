#include "framework/cells/fingerprint.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

#include "framework/core/build_info.h"
#include "framework/core/digest.h"

namespace attnlab::cells {
namespace {

const FingerprintParts kParts{"c", "d", "p", "e", "avx2", "GNU 12 -O2", "2.11.0", "cpu"};

TEST(Fingerprint, each_part_changes_it) {
  std::set<std::string> all{fingerprint(kParts)};
  for (const auto part :
       {&FingerprintParts::config, &FingerprintParts::data, &FingerprintParts::plugin,
        &FingerprintParts::engine, &FingerprintParts::kernels, &FingerprintParts::compiler, &FingerprintParts::torch,
        &FingerprintParts::device}) {
    auto changed = kParts;
    changed.*part += "x";
    all.insert(fingerprint(changed));
  }
  EXPECT_EQ(all.size(), 9U);
}

TEST(Fingerprint, text_that_moves_to_the_next_part_changes_it) {
  auto moved = kParts;
  moved.config = "";
  moved.data = "cd";
  EXPECT_NE(fingerprint(moved), fingerprint(kParts));
}

TEST(Fingerprint, is_the_digest_of_the_parts_as_json) {
  const std::string json =
      R"({"config":"c","data":"d","plugin":"p","engine":"e","kernels":"avx2","compiler":"GNU 12 -O2",)"
      R"("torch":"2.11.0","device":"cpu"})";
  EXPECT_EQ(to_json(kParts), json);
  EXPECT_EQ(fingerprint(kParts), sha256_hex(json));
}

// Each of these changed the loss of a run on two threads, or chooses the kernels of one.
TEST(CodeParts, know_the_variables_that_steer_arithmetic) {
  const auto torch = [] { return code_parts(config::Device::cpu).torch; };
  const auto plain = torch();
  for (const char* name : {"OMP_DYNAMIC", "OMP_THREAD_LIMIT", "OMP_MAX_ACTIVE_LEVELS", "OMP_NESTED", "MKL_CBWR", "MKL_DYNAMIC",
                           "MKL_NUM_STRIPES", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA",
                           "ONEDNN_CPU_ISA_HINTS", "DNNL_CPU_ISA_HINTS", "TORCH_LINEAR_FLATTEN_3D"}) {
    if (std::getenv(name) != nullptr) continue;
    ::setenv(name, "0", 1);
    EXPECT_EQ(torch(), plain + " " + name + "=0");
    ::unsetenv(name);
  }
  ::setenv("OMP_DISPLAY_AFFINITY", "0", 1);
  EXPECT_EQ(torch(), plain);
  ::unsetenv("OMP_DISPLAY_AFFINITY");
}

TEST(BuildInfo, says_what_the_build_was_made_with) {
  const auto& build = build_info();
  EXPECT_THAT(build.version, testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(build.compiler, testing::HasSubstr(std::to_string(__GNUC__) + "."));
  EXPECT_THAT(build.torch, testing::MatchesRegex("none|[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(build.source_digest, testing::MatchesRegex("[0-9a-f]{64}"));
  EXPECT_FALSE(build.flags.empty());
}

}  // namespace
}  // namespace attnlab::cells
