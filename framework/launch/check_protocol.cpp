#include "framework/launch/check_protocol.h"

#include <nlohmann/json.hpp>

#include "framework/core/error.h"

namespace attnlab::launch {
namespace {

using Json = nlohmann::ordered_json;

template <class Read>
auto parsed(const std::string& text, const std::string& source, Read&& read) {
  try {
    return read(Json::parse(text));
  } catch (const std::exception& error) {
    throw Error(source + ": " + error.what());
  }
}

// One line, whatever bytes a plugin put into its message.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const CheckRequest& request) {
  return dump({{"plugin_path", request.plugin_path},
               {"properties", request.properties},
               {"seed", request.seed},
               {"cases", request.cases},
               {"shrink", request.shrink},
               {"only_case", request.only_case},
               {"device", request.device},
               {"memory_limit", request.memory_limit},
               {"parameters", Json::parse(config::to_json(request.parameters))}},
              2);
}

CheckRequest check_request_from_json(const std::string& text, const std::string& source) {
  return parsed(text, source, [&](const Json& json) {
    CheckRequest request;
    json.at("plugin_path").get_to(request.plugin_path);
    json.at("properties").get_to(request.properties);
    json.at("seed").get_to(request.seed);
    json.at("cases").get_to(request.cases);
    json.at("shrink").get_to(request.shrink);
    json.at("only_case").get_to(request.only_case);
    json.at("device").get_to(request.device);
    json.at("memory_limit").get_to(request.memory_limit);
    request.parameters = config::from_json(json.at("parameters").dump(), source);
    return request;
  });
}

std::string to_json(const CheckReport& report) {
  return dump({{"kind", report.kind},
               {"properties", report.properties},
               {"property", report.property},
               {"status", report.status},
               {"text", report.text},
               {"case", report.case_text},
               {"parameters", report.parameters},
               {"done", report.done},
               {"cases", report.cases}},
              -1);
}

CheckReport check_report_from_json(const std::string& line) {
  return parsed(line, "report of a check", [](const Json& json) {
    CheckReport report;
    json.at("kind").get_to(report.kind);
    json.at("properties").get_to(report.properties);
    json.at("property").get_to(report.property);
    json.at("status").get_to(report.status);
    json.at("text").get_to(report.text);
    json.at("case").get_to(report.case_text);
    json.at("parameters").get_to(report.parameters);
    json.at("done").get_to(report.done);
    json.at("cases").get_to(report.cases);
    return report;
  });
}

}  // namespace attnlab::launch
