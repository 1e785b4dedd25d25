/// status_lines.h: how far a long command is. On a terminal, lines at the bottom that are redrawn in
///   place; elsewhere the same lines now and then, so that a log shows them too.
#pragma once

#include <unistd.h>

#include <string>
#include <vector>

namespace attnlab {

/// The first `columns` characters, with "..." where something was cut. Counts UTF-8 characters.
[[nodiscard]] std::string cut(const std::string& line, std::size_t columns);

/// Seconds on the steady clock.
[[nodiscard]] double clock_seconds();

/// For one thread. Throws nothing: a closed terminal must not stop the work.
class StatusLines {
 public:
  enum class Kind { detect, terminal, plain, quiet };
  /// `plain_every`: seconds between texts where there is no terminal.
  explicit StatusLines(int fd = STDERR_FILENO, double plain_every = 60, Kind kind = Kind::detect);
  ~StatusLines() { clear(); }
  StatusLines(const StatusLines&) = delete;
  StatusLines& operator=(const StatusLines&) = delete;

  /// Whether it is time for another text; making one costs something.
  [[nodiscard]] bool due(double now = clock_seconds());
  /// Takes the place of what was shown last.
  void show(const std::vector<std::string>& lines, double now = clock_seconds());
  void show(const std::string& line) { show(std::vector{line}); }
  /// A line that stays.
  void note(const std::string& line);
  /// Takes the live lines off the terminal, before other output.
  void clear();

 private:
  [[nodiscard]] std::string erasure() const;
  void put(const std::string& text) const;

  int fd_;
  double plain_every_;
  Kind kind_;
  std::size_t drawn_ = 0;
  double next_ = -1;
};

}  // namespace attnlab
