#include "framework/corpus/json_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attnlab::corpus {
namespace {

/// The document, or "! " and why there is none. Counting must find the same.
std::string read(const std::string& line) {
  JsonLine json;
  const auto text = json.text_of(line);
  const std::string found = text ? std::string(*text) : "! " + json.problem();
  JsonLine counter;
  EXPECT_EQ(counter.has_text(line), text.has_value()) << line;
  EXPECT_EQ(counter.problem(), json.problem());
  return found;
}

TEST(JsonLine, reads_text_wherever_it_stands) {
  EXPECT_EQ(read(R"({"text": "a", "meta": {"url": "x", "n": [1, -2.5e3, true, null]}})"), "a");
  EXPECT_EQ(read(R"( { "meta" : { "text" : "inner" } , "text" : "outer" } )"), "outer");
  EXPECT_EQ(read(R"({"text": ""})"), "");
  EXPECT_EQ(read(R"({"te\u0078t": "by its escaped name"})"), "by its escaped name");
}

TEST(JsonLine, reads_a_list_as_paragraphs_and_a_bare_string) {
  EXPECT_EQ(read(R"({"text": ["a", "b\n", "", "d"]})"), "a\n\nb\n\n\n\n\nd");
  EXPECT_EQ(read(R"({"text": []})"), "");
  EXPECT_EQ(read(R"("just \"this\"")"), "just \"this\"");
}

TEST(JsonLine, takes_the_last_of_equal_keys_as_python_does) {
  EXPECT_EQ(read(R"({"text": "a\n", "text": "b"})"), "b");
  EXPECT_EQ(read(R"({"text": 1, "text": "b"})"), "b");
  EXPECT_EQ(read(R"({"text": "a", "text": null})"),
            "! \"text\" is neither a string nor a list of them");
}

TEST(JsonLine, undoes_escapes) {
  EXPECT_EQ(read(R"({"text": "\"\\\/\b\f\n\r\t"})"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(read(R"({"text": "\u0041\u00e9\u20AC\ud83d\ude00"})"),
            "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(read("{\"text\": \"\\u0000\"}"), std::string(1, '\0'));
}

TEST(JsonLine, replaces_each_lone_surrogate) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(read(R"("\ud83d")"), r);
  EXPECT_EQ(read(R"("\ude00x")"), r + "x");
  EXPECT_EQ(read(R"("\ud83d\ud83d\ude00")"), r + "\xF0\x9F\x98\x80");
  EXPECT_EQ(read(R"("\ude00\ud83d")"), r + r);
  EXPECT_EQ(read(R"("\ud83d\u0041")"), r + "A");
  EXPECT_EQ(read(R"("\ud83d\n")"), r + "\n");
}

TEST(JsonLine, accepts_what_pythons_writer_writes) {
  EXPECT_EQ(read(R"({"a": NaN, "b": [Infinity, -Infinity], "text": "x"})"), "x");
}

TEST(JsonLine, keeps_characters_beyond_ascii) {
  EXPECT_EQ(read("{\"text\": \"Z\xC3\xBCrich \xE6\x9D\xB1\"}"), "Z\xC3\xBCrich \xE6\x9D\xB1");
}

TEST(JsonLine, says_why_a_line_has_no_document) {
  EXPECT_EQ(read(R"({"meta": {}})"), "! no key \"text\"");
  EXPECT_EQ(read(R"([1])"), "! expected an object or a string");
  EXPECT_EQ(read(R"({"text": 5})"), "! \"text\" is neither a string nor a list of them");
  EXPECT_EQ(read(R"({"text": ["a", 5]})"), "! \"text\" is neither a string nor a list of them");
  EXPECT_EQ(read("{\"text\": \"\xFF\"}"), "! not UTF-8");
  EXPECT_EQ(read("{\"text\": \"a\tb\"}"),
            "! not JSON: expected no bare control character at column 12, found something else");
  EXPECT_EQ(read(R"({"text": "a)"), "! not JSON: expected '\"' at column 12, the line ends");
  EXPECT_EQ(read(R"({"text": "a"} x)"),
            "! not JSON: expected the end of the line at column 15, found something else");
  EXPECT_EQ(read(R"({"text": "\x"})"),
            "! not JSON: expected an escape at column 12, found something else");
  EXPECT_EQ(read(R"({"text": "\u12G4"})"),
            "! not JSON: expected four hexadecimal digits at column 15, found something else");
}

TEST(JsonLine, refuses_what_is_no_json) {
  for (const char* line :
       {"{", "}", "{\"text\"}", "{\"text\":}", "{\"text\":\"a\",}", "{,}", "nul",
        "{\"text\":\"a\" \"b\":1}", "{\"a\":01,\"text\":\"x\"}", "{\"a\":1.,\"text\":\"x\"}",
        "{\"a\":+1,\"text\":\"x\"}", "{\"a\":[1,],\"text\":\"x\"}", "{'text':'a'}",
        "{\"a\":1e,\"text\":\"x\"}"}) {
    EXPECT_THAT(read(line), testing::StartsWith("! not JSON")) << line;
  }
}

TEST(JsonLine, refuses_deep_nesting_before_it_costs_the_stack) {
  const std::string deep(1'000'000, '[');
  EXPECT_EQ(read("{\"a\": " + deep), "! nested deeper than 256");
}

}  // namespace
}  // namespace attnlab::corpus
