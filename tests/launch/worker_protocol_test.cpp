#include "framework/launch/worker_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "framework/core/error.h"

namespace attnlab::launch {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(RunSpec, survives_the_way_through_json) {
  RunSpec spec{.run_id = 7,
               .database = "/a b/runs.db",
               .plugin_path = "/p/lib.so",
               .data_dir = "",
               .config = config::Node::map(),
               .fingerprint = "0123"};
  spec.config.set("seed", config::Node(std::int64_t{3}));
  spec.config.set("alpha", config::Node(0.1));
  spec.config.set("whole", config::Node(2.0));
  spec.config.set("name", config::Node(std::string("ünï \"x\"")));
  const RunSpec back = from_json<RunSpec>(to_json(spec), "spec.json");
  EXPECT_EQ(back.run_id, 7);
  EXPECT_EQ(back.database, spec.database);
  EXPECT_EQ(back.plugin_path, spec.plugin_path);
  EXPECT_EQ(back.fingerprint, spec.fingerprint);
  EXPECT_EQ(config::to_json(back.config), config::to_json(spec.config));
  EXPECT_EQ(back.config.find("whole")->type_name(), spec.config.find("whole")->type_name());
}

TEST(RunSpec, malformed_text_is_refused_with_its_source) {
  EXPECT_THAT([] { (void)from_json<RunSpec>("{", "some/spec.json"); },
              ThrowsMessage<Error>(HasSubstr("some/spec.json: not valid JSON")));
}

TEST(RunSpec, incomplete_text_is_refused_with_the_missing_key) {
  EXPECT_THAT([] { (void)from_json<RunSpec>(R"({"run_id": 1})", "some/spec.json"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("some/spec.json"), HasSubstr("database"))));
}

TEST(Report, survives_the_way_through_json) {
  const Report report{.kind = "step",
                      .step = 3,
                      .steps = 9,
                      .loss = 0.1,
                      .seconds_left = 1.5,
                      .text = "two\nlines",
                      .status = "done"};
  const std::string line = to_json(report);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const Report back = from_json<Report>(line, "a worker");
  EXPECT_EQ(back.kind, "step");
  EXPECT_EQ(back.step, 3);
  EXPECT_EQ(back.steps, 9);
  EXPECT_EQ(back.loss, 0.1);
  EXPECT_EQ(back.seconds_left, 1.5);
  EXPECT_EQ(back.text, "two\nlines");
  EXPECT_EQ(back.status, "done");
}

TEST(Report, keeps_losses_that_json_has_no_number_for) {
  EXPECT_TRUE(std::isnan(from_json<Report>(to_json(Report{.kind = "step", .loss = NAN}), "a worker").loss));
  EXPECT_EQ(from_json<Report>(to_json(Report{.kind = "step", .loss = -INFINITY}), "a worker").loss, -INFINITY);
}

TEST(Report, bytes_that_are_no_utf8_do_not_break_the_line) {
  const Report back = from_json<Report>(to_json(Report{.kind = "end", .text = "bad \xff byte"}), "a worker");
  EXPECT_THAT(back.text, HasSubstr("bad "));
}

TEST(Report, a_line_that_is_no_report_is_an_error) {
  EXPECT_THAT([] { (void)from_json<Report>("hello", "report of a worker"); },
              ThrowsMessage<Error>(HasSubstr("report of a worker")));
  EXPECT_THAT([] { (void)from_json<Report>("{}", "a worker"); }, ThrowsMessage<Error>(HasSubstr("kind")));
}

TEST(Report, a_value_of_another_kind_is_an_error) {
  const std::string right = to_json(Report{.kind = "step"});
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {R"("step":0)", R"("step":"0")"}, {R"("step":0)", R"("step":0.5)"},
           {R"("loss":0.0)", R"("loss":"no")"}, {R"("loss":0.0)", R"("loss":"")"},
           {R"("loss":0.0)", R"("loss":[])"}, {R"("kind":"step")", R"("kind":1)"}}) {
    auto text = right;
    ASSERT_NE(text.find(from), std::string::npos) << text;
    text.replace(text.find(from), from.size(), to);
    EXPECT_THAT([&] { (void)from_json<Report>(text, "a worker"); },
                ThrowsMessage<Error>(HasSubstr("is of type"))) << text;
  }
  for (const auto* text : {"3", "null", "[]", "\"x\""}) {
    EXPECT_THAT([&] { (void)from_json<Report>(text, "a worker"); },
                ThrowsMessage<Error>(HasSubstr("the field 'kind' is missing"))) << text;
  }
}

TEST(CheckMessages, survive_the_way_through_json) {
  CheckRequest request{.plugin_path = "/p.so", .properties = {"output", "batch"}, .seed = ~0ULL};
  request.parameters.set("buckets", config::Node(std::int64_t{4}));
  const auto back = from_json<CheckRequest>(to_json(request), "request");
  EXPECT_EQ(back.properties, request.properties);
  EXPECT_EQ(back.seed, request.seed);
  EXPECT_EQ(back.parameters.text(), request.parameters.text());
  const CheckReport report{.kind = "case", .property = "output", .case_text = "T=7", .cases = 9};
  EXPECT_EQ(to_json(from_json<CheckReport>(to_json(report), "report")), to_json(report));
}

}  // namespace
}  // namespace attnlab::launch
