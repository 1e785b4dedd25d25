// tokenize.cpp: `attnlab tokenize FILE`: a look at the tokens of a text, and back.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "framework/cli/commands.h"
#include "framework/cli/options.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/number_in.h"
#include "framework/core/output.h"
#include "framework/core/utf8.h"
#include "framework/data/vocabulary.h"
#include "framework/text/tokenizer.h"

namespace attnlab::cli {
namespace {

constexpr const char* kBorder = "\u2502";  // between two tokens

Options tokenize_options() {
  Options options("tokenize",
                  "FILE | - | --text \"...\" [--pieces] [--ids] [--count] [--decode] [options]",
                  "The tokens of a text, GPT-2's unless --vocab names others.");
  options.value("text", "TEXT", "the text itself; as FILE, '-' is standard input")
      .flag("pieces", "the text with a border between tokens; the default, with --count")
      .flag("ids", "the tokens' numbers, one a line")
      .flag("count", "how many bytes and tokens")
      .flag("decode", "the other way: from numbers with white space between, as --ids prints them")
      .flag("specials", "read special tokens such as <|endoftext|> instead of their letters")
      .value("vocab", "DIR", "a folder that holds another vocab.bpe and encoder.json")
      .value("data", "DIR", "folder to look in first for gpt2_bpe");
  options.notes(
      "attnlab tokenize --text \"Hello world\"\n"
      "attnlab tokenize README.md --count\n"
      "attnlab tokenize --decode --text \"15496 995\"");
  return options;
}

std::string read_all(std::istream& stream, const std::string& name) {
  constexpr std::size_t kMost = std::size_t{256} << 20, kPiece = std::size_t{1} << 20;
  std::string content, piece(kPiece, '\0');
  while (stream.read(piece.data(), kPiece), stream.gcount() > 0) {
    content.append(piece, 0, static_cast<std::size_t>(stream.gcount()));
    if (content.size() > kMost) {
      throw Error(name +
                  " is longer than 256 MiB, which is too much for a look. Cut it, or make a "
                  "corpus of it: `attnlab data prepare text`.");
    }
  }
  if (stream.bad()) throw Error("cannot read " + name + ".");
  return content;
}

std::string input_text(const ParsedOptions& parsed) {
  const auto text = parsed.text("text");
  if (parsed.words().size() + (text ? 1 : 0) != 1) {
    throw Error("expected one text: FILE, - for standard input, or --text \"...\"; found " +
                    std::to_string(parsed.words().size() + (text ? 1 : 0)) + ".",
                kExitUsage);
  }
  if (text) return *text;
  const std::string& name = parsed.words()[0];
  if (name == "-") return read_all(std::cin, "standard input");
  std::ifstream file(name, std::ios::binary);
  if (!file || is_folder(name)) {
    throw Error("cannot read '" + name + "'; expected a file of text, or --text \"...\".");
  }
  return read_all(file, "'" + name + "'");
}

/// A token as people see it: control characters and parts of characters by number.
std::string visible(const std::string& token) {
  const bool whole = text::is_utf8(token);
  std::string shown;
  for (const char c : token) {
    const auto byte = static_cast<unsigned char>(c);
    const bool hidden = byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !whole);
    shown += byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : hidden ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return shown;
}

/// The line is broken where the text breaks it, so that it can be read.
void print_pieces(const text::Tokenizer& tokenizer, const std::vector<std::uint32_t>& ids) {
  bool line_begins = true;
  for (const std::uint32_t id : ids) {
    const std::string token = tokenizer.decode({&id, 1});
    print((line_begins ? "" : kBorder) + visible(token));
    line_begins = token.ends_with('\n');
    if (line_begins) print("\n");
  }
  if (!line_begins) print("\n");
}

void print_count(std::size_t bytes, std::size_t tokens) {
  const double ratio = static_cast<double>(bytes) / static_cast<double>(tokens);
  print(fmt::format("{} bytes, {} tokens{}\n", bytes, tokens,
                    tokens > 0 ? fmt::format(", {:.2f} bytes a token", ratio) : ""));
}

/// The numbers in `text`. Throws Error, naming what is none.
std::vector<std::uint32_t> ids_in(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<std::uint32_t> ids;
  while ((text = text.substr(std::min(text.find_first_not_of(kBlanks), text.size()))) != "") {
    const auto word = text.substr(0, text.find_first_of(kBlanks));
    const auto id = number_in<std::uint32_t>(word);
    if (!id) {
      throw Error("'" + std::string(word.substr(0, 40)) +
                  "' is no token's number; expected whole numbers with white space between.");
    }
    ids.push_back(*id);
    text.remove_prefix(word.size());
  }
  return ids;
}

/// Byte for byte; on a terminal harmless, and the prompt goes to a line of its own.
void print_decoded(const text::Tokenizer& tokenizer, std::string_view numbers) {
  const std::string text = tokenizer.decode(ids_in(numbers));
  if (::isatty(STDOUT_FILENO) == 0) return print_bytes(text);
  print(text.ends_with('\n') ? text : text + "\n");
}

void refuse_together(const ParsedOptions& parsed) {
  for (const char* other : {"pieces", "ids", "count", "specials"}) {
    if (!parsed.has(other)) continue;
    throw Error("--" + std::string(other) + " has no use with --decode. Leave one of them out.",
                kExitUsage);
  }
}

}  // namespace

int tokenize(Arguments arguments) {
  const auto parsed = tokenize_options().parse(arguments);
  if (!parsed) return kExitOk;
  const bool decode = parsed->has("decode");
  if (decode) refuse_together(*parsed);
  const std::string text = input_text(*parsed);
  const auto files = data::find_vocabulary(parsed->text("vocab", ""), parsed->text("data", ""));
  const auto tokenizer = text::Tokenizer::from_files(files.vocab_bpe, files.encoder_json);
  if (decode) {
    print_decoded(tokenizer, text);
    return kExitOk;
  }
  text::Scratch scratch(tokenizer);
  std::vector<std::uint32_t> ids;
  if (parsed->has("specials")) {
    tokenizer.encode_with_specials(text, ids, scratch);
  } else {
    tokenizer.encode(text, ids, scratch);
  }
  const bool chosen = parsed->has("pieces") || parsed->has("ids") || parsed->has("count");
  if (!chosen || parsed->has("pieces")) print_pieces(tokenizer, ids);
  if (parsed->has("ids")) {
    for (const std::uint32_t id : ids) print(std::to_string(id) + "\n");
  }
  if (!chosen || parsed->has("count")) print_count(text.size(), ids.size());
  return kExitOk;
}

}  // namespace attnlab::cli
