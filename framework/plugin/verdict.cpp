#include "framework/plugin/verdict.h"

#include <algorithm>
#include <array>

namespace attnlab::plugin {
namespace {

// "GNU 12.2.0" -> "GNU 12"; "13.0" -> "13".
std::string major(const std::string& version) { return version.substr(0, version.find('.')); }

// A library without CUDA runs anywhere; one with CUDA needs a host of the same major version.
bool cuda_fits(const std::string& host, const std::string& plugin) {
  return plugin == "none" || major(host) == major(plugin);
}

}  // namespace

HostFacts host_facts() {
  HostFacts host;
  host.torch_version = ATTNLAB_HOST_TORCH;
  host.cuda_version = ATTNLAB_HOST_CUDA;
  host.cxx_abi = _GLIBCXX_USE_CXX11_ABI ? "cxx11" : "old";
#ifdef __clang__
  host.compiler = "Clang " __clang_version__;
#else
  host.compiler = "GNU " __VERSION__;
#endif
  host.architecture = host_architecture();
  return host;
}

Verdict judge(const HostFacts& host, const LibraryFacts& library) {
  const auto& note = library.note;
  const std::string torch(note.torch_version.view()), abi(note.cxx_abi.view()),
      compiler(note.compiler.view()), cuda(note.cuda_version.view());
  return {{{"API version", std::to_string(host.api_version), std::to_string(note.api_version),
            host.api_version == note.api_version},
           {"LibTorch", host.torch_version, torch, host.torch_version == torch},
           {"C++ ABI", host.cxx_abi, abi, host.cxx_abi == abi},
           {"compiler", host.compiler, compiler, major(host.compiler) == major(compiler)},
           {"CUDA", host.cuda_version, cuda, cuda_fits(host.cuda_version, cuda)},
           {"architecture", host.architecture, library.architecture,
            host.architecture == library.architecture}}};
}

bool Verdict::fits() const {
  return std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.fits; });
}

std::string Verdict::summary() const {
  std::string text;
  for (const auto& row : rows) {
    if (row.fits) continue;
    if (!text.empty()) text += "; ";
    text += row.field + " " + row.plugin + ", this attnlab has " + row.host;
  }
  return text.empty() ? text : "built with " + text;
}

std::string Verdict::table() const {
  std::vector<std::array<std::string, 4>> lines{{"field", "host", "plugin", "verdict"}};
  for (const auto& row : rows) {
    lines.push_back({row.field, row.host, row.plugin, row.fits ? "ok" : "differs"});
  }
  std::array<std::size_t, 4> widths{};
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < 4; ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    text += "  ";
    for (std::size_t i = 0; i < 3; ++i)
      text += line[i] + std::string(widths[i] - line[i].size() + 2, ' ');
    text += line[3] + "\n";
  }
  if (!fits()) text += "Rebuild the plugin with this attnlab, its compiler and its LibTorch.\n";
  return text;
}

}  // namespace attnlab::plugin
