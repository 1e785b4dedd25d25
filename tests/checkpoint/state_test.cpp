#include "framework/checkpoint/state.h"

#include <gmock/gmock.h>

#include "tests/checkpoint/support.h"

namespace attnlab::checkpoint {
namespace {

using testing::HasSubstr;

State some() {
  State state;
  state.fingerprint = "f00d";
  state.attempt = 3;
  state.config = R"({"seed":1,"train":{"learning_rate":0.1}})";
  state.plugin = "/x/attention_y.so";
  state.step = 4300;
  state.steps = 9000;
  state.learning_rate = 0.1 + 0.2;
  state.loss = 1.0 / 3;
  state.validation_due = true;
  state.buffers = {"blocks.0.attention.mean"};
  state.timing_mask = UINT64_MAX;
  state.step_seconds = {{1, 1e-300}, {7, 0.1}};
  return state;
}

TEST(State, reads_what_it_writes_to_the_last_bit) {
  const auto text = to_json(some(), {{"model.safetensors", {12, "abc"}}});
  const auto [state, files] = state_from(text);
  EXPECT_EQ(to_json(state, files), text);
  EXPECT_EQ(state.learning_rate, 0.1 + 0.2);
  EXPECT_EQ(state.loss, 1.0 / 3);
  EXPECT_EQ(state.validation, std::nullopt);
  EXPECT_EQ(state.timing_mask, UINT64_MAX);
  EXPECT_EQ(state.step_seconds, some().step_seconds);
  EXPECT_EQ(state.config, some().config);
  EXPECT_EQ(files.at("model.safetensors").bytes, 12U);
}

TEST(State, refuses_what_was_changed) {
  const auto text = to_json(some(), {});
  const auto changed = [&](const std::string& from, const std::string& to) {
    auto other = text;
    other.replace(other.find(from), from.size(), to);
    return refusal([&] { (void)state_from(other); });
  };
  EXPECT_THAT(changed("4300", "4301"), HasSubstr("its digest does not match its content"));
  EXPECT_THAT(changed("\"seed\": 1", "\"seed\": 2"), HasSubstr("its digest does not match"));
  EXPECT_THAT(changed("\"format\": 1", "\"format\": 2"), HasSubstr("it is of format 2; this program reads format 1"));
  EXPECT_THAT(changed("\"state\"", "\"stats\""), HasSubstr("state"));
  EXPECT_NE(refusal([&] { (void)state_from(text.substr(0, text.size() / 2)); }), "");
  EXPECT_NE(refusal([&] { (void)state_from(""); }), "");
}

}  // namespace
}  // namespace attnlab::checkpoint
