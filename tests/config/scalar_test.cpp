#include "framework/config/scalar.h"

#include <gmock/gmock.h>

#include <cmath>

#include "framework/core/error.h"

namespace attnlab::config {
namespace {

template <class T>
void expect(std::string_view word, const T& value) {
  const Node::Value typed = typed_scalar(word);
  ASSERT_TRUE(std::holds_alternative<T>(typed)) << word << " is a " << Node(typed).type_name();
  EXPECT_EQ(std::get<T>(typed), value) << word;
}

TEST(Scalar, decimal_words_are_integers) {
  expect<std::int64_t>("0", 0);
  expect<std::int64_t>("-0", 0);
  expect<std::int64_t>("+12", 12);
  expect<std::int64_t>("1_000_000", 1000000);
  expect<std::int64_t>("9223372036854775807", INT64_MAX);
  expect<std::int64_t>("-9223372036854775808", INT64_MIN);
}

TEST(Scalar, a_point_or_an_exponent_makes_a_real) {
  expect("3.", 3.0);
  expect(".5", 0.5);
  expect("-1e-3", -1e-3);
  expect("1_0.2_5", 10.25);
  expect("1E3", 1000.0);
  expect("1e999", double(INFINITY));
  expect("1e-999", 0.0);
  expect("Inf", double(INFINITY));
  expect("-inf", -double(INFINITY));
  EXPECT_TRUE(std::isnan(std::get<double>(typed_scalar("NaN"))));
}

TEST(Scalar, true_false_and_null_in_any_case) {
  expect("true", true);
  expect("False", false);
  expect("NULL", std::monostate{});
}

TEST(Scalar, all_else_is_a_string) {
  for (const std::string word :
       {"",  "yes", "on", "no",    "007", "-01",  "1__0", "_1",  "1_",       "0x10", "1e",
        ".", "-",   "e5", "1.2.3", "10k", "none", "nul",  "+-1", "infinity", "1 2"}) {
    expect(word, word);
    EXPECT_TRUE(is_string(word)) << word;
  }
  EXPECT_FALSE(is_string("1"));
  EXPECT_FALSE(is_string("null"));
  EXPECT_FALSE(is_string("99999999999999999999"));
}

TEST(Scalar, an_integer_beyond_64_bits_is_refused) {
  try {
    static_cast<void>(typed_scalar("9223372036854775808"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "integer 9223372036854775808 does not fit in 64 bits; expected one from "
                 "-9223372036854775808 to 9223372036854775807.");
  }
}

}  // namespace
}  // namespace attnlab::config
