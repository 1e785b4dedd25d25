// data_show.cpp: `attnlab data show NAME`: one sequence as people see it.
#include <fmt/format.h>

#include <optional>

#include "framework/cli/data/actions.h"
#include "framework/core/error.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/core/utf8.h"
#include "framework/data/corpus_manifest.h"
#include "framework/data/dataset_table.h"
#include "framework/data/vocabulary.h"
#include "framework/text/tokenizer.h"

namespace attnlab::cli {
namespace {

constexpr std::string_view kGreys = " .:-=+*#%@";
constexpr std::size_t kSide = 28;

/// Two characters a pixel, which makes it about square.
std::string as_image(const std::vector<std::int32_t>& pixels) {
  std::string text;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    text.append(2, kGreys[static_cast<std::size_t>(pixels[i]) * kGreys.size() / 256]);
    if (i % kSide == kSide - 1 || i + 1 == pixels.size()) text += '\n';
  }
  return text;
}

std::string as_text(const std::vector<std::int32_t>& bytes) {
  std::string text;
  for (const std::int32_t byte : bytes) {
    const bool control = byte < ' ' && byte != '\n';
    if (byte >= 0) text += control ? '?' : static_cast<char>(byte);
  }
  return text + "\n";
}

std::string as_numbers(const data::Example& example) {
  std::string input = "input ", target = "target";
  for (std::size_t i = 0; i < example.input.size(); ++i) {
    input += fmt::format(" {:3}", example.input[i]);
    target += example.target[i] < 0 ? "   ." : fmt::format(" {:3}", example.target[i]);
  }
  return input + "\n" + target + "\n";
}

/// Tokens of a prepared corpus as the text that they were made of; nullopt where the vocabulary is
/// not at hand, and then stderr says so.
std::optional<std::string> as_corpus_text(const data::CorpusManifest& manifest,
                                          const std::vector<std::int32_t>& tokens,
                                          const data::VocabularyFiles& files) try {
  constexpr const char* kEnd = "<|endoftext|>";
  std::optional<text::Tokenizer> bpe;
  if (manifest.tokens != "bytes") {
    bpe = text::Tokenizer::from_files(files.vocab_bpe, files.encoder_json);
    if (bpe->digest() != manifest.vocabulary_digest) throw Error("it is another vocabulary");
  }
  std::string text;
  for (const auto token : tokens) {
    const auto id = static_cast<std::uint32_t>(token);
    if (token == manifest.end_of_text) {
      text += kEnd;
    } else if (token >= 0) {
      text += bpe ? bpe->decode({&id, 1}) : std::string(1, static_cast<char>(token));
    }
  }
  return text::replace_ill_formed(text) + "\n";
} catch (const Error& error) {
  notice("tokens by number, for '" + files.vocab_bpe.string() +
         "' is not what they were made with: " + error.what() + "\n");
  return std::nullopt;
}

/// What the data set's own kind of sequence looks like.
std::string as_seen(const data::Dataset& dataset, const data::Example& example,
                    const ParsedOptions& parsed) {
  const auto& info = dataset.info();
  if (info.metric == "bits_per_dim") return as_image(example.target);
  if (info.metric == "bits_per_char") return as_text(example.target);
  if (info.metric != "perplexity" && info.metric != "bits_per_byte") return as_numbers(example);
  const auto manifest = data::read_manifest(info.source);
  data::VocabularyFiles files;
  if (manifest.tokens != "bytes") {
    files = data::find_vocabulary(parsed.text("vocab", ""), parsed.text("data", ""));
  }
  return as_corpus_text(manifest, example.target, files).value_or(as_numbers(example));
}

data::Split split_named(const std::string& name) {
  return name == "train" ? data::Split::train : name == "valid" ? data::Split::valid : data::Split::test;
}

}  // namespace

int data_show(Arguments arguments) {
  Options options("data show",
                  "NAME [--split SPLIT] [--index I] [--length T] [--path PATH] [options]",
                  "Prints what the model is to predict in one sequence.");
  options.value("split", "SPLIT", "train (default), valid or test")
      .value("index", "I", "which sequence, from 0")
      .value("length", "T", "tokens in it")
      .value("path", "PATH", "where it lies, as dataset.path")
      .value("data", "DIR", "folder to look in first")
      .value("vocab", "DIR", "vocab.bpe and encoder.json of a corpus that has others than GPT-2's")
      .flag("prefix", "accept a shorter beginning of enwik8");
  const auto parsed = options.parse(arguments);
  if (!parsed) return kExitOk;
  const std::string name = only_word(*parsed, "data show NAME");
  constexpr std::int64_t kWholeImage = kSide * kSide, kOneLine = 32, kParagraph = 128;
  const std::int64_t usual = name == "copy"               ? kOneLine
                             : data::entry(name).prepared ? kParagraph
                                                          : kWholeImage;
  const auto section = dataset_section(
      name, parsed->has("prefix"), parsed->integer("length", usual, 1), parsed->text("path", ""));
  const auto dataset = data::open_dataset(section, parsed->text("data", ""));
  const data::Split split = split_named(parsed->choice("split", {"train", "valid", "test"}));
  const std::int64_t index = parsed->integer("index", 0, 0), size = dataset->size(split);
  if (index >= size) {
    throw Error("--index " + std::to_string(index) + " is beyond the data; expected 0 to " +
                    std::to_string(size - 1) + ".",
                kExitUsage);
  }
  const auto example = dataset->get(split, index);
  print(as_seen(*dataset, example, *parsed) + "\n");
  return kExitOk;
}

}  // namespace attnlab::cli
