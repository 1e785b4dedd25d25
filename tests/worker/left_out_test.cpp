// left_out_test.cpp: the worker of `./dev demo`, has no timings and checks, and says what adds them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/worker/job.h"

namespace attnlab::worker {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class NoSink final : public MetricSink {
 public:
  void add(MetricEvent) override {}
  void fact(std::string_view, std::string_view) override {}
};

TEST(LeftOut, a_timing_names_the_command_and_what_adds_it) {
  NoSink sink;
  Reporter reporter(-1);
  const launch::RunSpec spec;
  const Prepared prepared{};
  Session session{sink, reporter, nullptr, spec};
  EXPECT_THAT([&] { static_cast<void>(time(prepared, session)); },
              ThrowsMessage<Error>(AllOf(HasSubstr("`bench`"), HasSubstr("`./dev build` adds it"))));
}

TEST(LeftOut, a_check_is_refused) { EXPECT_EQ(check(launch::CheckRequest{}), kExitError); }

TEST(LeftOut, nothing_is_listed_that_cannot_be_checked) { EXPECT_EQ(properties(), ""); }

}  // namespace
}  // namespace attnlab::worker
