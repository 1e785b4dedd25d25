/// verdict.h: may this library be opened by this program? One row per fact that must agree.
#pragma once

#include <string>
#include <vector>

#include "framework/plugin/elf_note.h"
#include "framework/plugin/note.h"

namespace attnlab::plugin {

/// What the program was built with. LibTorch's version is known to the torch-free `attnlab` too:
/// it is the one that the same build gave to `attnlab-worker`; "none" in a build without LibTorch.
struct HostFacts {
  std::uint32_t api_version = kPluginApiVersion;
  std::string torch_version;
  std::string cxx_abi;
  std::string compiler;      // "GNU 12.2.0": the name and the major version must agree
  std::string cuda_version;  // "none" for a CPU build
  std::string architecture;
};
[[nodiscard]] HostFacts host_facts();

struct Verdict {
  struct Row {
    std::string field, host, plugin;
    bool fits;
  };
  std::vector<Row> rows;

  [[nodiscard]] bool fits() const;
  /// "LibTorch 2.9.0, this program has 2.11.0": the rows that differ, on one line; or "".
  [[nodiscard]] std::string summary() const;
  /// field / host / plugin / verdict, aligned, and the remedy where something differs.
  [[nodiscard]] std::string table() const;
};

[[nodiscard]] Verdict judge(const HostFacts& host, const LibraryFacts& library);

}  // namespace attnlab::plugin
