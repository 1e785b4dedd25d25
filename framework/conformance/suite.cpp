#include "framework/conformance/suite.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "framework/attention/process_state.h"
#include "framework/conformance/owned.h"
#include "framework/conformance/threads.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::conformance {

std::vector<Property> properties() {
  return {kParameters,
          kGenerator, kProcess,
          kOutput,
          kUnwritten,
          kBounds,
          kInputs,
          kLayout,
          kCausality,
          kSoftmax,
          kFutureValues,
          kFuturePattern,
          kPoison, kDivergence,
          kGradients,
          kFiniteDifferences,
          kParameterGradients,
          kLeaves,
          kDense,
          kDocuments,
          kDeterminism,
          kSeed,
          kBatch,
          kEvaluation,
          kBuffers,
          kMemory};
}

namespace {

using plugin::CheckCase;

std::vector<Property> chosen(const std::vector<std::string>& names) {
  const auto all = properties();
  if (names.empty()) return all;
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
  Examination(const Subject& subject, const SuiteRequest& request, const Property& property,
              Listener& listener)
      : subject_(subject), request_(request), property_(property), listener_(listener) {}

  Result run(const std::vector<CheckCase>& cases) {
    const auto all = static_cast<std::int64_t>(cases.size());
    for (std::int64_t done = 0; done < all; ++done) {
      const auto& check = cases[static_cast<std::size_t>(done)];
      listener_.tries(property_.name, check, done, all);
      if (const auto broken = violation(check); !broken.empty()) return shrunk({"", broken, check});
    }
    const auto skipped = static_cast<std::int64_t>(skipped_.size());
    const auto looked = all - skipped - absent_;
    if (absent_ > 0 && absent_ == all) return {"not applicable", absence_};
    std::string text = std::to_string(looked) + (looked == 1 ? " case" : " cases");
    if (absent_ > 0) text += "; in " + std::to_string(absent_) + " " + absence_;
    if (skipped > 0) {
      text += ", " + std::to_string(skipped) + " skipped";
      for (const auto& reason : std::set(skipped_.begin(), skipped_.end())) text += "\n" + reason;
    }
    return {looked > 0 ? "passed" : "skipped", text, {}, skipped};
  }

 private:
  // Empty, or what was broken. Whatever a plugin throws on a case that it did not refuse counts.
  std::string violation(const CheckCase& check) {
    const RestoredProcess process;  // what one case changes should not show in the next
    const Threads threads(threads_for(check.length));
    try {
      const Trial trial(subject_, check);
      if (const auto refusal = trial.refusal(); !refusal.empty()) throw Skipped(refusal);
      property_.check(trial);
      return {};
    } catch (const Skipped& skipped) {
      skipped_.emplace_back(skipped.what());
      return {};
    } catch (const Absent& absent) {
      ++absent_;
      absence_ = absent.what();
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
      return Trial(subject_, check).refusal().empty();
    } catch (const Error&) {
      return false;
    }
  }

  // Greedy: the first simpler case that fails as well is where the search goes on.
  Result shrunk(Result result) {
    result.status = property_.only_noted ? "noted" : "failed";
    std::vector<std::string> given;
    for (const auto& [name, value] : request_.given) given.push_back(name);
    std::int64_t left = property_.lengths.empty() ? request_.shrink : 0;
    result.skipped = static_cast<std::int64_t>(skipped_.size());
    for (bool progress = true; progress && left > 0;) {
      progress = false;
      for (const auto& check : plugin::simpler(result.check, subject_.plugin.note(), given)) {
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

  const Subject& subject_;
  const SuiteRequest& request_;
  const Property& property_;
  Listener& listener_;
  std::vector<std::string> skipped_;  // why, one for each case
  std::int64_t absent_ = 0;           // cases that have nothing of the kind, and what
  std::string absence_;
};

// LibTorch's own operators repeat themselves on a GPU only where they are told to; then it also
// fills what is fresh. For the rest of the process.
void be_deterministic(at::Device device) {
  if (!device.is_cuda()) return;
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);  // cuBLAS asks for it
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
}

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

// Empty, or why a property says nothing about this plugin on this device.
std::string not_applicable(const Property& property, const Subject& subject) {
  if (subject.device.is_cuda() && property.not_on_cuda != nullptr) return property.not_on_cuda;
  return property.not_applicable == nullptr ? "" : property.not_applicable(subject.plugin.note());
}

/// The cases of every property.
class Cases {
 public:
  Cases(const Subject& subject, const SuiteRequest& request, Listener& listener)
      : subject_(subject),
        request_(request),
        listener_(listener),
        usual_(make_cases(subject, request.cases)) {
    (void)Trial(subject, usual_.back()).refusal();  // throws where the user's parameters cannot be
  }

  std::vector<CheckCase> of(const Property& property) {
    if (!request_.only_case.empty()) {
      return {plugin::parse_case(request_.only_case, plain(request_.cases.seed))};
    }
    auto cases = property.lengths.empty() ? usual(property) : own(property);
    std::erase_if(cases,
                  [&](const CheckCase& check) { return check.length < request_.min_length; });
    return cases;
  }

 private:
  const std::vector<CheckCase>& usual(const Property& property) {
    if (!property.gate) make_sparse_once(property);  // a gate shows first that the plugin runs
    return usual_;
  }

  // What a case starts from where only some of its fields are given.
  CheckCase plain(std::uint64_t seed) const {
    const auto& note = subject_.plugin.note();
    CheckCase check;
    check.head_dim = allowed_head_dim(note, subject_.device, 16);
    check.dtype = dtypes_of(note, subject_.device).front();
    check.causality = first_causality(note);
    check.seed = seed;
    check.parameters = subject_.given;
    return check;
  }

  std::vector<CheckCase> own(const Property& property) const {
    std::vector<CheckCase> cases;
    for (const auto length : property.lengths) {
      if (!cases.empty() && length > request_.cases.longest) continue;
      cases.push_back(plain(request_.cases.seed));
      cases.back().batch = cases.back().heads = 2;
      cases.back().length = length;
    }
    return cases;
  }

  void make_sparse_once(const Property& property) {
    if (std::exchange(drawn_, true)) return;
    const auto sparse = make_sparse(subject_, request_.cases, usual_, [&](const CheckCase& check) {
      listener_.tries(property.name, check, 0, 0);
    });
    std::int64_t longest = 0;
    for (const auto& check : usual_) longest = std::max(longest, check.length);
    std::string text = std::to_string(usual_.size()) + " cases, T up to " +
                       std::to_string(longest) + ", keys that causality allows are left out in " +
                       std::to_string(sparse);
    if (sparse == 0) {
      text += "\nwarning: no case left out a causal pair; a sparse pattern was not looked at";
    }
    listener_.drawn(text);
  }

  const Subject& subject_;
  const SuiteRequest& request_;
  Listener& listener_;
  std::vector<CheckCase> usual_;
  bool drawn_ = false;
};

}  // namespace

void run_suite(const LoadedPlugin& plugin, const SuiteRequest& request, Listener& listener) {
  refuse_impossible(plugin, request.device);
  be_deterministic(request.device);
  const auto list = chosen(request.properties);
  const Subject subject{plugin, request.device, request.given, request.memory_limit};
  Cases cases(subject, request, listener);
  std::vector<std::string> names;
  for (const auto& property : list) names.emplace_back(property.name);
  listener.begins(names);
  std::string closed;  // the gate that failed, or the first of all with fail_fast
  for (const auto& property : list) {
    Result result{"not run", "'" + closed + "' failed; mend that first"};
    if (closed.empty()) {
      const auto why = not_applicable(property, subject);
      result = why.empty()
                   ? Examination(subject, request, property, listener).run(cases.of(property))
                   : Result{"not applicable", why};
    }
    listener.ended(property.name, result);
    if ((property.gate || request.fail_fast) && result.status == "failed") closed = property.name;
  }
}

}  // namespace attnlab::conformance
