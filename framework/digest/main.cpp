// main.cpp: attnlab-digest, run by builds.
//   attnlab-digest header FILE ROOT [MACRO SOURCE...]...   #define MACRO "sha256", one a macro
//   attnlab-digest plugin LIBRARY LINKED [KNOWN...]        stamps a library with what it was made of
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "framework/core/digest.h"
#include "framework/core/error.h"
#include "framework/digest/inputs.h"
#include "framework/digest/source_text.h"

namespace attnlab::digest {
namespace {

using Words = std::vector<std::string>;

// Names count, relative to the root. A header that would be the same is left alone, so that nothing
// is compiled again for a comment.
void write_header(const Words& words) {
  const std::filesystem::path header = words.at(0), root = words.at(1);
  std::string text;
  for (std::size_t i = 2; i < words.size();) {
    const auto& macro = words[i++];
    Sha256 digest;
    for (; i < words.size() && words[i].find('/') != std::string::npos; ++i) {
      const std::filesystem::path file = words[i];
      digest.add(file.lexically_relative(root).string() + " " + source_digest(file) + "\n");
    }
    text += "#define " + macro + " \"" + digest.hex() + "\"\n";
  }
  std::ifstream before(header);
  if (std::string{std::istreambuf_iterator<char>(before), {}} == text) return;
  std::ofstream out(header);
  out << text;
  out.close();
  if (!out) throw Error(header.string() + ": cannot be written");
}

void stamp_plugin(const Words& words) {
  const std::filesystem::path linked = words.at(1);
  if (!std::filesystem::exists(linked)) return;  // of a linker that lists nothing: stays unknown
  stamp(words.at(0), inputs_digest(linked, {words.begin() + 2, words.end()}));
}

int run(Words words) {
  const std::string action = words.size() < 3 ? "" : words[0];
  if (!action.empty()) words.erase(words.begin());
  if (action == "header") {
    write_header(words);
  } else if (action == "plugin") {
    stamp_plugin(words);
  } else {
    throw Error("usage: attnlab-digest header FILE ROOT [MACRO SOURCE...]...\n"
                "       attnlab-digest plugin LIBRARY LINKED [KNOWN...]", kExitUsage);
  }
  return kExitOk;
}

}  // namespace
}  // namespace attnlab::digest

int main(int count, char** words) {
  try {
    return attnlab::digest::run({words + 1, words + count});
  } catch (const attnlab::Error& error) {
    std::fprintf(stderr, "attnlab-digest: %s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "attnlab-digest: %s\n", error.what());
    return attnlab::kExitError;
  }
}
