#include "framework/digest/source_text.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "framework/core/digest.h"
#include "framework/core/error.h"

namespace attnlab::digest {
namespace {

constexpr std::array<std::string_view, 5> kMessages{"Error", "log_info", "log_warning", "log_error",
                                                    "runtime_error"};
constexpr std::array<std::string_view, 2> kChecks{"TORCH_CHECK", "TORCH_INTERNAL_ASSERT"};
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

class Reader {
 public:
  explicit Reader(std::string_view source) : text_(source) { out_.reserve(source.size() / 2); }

  std::string read() {
    while (at_ < text_.size()) {
      if (!skip_blank()) token();
    }
    return std::move(out_);
  }

 private:
  /// An opened bracket: whether the literals in it are a message, now or behind the next comma.
  struct Bracket {
    bool message = false, message_after_comma = false;
  };

  [[nodiscard]] char peek(std::size_t further = 0) const {
    return at_ + further < text_.size() ? text_[at_ + further] : '\0';
  }

  // Bytes of a backslash at a line's end with that end; 0 elsewhere.
  [[nodiscard]] std::size_t splice(std::size_t at) const {
    if (at >= text_.size() || text_[at] != '\\') return 0;
    if (text_.substr(at + 1, 1) == "\n") return 2;
    return text_.substr(at + 1, 2) == "\r\n" ? 3 : 0;
  }

  // Blanks, line ends, comments: true where there was one.
  bool skip_blank() {
    const std::size_t begin = at_;
    if (const auto bytes = splice(at_)) {
      at_ += bytes;  // joins what stands before and behind
      return true;
    }
    if (peek() == '\n') {
      if (directive_) out_ += '\n';
      directive_ = false;
      line_begins_ = true;
      ++at_;
    } else if (blank(peek())) {
      ++at_;
    } else if (peek() == '/' && peek(1) == '/') {
      while (at_ < text_.size() && peek() != '\n') at_ += std::max<std::size_t>(1, splice(at_));
    } else if (peek() == '/' && peek(1) == '*') {
      const auto end = text_.find("*/", at_ + 2);
      at_ = end == std::string_view::npos ? text_.size() : end + 2;
    }
    space_ |= at_ > begin;
    return at_ > begin;
  }

  void token() {
    const char c = peek();
    if (c == '#' && line_begins_) {
      if (!out_.empty() && out_.back() != '\n') out_ += '\n';
      directive_ = true;
    }
    line_begins_ = false;
    if (c == '"' || c == '\'') {
      literal(c);
    } else if (digit(c) || (c == '.' && digit(peek(1)))) {
      number();
    } else if (word(c)) {
      identifier();
    } else {
      bracket(c);
      put(text_.substr(at_++, 1));
    }
  }

  void literal(char quote) {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && peek() != quote && peek() != '\n') at_ += peek() == '\\' ? 2 : 1;
    at_ = std::min(at_, text_.size());
    if (peek() == quote) ++at_;  // an apostrophe in #error text ends with its line
    put_literal(begin, quote == '"');
  }

  void raw_literal(std::size_t begin) {
    const auto open = std::min(text_.find('(', at_), text_.size());
    const auto close = ")" + std::string(text_.substr(at_ + 1, open - at_ - 1)) + "\"";
    const auto end = text_.find(close, open);
    at_ = end == std::string_view::npos ? text_.size() : end + close.size();
    put_literal(begin, true);
  }

  // Of a message nothing remains but that one stood here.
  void put_literal(std::size_t begin, bool may_be_message) {
    const bool message = may_be_message && !open_.empty() && open_.back().message;
    put(message ? "\"\"" : text_.substr(begin, at_ - begin));
    name_ = {};
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
  }

  void identifier() {
    const std::size_t begin = at_;
    while (word(peek())) ++at_;
    name_ = text_.substr(begin, at_ - begin);
    if (peek() == '"' && among(name_, kRaw)) return raw_literal(begin);
    put(name_);
  }

  void bracket(char c) {
    if (c == '(' || c == '{' || c == '[') {
      Bracket inner;
      inner.message = !open_.empty() && open_.back().message;
      if (c == '(') {
        inner.message |= among(name_, kMessages);
        inner.message_after_comma = among(name_, kChecks);
      }
      open_.push_back(inner);
    } else if ((c == ')' || c == '}' || c == ']') && !open_.empty()) {
      open_.pop_back();
    } else if (c == ',' && !open_.empty() && open_.back().message_after_comma) {
      open_.back().message = true;
    }
    name_ = {};
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
  std::vector<Bracket> open_;
  std::string_view name_;  // the identifier that was read last, where nothing came since
  bool space_ = false, directive_ = false, line_begins_ = true;
};

}  // namespace

std::string essential_text(std::string_view source) { return Reader(source).read(); }

std::string essential_cmake(std::string_view source) {
  std::istringstream lines{std::string(source)};
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
    if (!line.empty() && line[0] != '#') text += line + "\n";
  }
  return text;
}

std::string source_digest(const std::filesystem::path& file) {
  constexpr std::array<std::string_view, 15> kSources{
      "",     ".h",   ".hh",  ".hpp", ".hxx", ".c",   ".cc", ".cpp",
      ".cxx", ".cu",  ".cuh", ".inc", ".inl", ".ipp", ".tcc"};
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw Error(file.string() + ": cannot be read");
  if (file.filename() == "CMakeLists.txt") return sha256_hex(essential_cmake(bytes));
  const bool source = among(file.extension().string(), kSources);
  return sha256_hex(source ? essential_text(bytes) : bytes);
}

}  // namespace attnlab::digest
