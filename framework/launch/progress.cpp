#include "framework/launch/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <algorithm>

#include "framework/core/output.h"

namespace attnlab::launch {
namespace {

constexpr double kRedrawEvery = 0.1;  // seconds
constexpr double kPlainEvery = 10;

void put(int fd, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t size = ::write(fd, text.data() + sent, text.size() - sent);
    if (size <= 0) return;  // a closed terminal must not stop a grid
    sent += static_cast<std::size_t>(size);
  }
}

class TerminalProgress : public Progress {
 public:
  explicit TerminalProgress(int fd) : fd_(fd) {}
  ~TerminalProgress() override { clear(); }

  void note(const std::string& line) override {
    put(fd_, erasure() + harmless(line) + "\n");
    drawn_ = 0;
    next_ = 0;
  }

  void draw(const Board& board, double now) override {
    if (now < next_) return;
    next_ = now + kRedrawEvery;
    const auto [rows, columns] = size();
    std::vector<std::string> lines;
    for (const auto& [number, cell] : board.running) {
      if (lines.size() + 3 < rows) lines.push_back(cell_line(cell, now));
    }
    lines.push_back(summary_line(board, now));
    std::string text = erasure();
    for (const auto& line : lines) text += cut(harmless(line), columns) + "\n";
    put(fd_, text);
    drawn_ = lines.size();
  }

  void clear() override {
    put(fd_, erasure());
    drawn_ = 0;
  }

 private:
  // Up to the first of our lines, then away with everything below.
  [[nodiscard]] std::string erasure() const {
    return drawn_ == 0 ? "" : fmt::format("\x1b[{}F\x1b[J", drawn_);
  }

  [[nodiscard]] std::pair<std::size_t, std::size_t> size() const {
    winsize window{};
    if (::ioctl(fd_, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) return {24, 79};
    return {window.ws_row, window.ws_col - 1u};
  }

  int fd_;
  std::size_t drawn_ = 0;
  double next_ = 0;
};

class PlainProgress : public Progress {
 public:
  explicit PlainProgress(int fd) : fd_(fd) {}
  void note(const std::string& line) override { put(fd_, harmless(line) + "\n"); }

  void draw(const Board& board, double now) override {
    if (next_ == 0) next_ = now + kPlainEvery;
    if (now < next_) return;
    next_ = now + kPlainEvery;
    for (const auto& [number, cell] : board.running)
      put(fd_, "  " + harmless(cell_line(cell, now)) + "\n");
    put(fd_, summary_line(board, now) + "\n");
  }

  void clear() override {}

 private:
  int fd_;
  double next_ = 0;
};

class QuietProgress : public Progress {
 public:
  void note(const std::string&) override {}
  void draw(const Board&, double) override {}
  void clear() override {}
};

}  // namespace

std::unique_ptr<Progress> make_terminal_progress(int fd) {
  return std::make_unique<TerminalProgress>(fd);
}
std::unique_ptr<Progress> make_plain_progress(int fd) {
  return std::make_unique<PlainProgress>(fd);
}
std::unique_ptr<Progress> make_quiet_progress() { return std::make_unique<QuietProgress>(); }

std::unique_ptr<Progress> make_progress(int fd, bool quiet) {
  if (quiet) return make_quiet_progress();
  const char* term = ::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return ::isatty(fd) != 0 && !dumb ? make_terminal_progress(fd) : make_plain_progress(fd);
}

}  // namespace attnlab::launch
