#include "framework/plan/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attnlab::plan {
namespace {

using testing::ElementsAre;

/// A resolved cell from JSON; `study` is cosmetic.
plan::Cell cell(const std::string& variant, const std::string& json) {
  plan::Cell cell;
  cell.variant = variant;
  cell.resolved.config = config::from_json(json, "test");
  cell.resolved.cosmetic = {"study", "dataset.path"};
  return cell;
}

TEST(Labels, one_cell_is_its_variant) {
  EXPECT_THAT(labels_of({cell("dense", R"({"seed":1,"attention":{"name":"dense"}})")}),
              ElementsAre("dense"));
}

TEST(Labels, show_what_differs_and_nothing_else) {
  EXPECT_THAT(
      labels_of({cell("dense", R"({"seed":0,"train":{"steps":5},"attention":{"name":"dense"}})"),
                 cell("dense", R"({"seed":1,"train":{"steps":5},"attention":{"name":"dense"}})")}),
      ElementsAre("dense seed=0", "dense seed=1"));
}

TEST(Labels, a_variants_parameters_are_compared_within_the_variant) {
  EXPECT_THAT(
      labels_of({cell("dense", R"({"attention":{"name":"dense"}})"),
                 cell("hash", R"({"attention":{"name":"hash","buckets":8,"keys":"shared"}})"),
                 cell("hash", R"({"attention":{"name":"hash","buckets":16,"keys":"shared"}})")}),
      ElementsAre("dense", "hash buckets=8", "hash buckets=16"));
}

TEST(Labels, a_data_sets_keys_are_compared_within_the_data_set) {
  EXPECT_THAT(labels_of({cell("none", R"({"dataset":{"name":"copy","length":64,"symbols":4}})"),
                         cell("none", R"({"dataset":{"name":"digits","length":784}})")}),
              ElementsAre("none dataset=copy", "none dataset=digits"));
}

TEST(Labels, keys_of_a_section_carry_its_name) {
  EXPECT_THAT(labels_of({cell("none", R"({"train":{"steps":5}})"),
                         cell("none", R"({"train":{"steps":9}})")}),
              ElementsAre("none train.steps=5", "none train.steps=9"));
}

TEST(Labels, cosmetic_keys_are_left_out) {
  EXPECT_THAT(labels_of({cell("none", R"({"study":"a","dataset":{"name":"copy","path":"x"}})"),
                         cell("none", R"({"study":"b","dataset":{"name":"copy","path":"y"}})")}),
              ElementsAre("none", "none"));
}

}  // namespace
}  // namespace attnlab::plan
