#include "framework/launch/worker_protocol.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::launch {
namespace {

// Keeps the config's keys in order: the worker must see the same canonical text as the planner.
using Json = nlohmann::ordered_json;

// JSON has no NaN, and a diverging loss is exactly what people want to see.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(exact_number(value)); }

double number(const Json& json) {
  return json.is_string() ? std::stod(json.get<std::string>()) : json.get<double>();
}

Json parse(const std::string& text, const std::string& source) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw Error(source + ": not valid JSON: " + error.what());
  }
}

// One line, whatever bytes a plugin put into its message.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

template <class Read>
auto reading(const std::string& source, Read&& read) {
  try {
    return read();
  } catch (const std::exception& error) {
    throw Error(source + ": " + error.what());
  }
}

}  // namespace

std::string to_json(const RunSpec& spec) {
  const Json json{{"run_id", spec.run_id},
                  {"database", spec.database},
                  {"peer_plugin_path", spec.peer_plugin_path},
                  {"plugin_path", spec.plugin_path},
                  {"data_dir", spec.data_dir},
                  {"fingerprint", spec.fingerprint},
                  {"config", Json::parse(config::to_json(spec.config))}};
  return dump(json, 2) + "\n";
}

RunSpec run_spec_from_json(const std::string& text, const std::string& source) {
  const Json json = parse(text, source);
  return reading(source, [&] {
    RunSpec spec;
    spec.run_id = json.at("run_id").get<std::int64_t>();
    spec.database = json.at("database").get<std::string>();
    spec.plugin_path = json.at("plugin_path").get<std::string>();
    spec.data_dir = json.at("data_dir").get<std::string>();
    spec.peer_plugin_path = json.value("peer_plugin_path", "");
    spec.fingerprint = json.at("fingerprint").get<std::string>();
    spec.config = config::from_json(json.at("config").dump(), source);
    return spec;
  });
}

std::string to_json(const Report& report) {
  const Json json{{"kind", report.kind},
                  {"step", report.step},
                  {"steps", report.steps},
                  {"loss", number(report.loss)},
                  {"seconds_left", number(report.seconds_left)},
                  {"text", report.text},
                  {"status", report.status}};
  return dump(json, -1);
}

Report report_from_json(const std::string& line) {
  const std::string source = "report of a worker";
  const Json json = parse(line, source);
  return reading(source, [&] {
    Report report;
    report.kind = json.at("kind").get<std::string>();
    report.step = json.value("step", report.step);
    report.steps = json.value("steps", report.steps);
    if (json.contains("loss")) report.loss = number(json["loss"]);
    if (json.contains("seconds_left")) report.seconds_left = number(json["seconds_left"]);
    report.text = json.value("text", "");
    report.status = json.value("status", "");
    return report;
  });
}

}  // namespace attnlab::launch
