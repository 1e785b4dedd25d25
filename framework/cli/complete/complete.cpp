// complete.cpp: `attnlab complete`, which the scripts of completion.cpp call:
//   attnlab complete bash POINT LINE BREAKS    the line as bash has it; parts that bash puts behind what it keeps
//   attnlab complete words WORD...             words behind "attnlab", the last one begun; whole words
// First a line of marks (nospace, files), then a candidate a line. Nothing is ever an error: a shell would print it.
#include <algorithm>

#include "framework/cli/complete/candidates.h"
#include "framework/cli/complete/line.h"
#include "framework/core/error.h"
#include "framework/core/number_in.h"
#include "framework/core/output.h"

namespace attnlab::cli {
namespace {

std::string answer_text(Candidates found, const Line& line, bool for_bash) {
  std::vector<std::string> parts;
  bool open_end = false;
  std::ranges::sort(found.words, {}, [](const std::string& word) {
    return std::pair(-number_in<std::int64_t>(word).value_or(0), word);  // the newest run first
  });
  found.words.erase(std::unique(found.words.begin(), found.words.end()), found.words.end());
  for (const auto& word : found.words) {
    const auto part = for_bash ? completing_part(line, word) : word.starts_with(line.current) ? std::optional(word) : std::nullopt;
    if (!part || part->find('\n') != std::string::npos) continue;
    open_end = open_end || word.ends_with('=') || word.ends_with('.');
    parts.push_back(*part);
  }
  std::string text = std::string(open_end ? "nospace " : "") + (found.files ? "files" : "") + "\n";
  for (const auto& part : parts) text += part + "\n";
  return text;
}

}  // namespace

int complete(Arguments arguments, int (*probe)(Arguments)) {
  if (arguments.size() == 4 && arguments[0] == "bash") {
    const auto point = number_in<std::size_t>(arguments[1]).value_or(0);
    auto line = line_from(std::string_view(arguments[2]).substr(0, point), arguments[3]);
    if (line.words.empty()) return kExitOk;
    line.words.erase(line.words.begin());  // the program
    print(answer_text(candidates(line.words, line.current, probe), line, true));
  } else if (arguments.size() >= 2 && arguments[0] == "words") {
    Line line;
    line.words.assign(arguments.begin() + 1, arguments.end() - 1);
    line.current = arguments.back();
    print(answer_text(candidates(line.words, line.current, probe), line, false));
  }
  return kExitOk;
}

}  // namespace attnlab::cli
