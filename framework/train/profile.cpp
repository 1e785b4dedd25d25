#include "framework/train/profile.h"

#include <ATen/record_function.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "framework/core/error.h"
#include "framework/core/status_lines.h"

namespace attnlab::train {
namespace {

namespace kineto = torch::autograd::profiler;
using torch::profiler::impl::ActivityType;
using Event = kineto::KinetoEvent;

constexpr double kNano = 1e-9;
constexpr const char* kOther = "other";
constexpr const char* kGradients = "gradients";

bool in_scope(const Event& event, at::RecordScope scope) {
  return event.scope() == static_cast<std::uint8_t>(scope);
}
double seconds(const Event& event) { return static_cast<double>(event.durationNs()) * kNano; }

// What an event on the host belongs to. Backward nodes find their part by their sequence number.
struct Place {
  std::string part = kOther;
  bool backward = false;
};

class StepSum {
 public:
  explicit StepSum(const std::vector<Event>& events) {
    for (const auto& event : events) {
      if (event.deviceType() != c10::DeviceType::CPU) {
        on_device_.push_back(&event);
      } else if (!event.isAsync()) {
        on_host_.push_back(&event);
        if (in_scope(event, at::RecordScope::USER_SCOPE)) begun_[event.sequenceNr()] = event.name();
      }
    }
    std::ranges::sort(on_host_, {}, [](const Event* e) {
      return std::tuple{e->startThreadId(), e->startNs(), ~e->durationNs()};
    });
    walk_host();
    for (const auto* event : on_device_) add_device(*event);
  }

  std::map<std::string, PartTime> parts;
  std::map<std::string, OperatorTime> operators;
  std::int64_t launches = 0;

 private:
  struct Open {
    std::uint64_t thread, end;
    Place place;
    OperatorTime* own;
    bool inside;  // a part
  };

  [[nodiscard]] std::string part_of(std::int64_t sequence) const {
    const auto next = begun_.upper_bound(sequence);
    return next == begun_.begin() ? kOther : std::prev(next)->second;
  }

  void walk_host() {
    std::vector<Open> open;
    for (const auto* event : on_host_) {
      while (!open.empty() && (open.back().thread != event->startThreadId() ||
                               open.back().end <= event->startNs())) {
        open.pop_back();
      }
      open.push_back(enter(*event, open.empty() ? nullptr : &open.back()));
    }
  }

  Open enter(const Event& event, const Open* outer) {
    const bool part = in_scope(event, at::RecordScope::USER_SCOPE);
    const bool node = in_scope(event, at::RecordScope::BACKWARD_FUNCTION);
    Place place = outer == nullptr ? Place{} : outer->place;
    const bool inside = outer != nullptr && outer->inside;
    if (part) place = {event.name(), false};
    if (node && !inside) {  // what sums up gradients of leaves has no number
      place = {event.sequenceNr() < 0 ? kGradients : part_of(event.sequenceNr()), true};
    }
    const double time = seconds(event);
    if ((part || node) && !inside) {
      auto& sum = parts[place.part];
      (place.backward ? sum.backward : sum.forward) += time;
    }
    auto& own = operators[part ? "in " + event.name() : event.name()];
    ++own.calls;
    own.self += time;
    if (outer != nullptr) outer->own->self -= time;
    places_[event.correlationId()] = {place, &own};
    return {event.startThreadId(), event.endNs(), place, &own, inside || part || node};
  }

  void add_device(const Event& event) {
    const auto from = places_.find(event.linkedCorrelationId());
    if (from == places_.end()) return;  // a range that the profiler draws around kernels
    ++launches;
    const auto& [place, own] = from->second;
    parts[place.part].device += seconds(event);
    own->device += seconds(event);
  }

  std::vector<const Event*> on_host_, on_device_;
  std::map<std::int64_t, std::string> begun_;  // first sequence number of each part, in order
  std::unordered_map<std::uint64_t, std::pair<Place, OperatorTime*>> places_;
};

template <class Time, class Add>
void merge(std::vector<Time>& into, std::map<std::string, Time>& from, Add add) {
  for (auto& [name, time] : from) {
    auto found = std::ranges::find(into, name, &Time::name);
    if (found == into.end()) {
      into.push_back({.name = name});
      found = std::prev(into.end());
    }
    add(*found, time);
  }
}

std::set<ActivityType> activities(bool cuda) {
  if (cuda) return {ActivityType::CPU, ActivityType::CUDA};
  return {ActivityType::CPU};
}

const torch::profiler::impl::ProfilerConfig& profiler_config() {
  static const torch::profiler::impl::ProfilerConfig config(
      torch::profiler::impl::ProfilerState::KINETO);
  return config;
}

}  // namespace

Profiler::Profiler(bool cuda) : cuda_(cuda) {
  // Without a GPU Kineto complains of that on stderr.
  if (!cuda_) ::setenv("KINETO_LOG_LEVEL", "5", /*overwrite=*/0);
}

void Profiler::begin() {
  kineto::prepareProfiler(profiler_config(), activities(cuda_));
  kineto::enableProfiler(profiler_config(), activities(cuda_));
  begun_ = clock_seconds();
}

void Profiler::end(const std::filesystem::path& trace) {
  sum_.seconds += clock_seconds() - begun_;
  ++sum_.steps;
  const auto result = kineto::disableProfiler();
  StepSum step(result->events());
  sum_.launches += step.launches;
  merge(sum_.parts, step.parts, [](PartTime& sum, const PartTime& time) {
    sum.forward += time.forward;
    sum.backward += time.backward;
    sum.device += time.device;
  });
  merge(sum_.operators, step.operators, [](OperatorTime& sum, const OperatorTime& time) {
    sum.calls += time.calls;
    sum.self += time.self;
    sum.device += time.device;
  });
  if (trace.empty()) return;
  result->save(trace.string());
  if (!std::filesystem::exists(trace)) throw Error("'" + trace.string() + "' cannot be written.");
}

Profile Profiler::result() const {
  auto profile = sum_;
  double known = 0;
  for (const auto& part : profile.parts) known += part.forward + part.backward;
  auto rest = std::ranges::find(profile.parts, kOther, &PartTime::name);
  if (rest == profile.parts.end()) {
    profile.parts.push_back({.name = kOther});
    rest = std::prev(profile.parts.end());
  }
  rest->forward += std::max(0.0, profile.seconds - known);
  std::ranges::sort(profile.parts, std::greater{},
                    [](const PartTime& p) { return p.forward + p.backward + p.device; });
  std::ranges::sort(profile.operators, std::greater{},
                    [](const OperatorTime& o) { return o.self + o.device; });
  return profile;
}

}  // namespace attnlab::train
