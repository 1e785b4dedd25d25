#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "framework/config/compose.h"
#include "framework/config/yaml.h"
#include "framework/core/error.h"

namespace attnlab::config {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;

Node interpolated(const std::string& yaml) {
  Node node = parse_yaml(yaml, "x.yaml").content;
  interpolate(node);
  return node;
}

std::string value(const std::string& yaml, const std::string& path) {
  return interpolated(yaml).find_path(path)->text();
}

std::string error(const std::string& yaml) {
  try {
    (void)interpolated(yaml);
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

TEST(Interpolation, keeps_the_type_of_what_it_refers_to) {
  EXPECT_EQ(value("a: 3\nb: ${a}\n", "b"), "3");
  EXPECT_EQ(value("a: [1, 2]\nb: ${a}\n", "b"), "[1,2]");
  EXPECT_EQ(value("a: {x: 1}\nb: ${a}\n", "b.x"), "1");
}

TEST(Interpolation, becomes_text_inside_text) {
  EXPECT_EQ(value("a: 3\nb: run-${a}-${a}\n", "b"), "run-3-3");
}

TEST(Interpolation, reads_relative_paths) {
  EXPECT_EQ(value("s:\n  a: 1\n  b: ${.a}\n", "s.b"), "1");
  EXPECT_EQ(value("a: 5\ns:\n  t:\n    b: ${...a}\n", "s.t.b"), "5");
  EXPECT_EQ(value("s:\n  a: 2\n  t:\n    b: ${..a}\n", "s.t.b"), "2");
}

TEST(Interpolation, reads_list_items_and_nested_references) {
  EXPECT_EQ(value("a: [7, 8]\nb: ${a[1]}\n", "b"), "8");
  EXPECT_EQ(value("k: x\nx: 4\nb: ${${k}}\n", "b"), "4");
}

TEST(Interpolation, follows_chains) { EXPECT_EQ(value("a: ${b}\nb: ${c}\nc: 1\n", "a"), "1"); }

TEST(Interpolation, leaves_escaped_references_alone) {
  EXPECT_EQ(value("a: '\\${b}'\n", "a"), "\"${b}\"");
}

TEST(Interpolation, reads_the_environment) {
  setenv("ATTNLAB_TEST_WORD", "hello", 1);
  unsetenv("ATTNLAB_TEST_ABSENT");
  EXPECT_EQ(value("a: ${oc.env:ATTNLAB_TEST_WORD}\n", "a"), "hello");
  EXPECT_EQ(value("a: ${oc.env:ATTNLAB_TEST_ABSENT,7}\n", "a"), "7");
  EXPECT_THAT(error("a: ${oc.env:ATTNLAB_TEST_ABSENT}\n"),
              HasSubstr("x.yaml:1: a: the environment variable 'ATTNLAB_TEST_ABSENT' is not set"));
}

TEST(Interpolation, decodes_and_tells_the_time) {
  EXPECT_EQ(value("a: ${oc.decode:1e3}\n", "a"), "1000.0");
  EXPECT_THAT(value("a: ${now:%Y-%m-%d}\n", "a"), MatchesRegex("....-..-.."));
}

TEST(Interpolation, reads_quoted_defaults_as_text) {
  unsetenv("ATTNLAB_TEST_ABSENT");
  EXPECT_EQ(value("a: '${oc.env:ATTNLAB_TEST_ABSENT,\"a b\"}'\n", "a"), "\"a b\"");
  EXPECT_EQ(value("a: '${oc.env:ATTNLAB_TEST_ABSENT,\"7\"}'\n", "a"), "\"7\"");
}

TEST(Interpolation, refuses_relative_paths_above_the_root) {
  EXPECT_EQ(error("a: 1\ns:\n  b: ${...a}\n"),
            "x.yaml:3: s.b: ${...a} goes above the root of the config.");
}

TEST(Interpolation, ends_at_a_depth_that_no_config_needs) {
  const int depth = 50000;
  std::string nested, chain;
  for (int i = 0; i < depth; ++i) nested += "${";
  nested += "a" + std::string(depth, '}');
  EXPECT_EQ(error("a: 1\nb: \"" + nested + "\"\n"),
            "x.yaml:2: b: references nested more than 100 deep.");
  for (int i = 0; i < 5000; ++i) {
    chain += "a" + std::to_string(i) + ": ${a" + std::to_string(i + 1) + "}\n";
  }
  EXPECT_EQ(error(chain + "a5000: 1\n"), "x.yaml:100: a99: references nested more than 100 deep.");
}

TEST(Interpolation, ends_when_references_multiply) {
  std::string bomb = "a0: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 9; ++i) {
    const auto item = "${a" + std::to_string(i - 1) + "}";
    bomb += "a" + std::to_string(i) + ": ['" + item;
    for (int copy = 1; copy < 10; ++copy) bomb += "', '" + item;
    bomb += "']\n";
  }
  EXPECT_THAT(error(bomb), HasSubstr("references multiply to more than 100000 values."));
}

TEST(Interpolation, prints_every_step_of_a_cycle_with_its_place) {
  EXPECT_THAT(error("a: ${b}\nb: ${c.d}\nc:\n  d: ${a}\n"),
              AllOf(HasSubstr("interpolation cycle"), HasSubstr("(x.yaml:1)"),
                    HasSubstr("(x.yaml:2)"), HasSubstr("c.d = "), HasSubstr("(x.yaml:4)")));
  EXPECT_THAT(error("a: ${a}\n"), HasSubstr("interpolation cycle"));
}

TEST(Interpolation, names_the_nearest_key) {
  EXPECT_THAT(
      error("s:\n  width: 1\nb: ${s.widht}\n"),
      AllOf(HasSubstr("x.yaml:3: b: ${s.widht} refers to 's.widht', which is not in the config."),
            HasSubstr("Did you mean 's.width'?")));
}

TEST(Interpolation, says_what_is_malformed) {
  EXPECT_THAT(error("a: '${b'\n"), HasSubstr("'${' without its '}'"));
  EXPECT_THAT(error("a: ${oc.evn:X}\n"),
              HasSubstr("unknown resolver 'oc.evn'. Did you mean 'oc.env'"));
}

TEST(Render, shows_yaml_and_origins) {
  const Node node = parse_yaml("a: 1\ns:\n  t: x\n", "x.yaml").content;
  EXPECT_EQ(render_yaml(node), "a: 1\ns:\n  t: x\n");
  EXPECT_EQ(render_origins(node), "a = 1     # x.yaml:1\ns.t = x   # x.yaml:3\n");
}

}  // namespace
}  // namespace attnlab::config
