// main.cpp: `attnlab COMMAND ...`. Dispatches, prints an Error nicely, returns its exit code.
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <new>
#include <string>
#include <vector>

#include "framework/cli/dispatch.h"
#include "framework/core/build_info.h"
#include "framework/core/error.h"
#include "framework/core/output.h"

namespace attnlab::cli {
namespace {

constexpr std::array kCommands{
    Action{"run", run, "one run: attnlab run attention=hash_sparse dataset=enwik8 seed=1"},
    Action{"grid", grid, "many runs: attnlab grid attention=dense,hash_sparse seed=0,1"},
    Action{"fork", fork, "a new run from a checkpoint: attnlab fork 3@4300 attention=qk_drop"},
    Action{"checkpoints", checkpoints, "what a run has saved of itself"},
    Action{"evaluate", evaluate, "scores a checkpoint: attnlab evaluate 3@best --split test"},
    Action{"xray", xray, "what a run's attention keeps of exact softmax: attnlab xray 3@best"},
    Action{"bench", bench, "timings: attnlab bench attention attention=hash_sparse,dense"},
    Action{"plugins", plugins,
           "attention plugins found, and whether they can be loaded; show NAME"},
    Action{"plugin", plugin, "plugins of your own: new NAME, check NAME"},
    Action{"data", data, "data sets: list, check, fetch NAME"},
    Action{"tokenize", tokenize, "the tokens of a text: attnlab tokenize --text \"Hello world\""},
    Action{"describe", describe,
           "parameters of a config section: attnlab describe attention/hash_sparse"},
    Action{"compare", compare, "the variants of a study side by side, and their curves"},
    Action{"report", report, "a study as one HTML page: attnlab report --study demo --out demo.html"},
    Action{"serve", serve, "the same page live at http://127.0.0.1:8421, while runs go on"},
    Action{"runs", runs, "runs in the database, filtered and sorted"},
    Action{"show", show, "everything that is stored about one run"},
    Action{"query", query, "read-only SQL on the results"},
    Action{"merge", merge, "several databases in one: attnlab merge INTO FROM..."},
    Action{"tag", tag, "words that you give to runs: attnlab tag 3 4 +good -todo"},
    Action{"rename", rename, "another name for a study: attnlab rename --study OLD NEW"},
    Action{"delete", delete_runs, "runs, their numbers and files: attnlab delete 3 --dry-run"},
    Action{"completion", completion, "completion for a shell: source <(attnlab completion bash)"},
    Action{"export", export_files, "the results as CSV, JSON lines, for TensorBoard, or as one file to take along"},
    Action{"import", import_file, "takes in what attnlab export --bundle has packed"},
    Action{"doctor", doctor, "what is wrong with this machine, on one page"},
};

int menu(Arguments words) {
  return dispatch({"attnlab", "COMMAND", kCommands,
                   "attnlab: trains and times transformers that differ in one component, the "
                   "attention\n\n"},
                  words);
}

int run_command(const std::vector<std::string>& words) {
  if (!words.empty() && words[0] == "complete") return complete(Arguments(words).subspan(1), menu);
  if (words == std::vector<std::string>{"--version"}) {
    const auto& build = build_info();
    print(fmt::format("attnlab {}, LibTorch {}, {}\n", build.version, build.torch, build.compiler));
    return kExitOk;
  }
  return menu(words);
}

/// What a library threw for a reason that lies outside of the program, in its own words.
int fail(const std::string& why) {
  notice("attnlab: " + why + "\n");
  return kExitError;
}

}  // namespace
}  // namespace attnlab::cli

int main(int argc, char** argv) {
  using attnlab::cli::fail;
  try {
    attnlab::open_output();
    const int code = attnlab::cli::run_command({argv + 1, argv + argc});
    attnlab::flush_output();
    return code;
  } catch (const attnlab::Error& error) {
    fail(error.what());
    return error.exit_code();
  } catch (const std::filesystem::filesystem_error& error) {
    const auto& path = error.path1().string();
    const auto reason = error.code().message();
    std::error_code gone;
    static_cast<void>(std::filesystem::current_path(gone));
    return fail(gone || path.empty() ? "cannot tell the current folder: " + (gone ? gone.message() : reason) + ". Change to another."
                             : "cannot use '" + path + "': " + reason + ".");
  } catch (const std::bad_alloc&) {
    return fail("out of memory");
  } catch (const std::exception& error) {
    return fail(std::string("internal error: ") + error.what() +
                "\nThis is a bug in attnlab; please report it with the command.");
  }
}
