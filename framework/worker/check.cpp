// check.cpp: the conformance suite on one plugin, in this process.
#include "framework/conformance/guard_allocator.h"
#include "framework/conformance/property.h"
#include "framework/conformance/suite.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/worker/job.h"
#include "framework/worker/same_build.h"

namespace attnlab::worker {
namespace {

class Listener final : public conformance::Listener {
 public:
  explicit Listener(const Reporter& reporter) : reporter_(reporter) {}
  void begins(const std::vector<std::string>& properties) override {
    reporter_.send(launch::CheckReport{.kind = "plan", .properties = properties});
  }
  void drawn(const std::string& text) override {
    reporter_.send(launch::CheckReport{.kind = "drawn", .text = text});
  }
  void tries(const std::string& property, const plugin::CheckCase& check, std::int64_t done,
             std::int64_t cases) override {
    reporter_.send(launch::CheckReport{.kind = "case",
                                       .property = property,
                                       .case_text = plugin::text(check),
                                       .parameters = plugin::parameter_words(check),
                                       .done = done,
                                       .cases = cases});
  }
  void ended(const std::string& property, const conformance::Result& result) override {
    const bool broken = result.status == "failed" || result.status == "noted";
    reporter_.send(
        launch::CheckReport{.kind = "result",
                            .property = property,
                            .status = result.status,
                            .text = result.text,
                            .case_text = broken ? plugin::text(result.check) : "",
                            .parameters = broken ? plugin::parameter_words(result.check) : "",
                            .skipped = result.skipped});
  }

 private:
  const Reporter& reporter_;
};

}  // namespace

int check(const launch::CheckRequest& request) {
  const Reporter reporter(report_fd());
  const auto refused = [&](const std::string& why) {
    reporter.send(launch::CheckReport{.kind = "refused", .text = why});
    return kExitError;
  };
  try {
    check_same_build();
    const auto wanted = request.device == "cuda" ? config::Device::cuda : config::Device::cpu;
    const auto device = begin_on(wanted, 2).device;
    setenv("ATTNLAB_CUDA_CHECK", "now", /*overwrite=*/0);  // a refusal belongs to the case that met it
    conformance::install_guard_allocator(request.memory_limit);
    const auto plugin = load_plugin(request.plugin_path);
    Listener listener(reporter);
    conformance::run_suite(
        plugin,
        {.properties = request.properties,
         .cases = {.seed = request.seed,
                   .random = request.cases,
                   .length = request.length,
                   .heads = request.heads,
                   .head_dim = request.head_dim,
                   .longest = request.max_length == 0 ? conformance::kLongest : request.max_length},
         .min_length = request.min_length,
         .fail_fast = request.fail_fast,
         .given = request.parameters.as_map(),
         .memory_limit = static_cast<double>(request.memory_limit),
         .only_case = request.only_case,
         .shrink = request.shrink,
         .device = device},
        listener);
    return kExitOk;
  } catch (const Error& error) {
    static_cast<void>(refused(error.what()));
    return error.exit_code();
  } catch (const conformance::DeviceLost& error) {
    // `attnlab plugin check` takes it for the end of this property and goes on with a new process.
    notice(std::string("the device was lost: ") + error.what() + "\n");
    return kExitError;
  } catch (const std::exception& error) {
    return refused(std::string("the suite itself failed: ") + error.what());
  }
}

std::string properties() {
  std::string lines;
  for (const auto& property : conformance::properties()) {
    lines += std::string(property.name) + "=" + property.promise + "\n";
  }
  return lines;
}

}  // namespace attnlab::worker
