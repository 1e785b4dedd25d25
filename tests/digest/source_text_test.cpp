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
             "TORCH_CHECK(a == 1, \"it is \", b, \"!\");"},
        Pair{"text_of_a_check_in_branches",
             "TORCH_CHECK(a,\n#if A\n\"x\"\n#else\n\"y\"\n#endif\n);",
             "TORCH_CHECK(a,\n#if A\n\"z\"\n#else\n\"\"\n#endif\n);"},
        Pair{"text_of_a_check_in_a_define", "#define C(x) TORCH_CHECK(x, #x \" is\")",
             "#define C(x) TORCH_CHECK(x, #x \" must\")"},
        Pair{"message_of_a_qualified_error", "throw ::std::runtime_error(\"a\");",
             "throw ::std::runtime_error(\"b\");"}),
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
        Pair{"apostrophe_in_a_directive", "#error don't\n#define F (x)",
             "#error don't\n#define F(x)"},
        Pair{"unended_comment", "a(); /* b", "c(); /* b"}, Pair{"unended_string", "f(\"a", "f(\"b"},
        Pair{"unended_raw_string", "f(R\"(a", "f(R\"(b"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    WhatACompilerMayReadOtherwise, Changed,
    testing::Values(
        Pair{"check_opened_in_both_branches",
             "#ifdef A\nTORCH_CHECK(a, \"x\",\n#else\nTORCH_CHECK(b, \"x\",\n#endif\nc, "
             "\"y\");\nf(\"fast\");",
             "#ifdef A\nTORCH_CHECK(a, \"x\",\n#else\nTORCH_CHECK(b, \"x\",\n#endif\nc, "
             "\"y\");\nf(\"slow\");"},
        Pair{"check_opened_in_one_branch",
             "#ifdef A\nTORCH_CHECK(a, \"x\",\n#else\nf(\n#endif\n\"fast\");",
             "#ifdef A\nTORCH_CHECK(a, \"x\",\n#else\nf(\n#endif\n\"slow\");"},
        Pair{"check_opened_in_an_only_branch", "#ifdef A\nTORCH_CHECK(a,\n#endif\nf(\"fast\");",
             "#ifdef A\nTORCH_CHECK(a,\n#endif\nf(\"slow\");"},
        Pair{"condition_ended_in_one_branch",
             "TORCH_CHECK(a\n#ifdef A\n, \"x\"\n#else\n== \"fast\"\n#endif\n);",
             "TORCH_CHECK(a\n#ifdef A\n, \"x\"\n#else\n== \"slow\"\n#endif\n);"},
        Pair{"name_in_one_branch", "#ifdef A\nTORCH_CHECK\n#else\nf\n#endif\n(a, \"fast\");",
             "#ifdef A\nTORCH_CHECK\n#else\nf\n#endif\n(a, \"slow\");"},
        Pair{"bracket_closed_by_a_macro", "TORCH_CHECK(a, \"x\" CLOSE; f(\"fast\");",
             "TORCH_CHECK(a, \"x\" CLOSE; f(\"slow\");"},
        Pair{"bracket_opened_by_a_macro", "OPEN a, \"x\"); f(\"fast\");",
             "OPEN a, \"x\"); f(\"slow\");"},
        Pair{"define_that_opens_a_call", "#define OPEN TORCH_CHECK(a,\nf(\"fast\");",
             "#define OPEN TORCH_CHECK(a,\nf(\"slow\");"},
        Pair{"define_that_closes_a_call",
             "#define CLOSE );\nTORCH_CHECK(a, \"x\" CLOSE f(\"fast\"));",
             "#define CLOSE );\nTORCH_CHECK(a, \"x\" CLOSE f(\"slow\"));"},
        Pair{"define_in_a_call", "throw Error(\n#define MODE \"fast\"\n\"x\");",
             "throw Error(\n#define MODE \"slow\"\n\"x\");"},
        Pair{"include_in_a_call", "throw Error(\n#include \"fast.h\"\n);",
             "throw Error(\n#include \"slow.h\"\n);"},
        Pair{"name_before_a_directive", "#undef Error\n(\"fast\");", "#undef Error\n(\"slow\");"},
        Pair{"own_check", "#define TORCH_CHECK(a, b) use(b)\nTORCH_CHECK(a, \"fast\");",
             "#define TORCH_CHECK(a, b) use(b)\nTORCH_CHECK(a, \"slow\");"},
        Pair{"own_function_of_a_known_name", "auto y = Error(\"ij,jk->ik\", q);",
             "auto y = Error(\"ij,jk->ki\", q);"},
        Pair{"choice_behind_throw", "throw a ? f(\"fast\") : Error(\"x\");",
             "throw a ? f(\"slow\") : Error(\"x\");"},
        Pair{"lambda_in_a_log", "log_info(\"x\", [&] { mode = \"fast\"; return 1; }());",
             "log_info(\"x\", [&] { mode = \"slow\"; return 1; }());"},
        Pair{"call_in_a_log", "log_info(\"x \" + choose(\"fast\"));",
             "log_info(\"x \" + choose(\"slow\"));"},
        Pair{"lambda_in_a_message", "TORCH_CHECK(a, [&] { return f(\"fast\"); }());",
             "TORCH_CHECK(a, [&] { return f(\"slow\"); }());"},
        Pair{"lambda_in_a_condition", "TORCH_CHECK([a, b] { return a == \"fast\"; }(), \"x\");",
             "TORCH_CHECK([a, b] { return a == \"slow\"; }(), \"x\");"},
        Pair{"key_in_a_message", "TORCH_CHECK(a, names[\"fast\"]);",
             "TORCH_CHECK(a, names[\"slow\"]);"},
        Pair{"literal_with_a_suffix", "log_info(\"fast\"_mode);", "log_info(\"slow\"_mode);"},
        Pair{"call_in_a_condition", "TORCH_CHECK(f(a, \"fast\"), \"x\");",
             "TORCH_CHECK(f(a, \"slow\"), \"x\");"},
        Pair{"string_behind_nested_calls", "TORCH_CHECK(a, g(h(1), \"x\")); f(\"fast\");",
             "TORCH_CHECK(a, g(h(1), \"x\")); f(\"slow\");"},
        Pair{"adjacent_strings", "f(\"a\" \"fast\" \"b\");", "f(\"a\" \"slow\" \"b\");"},
        Pair{"character_of_a_quote", "a = '\"'; f(\"fast\"); b = '\"';",
             "a = '\"'; f(\"slow\"); b = '\"';"},
        Pair{"escaped_apostrophe", "a = '\\''; f(\"// fast\");", "a = '\\''; f(\"// slow\");"},
        Pair{"string_over_two_lines", "f(\"a\\\n// fast\");", "f(\"a\\\n// slow\");"},
        Pair{"string_over_two_dos_lines", "f(\"a\\\r\n// fast\");", "f(\"a\\\r\n// slow\");"},
        Pair{"escape_over_two_lines", "f(\"a\\\\\n\"// fast\");", "f(\"a\\\\\n\"// slow\");"},
        Pair{"raw_prefix_over_two_lines", "f(R\\\n\"(a\" // fast)\");",
             "f(R\\\n\"(a\" // slow)\");"},
        Pair{"comment_sign_over_two_lines", "/\\\n* \" */ f(\"a // fast\");",
             "/\\\n* \" */ f(\"a // slow\");"},
        Pair{"comment_end_over_two_lines", "/* a *\\\n/ f(\"fast\"); /* b */",
             "/* a *\\\n/ f(\"slow\"); /* b */"},
        Pair{"backslash_and_blank_in_a_comment", "// a \\ \n/* b\nf(\"fast\");\n/* c */",
             "// a \\ \n/* b\nf(\"slow\");\n/* c */"},
        Pair{"lone_carriage_return", "// a\rf(\"fast\");", "// a\rf(\"slow\");"},
        Pair{"trigraph_in_a_comment", "// a ?\?/\n/* b\nf(\"fast\");\n/* c */",
             "// a ?\?/\n/* b\nf(\"slow\");\n/* c */"},
        Pair{"digraph_bracket", "TORCH_CHECK(<:a, b:>{ return a == \"fast\"; }(), \"x\");",
             "TORCH_CHECK(<:a, b:>{ return a == \"slow\"; }(), \"x\");"},
        Pair{"name_of_a_header", "#include <a//fast.h>", "#include <a//slow.h>"},
        Pair{"name_of_a_header_with_a_star", "#include <a/*fast.h>\nint a; /* */",
             "#include <a/*slow.h>\nint a; /* */"},
        Pair{"end_of_a_digraph_directive", "%:define A 1\nint b;", "%:define A 1 int b;"},
        Pair{"end_of_a_directive_behind_a_mark", "\xEF\xBB\xBF#define A 1\nint b;",
             "\xEF\xBB\xBF#define A 1 int b;"},
        Pair{"number_of_a_line", "int a = __LINE__;", "// one\nint a = __LINE__;"}),
    name_of);

TEST(SourceText, of_cmake_has_no_comments) {
  EXPECT_EQ(essential_cmake("# why\n  add(a -O3) \n\n"), "add(a -O3) \n");
  for (const auto* text : {"add(a %)", "file(WRITE a.h \"\n#define A %\n\")", "f([[\n# %\n]])",
                           "#[[ a\n#]] add(%)\n", "f(\"a\\\"\n# %\")"}) {
    const auto with = [&](const char* word) {
      auto source = std::string(text);
      return essential_cmake(source.replace(source.find('%'), 1, word));
    };
    EXPECT_NE(with("-O3"), with("-O2")) << text;
  }
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
