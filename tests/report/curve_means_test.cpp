// curve_means_test.cpp: whose mean a drawn line is: of the same runs from its first point to its last, and said so.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "framework/report/curves.h"
#include "tests/report/study_support.h"

namespace attnlab::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class CurveMeans : public store::InStore {
 protected:
  /// A run that was validated at these steps with these losses.
  std::int64_t add(const std::string& attention, int seed, const std::map<int, double>& losses, Status status = Status::done,
                   const std::string& parts = "{}") {
    const auto id = add_run(store_, {.attention = R"({"name":")" + attention + "\"}", .seed = seed, .score = NAN, .status = Status::running,
                                     .parts = parts});
    for (const auto& [step, loss] : losses) {
      store_.add_events(id, {{step, step, 0.1 * step, {{{"val/loss", "nats", Goal::minimise}, loss}}}});
    }
    if (status != Status::running) store_.finish(id, status, "");
    return id;
  }
  [[nodiscard]] Plot drawn() const { return curves_plot(store::Reader(path_), "demo", "val/loss"); }
  static std::vector<double> steps_of(const Series& series) {
    std::vector<double> steps;
    for (const auto& point : series.points) steps.push_back(point.x);
    return steps;
  }
};

// Where the set of seeds changes along a line, the line moves though no seed does.
TEST_F(CurveMeans, runs_that_stopped_are_left_out_of_the_mean_of_those_that_ended) {
  add("dense", 0, {{100, 9}}, Status::interrupted);
  add("dense", 1, {{100, 2}, {200, 1}});
  add("dense", 2, {{100, 4}, {200, 3}});
  add("dense", 3, {{100, 9}, {200, 9}}, Status::failed);
  const auto plot = drawn();
  const auto& line = plot.series.at(0);
  EXPECT_EQ(line.points.at(0).y, 3);
  EXPECT_EQ(line.points.at(0).high, 4);
  EXPECT_EQ(line.points.at(1).y, 2);
  EXPECT_EQ(line.runs, 2);
  EXPECT_THAT(plot.notes, ElementsAre(HasSubstr("means over n runs, at steps that all of them have; bands reach from the smallest"),
                                      "Not in the means: dense seed 0 (interrupted), dense seed 3 (failed)."));
  const auto svg = to_svg(plot);
  EXPECT_THAT(svg, HasSubstr(">dense (n = 2): 2</text>"));
  EXPECT_THAT(svg, HasSubstr("Not in the means: dense seed 0 (interrupted), dense seed 3 (failed).</text>"));
}

TEST_F(CurveMeans, only_steps_that_all_runs_have_are_drawn) {
  add("dense", 0, {{10, 5}, {20, 4}, {30, 3}, {40, 2}});
  add("dense", 1, {{20, 6}, {40, 4}, {50, 1}});
  EXPECT_THAT(steps_of(drawn().series.at(0)), ElementsAre(20, 40));
  add("sink", 0, {{10, 5}});
  add("sink", 1, {{15, 5}});
  const auto plot = drawn();
  EXPECT_EQ(plot.series.size(), 1U);
  EXPECT_THAT(plot.notes.back(), HasSubstr("Not drawn, because no step is common to all runs: sink."));
}

TEST_F(CurveMeans, what_is_running_is_drawn_apart_and_what_stopped_is_called_so) {
  add("dense", 0, {{10, 5}, {20, 4}}, Status::interrupted);
  EXPECT_EQ(drawn().series.at(0).label, "dense (interrupted)");
  EXPECT_THAT(drawn().notes, IsEmpty());
  EXPECT_THAT(to_svg(drawn()), HasSubstr(">dense (interrupted): 4</text>"));
  add("dense", 1, {{10, 7}}, Status::running);
  add("dense", 2, {{10, 3}, {20, 2}});
  const auto plot = drawn();
  ASSERT_EQ(plot.series.size(), 2U);
  EXPECT_EQ(plot.series[0].label, "dense");
  EXPECT_EQ(plot.series[0].points[0].y, 3);
  EXPECT_EQ(plot.series[1].label, "dense, seed 1 (running)");
  EXPECT_EQ(plot.series[1].points[0].y, 7);
}

TEST_F(CurveMeans, an_end_that_cannot_be_drawn_is_no_older_value) {
  add("dense", 0, {{10, 5}, {20, NAN}});
  add("sink", 0, {{10, 5}, {20, std::numeric_limits<double>::infinity()}});
  const auto svg = to_svg(drawn());
  EXPECT_THAT(svg, HasSubstr(">dense: NaN at its end</text>"));
  EXPECT_THAT(svg, HasSubstr(">sink: inf</text>"));
}

TEST_F(CurveMeans, variants_without_the_metric_are_named) {
  add("dense", 0, {{10, 5}});
  add("sink", 0, {});
  EXPECT_THAT(drawn().notes, ElementsAre("Without a number of this metric: sink."));
}

TEST_F(CurveMeans, lines_of_different_data_say_so) {
  add("dense", 0, {{10, 5}}, Status::done, R"({"data":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})");
  add("none", 0, {{10, 6}}, Status::done, R"({"data":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"})");
  const auto plot = drawn();
  EXPECT_EQ(plot.series.at(0).label, "dense, on mnist aaaaaaaa");
  EXPECT_EQ(plot.series.at(1).label, "none, on mnist bbbbbbbb");
}

}  // namespace
}  // namespace attnlab::report
