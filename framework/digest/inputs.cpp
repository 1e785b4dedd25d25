#include "framework/digest/inputs.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/digest/source_text.h"
#include "framework/plugin/note.h"

namespace attnlab::digest {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw Error(file.string() + ": cannot be read");
  return text;
}

bool is_below(const fs::path& file, const std::vector<fs::path>& folders) {
  return std::ranges::any_of(folders, [&](const fs::path& folder) {
    const auto relative = file.lexically_relative(folder);
    return !relative.empty() && *relative.begin() != "..";
  });
}

// "libfmt.so", "libfmt.so.9.1.0"
bool is_shared_library(std::string_view name) {
  const auto at = name.rfind(".so");
  if (at == std::string_view::npos) return false;
  const auto version = name.substr(at + 3);
  return version.empty() || (version[0] == '.' && version.size() > 1 &&
                             version.find_first_not_of("0123456789.") == std::string_view::npos);
}

// A shared library, what every program is linked with, CMake's header of headers.
bool is_known_by_name(const fs::path& file) {
  const auto name = file.filename().string();
  return is_shared_library(name) || (name.starts_with("crt") && name.ends_with(".o")) ||
         name == "libc_nonshared.a" || name == "cmake_pch.hxx" || name == "cmake_pch.hxx.gch";
}

// LTO's own objects, made and removed by the linker.
bool is_temporary(const fs::path& file) {
  return file.filename().string().find(".ltrans") != std::string::npos;
}

class Inputs {
 public:
  explicit Inputs(const std::vector<fs::path>& known) {
    for (const auto& folder : known) known_.push_back(fs::weakly_canonical(folder));
  }

  void add_linked(const fs::path& file) {
    if (const fs::path record = file.string() + ".inputs"; fs::exists(record)) {
      add_record(record);
    } else {
      add_file(file);
    }
  }

  [[nodiscard]] std::string hex() const { return complete_ && !records_.empty() ? digest_.hex() : ""; }

 private:
  void add_record(const fs::path& record) {
    if (!records_.insert(record).second) return;  // a precompiled header's record names itself
    std::istringstream lines(contents(record));
    std::string folder;
    std::getline(lines, folder);
    for (std::string line; std::getline(lines, line) && line != "read:";) {
      if (line.starts_with("include ")) {  // its own headers are missing in the object's list
        const fs::path header = folder / fs::path(line.substr(8) + ".gch.inputs");
        if (fs::exists(header)) add_record(header);
      } else {
        digest_.add("flag " + line + "\n");
      }
    }
    const std::string rest{std::istreambuf_iterator<char>(lines), {}};
    for (const auto& name : dependencies(rest)) add_file(folder / fs::path(name));
  }

  void add_file(const fs::path& named) {
    const auto file = fs::weakly_canonical(named);
    if (is_below(file, known_) || is_known_by_name(file) || is_temporary(file)) return;
    complete_ &= fs::exists(file);
    if (complete_) digest_.add("file " + source_digest(file) + "\n");
  }

  std::vector<fs::path> known_;
  Sha256 digest_;
  bool complete_ = true;
  std::set<fs::path> records_;
};

}  // namespace

std::vector<std::string> dependencies(std::string_view makefile) {
  std::vector<std::string> names;
  std::string name;
  const auto end_name = [&] {
    if (!name.empty()) names.push_back(std::move(name));
    name.clear();
  };
  auto at = makefile.find(": ");
  if (const auto line = makefile.find(":\n"); line < at) return names;
  for (at = at == std::string_view::npos ? makefile.size() : at + 2; at < makefile.size(); ++at) {
    const char c = makefile[at], next = at + 1 < makefile.size() ? makefile[at + 1] : '\0';
    if (c == '\n') break;
    if (c == '\\' && next == '\n') {
      end_name();
      ++at;
    } else if ((c == '\\' && (next == ' ' || next == '#')) || (c == '$' && next == '$')) {
      name += next;
      ++at;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      end_name();
    } else {
      name += c;
    }
  }
  end_name();
  return names;
}

std::string inputs_digest(const fs::path& linked, const std::vector<fs::path>& known) {
  Inputs inputs(known);
  for (const auto& file : dependencies(contents(linked))) inputs.add_linked(file);
  return inputs.hex();
}

void stamp(const fs::path& library, const std::string& digest) {
  const auto at = contents(library).find(plugin::kNoDigest);
  if (at == std::string::npos || digest.empty()) return;
  std::fstream out(library, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(at));
  out.write(digest.data(), static_cast<std::streamsize>(digest.size()));
  out.close();
  if (!out) throw Error(library.string() + ": the digest of its sources cannot be written into it");
}

}  // namespace attnlab::digest
