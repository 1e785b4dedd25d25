#include "framework/report/svg_plot.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "framework/report/curves.h"
#include "tests/report/study_support.h"

namespace attnlab::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Plot small_plot() {
  return {"a < b",
          "mnist",
          "step",
          "bits",
          {{"dense", {{0, 3, 2.5, 3.5}, {10, 1, 1, 1}}, false},
           {"none", {{0, 4, 4, 4}, {5, NAN, NAN, NAN}, {10, 4, 4, 4}}, true}}};
}

TEST(Ticks, are_round_and_cover_the_range) {
  EXPECT_THAT(nice_ticks(0, 300, 6), ElementsAre(0, 50, 100, 150, 200, 250, 300));
  EXPECT_THAT(nice_ticks(1.1, 3.7, 6), ElementsAre(1, 1.5, 2, 2.5, 3, 3.5, 4));
  EXPECT_THAT(nice_ticks(-0.2, 0.9, 3), ElementsAre(-0.5, 0, 0.5, 1));
}

TEST(Ticks, of_a_single_value_leave_room_around_it) {
  const auto ticks = nice_ticks(2, 2, 4);
  EXPECT_LT(ticks.front(), 2);
  EXPECT_GT(ticks.back(), 2);
  EXPECT_GE(nice_ticks(0, 0, 4).size(), 2u);
}

TEST(Svg, draws_lines_a_band_gaps_and_a_dashed_floor) {
  const auto svg = to_svg(small_plot());
  EXPECT_THAT(svg, testing::StartsWith("<svg xmlns="));
  EXPECT_THAT(svg, HasSubstr("<title>a &lt; b</title>"));
  EXPECT_THAT(svg, HasSubstr("d=\"M70.0 177.3L630.0 404.0\" stroke=\"#0072B2\""));
  EXPECT_THAT(svg, HasSubstr("fill-opacity=\"0.15\""));
  EXPECT_THAT(svg, HasSubstr("stroke=\"#777777\" stroke-dasharray=\"5 4\"><title>none</title>"));
  EXPECT_THAT(svg, HasSubstr("<circle cx=\"630.0\" cy=\"64.0\" r=\"2.5\" fill=\"#777777\"/>"))
      << "a point between gaps is seen";
  EXPECT_THAT(svg, HasSubstr(">dense: 1</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
}

TEST(Svg, an_empty_plot_has_axes_still) {
  EXPECT_THAT(to_svg(Plot{"nothing", "", "x", "y", {}}), HasSubstr("class=\"axis\""));
}

class Curves : public store::InStore {
 protected:
  Curves() {
    add_run(store_, {R"({"name":"none"})", 0, 2.5});
    add_run(store_, {R"({"name":"dense"})", 0, 1.0});
    add_run(store_, {R"({"name":"dense"})", 1, 2.0});
  }
};

TEST_F(Curves, a_line_is_the_mean_over_seeds_with_its_range) {
  const auto plot = curves_plot(store::Reader(path_), "demo", "");
  EXPECT_EQ(plot.y_label, "val/bits_per_dim, bits") << "the data set's own measure by default";
  ASSERT_EQ(plot.series.size(), 2u);
  EXPECT_EQ(plot.series[0].label, "dense");
  EXPECT_TRUE(plot.series[1].is_floor);
  const auto& last = plot.series[0].points.back();
  EXPECT_EQ(last.x, 100);
  EXPECT_EQ(last.y, 1.5);
  EXPECT_EQ(last.low, 1.0);
  EXPECT_EQ(last.high, 2.0);
}

TEST_F(Curves, the_axis_can_be_time_or_tokens) {
  const store::Reader reader(path_);
  EXPECT_EQ(curves_plot(reader, "demo", "", Axis::seconds).series[0].points.back().x, 10);
  EXPECT_EQ(curves_plot(reader, "demo", "", Axis::tokens).series[0].points.back().x, 627200);
  EXPECT_EQ(message_of([] { (void)axis_from("time"); }),
            "unknown axis 'time'; expected step, seconds or tokens");
}

TEST_F(Curves, a_metric_by_layer_has_a_line_for_each_layer_of_each_variant) {
  const auto add = [&](std::int64_t run, const std::string& key, double value) {
    const MetricKey told{key, "of even", Goal::none};
    store_.add_events(run, {{50, 50, 5, {{told, value}}}, {100, 100, 10, {{told, value + 1}}}});
  };
  const auto run = add_run(store_, {R"({"name":"hash_sparse"})", 0, 1.0});
  add(2, "attention/pairs", 5);
  add(2, "attention/pairs/layer_0", 5);
  for (int layer = 0; layer < 11; layer += 10) {
    add(run, "attention/pairs/layer_" + std::to_string(layer), layer);
  }
  const auto other = add_run(store_, {R"({"name":"hash_sparse"})", 7, 1.0}, "another");
  add(other, "attention/pairs/layer_20", 1);
  const store::Reader reader(path_);
  const auto plot = layers_plot(reader, "demo", "attention/pairs", {});
  EXPECT_EQ(plot.y_label, "attention/pairs by layer, of even");
  std::vector<std::string> labels;
  for (const auto& series : plot.series) labels.push_back(series.label);
  EXPECT_THAT(labels, ElementsAre("dense, layer 0", "hash_sparse, layer 0", "hash_sparse, layer 10"));
  EXPECT_EQ(plot.series[2].points.back().y, 11);
  EXPECT_EQ(plot.series[2].shade, 1);
  EXPECT_NE(plot.series[0].kind, plot.series[1].kind);
  const auto svg = to_svg(plot);
  EXPECT_THAT(svg, HasSubstr("stroke=\"#440154\" stroke-dasharray=\"none\"><title>dense, layer 0<"));
  EXPECT_THAT(svg, HasSubstr("stroke=\"#A0D23C\" stroke-dasharray=\"7 4\"><title>hash_sparse, layer 10<"));
  EXPECT_EQ(layers_plot(reader, "demo", "attention/pairs", {10}).series.size(), 1u);
  const auto refusal = [&](const char* key, std::vector<std::int64_t> layers) {
    return message_of([&] { (void)layers_plot(reader, "demo", key, layers); });
  };
  EXPECT_EQ(refusal("attention/pairs", {0, 3}),
            "no run of study 'demo' has layer 3 of 'attention/pairs'; there are 0, 10.");
  EXPECT_EQ(refusal("val/loss", {}),
            "no run of study 'demo' has the metric 'val/loss' by layer; there are attention/pairs.");
}

TEST(Svg, grows_with_its_legend) {
  auto plot = small_plot();
  plot.series.resize(40, plot.series[0]);
  EXPECT_THAT(to_svg(plot), HasSubstr("height=\"964\""));
  EXPECT_THAT(to_svg(small_plot()), HasSubstr("height=\"460\""));
}

TEST_F(Curves, an_unknown_metric_is_refused_with_the_nearest) {
  EXPECT_EQ(message_of([&] { (void)curves_plot(store::Reader(path_), "demo", "val/los"); }),
            "no run of study 'demo' has the metric 'val/los'. Did you mean 'val/loss'?");
}

// 20,000 numbers are a thousand points, none of which leaves out a spike.
TEST_F(Curves, many_numbers_become_a_thousand_points_with_their_range) {
  constexpr int kMany = 20'000;
  const auto run = add_run(store_, {R"({"name":"dense"})", 0, 1.0}, "long");
  const MetricKey key{"train/loss", "nats", Goal::minimise};
  std::vector<MetricEvent> events;
  for (int step = 1000; step < kMany; ++step) {  // behind the steps that add_run() wrote
    const double value = step == 7'777 ? 50 : step == 8'888 ? INFINITY : 2;
    events.push_back({step, step * 10, step * 0.5, {{key, step == 19'999 ? NAN : value}}});
  }
  store_.add_events(run, events);
  const auto plot = curves_plot(store::Reader(path_), "long", "train/loss");
  EXPECT_THAT(plot.subtitle, HasSubstr("a point is the mean of up to 20 steps"));
  const auto& points = plot.series.at(0).points;
  EXPECT_EQ(points.size(), 950U);
  EXPECT_EQ(points[0].x, 1000);
  EXPECT_EQ(points[0].y, 2);
  EXPECT_DOUBLE_EQ(points[338].y, 4.4);
  EXPECT_EQ(points[338].low, 2);
  EXPECT_EQ(points[338].high, 50);
  EXPECT_EQ(points[394].high, INFINITY);
  EXPECT_TRUE(std::isnan(points[949].y)) << "a NaN is a gap";
  const auto timed = curves_plot(store::Reader(path_), "long", "train/loss", Axis::tokens);
  EXPECT_EQ(timed.series.at(0).points[0].x, 1019 * 10) << "the last event of its steps";
}

}  // namespace
}  // namespace attnlab::report
