// main.cpp: `attnlab-worker run SPEC.json`, started by `attnlab`; a run can be repeated by hand
// with it.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/train/memory_meter.h"
#include "framework/worker/bench.h"
#include "framework/worker/parent_watch.h"
#include "framework/worker/run.h"

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw attnlab::Error("cannot read the run spec '" + path + "'");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// `job` runs a spec: worker::run, worker::bench.
int run(int (*job)(const attnlab::launch::RunSpec&), const std::string& path) {
  using namespace attnlab;
  // With it MKL may use fewer threads than asked for, and float sums change with their number.
  setenv("MKL_DYNAMIC", "FALSE", 0);
  worker::install_stop_signals();
  train::install_counting_allocator();
  const worker::ParentWatch watch(launch::kReportFd);
  return job(launch::run_spec_from_json(read_file(path), path));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && (words[0] == "run" || words[0] == "bench")) {
    try {
      return run(words[0] == "run" ? attnlab::worker::run : attnlab::worker::bench, words[1]);
    } catch (const attnlab::Error& error) {
      std::fprintf(stderr, "attnlab-worker: %s\n", error.what());
      return error.exit_code();
    }
  }
  std::fprintf(
      stderr,
      "usage: attnlab-worker run|bench SPEC.json\nIt does one run or one timing; `attnlab run`, "
      "`grid` and `bench` start it.\n");
  return attnlab::kExitUsage;
}
