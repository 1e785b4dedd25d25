#include "framework/cli/dispatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "framework/cli/options.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"

namespace attnlab::cli {

int dispatch(const Menu& menu, Arguments arguments) {
  const auto first = arguments.empty() ? std::string() : arguments[0];
  if (auto* surface = Probe::current()) {
    const auto chosen = std::ranges::find(menu.actions, first, &Action::name);
    if (chosen != menu.actions.end()) return chosen->call(arguments.subspan(1));
    for (const auto& action : menu.actions) {
      if (first.empty()) surface->actions.emplace_back(action.name);
    }
    return kExitOk;
  }
  if (first.empty() || first == "--help" || first == "-h" || first == "help") {
    std::string text = fmt::format("{}usage: {} {} [options]     ({} {} --help)\n\n", menu.above,
                                   menu.path, menu.word, menu.path, menu.word);
    for (const auto& action : menu.actions) {
      text += fmt::format("  {:<11} {}\n", action.name, action.summary);
    }
    print(text + menu.below);
    return first.empty() ? kExitUsage : kExitOk;
  }
  std::vector<std::string> names;
  for (const auto& action : menu.actions) {
    if (first == action.name) return action.call(arguments.subspan(1));
    names.emplace_back(action.name);
  }
  auto word = menu.word;
  std::ranges::transform(word, word.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  throw Error(
      fmt::format("unknown {} '{}' of '{}'.{}", word, first, menu.path, did_you_mean(first, names)),
      kExitUsage);
}

}  // namespace attnlab::cli
