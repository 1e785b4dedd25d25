#include "framework/bench/call_graph.h"

#include <ATen/ATen.h>
#include <dlfcn.h>

#include <filesystem>
#include <functional>
#include <string>

#include "framework/bench/sampling.h"
#include "framework/core/error.h"
#include "framework/sparse/cuda_library.h"

namespace attnlab::bench {
namespace {

/// What libattnlab_cuda_graph.so offers (cuda_graph.cpp); a pretended GPU brings the same along.
struct Library {
  void* (*capture)(const std::function<void()>&) = nullptr;
  void (*replay)(void*) = nullptr;
  void (*release)(void*) = nullptr;
  std::int64_t (*nodes)(void*) = nullptr;
};

Library load_graph_library() {
  constexpr const char* kCapture = "attnlab_graph_capture";
  void* from = RTLD_DEFAULT;
  if (dlsym(from, kCapture) == nullptr) {
    Dl_info here{};
    static_cast<void>(dladdr(reinterpret_cast<const void*>(&load_graph_library), &here));
    const auto folder = std::filesystem::path(here.dli_fname == nullptr ? "" : here.dli_fname).parent_path();
    const std::string name = "libattnlab_cuda_graph.so";
    const auto beside = folder / name;  // a program stands in bin, beside lib
    const auto file = std::filesystem::exists(beside) ? beside : folder.parent_path() / "lib" / name;
    from = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (from == nullptr) throw Error(std::string("CUDA graphs need a library that cannot be loaded: ") + dlerror());
  }
  Library library;
  library.capture = reinterpret_cast<decltype(library.capture)>(dlsym(from, kCapture));
  library.replay = reinterpret_cast<decltype(library.replay)>(dlsym(from, "attnlab_graph_replay"));
  library.release = reinterpret_cast<decltype(library.release)>(dlsym(from, "attnlab_graph_release"));
  library.nodes = reinterpret_cast<decltype(library.nodes)>(dlsym(from, "attnlab_graph_nodes"));
  if (library.capture == nullptr || library.replay == nullptr || library.release == nullptr || library.nodes == nullptr) {
    throw Error("libattnlab_cuda_graph.so is of another build. Build attnlab anew.");
  }
  return library;
}

const Library& graph_library() {
  static const Library loaded = load_graph_library();
  return loaded;
}

}  // namespace

CallGraph::CallGraph(Subject& subject, const Inputs& in, config::Pass pass) {
  const auto before = sparse::emulated_launches();
  const auto expected = results_of(subject, in, pass);
  if (before) launches_ = *sparse::emulated_launches() - *before;
  graph_ = graph_library().capture([this, &subject, &in, pass] { results_ = results_of(subject, in, pass); });
  if (!before) launches_ = graph_library().nodes(graph_);
  for (auto& result : results_) {
    if (!result.is_alias_of(in.grad_out)) result.zero_();  // a gradient may be grad_out itself
  }
  replay();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].equal(results_[i])) continue;
    graph_library().release(graph_);
    throw Error("a replay gives another answer than the call");
  }
}

CallGraph::~CallGraph() { graph_library().release(graph_); }

void CallGraph::replay() { graph_library().replay(graph_); }

}  // namespace attnlab::bench
