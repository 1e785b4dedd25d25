#include "framework/attention/checked_attention.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
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

std::unique_ptr<Attention> bad_habits(const std::string& kind, const std::string& how = "plainly") {
  return bad("bad_habits", section("bad_habits", {{"kind", kind}, {"how", how}}));
}

std::string forward_message(Attention& attention, bool training = true) {
  ContextCase context(1);
  context.context.training = training;
  context.context.statistics = true;
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

TEST(CheckedAttention, what_harms_others_names_the_plugin_and_is_taken_back) {
  const auto threads = at::get_num_threads();
  const auto changed = [&](const std::string& doing) {
    return "attention plugin 'bad_habits' (.*), layer 1 changed in " + doing +
           " what the whole process shares: the number of LibTorch's threads: " + std::to_string(threads) + ", now 7";
  };
  struct Case {
    const char *kind, *how;
    std::string words;
  };
  const std::vector<Case> cases{
      {"none", "plainly", "no error"},
      {"threads", "plainly", changed("forward")},
      {"threads", "evaluation", changed("forward in evaluation")},
      {"no_gradients", "plainly", "layer 1 changed in forward .*: gradients .*: on, now off"},
      {"ignores_sigterm", "plainly", "layer 1 changed in forward .*: SIGTERM: the system's action, now ignored"},
      {"writes", "plainly", "layer 1 wrote to its input in forward: value. .*work on a copy"},
      {"writes", "documents", "layer 1 wrote to its input in forward: documents"},
      {"statistic", "name", "layer 1, statistic 'Bad Name/x': expected a name of lower-case letters, digits and '_'"},
      {"statistic", "twice", "layer 1, statistic 'rows': it is reported twice in one forward"},
      {"statistic", "plainly", "layer 1, statistic 'rows': a tensor of shape .3. and dtype Float; expected one real number"}};
  for (const auto& [kind, how, words] : cases) {
    const auto attention = bad_habits(kind, how);
    auto input = RandomInput({1, 2, 8, 4}, at::kFloat).input();
    input.documents = at::zeros({1, 8}, at::kInt);
    ContextCase context(1);
    context.context.statistics = true;
    const auto message = attnlab::message_of([&] {
      (void)attention->forward(input, context.context);
      context.context.training = false;
      (void)attention->forward(input, context.context);
    });
    EXPECT_THAT(message, ::testing::ContainsRegex(words)) << kind;
    EXPECT_EQ(at::get_num_threads(), threads) << kind;
    EXPECT_TRUE(at::GradMode::is_enabled()) << kind;
  }
  EXPECT_THAT(attnlab::message_of([] { (void)bad_habits("threads", "create"); }), ::testing::ContainsRegex(changed("create")));
  EXPECT_THAT(attnlab::message_of([] { bad_habits("threads", "finish_step")->finish_step(); }),
              ::testing::ContainsRegex(changed("finish_step")));
}

}  // namespace
}  // namespace attnlab::test
