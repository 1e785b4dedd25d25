#include "framework/core/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>

#include "framework/core/error.h"

namespace attnlab {
namespace {

struct Letter {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: no UTF-8 begins here
};

Letter first_letter(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {};
  std::uint32_t code = lead & (0x7F >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0) != 0x80) return {};
    code = code << 6 | (next & 0x3F);
  }
  constexpr std::array<std::uint32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < kLeast[bytes] || code > 0x10FFFF || surrogate ? Letter{} : Letter{code, bytes};
}

bool commands_a_terminal(std::uint32_t code) {
  const auto within = [code](std::uint32_t low, std::uint32_t high) {
    return code >= low && code <= high;
  };
  if (code < 0x20) return code != '\n' && code != '\t';
  return within(0x7F, 0x9F) || code == 0x061C || within(0x200E, 0x200F) || within(0x2028, 0x202E) ||
         within(0x2066, 0x2069);
}

void append_escape(std::string& text, const char* format, std::uint32_t code) {
  std::array<char, 16> escape{};
  std::snprintf(escape.data(), escape.size(), format, code);
  text += escape.data();
}

void require_written(bool written) {
  if (written) return;
  throw errno_error("cannot write to standard output");
}

}  // namespace

std::string harmless(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [code, bytes] = first_letter(text);
    if (bytes == 0) {
      append_escape(out, "\\x%02x", static_cast<unsigned char>(text[0]));
    } else if (commands_a_terminal(code)) {
      append_escape(out, "\\u%04x", code);
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return out;
}

void print(std::string_view text) { print_bytes(harmless(text)); }

void print_bytes(std::string_view bytes) {
  require_written(std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size());
}

void notice(std::string_view text) {
  const auto shown = harmless(text);
  std::fwrite(shown.data(), 1, shown.size(), stderr);
}

void open_output() {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is this one. The wrong direction on purpose: using it is an error.
    const int opened = ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened > STDERR_FILENO) ::close(opened);
  }
}

void flush_output() { require_written(std::fflush(stdout) == 0 && std::ferror(stdout) == 0); }

}  // namespace attnlab
