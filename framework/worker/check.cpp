#include "framework/worker/check.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "framework/conformance/guard_allocator.h"
#include "framework/conformance/suite.h"
#include "framework/core/error.h"
#include "framework/launch/worker_protocol.h"
#include "framework/worker/devices.h"

namespace attnlab::worker {
namespace {

void send(const launch::CheckReport& report) {
  const std::string line = launch::to_json(report) + "\n";
  std::string_view left = line;
  while (!left.empty()) {
    const auto written = ::write(launch::kReportFd, left.data(), left.size());
    if (written <= 0) return;  // the parent is gone; ParentWatch sees to it
    left.remove_prefix(static_cast<std::size_t>(written));
  }
}

class Reporter final : public conformance::Listener {
 public:
  void begins(const std::vector<std::string>& properties) override {
    send({.kind = "plan", .properties = properties});
  }
  void tries(const std::string& property, const plugin::CheckCase& check, std::int64_t done,
             std::int64_t cases) override {
    send({.kind = "case",
          .property = property,
          .case_text = plugin::text(check),
          .parameters = plugin::parameter_words(check),
          .done = done,
          .cases = cases});
  }
  void ended(const std::string& property, const conformance::Result& result) override {
    const bool broken = result.status == "failed" || result.status == "noted";
    send({.kind = "result",
          .property = property,
          .status = result.status,
          .text = result.text,
          .case_text = broken ? plugin::text(result.check) : "",
          .parameters = broken ? plugin::parameter_words(result.check) : ""});
  }
};

conformance::SuiteRequest suite_request(const launch::CheckRequest& request) {
  const auto device = request.device == "cuda" ? config::Device::cuda : config::Device::cpu;
  const auto chosen = choose_device(device).device;
  return {.properties = request.properties,
          .cases = {request.seed, request.cases, request.parameters.as_map(), chosen},
          .only_case = request.only_case,
          .shrink = request.shrink,
          .device = chosen};
}

}  // namespace

int check(const launch::CheckRequest& request) {
  try {
    at::set_num_interop_threads(1);
    at::set_num_threads(2);
    const auto suite = suite_request(request);
    conformance::install_guard_allocator(request.memory_limit);
    const auto plugin = load_plugin(request.plugin_path);
    Reporter reporter;
    conformance::run_suite(plugin, suite, reporter);
    return kExitOk;
  } catch (const Error& error) {
    send({.kind = "refused", .text = error.what()});
    return error.exit_code();
  } catch (const conformance::DeviceLost& error) {
    // `attnlab plugin check` takes it for the end of this property and goes on with a new process.
    std::fprintf(stderr, "the device was lost: %s\n", error.what());
  } catch (const std::exception& error) {
    send({.kind = "refused", .text = std::string("the suite itself failed: ") + error.what()});
  }
  return kExitError;
}

}  // namespace attnlab::worker
