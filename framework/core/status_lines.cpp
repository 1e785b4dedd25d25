#include "framework/core/status_lines.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "framework/core/descriptor.h"
#include "framework/core/output.h"

namespace attnlab {
namespace {

constexpr double kRedrawEvery = 0.1;  // seconds

StatusLines::Kind kind_of(int fd) {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return ::isatty(fd) != 0 && !dumb ? StatusLines::Kind::terminal : StatusLines::Kind::plain;
}

struct Size {
  std::size_t rows = 24, columns = 79;
};
Size size_of(int fd) {
  winsize window{};
  if (::ioctl(fd, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) return {};
  return {window.ws_row, window.ws_col - 1u};
}

}  // namespace

std::string cut(const std::string& line, std::size_t columns) {
  const auto begins_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  };
  const auto length = static_cast<std::size_t>(std::ranges::count_if(line, begins_character));
  if (length <= columns) return line;
  const std::size_t keep = columns > 3 ? columns - 3 : columns;
  std::size_t seen = 0, end = 0;
  while (end < line.size()) {
    if (begins_character(line[end]) && seen++ == keep) break;
    ++end;
  }
  return line.substr(0, end) + (columns > 3 ? "..." : "");
}

double clock_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

StatusLines::StatusLines(int fd, double plain_every, Kind kind)
    : fd_(fd), plain_every_(plain_every), kind_(kind == Kind::detect ? kind_of(fd) : kind) {}

bool StatusLines::due(double now) {
  if (next_ < 0) next_ = kind_ == Kind::terminal ? now : now + plain_every_;
  return kind_ != Kind::quiet && now >= next_;
}

void StatusLines::show(const std::vector<std::string>& lines, double now) {
  const bool terminal = kind_ == Kind::terminal;
  next_ = now + (terminal ? kRedrawEvery : plain_every_);
  const auto [rows, columns] = size_of(fd_);
  // The last lines say most; a screen that is too small shows those.
  const auto skipped = terminal && lines.size() + 2 > rows ? lines.size() + 2 - rows : 0;
  std::string text = erasure();
  drawn_ = 0;
  for (std::size_t i = std::min(skipped, lines.size() - 1); i < lines.size(); ++i) {
    const auto line = harmless(lines[i]);
    text += (terminal ? cut(line, columns) : line) + "\n";
    ++drawn_;
  }
  put(text);
}

void StatusLines::note(const std::string& line) {
  put(erasure() + harmless(line) + "\n");
  drawn_ = 0;
  if (kind_ == Kind::terminal) next_ = 0;
}

void StatusLines::clear() {
  put(erasure());
  drawn_ = 0;
}

// Up to the first of our lines, then away with everything below.
std::string StatusLines::erasure() const {
  if (kind_ != Kind::terminal || drawn_ == 0) return "";
  return "\x1b[" + std::to_string(drawn_) + "F\x1b[J";
}

void StatusLines::put(const std::string& text) const {
  if (kind_ != Kind::quiet) static_cast<void>(write_all(fd_, text));
}

}  // namespace attnlab
