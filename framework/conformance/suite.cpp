#include "framework/conformance/suite.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/conformance/guard.h"
#include "framework/conformance/property.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

using Json = nlohmann::ordered_json;

class Report {
 public:
  explicit Report(int fd) : fd_(fd) {}
  void line(const Json& event) const {
    const std::string text = event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    [[maybe_unused]] const auto written = ::write(fd_, text.data(), text.size());
  }

 private:
  int fd_;
};

/// One property on one case; what the plugin throws is a failure.
Verdict judge(const Property& property, const Subject& subject, const Case& c) {
  try {
    return property.check(subject, c);
  } catch (const std::bad_alloc&) {
    return fail("it ran out of memory");
  } catch (const c10::Error& error) {
    return fail(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

bool takes(const Subject& subject, const Case& c) {
  try {
    return subject.refuses(c).empty();
  } catch (const Error&) {
    return false;  // parameters that exclude each other
  }
}

struct Failure {
  Case c;
  Verdict verdict;
};

/// The smallest case near this one that still fails.
Failure shrunk(const Property& property, const Subject& subject, Failure failure,
               const Report& report) {
  for (bool smaller_fails = true; smaller_fails;) {
    smaller_fails = false;
    for (const auto& c : smaller(failure.c, subject.note())) {
      if (!takes(subject, c)) continue;
      report.line({{"event", "case"}, {"property", property.name}, {"case", c.text()}});
      auto verdict = judge(property, subject, c);
      if (!verdict.failed()) continue;
      failure = {c, std::move(verdict)};
      smaller_fails = true;
      break;
    }
  }
  return failure;
}

struct Tally {
  std::int64_t passed = 0;
  std::string not_applicable;
  std::optional<Failure> failure;
};

Tally run_property(const Property& property, const Subject& subject, const std::vector<Case>& all,
                   const Request& request, const Report& report) {
  Tally tally;
  for (const auto& c : all) {
    if (!takes(subject, c)) continue;
    report.line({{"event", "case"}, {"property", property.name}, {"case", c.text()}});
    auto verdict = judge(property, subject, c);
    if (verdict.failed()) {
      tally.failure = Failure{c, std::move(verdict)};
      if (request.shrink) tally.failure = shrunk(property, subject, *tally.failure, report);
      return tally;
    }
    if (verdict.kind == Verdict::Kind::not_applicable) tally.not_applicable = verdict.why;
    tally.passed += verdict.kind == Verdict::Kind::passed;
    if (property.once) break;
  }
  return tally;
}

Json summary(const Property& property, const Tally& tally) {
  Json event{{"event", "property"}, {"property", property.name}, {"cases", tally.passed}};
  if (tally.failure) {
    event["status"] = "failed";
    event["why"] = tally.failure->verdict.why;
    event["case"] = tally.failure->c.text();
  } else if (tally.passed == 0) {
    event["status"] = "not applicable";
    event["why"] =
        tally.not_applicable.empty() ? "the plugin refuses every case" : tally.not_applicable;
  } else {
    event["status"] = "passed";
  }
  return event;
}

std::vector<Property> chosen(const Request& request) {
  std::vector<Property> result;
  std::vector<std::string> names;
  for (const auto& property : properties()) {
    names.emplace_back(property.name);
    if (request.properties.empty() ||
        std::ranges::find(request.properties, property.name) != request.properties.end()) {
      result.push_back(property);
    }
  }
  for (const auto& name : request.properties) {
    if (std::ranges::find(names, name) == names.end()) {
      throw Error("unknown property '" + name + "'." + did_you_mean(name, names), kExitUsage);
    }
  }
  return result;
}

}  // namespace

int run_suite(const Request& request, int report_fd) {
  const auto selected = chosen(request);
  install_guard();
  at::set_num_threads(2);
  const auto plugin = load_plugin(request.plugin);
  const Subject subject(plugin);
  const auto device = request.cuda ? at::kCUDA : at::kCPU;
  auto all = cases(plugin.note(), request.seed, request.cases, device);
  if (!request.only_case.empty()) all = {parse_case(request.only_case, plugin.note())};
  const Report report(report_fd);
  bool failed = false;
  for (const auto& property : selected) {
    const auto tally = run_property(property, subject, all, request, report);
    failed = failed || tally.failure.has_value();
    report.line(summary(property, tally));
  }
  return failed ? kExitRunsFailed : kExitOk;
}

Request request_from_json(const std::string& text, const std::string& source) {
  try {
    const auto json = Json::parse(text);
    Request request;
    request.plugin = json.at("plugin");
    request.properties = json.at("properties").get<std::vector<std::string>>();
    request.seed = json.at("seed");
    request.cases = json.at("cases");
    request.only_case = json.at("case");
    request.shrink = json.at("shrink");
    request.cuda = json.at("cuda");
    return request;
  } catch (const nlohmann::json::exception& error) {
    throw Error(source + " is not a request of `attnlab plugin check`: " + error.what());
  }
}

}  // namespace attnlab::conformance
