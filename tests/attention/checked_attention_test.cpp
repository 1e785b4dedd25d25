#include "framework/attention/checked_attention.h"

#include <gmock/gmock.h>

#include "framework/core/error.h"
#include "tests/support/elf_file.h"
#include "tests/support/plugin_case.h"

namespace attnlab::test {
namespace {

using ::testing::HasSubstr;

const AttentionShape kCheckedShape{.heads = 2, .head_dim = 4, .max_length = 8};

std::unique_ptr<Attention> bad(const std::string& name, const config::Node& section) {
  const auto file = built_plugin(name).parent_path().parent_path() / "bad_plugins" /
                    ("attention_" + name + ".so");
  return load_plugin(file).create(kCheckedShape, section, 1);
}

std::unique_ptr<Attention> bad_output(const std::string& kind, std::int64_t after = 0) {
  return bad("bad_output", section("bad_output", {{"kind", kind}, {"after", after}}));
}

std::unique_ptr<Attention> bad_ends(const std::string& kind) {
  return bad("bad_ends", section("bad_ends", {{"kind", kind}}));
}

std::string forward_message(Attention& attention, bool training = true) {
  ContextCase context(1);
  context.context.training = training;
  return attnlab::message_of([&] {
    (void)attention.forward(RandomInput({1, 2, 8, 4}, at::kFloat).input(), context.context);
  });
}

TEST(CheckedAttention, a_wrong_shape_is_shown_beside_the_right_one) {
  const auto message = forward_message(*bad_output("wrong_shape"));
  EXPECT_THAT(message, HasSubstr("attention plugin 'bad_output' ("));
  EXPECT_THAT(
      message,
      HasSubstr("), layer 1 returned an output of shape [1, 2, 8, 3]; expected [1, 2, 8, 4], as "
                "the query has."));
}

TEST(CheckedAttention, a_wrong_dtype_is_shown_beside_the_right_one) {
  EXPECT_THAT(forward_message(*bad_output("wrong_dtype")),
              HasSubstr("layer 1 returned an output of dtype Double; expected Float"));
}

TEST(CheckedAttention, a_missing_output_is_named) {
  EXPECT_THAT(forward_message(*bad_output("no_output")),
              HasSubstr("layer 1 returned no output tensor."));
}

TEST(CheckedAttention, nan_in_the_first_forward_is_named) {
  EXPECT_THAT(forward_message(*bad_output("not_finite")),
              HasSubstr("layer 1 returned NaN or infinity for finite query, key and value."));
}

TEST(CheckedAttention, a_later_nan_is_found_in_evaluation) {
  const auto attention = bad_output("not_finite", 1);
  EXPECT_EQ(forward_message(*attention), "(no error)");
  EXPECT_THAT(forward_message(*attention, /*training=*/false), HasSubstr("returned NaN or infinity"));
}

TEST(CheckedAttention, nan_from_the_model_is_not_blamed_on_the_plugin) {
  const ContextCase context(1);
  const auto nan = at::full({1, 2, 8, 4}, std::nan(""));
  const AttentionInput input{nan, nan, nan, {}};
  EXPECT_EQ(attnlab::message_of([&] { (void)bad_output("not_finite")->forward(input, context.context); }), "(no error)");
}

TEST(CheckedAttention, an_exception_of_libtorch_names_the_plugin) {
  EXPECT_THAT(forward_message(*bad_ends("throws_in_forward")),
              HasSubstr("layer 1 failed in forward:\n  this plugin cannot add up"));
}

TEST(CheckedAttention, an_exception_that_is_an_int_names_the_plugin) {
  EXPECT_THAT(forward_message(*bad_ends("throws_an_int")),
              HasSubstr("layer 1 failed in forward:\n  an exception that is not a std::exception"));
}

}  // namespace
}  // namespace attnlab::test
