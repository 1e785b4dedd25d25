#include "framework/digest/source_text.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attnlab::digest {
namespace {

constexpr std::array<std::string_view, 2> kThrown{"Error", "runtime_error"};
constexpr std::array<std::string_view, 3> kLogs{"log_info", "log_warning", "log_error"};
constexpr std::array<std::string_view, 2> kChecks{"TORCH_CHECK", "TORCH_INTERNAL_ASSERT"};
// Where a line stands is a number there.
constexpr std::array<std::string_view, 3> kLines{"__LINE__", "source_location", "__builtin_LINE"};
constexpr std::array<std::string_view, 5> kRaw{"R", "LR", "uR", "UR", "u8R"};
// Whatever stands beside one of these, a blank between changes no token.
constexpr std::string_view kAlone = "(){}[];,";

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool word(char c) {
  return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}
template <std::size_t N>
bool among(std::string_view text, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, text) != list.end();
}

/// An opened bracket: whether the literals in it are a message, now or behind the next comma, and
/// those of the calls in it with them, because whatever these do, the program throws.
struct Bracket {
  char closed_by = ')';
  bool message = false, message_after_comma = false, calls_too = false;
  bool operator==(const Bracket&) const = default;
};
using Brackets = std::vector<Bracket>;

/// #if ... #endif: every branch goes on from where the first one did, and has to end as it ended.
struct Branches {
  Brackets before;
  std::optional<Brackets> after;
  bool exhaustive = false;  // has an #else

  [[nodiscard]] bool end(const Brackets& open) {
    if (!after) after = open;
    return *after == open;
  }
};

/// Reads a text as the compiler does. Where it may have understood it otherwise, it doubts, and the
/// text counts as it stands: rather a run too many than a result of other code.
class Reader {
 public:
  explicit Reader(std::string_view source) : text_(source) { out_.reserve(source.size() / 2); }

  std::string read() {
    doubt_ = text_.starts_with("\xEF\xBB\xBF") || text_.find("?\?/") != std::string_view::npos;
    while (at_ < text_.size() && !doubt_) {
      if (!skip_blank()) token();
    }
    if (directive_) end_directive();
    return doubt_ || !open_.empty() || !branches_.empty() ? std::string(text_) : std::move(out_);
  }

 private:
  [[nodiscard]] char peek(std::size_t further = 0) const {
    return at_ + further < text_.size() ? text_[at_ + further] : '\0';
  }

  // A line's end for some compilers.
  [[nodiscard]] bool lone_return() const { return peek() == '\r' && peek(1) != '\n'; }

  // Bytes of a backslash at a line's end with that end; 0 elsewhere.
  [[nodiscard]] std::size_t splice() {
    if (peek() != '\\') return 0;
    std::size_t bytes = 1;
    while (blank(peek(bytes))) ++bytes;
    if (peek(bytes) != '\n') return 0;
    doubt_ |= bytes > 2 || (bytes == 2 && peek(1) != '\r');  // not all compilers join such lines
    return bytes + 1;
  }

  // Blanks, line ends, comments: true where there was one.
  bool skip_blank() {
    const std::size_t begin = at_;
    if (const auto bytes = splice()) {
      const bool parted = at_ == 0 || blank(text_[at_ - 1]) || text_[at_ - 1] == '\n';
      at_ += bytes;
      doubt_ |=
          !parted && !blank(peek()) && peek() != '\n';  // may join what stands before and behind
      space_ = true;
      return true;
    }
    if (peek() == '\n') {
      if (directive_) end_directive();
      line_begins_ = true;
      ++at_;
    } else if (blank(peek())) {
      doubt_ |= lone_return();
      ++at_;
    } else if (peek() == '/' && (peek(1) == '/' || peek(1) == '*')) {
      doubt_ |= directive_ && !space_;  // may belong to the name of a header
      comment();
    }
    space_ |= at_ > begin;
    return at_ > begin;
  }

  void comment() {
    if (peek(1) == '/') {
      while (at_ < text_.size() && peek() != '\n') {
        doubt_ |= lone_return();
        at_ += std::max<std::size_t>(1, splice());
      }
      return;
    }
    const auto end = text_.find("*/", at_ + 2);
    const auto body = text_.substr(at_, end - at_);
    doubt_ |= end == std::string_view::npos || body.find("*\\") != std::string_view::npos;
    at_ = doubt_ ? text_.size() : end + 2;
  }

  void token() {
    const char c = peek();
    if (c == '#' && line_begins_) begin_directive();
    line_begins_ = false;
    if (c == '"' || c == '\'') {
      literal(c);
    } else if (digit(c) || (c == '.' && digit(peek(1)))) {
      number();
    } else if (word(c)) {
      identifier();
    } else {
      mark(c);
      put(text_.substr(at_++, 1));
    }
  }

  // A directive is no part of the call that it stands in, and its brackets are its own.
  void begin_directive() {
    if (!out_.empty() && out_.back() != '\n') out_ += '\n';
    directive_ = true;
    directive_name_ = name_ = {};
    thrown_ = false;
    outside_ = std::exchange(open_, {});
  }

  void end_directive() {
    out_ += '\n';
    directive_ = false;
    name_ = {};
    doubt_ |= !open_.empty();
    open_ = std::move(outside_);
    if (directive_name_.starts_with("if")) {
      branches_.push_back({.before = open_, .after = {}});
    } else if (directive_name_.starts_with("el") || directive_name_ == "endif") {
      end_branch();
    }
  }

  void end_branch() {
    if (branches_.empty()) {
      doubt_ = true;
      return;
    }
    auto& all = branches_.back();
    doubt_ |= !all.end(open_);
    if (directive_name_ == "endif") {
      doubt_ |= !all.exhaustive && !all.end(all.before);
      branches_.pop_back();
    } else {
      all.exhaustive |= directive_name_ == "else";
      open_ = all.before;
    }
  }

  void literal(char quote) {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && peek() != quote && peek() != '\n') at_ += peek() == '\\' ? 2 : 1;
    at_ = std::min(at_, text_.size());
    const bool ended = peek() == quote;
    if (ended) ++at_;  // an apostrophe in #error text ends with its line
    put_literal(begin, quote == '"');
    doubt_ |= !ended || text_.substr(begin, at_ - begin).find('\n') != std::string_view::npos;
  }

  void raw_literal(std::size_t begin) {
    constexpr std::size_t kLongestDelimiter = 16;
    const auto open = std::min(text_.find('(', at_), text_.size());
    const auto delimiter = text_.substr(at_ + 1, open - at_ - 1);
    const auto close = ")" + std::string(delimiter) + "\"";
    const auto end = text_.find(close, open);
    doubt_ |= end == std::string_view::npos || delimiter.size() > kLongestDelimiter ||
              delimiter.find_first_of(" \t\r\n\f\v\\)\"") != std::string_view::npos;
    at_ = doubt_ ? text_.size() : end + close.size();
    put_literal(begin, true);
  }

  // Of a message nothing remains but that one stood here. One with a suffix calls a function.
  void put_literal(std::size_t begin, bool may_be_message) {
    const bool message = may_be_message && !open_.empty() && open_.back().message && !word(peek());
    put(message ? "\"\"" : text_.substr(begin, at_ - begin));
    name_ = {};
    thrown_ = false;
  }

  void number() {
    const std::size_t begin = at_++;
    const auto sign = [&] {
      return (peek() == '+' || peek() == '-') &&
             std::string_view("eEpP").find(text_[at_ - 1]) != std::string_view::npos;
    };
    while (word(peek()) || peek() == '.' || sign() || (peek() == '\'' && word(peek(1)))) ++at_;
    put(text_.substr(begin, at_ - begin));
    name_ = {};
    thrown_ = false;
  }

  void identifier() {
    const std::size_t begin = at_;
    while (word(peek())) ++at_;
    const auto before = std::exchange(name_, text_.substr(begin, at_ - begin));
    if (peek() == '"' && among(name_, kRaw)) return raw_literal(begin);
    if (directive_ && directive_name_.empty()) {
      directive_name_ = name_;
    } else if (directive_ && (before == "define" || before == "undef")) {
      doubt_ |= among(name_, kThrown) || among(name_, kLogs) || among(name_, kChecks);
    }
    doubt_ |= among(name_, kLines);
    thrown_ |= name_ == "throw";
    put(name_);
  }

  void mark(char c) {
    if (c == '(' || c == '{' || c == '[') {
      open(c);
    } else if (c == ')' || c == '}' || c == ']') {
      doubt_ |= open_.empty() || open_.back().closed_by != c;
      if (!open_.empty()) open_.pop_back();
    } else if (c == ',' && !open_.empty()) {
      open_.back().message |= open_.back().message_after_comma;
    }
    doubt_ |= c == ';' && !open_.empty() && open_.back().message;  // some macro closed the bracket
    doubt_ |= digraph(c);
    name_ = {};
    thrown_ &= c == ':';
  }

  void open(char c) {
    Bracket inner{.closed_by = c == '(' ? ')' : c == '{' ? '}' : ']'};
    if (c == '(') {
      const bool thrown = thrown_ && among(name_, kThrown);
      const bool in_call = !open_.empty() && open_.back().message && open_.back().calls_too;
      inner.message_after_comma = among(name_, kChecks);
      inner.message = in_call || thrown || among(name_, kLogs);
      inner.calls_too = in_call || thrown || inner.message_after_comma;
    }
    open_.push_back(inner);
  }

  // Another spelling of a bracket or of #. Of `<::` only what stands before > or : begins with one.
  [[nodiscard]] bool digraph(char c) const {
    if (c == '%') return peek(1) == ':' || peek(1) == '>';
    if (c != '<') return false;
    return peek(1) == '%' ||
           (peek(1) == ':' && (peek(2) != ':' || peek(3) == ':' || peek(3) == '>'));
  }

  void put(std::string_view token) {
    const auto alone = [](char c) { return kAlone.find(c) != std::string_view::npos; };
    const bool matters = directive_ || out_.empty() || !(alone(out_.back()) || alone(token[0]));
    if (space_ && matters && !out_.empty() && out_.back() != '\n') out_ += ' ';
    space_ = false;
    out_ += token;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  Brackets open_, outside_;  // the latter: around the directive that is read
  std::vector<Branches> branches_;
  std::string_view name_;  // the identifier that was read last, where nothing came since
  std::string_view directive_name_;
  bool thrown_ = false;  // behind `throw` came nothing but names
  bool space_ = false, directive_ = false, line_begins_ = true, doubt_ = false;
};

}  // namespace

std::string essential_text(std::string_view source) { return Reader(source).read(); }

}  // namespace attnlab::digest
