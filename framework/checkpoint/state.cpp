#include "framework/checkpoint/state.h"

#include <nlohmann/json.hpp>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/core/json_text.h"

namespace attnlab::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

// The one list of what is written and read.
template <class S, class Visit>
void each_field(S& state, Visit&& visit) {
  visit("fingerprint", state.fingerprint);
  visit("attempt", state.attempt);
  visit("plugin", state.plugin);
  visit("data_digest", state.data_digest);
  visit("weights", state.weights);
  visit("step", state.step);
  visit("steps", state.steps);
  visit("sequences", state.sequences);
  visit("tokens", state.tokens);
  visit("learning_rate", state.learning_rate);
  visit("loss", state.loss);
  visit("validation_due", state.validation_due);
  visit("validation", state.validation);
  visit("buffers", state.buffers);
  visit("losses", state.losses);
  visit("batches", state.batches);
  visit("timed_steps", state.timed_steps);
  visit("timed_seconds", state.timed_seconds);
  visit("timing_mask", state.timing_mask);
  visit("step_seconds", state.step_seconds);
  visit("tensor_peak", state.tensor_peak);
  visit("process_peak", state.process_peak);
}

template <class T>
Json json_of(const T& value) {
  return value;
}
Json json_of(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

template <class T>
void take(const Json& json, T& value) {
  json.get_to(value);
}
void take(const Json& json, std::optional<double>& value) {
  if (!json.is_null()) value = json.get<double>();
}

}  // namespace

std::string to_json(const State& state, const Files& files) {
  Json rest{{"files", Json::object()}, {"state", Json::object()}};
  for (const auto& [name, file] : files) {
    rest["files"][name] = {{"bytes", file.bytes}, {"sha256", file.sha256}};
  }
  each_field(state, [&](const char* name, const auto& value) { rest["state"][name] = json_of(value); });
  rest["config"] = Json::parse(state.config.empty() ? "{}" : state.config);
  Json whole{{"format", kFormat}, {"sha256", sha256_hex(json_text(rest))}};
  whole.update(rest);
  return json_text(whole, 1) + "\n";
}

std::pair<State, Files> state_from(const std::string& text) try {
  const Json whole = Json::parse(text);
  if (whole.at("format") != kFormat) {
    throw Error("it is of format " + whole.at("format").dump() + "; this program reads format " +
                std::to_string(kFormat));
  }
  const Json rest{{"files", whole.at("files")}, {"state", whole.at("state")}, {"config", whole.at("config")}};
  if (whole.at("sha256") != sha256_hex(json_text(rest))) {
    throw Error("its digest does not match its content");
  }
  State state;
  each_field(state, [&](const char* name, auto& value) { take(rest["state"].at(name), value); });
  state.config = json_text(rest["config"], -1);
  Files files;
  for (const auto& [name, file] : rest["files"].items()) {
    files[name] = {file.at("bytes").get<std::uint64_t>(), file.at("sha256").get<std::string>()};
  }
  return {std::move(state), std::move(files)};
} catch (const Json::exception& error) {
  throw Error(error.what());
}

}  // namespace attnlab::checkpoint
