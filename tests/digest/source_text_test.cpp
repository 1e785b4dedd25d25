#include "framework/digest/source_text.h"

#include <gmock/gmock.h>

#include <fstream>

#include "framework/core/digest.h"
#include "framework/digest/inputs.h"

namespace attnlab::digest {
namespace {

struct Pair {
  const char* what;
  const char* before;
  const char* after;
};

std::string name_of(const testing::TestParamInfo<Pair>& info) { return info.param.what; }

class Unchanged : public testing::TestWithParam<Pair> {};

TEST_P(Unchanged, by) {
  EXPECT_EQ(essential_text(GetParam().before), essential_text(GetParam().after));
}

INSTANTIATE_TEST_SUITE_P(
    SourceText, Unchanged,
    testing::Values(
        Pair{"line_comment", "int a = 1;", "int a = 1;  // one"},
        Pair{"line_comment_before", "int a;", "// a \"quote\nint a;"},
        Pair{"comment_over_two_lines", "int a;", "// one \\\n two\nint a;"},
        Pair{"block_comment", "f(a, b);", "f(a /* first */, /* it's */ b);"},
        Pair{"block_comment_in_directive", "#define A 1\nint a;", "#define A /*\n*/ 1\nint a;"},
        Pair{"comment_for_a_blank", "int a;", "int/**/a;"},
        Pair{"line_breaks", "void f(int a, int b) { g(a); }",
             "void f(int a,\n       int b) {\n  g(a);\n}\n"},
        Pair{"dos_line_ends", "int a;\nint b;", "int a;\r\nint b;\r\n"},
        Pair{"broken_line", "#define A 1 + 2", "#define A 1 + \\\n 2"},
        Pair{"message_of_an_error", "throw Error(\"a\" + x);", "throw Error(\"b\" + x);"},
        Pair{"message_in_a_nested_call", "throw Error(text(\"a\", f(\"b\")));",
             "throw Error(text(\"c\", f(\"d\")));"},
        Pair{"raw_message", "throw Error(R\"x(a)\")x\");", "throw Error(R\"(b)\");"},
        Pair{"log_text", "log_info(\"a \" + name);", "log_info(\"b: \" + name);"},
        Pair{"text_of_a_check", "TORCH_CHECK(a == 1, \"x\", b, \"y\");",
             "TORCH_CHECK(a == 1, \"it is \", b, \"!\");"}),
    name_of);

class Changed : public testing::TestWithParam<Pair> {};

TEST_P(Changed, by) {
  EXPECT_NE(essential_text(GetParam().before), essential_text(GetParam().after));
}

INSTANTIATE_TEST_SUITE_P(
    SourceText, Changed,
    testing::Values(
        Pair{"number", "int a = 1;", "int a = 2;"},
        Pair{"digit_separator", "int a = 1'000; int b = 2'0;", "int a = 1'000; int b = 3'0;"},
        Pair{"character", "char a = '\"'; int b = 1; // '\"'", "char a = '\"'; int b = 2; // '\"'"},
        Pair{"string", "Stream s(\"hash\");", "Stream s(\"drop\");"},
        Pair{"string_with_slashes", "f(\"a // b\");", "f(\"a // c\");"},
        Pair{"string_with_escaped_quote", "f(\"a\\\" // b\");", "f(\"a\\\" // c\");"},
        Pair{"blanks_in_a_string", "f(\"a  b\");", "f(\"a b\");"},
        Pair{"raw_string", "f(R\"(a // b)\");", "f(R\"(a // c)\");"},
        Pair{"raw_string_with_comment_signs", "f(R\"(/*)\"); a(); /* */",
             "f(R\"(/*)\"); b(); /* */"},
        Pair{"lines_of_a_raw_string", "f(R\"(a\nb)\");", "f(R\"(a b)\");"},
        Pair{"end_of_a_directive", "#define A 1\nint b;", "#define A 1 int b;"},
        Pair{"function_like_macro", "#define A(x) 1", "#define A (x) 1"},
        Pair{"joined_operators", "a = b + +c;", "a = b ++c;"},
        Pair{"joined_words", "int a;", "inta;"},
        Pair{"line_that_was_commented_out", "a();\nb();", "a();\n//b();"},
        Pair{"condition_of_a_check", "TORCH_CHECK(name == \"a\", \"x\");",
             "TORCH_CHECK(name == \"b\", \"x\");"},
        Pair{"value_in_a_message", "throw Error(\"a\" + x);", "throw Error(\"a\" + y);"},
        Pair{"string_behind_a_message", "log_info(\"a\"); f(\"b\");", "log_info(\"a\"); f(\"c\");"},
        Pair{"apostrophe_in_a_directive", "#error don't\n#define F (x)", "#error don't\n#define F(x)"},
        Pair{"unended_comment", "a(); /* b", "c(); /* b"}, Pair{"unended_string", "f(\"a", "f(\"b"},
        Pair{"unended_raw_string", "f(R\"(a", "f(R\"(b"}),
    name_of);

TEST(SourceText, of_cmake_has_no_comments) {
  EXPECT_EQ(essential_cmake("# why\n  add(a -O3) \n\n"), "add(a -O3) \n");
  EXPECT_NE(essential_cmake("add(a -O3)"), essential_cmake("add(a -O2)"));
}

TEST(SourceDigest, takes_other_files_as_they_are) {
  const auto digest_of = [](const std::string& name, const std::string& text) {
    const auto file = testing::TempDir() + name;
    std::ofstream(file) << text;
    return source_digest(file);
  };
  EXPECT_EQ(digest_of("a.cpp", "a; // b"), digest_of("a.h", "a;"));
  EXPECT_NE(digest_of("a.bin", "a; // b"), digest_of("a.bin", "a;"));
  EXPECT_EQ(digest_of("weights.bin", "a  b"), sha256_hex("a  b"));
}

TEST(Dependencies, are_read_as_make_would) {
  using testing::ElementsAre;
  EXPECT_THAT(dependencies("a.o: b.cpp \\\n  c\\ d.h \\\n\te$$f.h\n\nb.cpp:\n"),
              ElementsAre("b.cpp", "c d.h", "e$f.h"));
  EXPECT_THAT(dependencies("a.o: b.cpp"), ElementsAre("b.cpp"));
  EXPECT_THAT(dependencies("a.o:\n\nb:\n"), ElementsAre());
  EXPECT_THAT(dependencies(""), ElementsAre());
  EXPECT_THAT(dependencies("a.o: \\\n b.cpp \\"), ElementsAre("b.cpp", "\\"));
}

}  // namespace
}  // namespace attnlab::digest
