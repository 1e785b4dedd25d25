#include "framework/plugin/verdict.h"

#include <gmock/gmock.h>

#include <fstream>

#include "framework/core/text.h"
#include "tests/support/elf_file.h"

namespace attnlab::test {
namespace {

using plugin::HostFacts;
using plugin::LibraryFacts;
using ::testing::HasSubstr;

HostFacts host() {
  HostFacts facts;
  facts.torch_version = "2.11.0";
  facts.cxx_abi = "cxx11";
  facts.compiler = "GNU 12.2.0";
  facts.cuda_version = "none";
  facts.architecture = "x86-64";
  return facts;
}

LibraryFacts library() {
  LibraryFacts facts{"x86-64", good_note("window")};
  facts.note.torch_version = plugin::FixedText<32>(std::string_view("2.11.0"));
  facts.note.cxx_abi = plugin::FixedText<16>(std::string_view("cxx11"));
  facts.note.compiler = plugin::FixedText<64>(std::string_view("GNU 12.2.0"));
  return facts;
}

TEST(Verdict, the_same_build_fits_and_says_nothing_more) {
  const auto verdict = plugin::judge(host(), library());
  EXPECT_TRUE(verdict.fits());
  EXPECT_EQ(verdict.summary(), "");
  EXPECT_THAT(verdict.table(), ::testing::Not(HasSubstr("Rebuild")));
}

TEST(Verdict, another_libtorch_is_shown_in_a_table_with_the_remedy) {
  auto other = library();
  other.note.torch_version = plugin::FixedText<32>(std::string_view("2.9.1"));
  const auto verdict = plugin::judge(host(), other);
  EXPECT_FALSE(verdict.fits());
  EXPECT_EQ(verdict.summary(), "built with LibTorch 2.9.1, this attnlab has 2.11.0");
  EXPECT_EQ(verdict.table(),
            "  field         host        plugin      verdict\n"
            "  API version   5           5           ok\n"
            "  LibTorch      2.11.0      2.9.1       differs\n"
            "  C++ ABI       cxx11       cxx11       ok\n"
            "  compiler      GNU 12.2.0  GNU 12.2.0  ok\n"
            "  CUDA          none        none        ok\n"
            "  architecture  x86-64      x86-64      ok\n"
            "Rebuild the plugin with this attnlab, its compiler and its LibTorch.\n");
}

TEST(Verdict, another_architecture_differs) {
  auto other = library();
  other.architecture = "AArch64";
  EXPECT_EQ(plugin::judge(host(), other).summary(),
            "built with architecture AArch64, this attnlab has x86-64");
}

TEST(Verdict, another_api_version_differs) {
  auto other = library();
  other.note.api_version = 9;
  EXPECT_EQ(plugin::judge(host(), other).summary(),
            "built with API version 9, this attnlab has " + std::to_string(plugin::kPluginApiVersion));
}

TEST(Verdict, the_old_string_abi_differs) {
  auto other = library();
  other.note.cxx_abi = plugin::FixedText<16>(std::string_view("old"));
  EXPECT_EQ(plugin::judge(host(), other).summary(),
            "built with C++ ABI old, this attnlab has cxx11");
}

TEST(Verdict, a_minor_version_of_the_compiler_may_differ) {
  auto other = library();
  other.note.compiler = plugin::FixedText<64>(std::string_view("GNU 12.3.1"));
  EXPECT_TRUE(plugin::judge(host(), other).fits());
}

TEST(Verdict, a_major_version_of_the_compiler_may_not_differ) {
  auto other = library();
  other.note.compiler = plugin::FixedText<64>(std::string_view("GNU 13.1.0"));
  EXPECT_FALSE(plugin::judge(host(), other).fits());
}

TEST(Verdict, a_cuda_plugin_needs_a_cuda_host) {
  auto other = library();
  other.note.cuda_version = plugin::FixedText<32>(std::string_view("13.0"));
  EXPECT_EQ(plugin::judge(host(), other).summary(), "built with CUDA 13.0, this attnlab has none");
}

TEST(Verdict, a_cpu_plugin_runs_on_a_cuda_host) {
  auto cuda = host();
  cuda.cuda_version = "13.0.48";
  EXPECT_TRUE(plugin::judge(cuda, library()).fits());
}

// Where kernels of its own are compiled, nvcc's version is in the note; LibTorch's is what they meet.
TEST(Verdict, the_host_has_the_cuda_that_its_libtorch_was_built_for) {
  std::ifstream version(std::string(LIBTORCH) + "/version.py");
  if (!version) GTEST_SKIP() << "LibTorch is no wheel, so its version.py cannot be read";
  std::string expected = "none";
  for (std::string line; std::getline(version, line);) {
    if (line.starts_with("cuda") && line.find('\'') != std::string::npos) expected = split(line, '\'').at(1);
  }
  EXPECT_EQ(plugin::host_facts().cuda_version, expected);
}

TEST(Verdict, several_differences_are_all_named) {
  auto other = library();
  other.note.torch_version = plugin::FixedText<32>(std::string_view("2.9.1"));
  other.architecture = "AArch64";
  EXPECT_EQ(
      plugin::judge(host(), other).summary(),
      "built with LibTorch 2.9.1, this attnlab has 2.11.0; architecture AArch64, this attnlab "
      "has x86-64");
}

}  // namespace
}  // namespace attnlab::test
