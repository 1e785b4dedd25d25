// profile_print.cpp: a profile for people, for programs and for the store.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <span>

#include "framework/train/profile.h"

namespace attnlab::train {
namespace {

constexpr std::size_t kShownOperators = 30;
constexpr double kMilli = 1e3;

constexpr std::size_t kColumns = 11, kPartColumns = 16, kOperatorColumns = 64;

std::string left(const std::string& text, std::size_t columns) {
  return text.substr(0, columns - 1) + std::string(columns - std::min(text.size(), columns - 1), ' ');
}
std::string right(const std::string& text, std::size_t columns = kColumns) {
  return std::string(columns - std::min(text.size(), columns), ' ') + text;
}
// LibTorch's headers bring an fmt of their own, so this library cannot use Debian's.
std::string fixed(double number, std::size_t columns = kColumns, int places = 3) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", places, number);
  return right(text, columns);
}

double a_step(const Profile& profile, double seconds) {
  return profile.steps == 0 ? 0 : seconds / static_cast<double>(profile.steps);
}

}  // namespace

std::string to_text(const Profile& profile) {
  const auto ms = [&](double seconds) { return kMilli * a_step(profile, seconds); };
  const double all = std::max(profile.seconds, 1e-12);
  auto text = std::to_string(profile.steps) + " steps were profiled, " + fixed(ms(profile.seconds), 0, 3) +
              " ms each" +
              (profile.launches == 0 ? "" : " and " + fixed(a_step(profile, static_cast<double>(profile.launches)), 0, 1) +
                                                " launches on the device") +
              "; milliseconds a step, on the host where it does not say device\n\n" +
              left("part", kPartColumns) + right("forward") + right("backward") + right("share") +
              right("device") + "\n";
  for (const auto& part : profile.parts) {
    text += left(part.name, kPartColumns) + fixed(ms(part.forward)) + fixed(ms(part.backward)) +
            fixed(100 * (part.forward + part.backward) / all, kColumns - 2, 1) + " %" +
            fixed(ms(part.device)) + "\n";
  }
  text += "\n" + left("operator", kOperatorColumns) + right("calls") + right("self") + right("device") + "\n";
  const auto shown = std::min(kShownOperators, profile.operators.size());
  for (const auto& each : std::span(profile.operators).first(shown)) {
    text += left(each.name, kOperatorColumns) + right(std::to_string(each.calls)) +
            fixed(ms(each.self)) + fixed(ms(each.device)) + "\n";
  }
  const auto more = profile.operators.size() - shown;
  if (more > 0) text += std::to_string(more) + " more operators are in profile.json\n";
  return text;
}

std::string to_json(const Profile& profile) {
  using Json = nlohmann::ordered_json;
  Json json{{"steps", profile.steps},
            {"step_seconds", a_step(profile, profile.seconds)},
            {"launches", a_step(profile, static_cast<double>(profile.launches))},
            {"parts", Json::array()},
            {"operators", Json::array()}};
  for (const auto& part : profile.parts) {
    json["parts"].push_back({{"name", part.name},
                             {"forward_seconds", a_step(profile, part.forward)},
                             {"backward_seconds", a_step(profile, part.backward)},
                             {"device_seconds", a_step(profile, part.device)}});
  }
  for (const auto& each : profile.operators) {
    json["operators"].push_back({{"name", each.name},
                                 {"calls", each.calls},
                                 {"self_seconds", a_step(profile, each.self)},
                                 {"device_seconds", a_step(profile, each.device)}});
  }
  return json.dump(1) + "\n";
}

std::vector<Metric> metrics_of(const Profile& profile) {
  std::vector<Metric> metrics;
  for (const auto& part : profile.parts) {
    metrics.push_back({{"profile/" + part.name, "s", Goal::minimise}, a_step(profile, part.forward)});
    if (part.backward > 0) {
      metrics.push_back({{"profile/" + part.name + "/backward", "s", Goal::minimise},
                         a_step(profile, part.backward)});
    }
    if (part.device > 0) {
      metrics.push_back({{"profile/" + part.name + "/device", "s", Goal::minimise},
                         a_step(profile, part.device)});
    }
  }
  return metrics;
}

}  // namespace attnlab::train
