// main.cpp: ATTNLAB_ISOLATED=1 runs every test in a process of its own, as if it were the only one,
// all parameters of one together. The processes are forked before anything of LibTorch has run, so that
// each test finds it as a program does that has just begun.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

/// Filters for one test each: "kinds/Segments.are_exact/*".
std::vector<std::string> filters_of_tests() {
  std::vector<std::string> filters;
  const auto& all = *testing::UnitTest::GetInstance();
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const auto& suite = *all.GetTestSuite(s);
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const auto* const info = suite.GetTestInfo(t);
      std::string filter = std::string(suite.name()) + "." + info->name();
      if (info->value_param() != nullptr) filter.replace(filter.rfind('/') + 1, filter.npos, "*");
      if (std::ranges::find(filters, filter) == filters.end()) filters.push_back(filter);
    }
  }
  return filters;
}

/// The exit status of what `filter` names, alone.
int run_alone(const std::string& filter) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    testing::GTEST_FLAG(filter) = filter;
    std::_Exit(RUN_ALL_TESTS());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (std::getenv("ATTNLAB_ISOLATED") == nullptr) return RUN_ALL_TESTS();
  int failed = 0;
  const auto tests = filters_of_tests();
  for (const auto& test : tests) {
    const int status = run_alone(test);
    if (status == 0) continue;
    ++failed;
    std::fprintf(stderr, "FAILED alone with status %d: %s\n", status, test.c_str());
  }
  std::printf("%zu tests, each in a process of its own; %d failed\n", tests.size(), failed);
  return failed == 0 && !tests.empty() ? 0 : 1;
}
