#include "framework/text/vocabulary.h"

#include "framework/core/error.h"
#include "framework/text/byte_letters.h"

namespace attnlab::text {
namespace {

constexpr const char* kRemedy = "Delete it and fetch it again.";

/// vocab.bpe, line by line: each joins two tokens that are there into one that is new.
class MergeReader {
 public:
  MergeReader(const VocabularyFile& file, Vocabulary& vocabulary)
      : file_(file), vocabulary_(vocabulary) {
    for (const unsigned char byte : bytes_in_rank_order()) add(std::string(1, byte));
  }

  void read() {
    std::string_view rest = file_.content;
    while (!rest.empty()) {
      ++line_number_;
      const std::size_t length = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, length);
      rest.remove_prefix(std::min(length + 1, rest.size()));
      if (line_number_ == 1 && line.starts_with("#version")) continue;
      read_line(line);
    }
  }

  [[nodiscard]] bool is_token(const std::string& bytes) const { return line_of_.contains(bytes); }

 private:
  void read_line(std::string_view line) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
        line.find(' ', space + 1) != std::string_view::npos) {
      refuse("is '" + std::string(line) + "'; expected two tokens with one space between");
    }
    std::string joined = half(line.substr(0, space)) + half(line.substr(space + 1));
    if (joined.size() > kLongestToken) {
      refuse("makes a token of " + std::to_string(joined.size()) + " bytes; expected at most " +
             std::to_string(kLongestToken));
    }
    if (const auto before = line_of_.find(joined); before != line_of_.end()) {
      refuse("makes '" + to_letters(joined) + "', which line " + std::to_string(before->second) +
             " makes already; expected each token once");
    }
    add(std::move(joined));
  }

  std::string half(std::string_view letters) const {
    auto bytes = from_letters(letters);
    if (!bytes) {
      refuse("holds '" + std::string(letters) + "', of which a character stands for no byte");
    }
    if (!is_token(*bytes)) {
      refuse("joins '" + std::string(letters) +
             "', which is no byte and made by no line before it");
    }
    return *std::move(bytes);
  }

  void add(std::string bytes) {
    line_of_.emplace(bytes, line_number_);
    vocabulary_.bytes.push_back(std::move(bytes));
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(file_.name + ": line " + std::to_string(line_number_) + " " + what + ". " +
                kRemedy);
  }

  const VocabularyFile& file_;
  Vocabulary& vocabulary_;
  std::unordered_map<std::string, int> line_of_;
  int line_number_ = 0;
};

/// A token that is left over and could be a merge tells of lines that vocab.bpe has lost.
bool looks_merged(const std::string& letters, const MergeReader& merges) {
  const bool marked = (letters.front() == '<' && letters.back() == '>') ||
                      (letters.front() == '[' && letters.back() == ']');
  const auto bytes = from_letters(letters);
  if (marked || !bytes || bytes->size() > kLongestToken) return false;
  for (std::size_t i = 1; i < bytes->size(); ++i) {
    if (merges.is_token(bytes->substr(0, i)) && merges.is_token(bytes->substr(i))) return true;
  }
  return false;
}

}  // namespace

Vocabulary read_vocabulary(const VocabularyFile& vocab_bpe, const VocabularyFile& encoder_json) {
  Vocabulary vocabulary;
  MergeReader merges(vocab_bpe, vocabulary);
  merges.read();
  auto ids = read_encoder_json(encoder_json);
  if (const auto end = ids.find(std::string(kEndOfText)); end != ids.end()) {
    vocabulary.end_of_text = end->second;
  }
  for (const auto& bytes : vocabulary.bytes) {
    const auto found = ids.find(to_letters(bytes));
    if (found == ids.end()) {
      throw Error(encoder_json.name + " has no id for the token '" + to_letters(bytes) + "'" +
                  (bytes.size() == 1 ? ", a single byte" : " of " + vocab_bpe.name) +
                  "; expected all of them. Fetch both files again, from one place.");
    }
    vocabulary.ids.push_back(found->second);
    ids.erase(found);
  }
  for (const auto& [letters, id] : ids) {
    if (letters.empty()) throw Error(encoder_json.name + " has an empty token. " + kRemedy);
    if (looks_merged(letters, merges)) {
      throw Error(encoder_json.name + " has the token '" + letters + "', which no line of " +
                  vocab_bpe.name +
                  " makes: lines are missing there, or the two files do not belong together. "
                  "Fetch both again, from one place.");
    }
  }
  vocabulary.specials = std::move(ids);
  return vocabulary;
}

}  // namespace attnlab::text
