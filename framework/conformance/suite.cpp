#include "framework/conformance/suite.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>

#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::conformance {
namespace {

using plugin::CheckCase;

std::vector<Property> chosen(const std::vector<std::string>& names) {
  const auto all = properties();
  if (names.empty()) return {all.begin(), all.end()};
  std::vector<std::string> known;
  for (const auto& property : all) known.emplace_back(property.name);
  std::vector<Property> list;
  for (const auto& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      throw Error("--property: there is no property '" + name + "'." + did_you_mean(name, known),
                  kExitUsage);
    }
    list.push_back(all[static_cast<std::size_t>(found - known.begin())]);
  }
  return list;
}

/// Cases of one property, from small to large, and what came of them.
class Examination {
 public:
  Examination(const LoadedPlugin& plugin, const SuiteRequest& request, const Property& property,
              Listener& listener)
      : plugin_(plugin), request_(request), property_(property), listener_(listener) {}

  Result run(const std::vector<CheckCase>& cases) {
    if (request_.device.is_cuda() && property_.not_on_cuda != nullptr) {
      return {"not applicable", property_.not_on_cuda};
    }
    if (property_.not_applicable != nullptr) {
      if (auto why = property_.not_applicable(plugin_.note()); !why.empty()) {
        return {"not applicable", why};
      }
    }
    std::string refusal;
    std::int64_t done = 0, tried = 0;
    for (const auto& check : cases) {
      listener_.tries(property_.name, check, done++, static_cast<std::int64_t>(cases.size()));
      refusal = Trial(plugin_, check, request_.device).refusal();
      if (!refusal.empty()) continue;
      ++tried;
      if (const auto broken = violation(check); !broken.empty()) return shrunk({"", broken, check});
    }
    if (tried == 0) return {"not applicable", "the plugin refuses every case: " + refusal};
    return {"passed", std::to_string(tried) + (tried == 1 ? " case" : " cases")};
  }

 private:
  // Empty, or what was broken. Whatever a plugin throws on a case that it did not refuse counts.
  std::string violation(const CheckCase& check) const {
    try {
      property_.check(Trial(plugin_, check, request_.device));
      return {};
    } catch (const c10::Error& error) {
      expect_device_answers(error);
      return error.what_without_backtrace();
    } catch (const std::exception& error) {
      return *error.what() == '\0' ? "an exception without words" : error.what();
    } catch (...) {
      return "an exception that is not a std::exception";
    }
  }

  // After some errors a GPU does nothing more for this process.
  void expect_device_answers(const c10::Error& error) const {
    if (request_.device.is_cpu()) return;
    try {
      (void)at::zeros({1}, at::device(request_.device)).item<float>();
    } catch (const c10::Error&) {
      throw DeviceLost(error.what_without_backtrace());
    }
  }

  bool accepted(const CheckCase& check) const {
    try {
      return Trial(plugin_, check, request_.device).refusal().empty();
    } catch (const Error&) {
      return false;
    }
  }

  // Greedy: the first simpler case that fails as well is where the search goes on.
  Result shrunk(Result result) {
    result.status = property_.only_noted ? "noted" : "failed";
    std::vector<std::string> given;
    for (const auto& [name, value] : request_.cases.given) given.push_back(name);
    std::int64_t left = property_.cases == nullptr ? request_.shrink : 0;
    for (bool progress = true; progress && left > 0;) {
      progress = false;
      for (const auto& check : plugin::simpler(result.check, plugin_.note(), given)) {
        if (left-- <= 0) break;
        if (!accepted(check)) continue;
        listener_.tries(property_.name, check, 0, 0);
        const auto broken = violation(check);
        if (broken.empty()) continue;
        result.text = broken;
        result.check = check;
        progress = true;
        break;
      }
    }
    return result;
  }

  const LoadedPlugin& plugin_;
  const SuiteRequest& request_;
  const Property& property_;
  Listener& listener_;
};

/// LibTorch's own operators repeat themselves on a GPU only where they are told to; then it also
/// fills what is fresh.
class Deterministic {
 public:
  explicit Deterministic(at::Device device) : on_(device.is_cuda()) {
    if (!on_) return;
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);  // cuBLAS asks for it
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  }
  ~Deterministic() {
    if (on_) at::globalContext().setDeterministicAlgorithms(false, false);
  }
  Deterministic(const Deterministic&) = delete;
  Deterministic& operator=(const Deterministic&) = delete;

 private:
  bool on_;
};

void refuse_impossible(const LoadedPlugin& plugin, at::Device device) {
  const auto& note = plugin.note();
  const std::string name(note.name.view());
  const auto need = [&](std::uint32_t any_of, const std::string& what) {
    if ((note.traits & any_of) == 0) {
      throw Error("attention '" + name + "' declares no " + what + "; nothing can be checked.");
    }
  };
  const auto wide = device.is_cpu() ? plugin::kFloat64 : 0U;
  need(plugin::kFloat32 | wide | plugin::kBfloat16 | plugin::kFloat16, "dtype (kFloat32 ...)");
  need(plugin::kStrict | plugin::kInclusive, "causality (kStrict, kInclusive)");
  if (device.is_cuda()) {
    need(plugin::kRunsOnCuda, "device cuda (kRunsOnCuda)");
  } else {
    need(plugin::kRunsOnCpu, "device cpu (kRunsOnCpu)");
  }
}

// What a case starts from where only some of its fields are given.
CheckCase plain_case(const plugin::PluginNote& note, const CaseRequest& request) {
  CheckCase check;
  check.head_dim = allowed_head_dim(note, 16);
  check.dtype = dtypes_of(note, request.device).front();
  check.causality = first_causality(note);
  check.seed = request.seed;
  check.parameters = request.given;
  return check;
}

std::vector<CheckCase> cases_for(const Property& property, const LoadedPlugin& plugin,
                                 const SuiteRequest& request, const std::vector<CheckCase>& usual) {
  const auto start = plain_case(plugin.note(), request.cases);
  if (!request.only_case.empty()) return {plugin::parse_case(request.only_case, start)};
  if (property.cases == nullptr) return usual;
  auto cases = property.cases(plugin.note());
  for (auto& check : cases) {
    check.head_dim = allowed_head_dim(plugin.note(), check.head_dim);
    check.dtype = start.dtype;
    check.causality = start.causality;
    check.seed = start.seed;
    check.parameters = start.parameters;
  }
  return cases;
}

}  // namespace

void run_suite(const LoadedPlugin& plugin, const SuiteRequest& request, Listener& listener) {
  refuse_impossible(plugin, request.device);
  const Deterministic deterministic(request.device);
  const auto list = chosen(request.properties);
  const Trial first(plugin, plain_case(plugin.note(), request.cases), request.device);
  (void)first.refusal();  // throws where the user's parameters cannot be
  const auto usual = make_cases(plugin, request.cases);
  std::vector<std::string> names;
  for (const auto& property : list) names.emplace_back(property.name);
  listener.begins(names);
  std::string closed;  // the gate that failed
  for (const auto& property : list) {
    Result result{"not run", "'" + closed + "' failed; mend that first"};
    if (closed.empty()) {
      Examination examination(plugin, request, property, listener);
      result = examination.run(cases_for(property, plugin, request, usual));
    }
    listener.ended(property.name, result);
    if (property.gate && result.status == "failed") closed = property.name;
  }
}

}  // namespace attnlab::conformance
