#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>

#include "framework/config/compose.h"
#include "framework/config/yaml.h"
#include "framework/core/error.h"
#include "tests/support/fresh_folder.h"

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
  return message_of([&] { return interpolated(yaml); });
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

TEST(Interpolation, backslashes_before_a_reference_are_those_of_omegaconf) {
  EXPECT_EQ(value("x: 1\na: '\\\\${x}'\n", "a"), R"("\1")");
  EXPECT_EQ(value("x: 1\na: '\\\\\\${x}'\n", "a"), R"("\${x}")");
  EXPECT_EQ(value("x: 1\na: 'C:\\\\d-${x}'\n", "a"), R"("C:\\d-1")");
}

TEST(Interpolation, refuses_a_value_that_is_still_missing) {
  EXPECT_THAT(error("x: ???\na: ${x}\n"), HasSubstr("x.yaml:2: a: ${x} refers to 'x'"));
  EXPECT_THAT(error("x: ???\na: run-${x}\n"), HasSubstr("refers to 'x'"));
}

// Names and values as people register them with OmegaConf; in brackets what Python's lambda gives.
TEST(Interpolation, computes) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"div:8192,${n}", "128"},
      {"div:7,2", "3.5"},
      {"div:8,2", "4"},
      {"div:-7,2", "-3.5"},
      {"div:1.0,4", "0.25"},
      {"floordiv:-7,2", "-4"},
      {"floordiv:7,2", "3"},
      {"mod:-7,3", "2"},
      {"mod:7,-3", "-2"},
      {"add:1,2,3", "6"},
      {"add:1,0.5", "1.5"},
      {"sub:5,8", "-3"},
      {"mul:${n},${n}", "4096"},
      {"mul:2,0.5", "1.0"},
      {"pow:2,10", "1024"},
      {"pow:2,-1", "0.5"},
      {"neg:3", "-3"},
      {"abs:-3", "3"},
      {"int:3.9", "3"},
      {"int:'12'", "12"},
      {"float:3", "3.0"},
      {"round:2.6", "3"},
      {"floor:-2.5", "-3"},
      {"ceil:2.1", "3"},
      {"sqrt:16", "4.0"},
      {"log2:8", "3.0"},
      {"min:3,1,2", "1"},
      {"max:[3,9,2]", "9"},
      {"sum:[1,2,3]", "6"},
      {"len:[1,2]", "2"},
      {"eq:${n},64", "true"},
      {"lt:${n},64", "false"},
      {"not:true", "false"},
      {"if:true,a,b", "a"},
      {"if:${gt:${n},9},1,2", "1"},
      {"mul:${add:1,2},${sub:9,5}", "12"},
      {"eval:'${n} * 2'", "128"},
      {"eval:${n}*2", "128"},
      {"eval:'(1+2)*3'", "9"},
      {"eval:'2**3**2'", "512"},
      {"eval:'-2**2'", "-4"},
      {"eval:'7 // 2 * 2'", "6"},
      {"eval:'8 / 4 / 2'", "1"},
      {"eval:'1e-3 * 2'", "0.002"},
      {"eval:'max(1, ${n} // 3)'", "21"},
      {"eval:'1 < 2 <= 2'", "true"},
      {"eval:'not 1 > 2 and 3 in [1, 3]'", "true"},
      {"eval:'\"a\" == \"a\"'", "true"},
      {"eval:'${n} if'", "refused"},
      {"eval:'n*2'", "refused"},
      {"div:1,0", "refused"},
      {"mod:1,0", "refused"},
      {"div:a,2", "refused"},
      {"div:1", "refused"},
      {"div:1,2,3", "refused"},
      {"sqrt:-1", "refused"},
      {"mul:9223372036854775807,2", "refused"},
      {"pow:10,40", "refused"},
      {"if:1,2,3", "refused"},
      {"dvi:1,2", "refused"},
      {"oc.decode:'10'", "10"},
      {"oc.decode:10", "10"},
      {"oc.decode:'1e3'", "1000.0"},
      {"oc.decode:'[1,2]'", "[1,2]"},
      {"oc.decode:'{a: 1}'", "{a:1}"},
      {"oc.decode:'true'", "true"},
      {"oc.decode:null", "null"},
      {"oc.decode:'a b'", "\"a b\""},
      {"oc.decode:\"'10'\"", "\"10\""},
      {"oc.decode:${t}", "7"},
      {"oc.select:n,3", "64"},
      {"oc.select:absent,3", "3"},
      {"oc.env:ATTNLAB_NONE,'a,b'", "\"a,b\""}};
  for (const auto& [call, expected] : table) {
    Node config = parse_yaml("n: 64\nt: '7'\n", "x.yaml").content;
    config.set("a", Node("${" + call + "}"));
    std::string found = "refused";
    try {
      interpolate(config);
      found = config.find("a")->text();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("a: ")) << call;
    }
    EXPECT_EQ(found, expected) << call;
  }
}

TEST(Render, shows_yaml_and_origins) {
  const Node node = parse_yaml("a: 1\ns:\n  t: x\n", "x.yaml").content;
  EXPECT_EQ(render_yaml(node), "a: 1\ns:\n  t: x\n");
  for (const auto& [text, shown] :
       std::vector<std::pair<std::string, std::string>>{{"x", "x"},
                                                        {"a/b-c.d", "a/b-c.d"},
                                                        {"C:\\x", R"("C:\\x")"},
                                                        {"*a", "\"*a\""},
                                                        {"yes", "\"yes\""},
                                                        {"Off", "\"Off\""},
                                                        {"n", "\"n\""},
                                                        {"null", "\"null\""},
                                                        {"1:30", "\"1:30\""},
                                                        {"007", "\"007\""},
                                                        {"1_000", "\"1_000\""},
                                                        {"", "\"\""},
                                                        {"2026-11-26", "\"2026-11-26\""},
                                                        {"a: b", "\"a: b\""},
                                                        {"a #b", "\"a #b\""},
                                                        {"- a", "\"- a\""},
                                                        {"a\nb", "\"a\\nb\""},
                                                        {"\x7f", "\"\\x7f\""},
                                                        {"ü", "\"ü\""},
                                                        {"\xc2\x85", "\"\\x85\""},
                                                        {"\xe2\x80\xa8", "\"\\u2028\""},
                                                        {"~", "\"~\""},
                                                        {".inf", "\".inf\""},
                                                        {"<<", "\"<<\""},
                                                        {"=", "\"=\""},
                                                        {"0x1f", "\"0x1f\""}}) {
    EXPECT_EQ(render_yaml(Node(Map{{"k", Node(text)}})), "k: " + shown + "\n");  // PyYAML reads all
    EXPECT_EQ(parse_yaml("k: " + shown + "\n", "x").content.find("k")->plain_text(), text);
  }
  EXPECT_EQ(render_yaml(Node(Map{{"a", Node(1e-5)},
                                 {"b", Node(-INFINITY)},
                                 {"c", Node(1e16)},
                                 {"d", Node(List{Node(0.0003), Node()})},
                                 {"no", Node(Map{})}})),
            "a: 1.0e-05\nb: -.inf\nc: 1.0e+16\nd: [0.0003, null]\n\"no\": {}\n");
  EXPECT_EQ(render_origins(node), "a = 1     # x.yaml:1\ns.t = x   # x.yaml:3\n");
}

}  // namespace
}  // namespace attnlab::config
