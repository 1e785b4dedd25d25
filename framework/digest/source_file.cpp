// source_file.cpp: what counts of a file, by its name.
#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/digest/source_text.h"

namespace attnlab::digest {
namespace {

// Whether the line ends in a string that goes on in the next one, up to whose end # is no comment.
bool leaves_string_open(std::string_view line) {
  bool open = false;
  for (std::size_t i = 0; i < line.size(); i += line[i] == '\\' ? 2 : 1) open ^= line[i] == '"';
  return open;
}

}  // namespace

std::string essential_cmake(std::string_view source) {
  for (const auto* bracket : {"[[", "[="}) {  // comments and strings of any number of lines
    if (source.find(bracket) != std::string_view::npos) return std::string(source);
  }
  std::istringstream lines{std::string(source)};
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty() || line[0] == '#') continue;
    if (leaves_string_open(line)) return std::string(source);
    text += line + "\n";
  }
  return text;
}

std::string source_digest(const std::filesystem::path& file) {
  constexpr std::array<std::string_view, 14> kSources{"",     ".h",   ".hh",  ".hpp", ".hxx",
                                                      ".cc",  ".cpp", ".cxx", ".cu",  ".cuh",
                                                      ".inc", ".inl", ".ipp", ".tcc"};
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw Error(file.string() + ": cannot be read");
  if (file.filename() == "CMakeLists.txt") return sha256_hex(essential_cmake(bytes));
  const bool source = std::ranges::find(kSources, file.extension().string()) != kSources.end();
  return sha256_hex(source ? essential_text(bytes) : bytes);
}

}  // namespace attnlab::digest
