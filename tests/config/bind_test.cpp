#include "framework/config/bind.h"

#include <gmock/gmock.h>

#include "framework/config/override.h"
#include "framework/config/yaml.h"
#include "framework/core/error.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::config {
namespace {

enum class Keys { shared, separate };

struct Sample {
  std::int64_t buckets = 16;
  std::int64_t chunk = 64;
  std::int64_t pairs = 2;
  double rate = 0.1;
  double scale = 1;
  bool fixed = false;
  Keys keys = Keys::shared;
  std::string label = "x";

  static constexpr auto fields() {
    return std::tuple{
        integer("buckets", &Sample::buckets, {.low = 1, .high = 65536, .rule = Rule::one_or_even},
                "per head", "hash buckets"),
        integer("chunk", &Sample::chunk, {.low = 1, .rule = Rule::power_of_two}, "tokens", ""),
        integer("pairs", &Sample::pairs, {.high = 8, .rule = Rule::even}, "", ""),
        real("rate", &Sample::rate, {.low = 0, .high = 1, .high_open = true}, "", "drop rate"),
        real("scale", &Sample::scale, {.low = 0, .low_open = true}, "", ""),
        flag("fixed", &Sample::fixed, ""),
        choice("keys", &Sample::keys, {"shared", "separate"}, "how keys are hashed"),
        cosmetic(text("label", &Sample::label, ""))};
  }
  [[nodiscard]] std::string problem() const { return chunk < pairs ? "chunk is below pairs." : ""; }
};

Sample read_sample(std::string_view yaml) {
  return read<Sample>(parse_yaml(yaml, "x.yaml").content, "attention");
}

std::string bind_refusal(std::string_view yaml) {
  return message_of([&] { return read_sample(yaml); });
}

TEST(Bind, reads_a_section_and_fills_in_defaults) {
  const Sample sample = read_sample("buckets: 8\nrate: 0\nkeys: separate\nlabel: 7\n");
  EXPECT_EQ(sample.buckets, 8);
  EXPECT_EQ(sample.rate, 0.0);
  EXPECT_EQ(sample.keys, Keys::separate);
  EXPECT_EQ(sample.label, "7");
  EXPECT_EQ(sample.chunk, 64);
}

TEST(Bind, writes_all_fields_in_order_and_reads_them_back) {
  const Node map = write(read_sample("buckets: 1\nscale: 3\n"));
  EXPECT_EQ(map.text(),
            "{buckets:1,chunk:64,pairs:2,rate:0.1,scale:3.0,fixed:false,keys:shared,label:x}");
  EXPECT_EQ(write(read<Sample>(map, "attention")).text(), map.text());
}

TEST(Bind, an_unknown_key_is_refused_with_the_nearest_and_its_place) {
  EXPECT_EQ(bind_refusal("rate: 0.5\nbukets: 8\n"),
            "x.yaml:2: unknown key 'bukets' in 'attention'. Did you mean 'buckets'?");
}

TEST(Bind, a_key_from_the_command_line_is_refused_with_its_override) {
  Node section = Node::map();
  section.set("buckets", parse_override("attention.buckets=many").values[0]);
  try {
    static_cast<void>(read<Sample>(section, "attention"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "override 'attention.buckets=many': attention.buckets: many is a string; expected 1 "
        "or an even integer from 1 to 65536.");
  }
}

TEST(Bind, a_wrong_type_is_refused) {
  EXPECT_EQ(
      bind_refusal("buckets: 8.0\n"),
      "x.yaml:1: attention.buckets: 8.0 is a real; expected 1 or an even integer from 1 to 65536.");
  EXPECT_EQ(
      bind_refusal("buckets:\n"),
      "x.yaml:1: attention.buckets: null has no value here; expected 1 or an even integer from 1 "
      "to 65536.");
  EXPECT_EQ(bind_refusal("rate: [1]\n"),
            "x.yaml:1: attention.rate: [1] is a list; expected a number from 0 to below 1.");
  EXPECT_EQ(bind_refusal("fixed: 2\n"),
            "x.yaml:1: attention.fixed: 2 is an integer; expected true or false.");
  EXPECT_EQ(bind_refusal("label: {a: 1}\n"),
            "x.yaml:1: attention.label: {a:1} is a map; expected a string.");
  EXPECT_EQ(bind_refusal("keys: 1\n"),
            "x.yaml:1: attention.keys: 1 is an integer; expected one of shared, separate.");
}

TEST(Bind, a_value_out_of_range_is_refused) {
  EXPECT_EQ(
      bind_refusal("\nbuckets: 0\n"),
      "x.yaml:2: attention.buckets: 0 is out of range; expected 1 or an even integer from 1 to "
      "65536.");
  EXPECT_EQ(bind_refusal("rate: 1\n"),
            "x.yaml:1: attention.rate: 1 is out of range; expected a number from 0 to below 1.");
  EXPECT_EQ(bind_refusal("scale: 0\n"),
            "x.yaml:1: attention.scale: 0 is out of range; expected a number above 0.");
  EXPECT_EQ(bind_refusal("scale: nan\n"),
            "x.yaml:1: attention.scale: nan is not finite; expected a number above 0.");
}

TEST(Bind, values_are_converted_to_the_type_of_their_key_as_in_omegaconf) {
  const std::vector<std::tuple<std::string, std::string, std::string>> table{
      {"buckets", "'8'", "8"},
      {"buckets", "' 8 '", "8"},
      {"buckets", "'+8'", "8"},
      {"buckets", "'1_000'", "1000"},
      {"buckets", "008", "8"},
      {"buckets", "'-8'", "refused"},
      {"buckets", "8.0", "refused"},
      {"buckets", "'8.0'", "refused"},
      {"buckets", "1e3", "refused"},
      {"buckets", "true", "refused"},
      {"buckets", "''", "refused"},
      {"buckets", "'8a'", "refused"},
      {"buckets", "'99999999999999999999'", "refused"},
      {"rate", "'0.5'", "0.5"},
      {"rate", "'5e-1'", "0.5"},
      {"rate", "'0'", "0.0"},
      {"rate", "0", "0.0"},
      {"rate", "-0.0", "0.0"},
      {"rate", "'-0'", "0.0"},
      {"rate", "'nan'", "refused"},
      {"rate", "true", "refused"},
      {"rate", "'1/2'", "refused"},
      {"fixed", "yes", "true"},
      {"fixed", "'yes'", "true"},
      {"fixed", "On", "true"},
      {"fixed", "y", "true"},
      {"fixed", "1", "true"},
      {"fixed", "'1'", "true"},
      {"fixed", "'TRUE'", "true"},
      {"fixed", "no", "false"},
      {"fixed", "off", "false"},
      {"fixed", "N", "false"},
      {"fixed", "0", "false"},
      {"fixed", "0.0", "refused"},
      {"fixed", "maybe", "refused"},
      {"fixed", "null", "refused"},
      {"label", "0.0003", "\"0.0003\""},
      {"label", "1e5", "\"1e5\""},
      {"label", "TRUE", "\"TRUE\""},
      {"label", "1_000", "\"1_000\""},
      {"label", "+5", "\"+5\""},
      {"label", "007", "007"},
      {"label", ".5", "\".5\""},
      {"label", "1.50", "\"1.50\""},
      {"label", "[a]", "refused"},
      {"label", "'\?\?\?'", "refused"},
      {"buckets", "???", "refused"},
      {"keys", "???", "refused"}};
  for (const auto& [key, typed, expected] : table) {
    std::string found = "refused";
    try {
      found = write(read_sample(key + ": " + typed + "\n")).find(key)->text();
    } catch (const Error&) {
    }
    EXPECT_EQ(found, expected) << key << ": " << typed;
  }
  EXPECT_EQ(bind_refusal("label: ???\n"),
            "x.yaml:1: attention.label: the value is still missing; set it with "
            "attention.label=VALUE, expected a string.");
  EXPECT_EQ(
      bind_refusal("pairs: 2,4\n"),
      "x.yaml:1: attention.pairs: \"2,4\" is a string; expected an even integer of at most 8. "
      "To sweep it, write 'attention.pairs: 2,4' in the mapping `sweep:` of an experiment "
      "file.");
}

TEST(Bind, a_broken_rule_is_refused) {
  EXPECT_EQ(
      bind_refusal("buckets: 15\n"),
      "x.yaml:1: attention.buckets: 15 is odd; expected 1 or an even integer from 1 to 65536.");
  EXPECT_EQ(
      bind_refusal("chunk: 48\n"),
      "x.yaml:1: attention.chunk: 48 is no power of two; expected a power of two of at least 1.");
  EXPECT_EQ(bind_refusal("pairs: 3\n"),
            "x.yaml:1: attention.pairs: 3 is odd; expected an even integer of at most 8.");
  EXPECT_EQ(bind_refusal("buckets: 1\nchunk: 1\n"), "attention: chunk is below pairs.");
}

TEST(Bind, an_unknown_choice_is_refused_with_the_nearest) {
  EXPECT_EQ(
      bind_refusal("keys: seperate\n"),
      "x.yaml:1: attention.keys: 'seperate' is not known; expected one of shared, separate. Did "
      "you mean 'separate'?");
}

TEST(Bind, a_section_that_is_no_map_is_refused) {
  try {
    static_cast<void>(read<Sample>(Node(std::int64_t{5}, {"x.yaml", 3}), "attention"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "x.yaml:3: attention: 5 is an integer; expected a section of keys.");
  }
}

TEST(Bind, extra_keys_pass_through_unchecked) {
  const Node section = parse_yaml("name: dense\nbuckets: 8\n", "x.yaml").content;
  const Node map = checked(section, parameters_of<Sample>(), "attention", {"name"});
  EXPECT_EQ(map.find("name")->text(), "dense");
  EXPECT_EQ(map.as_map().size(), 9U);
}

}  // namespace
}  // namespace attnlab::config
