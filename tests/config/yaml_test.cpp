#include "framework/config/yaml.h"

#include <gmock/gmock.h>

#include <sys/stat.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "framework/core/error.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::config {
namespace {

using testing::StartsWith;

std::string text_of(std::string_view yaml) { return parse_yaml(yaml, "x.yaml").content.text(); }

std::string yaml_refusal(std::string_view yaml) {
  return message_of([&] { return parse_yaml(yaml, "x.yaml"); });
}

TEST(Yaml, values_are_typed_and_know_their_line) {
  const Node root = parse_yaml("a: 1\nb:\n  c: [x, 0.5]\n  d: '1'\ne:\nf: yes\n", "x.yaml").content;
  EXPECT_EQ(root.text(), "{a:1,b:{c:[x,0.5],d:\"1\"},e:null,f:yes}");
  EXPECT_EQ(root.find_path("a")->origin().text(), "x.yaml:1");
  EXPECT_EQ(root.find_path("b.c")->origin().text(), "x.yaml:3");
  EXPECT_EQ(root.find_path("b.d")->origin().text(), "x.yaml:4");
  EXPECT_EQ(root.find_path("e")->origin().text(), "x.yaml:5");
}

TEST(Yaml, its_own_spelling_of_null_and_infinity_counts) {
  EXPECT_EQ(text_of("a: ~\nb: .inf\nc: -.inf\nd: .nan\ne: .5\nf: .info\n"),
            "{a:null,b:inf,c:-inf,d:nan,e:0.5,f:.info}");
}

TEST(Yaml, anchors_and_merges_work) {
  EXPECT_EQ(text_of("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n"),
            "{base:{x:1,y:2},use:{y:3,x:1}}");
  EXPECT_EQ(text_of("a: &v 5\nb: *v\n"), "{a:5,b:5}");
}

TEST(Yaml, an_empty_file_is_an_empty_map) {
  EXPECT_EQ(text_of(""), "{}");
  EXPECT_EQ(text_of("# nothing\n"), "{}");
}

TEST(Yaml, blocks_of_text_keep_their_last_line_break) {
  const Node root = parse_yaml("a: |\n  x\nb: |\n  y\n", "x.yaml").content;
  EXPECT_EQ(std::get<std::string>(root.find("b")->value()), "y\n");
}

TEST(Yaml, a_package_header_is_read) {
  EXPECT_EQ(parse_yaml("# @package _global_\na: 1\n", "x").package, "_global_");
  EXPECT_EQ(parse_yaml("# words\n\n# @package a.b\na: 1\n", "x").package, "a.b");
  EXPECT_EQ(parse_yaml("a: 1\n# @package b\n", "x").package, "");
}

TEST(Yaml, a_duplicate_key_is_refused_with_both_lines) {
  EXPECT_EQ(yaml_refusal("a: 1\nb: 2\na: 3\n"),
            "x.yaml:3: duplicate key 'a'; it is first set in line 1. Keep one of the two.");
  EXPECT_EQ(yaml_refusal("m:\n  k: 1\n  k: 1\n"),
            "x.yaml:3: duplicate key 'k'; it is first set in line 2. Keep one of the two.");
}

TEST(Yaml, broken_syntax_is_refused_with_line_and_column) {
  EXPECT_EQ(yaml_refusal("a: 1\nb: c: d\n"), "x.yaml:2: not valid YAML: illegal map value (column 5).");
  EXPECT_EQ(yaml_refusal("a: 1\nb: [1, 2\n"),
            "x.yaml:2: not valid YAML: end of sequence flow not found (end of file).");
  EXPECT_EQ(yaml_refusal("a: 'x\nb: 2\n"),
            "x.yaml:2: not valid YAML: illegal EOF in scalar (end of file).");
  EXPECT_EQ(yaml_refusal("a: \"x"), "x.yaml:1: not valid YAML: illegal EOF in scalar (end of file).");
  EXPECT_THAT(yaml_refusal("a: *nowhere\n"), StartsWith("x.yaml:1: not valid YAML: "));
}

TEST(Yaml, content_that_is_no_map_is_refused) {
  EXPECT_EQ(yaml_refusal("- a\n- b\n"), "x.yaml:1: expected 'key: value' lines, found a list.");
  EXPECT_EQ(yaml_refusal("word\n"), "x.yaml:1: expected 'key: value' lines, found a string.");
  EXPECT_EQ(yaml_refusal("? [a, b]\n: 1\n"), "x.yaml:1: a key must be a word; found a list or map.");
  EXPECT_EQ(yaml_refusal("a: 1\n---\nb: 2\n"),
            "x.yaml: more than one YAML document; expected one. Remove the second '---'.");
  EXPECT_EQ(yaml_refusal("a:\n  <<: 5\n"), "x.yaml:2: '<<' merges a map, nothing else.");
}

TEST(Yaml, an_integer_beyond_64_bits_is_refused_with_its_line) {
  EXPECT_THAT(yaml_refusal("a: 1\nb: 99999999999999999999\n"),
              StartsWith("x.yaml:2: integer 99999999999999999999 does not fit in 64 bits"));
}

TEST(Yaml, bombs_of_depth_and_aliases_are_refused) {
  const std::string message = "nested too deeply, or aliases that expand without end.";
  EXPECT_THAT(yaml_refusal("a: " + std::string(80, '[') + std::string(80, ']')),
              testing::EndsWith(message));
  std::string bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j ? ",*a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(yaml_refusal(bomb), testing::EndsWith(message));
}

TEST(Yaml, time_grows_with_the_number_of_keys_and_not_with_its_square) {
  std::string text = "defaults: []\n";
  for (int i = 0; i < 20000; ++i)
    text += "key_" + std::to_string(i) + ": " + std::to_string(i) + "\n";
  const auto begin = std::clock();  // processor time
  const Node root = parse_yaml(text, "x.yaml").content;
  EXPECT_EQ(root.find("key_19999")->text(), "19999");
  EXPECT_LT(std::clock() - begin, 4 * CLOCKS_PER_SEC);  // was 18 s
}

TEST(Yaml, a_file_that_cannot_be_read_is_refused_and_an_empty_one_is_not) {
  const FreshFolder folder;
  EXPECT_EQ(message_of([&] { return load_yaml(folder / "none.yaml", "experiments/none.yaml"); }),
            "cannot read 'experiments/none.yaml': it is not there; expected a text file.");
  ASSERT_EQ(mkfifo((folder / "pipe.yaml").c_str(), 0600), 0);
  std::ofstream(folder / "large.yaml") << std::string((4 << 20) + 1, '#');
  std::filesystem::create_symlink("/dev/zero", folder / "zero.yaml");
  for (const auto& [name, why] : {std::pair{"pipe.yaml", "it is no regular file"},
                                  {"zero.yaml", "it is no regular file"},
                                  {".", "it is no regular file"},
                                  {"large.yaml", "expected a config file of at most 4.0 MiB"}}) {
    EXPECT_THAT(message_of([&] { return load_yaml(folder / name, name); }), testing::HasSubstr(why)) << name;
  }
  std::ofstream(folder / "empty.yaml").close();
  EXPECT_EQ(load_yaml(folder / "empty.yaml", "empty.yaml").content.text(), "{}");
  std::ofstream(folder / "marked.yaml") << "\xEF\xBB\xBF# @package _global_\na: \"\xC3\xA4\"\t# tab\r\n";
  EXPECT_EQ(load_yaml(folder / "marked.yaml", "marked.yaml").content.find("a")->plain_text(), "\xC3\xA4");
  EXPECT_EQ(load_yaml(folder / "marked.yaml", "marked.yaml").package, "_global_");
  const std::string zero("a: 1\nb: x\0y\n", 12);
  for (const auto& [text, why] : {std::pair{std::string("a: 1\nb: \xFF\n"), "bytes.yaml:2: not UTF-8: "},
                                  {"# \xC3\n", "bytes.yaml:1: not UTF-8: "},
                                  {zero, "bytes.yaml:2: a control character (byte 0x00, column 5); expected text. Take it out, or write it as \"\\x00\""},
                                  {"a: 1 # \x7f", "bytes.yaml:1: a control character (byte 0x7f, column 8)"},
                                  {"\x1b[1m", "bytes.yaml:1: a control character (byte 0x1b, column 1)"}}) {
    std::ofstream(folder / "bytes.yaml") << text;
    EXPECT_THAT(message_of([&] { return load_yaml(folder / "bytes.yaml", "bytes.yaml"); }), StartsWith(why));
  }
  std::ofstream(folder / "one.yaml") << "a: 1\n";
  EXPECT_EQ(load_yaml(folder / "one.yaml", "one.yaml").content.text(), "{a:1}");
}

}  // namespace
}  // namespace attnlab::config
