// main.cpp: `attnlab COMMAND ...`. Dispatches, prints an Error nicely, returns its exit code.
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "framework/cli/commands.h"
#include "framework/core/build_info.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::cli {
namespace {

struct Command {
  const char* name;
  int (*call)(Arguments);
  const char* summary;
};

constexpr std::array kCommands{
    Command{"run", run, "one run: attnlab run attention=hash_sparse dataset=enwik8 seed=1"},
    Command{"grid", grid, "many runs: attnlab grid attention=dense,hash_sparse seed=0,1"},
    Command{"bench", bench, "timings: attnlab bench attention attention=hash_sparse,dense"},
    Command{"plugins", plugins,
            "attention plugins found, and whether they can be loaded; show NAME"},
    Command{"plugin", plugin, "plugins of your own: new NAME, check NAME"},
    Command{"data", data, "data sets: list, check, fetch NAME"},
    Command{"tokenize", tokenize, "the tokens of a text: attnlab tokenize --text \"Hello world\""},
    Command{"describe", describe,
            "parameters of a config section: attnlab describe attention/hash_sparse"},
    Command{"compare", compare, "the variants of a study side by side, and their curves"},
    Command{"runs", runs, "runs in the database, filtered and sorted"},
    Command{"show", show, "everything that is stored about one run"},
    Command{"query", query, "read-only SQL on the results"},
};

void print_help() {
  std::printf(
      "attnlab: trains and times transformers that differ in one component, the attention\n\n"
      "usage: attnlab COMMAND [options] [overrides]     (attnlab COMMAND --help)\n\n");
  for (const auto& command : kCommands) std::printf("  %-10s %s\n", command.name, command.summary);
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_help();
    return words.empty() ? kExitUsage : kExitOk;
  }
  if (words[0] == "--version") {
    const auto& build = build_info();
    std::printf("attnlab %s, LibTorch %s, %s\n", build.version.c_str(), build.torch.c_str(),
                build.compiler.c_str());
    return kExitOk;
  }
  std::vector<std::string> names;
  for (const auto& command : kCommands) {
    if (words[0] == command.name) return command.call(Arguments(words).subspan(1));
    names.emplace_back(command.name);
  }
  throw Error("unknown command '" + words[0] + "'." + did_you_mean(words[0], names), kExitUsage);
}

}  // namespace
}  // namespace attnlab::cli

int main(int argc, char** argv) {
  try {
    return attnlab::cli::dispatch({argv + 1, argv + argc});
  } catch (const attnlab::Error& error) {
    std::fprintf(stderr, "attnlab: %s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr,
                 "attnlab: internal error: %s\nThis is a bug in attnlab; please report it with the "
                 "command.\n",
                 error.what());
    return attnlab::kExitError;
  }
}
