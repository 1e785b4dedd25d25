#include "framework/report/xray.h"

#include <gmock/gmock.h>

#include <cmath>

#include "framework/report/svg_plot.h"
#include "framework/report/page_sections.h"
#include "tests/report/study_support.h"

namespace attnlab::report {
namespace {

using testing::HasSubstr;
using testing::Not;

// Two layers of two heads.
Xray small_xray() {
  Xray xray;
  for (const int layer : {0, 1}) {
    const auto at = "/layer_" + std::to_string(layer);
    for (const int head : {0, 1}) {
      xray.add("xray/kept_weight" + at + "/head_" + std::to_string(head), "share", 0.25 * (layer + head + 1));
    }
    xray.add("xray/kept_weight" + at, "share", 0.25 * (layer + 1.5));
    xray.add("xray/reported/bucket_coverage" + at, "share", 0.5);
    for (const int from : {0, 1, 2, 16}) {
      xray.add("xray/profile/from_" + std::to_string(from) + at, "share", from == 0 ? 0 : 1.0 / 3);
    }
  }
  xray.add("xray/kept_weight", "share", 0.5);
  xray.add("val/loss/layer_7", "nats", 1);
  return xray;
}

TEST(Xrays, keep_what_belongs_to_layers_and_heads) {
  const auto xray = small_xray();
  EXPECT_EQ(xray.layers(), 2);
  EXPECT_EQ(xray.heads(), 2);
  EXPECT_EQ(xray.value("kept_weight", 1, 0), 0.5);
  EXPECT_EQ(xray.value("kept_weight"), 0.5);
  EXPECT_TRUE(std::isnan(xray.value("kept_weight", 2)));
  EXPECT_THAT(xray.measures("profile/from_"), testing::ElementsAre("profile/from_0", "profile/from_1", "profile/from_2", "profile/from_16"));
}

TEST(Xrays, become_tables) {
  const auto xray = small_xray();
  const auto text = to_text(xray_table(xray));
  EXPECT_THAT(text, testing::StartsWith("layer  weight kept\n"));
  EXPECT_THAT(text, testing::EndsWith("    0       37.5 %\n    1       62.5 %\n  all       50.0 %\n"));
  EXPECT_EQ(xray_table(xray, true).rows.size(), 5u);
  EXPECT_THAT(to_text(xray_reported(xray)), HasSubstr("bucket_coverage, share"));
  EXPECT_TRUE(xray_reported(Xray()).columns.empty());
  EXPECT_EQ(xray_numbers(xray).rows.size(), 7u + 2u + 8u);
}

TEST(Xrays, become_heat_maps_and_a_profile) {
  const auto figures = xray_figures(small_xray(), "run <1>");
  ASSERT_EQ(figures.size(), 2u);
  EXPECT_EQ(figures[0].name, "kept_weight");
  EXPECT_THAT(figures[0].svg, HasSubstr("<title>layer 1, head 0: 0.5</title>"));
  EXPECT_THAT(figures[0].svg, HasSubstr("run &lt;1&gt;"));
  EXPECT_EQ(figures[1].name, "distance_profile");
  EXPECT_THAT(figures[1].svg, HasSubstr(">layer 1: 0.3333</text>"));
  EXPECT_TRUE(xray_figures(Xray(), "").empty());
}

TEST(HeatMaps, leave_cells_without_a_number_empty_and_names_harmless) {
  const auto svg = to_svg(HeatMap{"a < b", "", "layer", "head", {{1e-7, NAN}, {1}}, 0, 1});
  EXPECT_THAT(svg, HasSubstr("<title>a &lt; b</title>"));
  EXPECT_THAT(svg, HasSubstr("fill=\"#440154\"><title>layer 0, head 0: 1e-07</title>"));
  EXPECT_THAT(svg, HasSubstr("style=\"fill:#fff\">0</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("head 1:")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(to_svg(HeatMap{"none", "", "layer", "head", {}, 0, 0}), HasSubstr("</svg>"));
}

TEST(XraySection, shows_the_newest_numbers_of_each_variant) {
  const store::FreshFolder folder;
  store::Store store(folder / "runs.db");
  const auto dense = add_run(store, {.attention = R"({"name":"dense"})"});
  const auto hashed = add_run(store, {.attention = R"({"name":"hash_sparse"})"});
  const store::Reader reader(folder / "runs.db");
  const auto section = [&] { return xray_section(reader, groups_of(runs_of_study(reader, "demo"))); };
  EXPECT_THAT(section(), HasSubstr("None of these runs has an X-ray"));
  const auto numbers = [](double kept) {
    return std::vector<Metric>{{{"xray/kept_weight/layer_0/head_0", "share", Goal::none}, kept},
                               {{"xray/kept_weight/layer_0", "share", Goal::none}, kept},
                               {{"xray/length", "tokens", Goal::none}, 784}};
  };
  const auto before = reader.query("SELECT tokens_seen, train_seconds, wall_ms FROM events WHERE run_id = ?1 AND step = 50", {hashed}).rows;
  store.add_afterwards(hashed, {.step = 50, .metrics = numbers(0.125)});
  store.add_afterwards(hashed, {.step = 100, .metrics = numbers(0.375)});
  EXPECT_EQ(reader.query("SELECT tokens_seen, train_seconds, wall_ms FROM events WHERE run_id = ?1 AND step = 50", {hashed}).rows, before);
  const auto html = section();
  EXPECT_THAT(html, HasSubstr("<h3>hash_sparse, run " + std::to_string(hashed) + "</h3>"));
  EXPECT_THAT(html, HasSubstr("data-v=\"0.375\""));
  EXPECT_THAT(html, Not(HasSubstr("0.125")));
  EXPECT_THAT(html, HasSubstr("src=\"data:image/svg+xml,%3Csvg"));
  EXPECT_THAT(html, Not(HasSubstr("run " + std::to_string(dense) + "<")));
}

}  // namespace
}  // namespace attnlab::report
