#include "framework/config/override.h"

#include <gmock/gmock.h>

#include "framework/config/compose.h"
#include "framework/core/error.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::config {
namespace {

using Form = Override::Form;
using Sign = Override::Sign;

// The one value's text, so that type and content show: 1, 1.0, "1", null.
std::string value_of(const std::string& text) {
  const Override override = parse_override(text);
  EXPECT_EQ(override.form, Form::single) << text;
  return override.values.at(0).text();
}

std::string type_of(const std::string& value) {
  return std::string(parse_override("k=" + value).values.at(0).type_name());
}

std::string string_of(const std::string& value) {
  return std::get<std::string>(parse_override("k=" + value).values.at(0).value());
}

TEST(Override, signs_say_set_add_force_or_remove) {
  EXPECT_EQ(parse_override("k=1").sign, Sign::set);
  EXPECT_EQ(parse_override("+k=1").sign, Sign::add);
  EXPECT_EQ(parse_override("++k=1").sign, Sign::force);
  EXPECT_EQ(parse_override("~k").sign, Sign::remove);
  EXPECT_TRUE(parse_override("~k").values.empty());
  EXPECT_EQ(value_of("~k=1"), "1");
}

TEST(Override, a_key_is_a_path_a_group_or_a_group_at_a_package) {
  EXPECT_EQ(parse_override("train.steps=1").key, "train.steps");
  EXPECT_EQ(parse_override("a.0.b=1").key, "a.0.b");
  EXPECT_EQ(parse_override("hydra/launcher=x").key, "hydra/launcher");
  EXPECT_EQ(parse_override("$a.b-c=1").key, "$a.b-c");
  const Override packaged = parse_override("model@left.one=tiny");
  EXPECT_EQ(packaged.key, "model");
  EXPECT_EQ(packaged.package, "left.one");
  EXPECT_EQ(packaged.target(), "model@left.one");
  EXPECT_EQ(parse_override("~db@src").target(), "db@src");
}

TEST(Override, scalars_are_typed_like_yaml) {
  EXPECT_EQ(value_of("k=10"), "10");
  EXPECT_EQ(value_of("k=1_000"), "1000");
  EXPECT_EQ(value_of("k=-3"), "-3");
  EXPECT_EQ(type_of("1e-3"), "real");
  EXPECT_EQ(type_of("3."), "real");
  EXPECT_EQ(type_of(".5"), "real");
  EXPECT_EQ(type_of("-INF"), "real");
  EXPECT_EQ(type_of("NaN"), "real");
  EXPECT_EQ(type_of("True"), "boolean");
  EXPECT_EQ(type_of("null"), "null");
  EXPECT_EQ(string_of("10k"), "10k");
  EXPECT_EQ(string_of("007"), "007");
  EXPECT_EQ(string_of("yes"), "yes");
  EXPECT_EQ(string_of(""), "");
  EXPECT_EQ(string_of("  "), "");
}

TEST(Override, words_keep_inner_blanks_and_lose_outer_ones) {
  EXPECT_EQ(string_of("  hello  world "), "hello  world");
  EXPECT_EQ(string_of("a:b/c.d-e+f%g@h*i?j|k"), "a:b/c.d-e+f%g@h*i?j|k");
  EXPECT_EQ(string_of("naïve"), "naïve");
  EXPECT_EQ(type_of(" 10 "), "integer");
}

TEST(Override, a_backslash_escapes_the_grammar_in_words) {
  EXPECT_EQ(string_of(R"(a\,b)"), "a,b");
  EXPECT_EQ(string_of(R"(\(\)\[\]\{\}\:\=\\)"), R"(()[]{}:=\)");
  EXPECT_EQ(string_of(R"(\ a\ )"), " a ");
  EXPECT_EQ(string_of("a\\\tb"), "a\tb");
  EXPECT_EQ(string_of(R"(C:\dir)"), R"(C:\dir)");
  EXPECT_EQ(string_of(R"(\:)"), ":");
}

TEST(Override, quoted_text_is_always_a_string) {
  EXPECT_EQ(string_of("'10'"), "10");
  EXPECT_EQ(string_of("\"a, b = [c] #1\""), "a, b = [c] #1");
  EXPECT_EQ(string_of("''"), "");
  EXPECT_EQ(string_of(" ' a ' "), " a ");
  EXPECT_EQ(string_of(R"('it\'s "x"')"), R"(it's "x")");
  EXPECT_EQ(string_of(R"("say \"x\"")"), R"(say "x")");
  EXPECT_EQ(string_of(R"('a\b')"), R"(a\b)");
  EXPECT_EQ(string_of(R"('a\\')"), R"(a\)");
  EXPECT_EQ(string_of(R"('a\\\'b')"), R"(a\'b)");
}

TEST(Override, interpolations_stay_text) {
  EXPECT_EQ(string_of("${a.b}"), "${a.b}");
  EXPECT_EQ(string_of("x_${a}/${oc.env:HOME,\"a,b\"}"), "x_${a}/${oc.env:HOME,\"a,b\"}");
  EXPECT_EQ(string_of("${a.${b}}"), "${a.${b}}");
  EXPECT_EQ(string_of("\\${a}"), "\\${a}");
  EXPECT_EQ(string_of("'${a}'"), "${a}");
}

TEST(Override, lists_and_dicts_nest) {
  EXPECT_EQ(value_of("k=[1, 2.5,a b,[],null]"), "[1,2.5,\"a b\",[],null]");
  EXPECT_EQ(value_of("k={a:1, b c:{d:[x,'1']},5:y}"), "{a:1,\"b c\":{d:[x,\"1\"]},5:y}");
  EXPECT_EQ(value_of("k={}"), "{}");
  EXPECT_EQ(value_of("k={a\\:b:1,'c,d':2}"), "{\"a:b\":1,\"c,d\":2}");
  EXPECT_EQ(value_of("k=[int('3'),str(1)]"), "[3,\"1\"]");
}

TEST(Override, values_know_the_override_that_set_them) {
  const Override override = parse_override("train={steps:[100]}");
  EXPECT_EQ(override.origin.text(), "override 'train={steps:[100]}'");
  EXPECT_EQ(override.values[0].origin().text(), override.origin.text());
  EXPECT_EQ(override.values[0].find_path("steps.0")->origin().text(), override.origin.text());
  EXPECT_EQ(parse_override("z=zip(a=choice(1,2))").zipped[0].values[1].origin().text(),
            "override 'a=choice(1,2)'");
}

TEST(Override, a_comma_makes_a_sweep) {
  const Override sweep = parse_override("attention=dense, none,[a,b]");
  EXPECT_EQ(sweep.form, Form::sweep);
  ASSERT_EQ(sweep.values.size(), 3U);
  EXPECT_EQ(sweep.values[1].text(), "none");
  EXPECT_EQ(sweep.values[2].text(), "[a,b]");
  EXPECT_EQ(sweep.values[2].origin().text(), "override 'attention=dense, none,[a,b]'");
}

struct Refusal {
  std::string text;
  std::string message;
  std::size_t caret;
};

TEST(Override, an_error_shows_the_text_and_a_caret_below_the_fault) {
  const std::vector<Refusal> refusals{
      {"", "expected a key here, such as 'train.steps' or 'attention'.", 0},
      {"=1", "expected a key here", 0},
      {"a..b=1", "expected a key here", 2},
      {"a/=1", "expected a key here", 2},
      {"a@=1", "expected a key here", 2},
      {"0=1", "a key begins with a letter, not with a digit.", 0},
      {"train.steps", "expected KEY=VALUE; the key ends here without '='.", 11},
      {"a b=1", "expected KEY=VALUE", 1},
      {"a/b.c=1", "expected KEY=VALUE", 3},
      {"k=1,", "it ends too early; expected a value.", 4},
      {"k=,1", "unexpected ','; expected a value.", 2},
      {"k=[1,2", "it ends too early; expected ',' or ']'.", 6},
      {"k=[1,]", "unexpected ']'; expected a value.", 5},
      {"k={a:1", "it ends too early; expected ',' or '}'.", 6},
      {"k={a}", "unexpected '}'; expected ':' after the key 'a'.", 4},
      {"k={:1}", "unexpected ':'; expected a key of the dict.", 3},
      {"k={a:1,a:2}", "the key 'a' stands twice in the dict.", 7},
      {"k={a:1,${b}:2}", "unexpected '{'; expected ':' after the key '$'.", 8},
      {"k=a=b", "unexpected '='; in a value write '\\=', or put the value in quotes.", 3},
      {"k=a#b",
       "unexpected '#'; expected ',' or the end. A value with such letters goes in quotes, "
       "and those again in the shell's: 'key=\"a #1\"'.",
       3},
      {std::string("k=a\x01", 4), "unexpected byte 0x01; expected ',' or the end.", 3},
      {"k='a'b", "unexpected 'b'; expected ',' or the end.", 5},
      {"k=1]", "unexpected ']'; expected ',' or the end.", 3},
      {"k='ab", "the quote is not closed; expected ' at the end.", 2},
      {"k=ü\"ab", "unexpected '\"'", 3},
      {"k=x${a.${b}", "'${' is not closed; expected '}'.", 3},
      {"k=1,99999999999999999999",
       "integer 99999999999999999999 does not fit in 64 bits; expected one from "
       "-9223372036854775808 to 9223372036854775807.",
       4},
      {"k=[choice(1,2)]", "a sweep cannot stand inside a list or dict; make it the whole value.",
       3},
      {"k=1,range(3)",
       "a function that makes a sweep cannot stand in a list with ','; "
       "write all values in one choice(...).",
       4},
      {"~k=1,2", "'~' removes one value; it cannot sweep.", 3},
      {"k=" + std::string(100, '['), "brackets are nested too deeply.", 67},
  };
  for (const auto& refusal : refusals) {
    const auto message = message_of([&] { return parse_override(refusal.text); });
    EXPECT_THAT(message, testing::StartsWith("cannot read override: " + refusal.message));
    const std::string last = message.substr(message.rfind('\n') + 1);
    EXPECT_EQ(last, "  " + std::string(refusal.caret, ' ') + "^") << message;
  }
}

TEST(Override, a_function_without_a_name_in_front_is_explained) {
  for (const std::string call : {"zip(a=choice(1,2),b=choice(3,4))", "choice(1,2)", "range(3)"}) {
    EXPECT_THAT(message_of([&] { return parse_override(call); }),
                testing::HasSubstr("is a function here; it needs a name in front, "));
  }
}

TEST(Override, a_literal_is_taken_as_it_stands) {
  for (const std::string text :
       {"plain", "a b", "a\\b", "a\\", "it's", "say \"x\"", "\\\"", "x ${y}", "\\${y}", "\\\\${y}",
        "a,b", "7", "1e5", "null", "", "C:\\x\\${z}\\", "${", "\t"}) {
    Node config = Node::map();
    config.set("k", parse_override("k=" + as_literal(text)).values.at(0));
    interpolate(config);
    EXPECT_EQ(*config.find("k")->as_string(), text);
  }
}

TEST(Override, an_error_prints_control_letters_as_blanks) {
  try {
    static_cast<void>(parse_override("k=a\nb"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::EndsWith("\n  k=a b\n     ^"));
  }
}

TEST(Override, with_value_writes_what_reads_back_as_the_same) {
  const Override sweep = parse_override("+model@left=a,b");
  const Override single = with_value(sweep, Node(std::string("a b")));
  EXPECT_EQ(single.text, "+model@left=\"a b\"");
  EXPECT_EQ(single.sign, Sign::add);
  EXPECT_EQ(single.form, Form::single);
  EXPECT_EQ(single.values[0].origin().text(), "override '+model@left=\"a b\"'");
  EXPECT_EQ(with_value(parse_override("k=range(3)"), Node(std::int64_t{2})).text, "k=2");
  const Override extended =
      with_value(parse_override("k=extend_list(1,b)"), Node(List{Node(true)}));
  EXPECT_EQ(extended.text, "k=extend_list(true)");
  EXPECT_TRUE(parse_override(extended.text).extends_list);
}

}  // namespace
}  // namespace attnlab::config
