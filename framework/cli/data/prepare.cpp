// data_prepare.cpp: `attnlab data prepare openwebtext2|text`: documents to tokens to train on.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>

#include "framework/cli/data/actions.h"
#include "framework/core/status_lines.h"
#include "framework/core/error.h"
#include "framework/core/limits.h"
#include "framework/core/output.h"
#include "framework/core/text.h"
#include "framework/corpus/prepare.h"
#include "framework/data/locate.h"
#include "framework/data/vocabulary.h"

namespace attnlab::cli {
namespace {

using corpus::Phase;
using corpus::PrepareProgress;
using corpus::PrepareRequest;
using corpus::SplitAt;

constexpr std::int64_t kMiB = 1 << 20;

Options prepare_options() {
  Options options("data prepare", "openwebtext2|text [--source PATH] [--out DIR] [options]",
                  "Turns documents into tokens to train on: train.bin, val.bin, their indices and "
                  "manifest.json.");
  options
      .value("source", "PATH",
             "*.jsonl, *.jsonl.gz, *.jsonl.zst, *.txt, a tar of these, or a folder")
      .value("out", "DIR",
             "the result; default for openwebtext2: ~/.cache/attnlab/openwebtext2/tokens")
      .value("tokens", "KIND", "bpe (default) or bytes")
      .value("vocab", "DIR", "a folder with vocab.bpe and encoder.json; default GPT-2's")
      .value("data", "DIR", "folder to look in first for gpt2_bpe")
      .value("threads", "N", "threads that tokenise; default one for each core")
      .value("test-size", "SHARE", "of the documents, for validation; default 0.0005")
      .value("seed", "N", "of the split; default 2357")
      .value("split-at", "WHAT", "documents of plain text end at: file (default), blank or line")
      .value("max-bad", "N", "bad lines that are skipped before it is an error; default 100")
      .value("max-line", "MIB", "a longer document is a bad line; default 16; memory grows with it")
      .value("checkpoint", "SECONDS", "how often what was done is made durable; default 5")
      .flag("restart", "throw away what was begun or prepared in DIR");
  options.notes(
      "Stopped at any moment, the same command goes on where it was.\n"
      "attnlab data prepare openwebtext2 --source openwebtext2.jsonl.zst.tar\n"
      "attnlab data prepare text --source books/ --out books.tokens --split-at blank --tokens "
      "bytes");
  return options;
}

SplitAt split_at(const ParsedOptions& parsed) {
  const auto name = parsed.choice("split-at", {"file", "blank", "line"});
  return name == "file" ? SplitAt::file : name == "line" ? SplitAt::line : SplitAt::blank_line;
}

corpus::TokenMaker tokens_for(const ParsedOptions& parsed) {
  if (parsed.choice("tokens", {"bpe", "bytes"}) == "bytes") {
    if (parsed.has("vocab")) {
      throw Error("--vocab has no use with --tokens bytes. Leave one of them out.", kExitUsage);
    }
    return corpus::TokenMaker::bytes();
  }
  const auto files = data::find_vocabulary(parsed.text("vocab", ""), parsed.text("data", ""));
  return corpus::TokenMaker::bpe(text::Tokenizer::from_files(files.vocab_bpe, files.encoder_json));
}

std::filesystem::path out_of(const ParsedOptions& parsed, const std::string& name) {
  if (const auto out = parsed.text("out")) return *out;
  if (name == "openwebtext2") return data::download_folder(name) / "tokens";
  throw Error("data prepare text needs --out DIR, where the tokens go.", kExitUsage);
}

/// Without --source, the archive that `data fetch openwebtext2` has brought: that one and no other.
void find_source(const ParsedOptions& parsed, PrepareRequest& request) {
  const auto& name = request.name;
  if (const auto source = parsed.text("source")) {
    request.source = *source;
    return;
  }
  if (name == "openwebtext2") {
    const auto& entry = data::entry(name);
    const auto places = data::search_places(name, parsed.text("data", ""));
    if (const auto file = data::find_file(places, {entry.files[0].name})) {
      request.source = *file;
      request.official = {entry.files[0].name, entry.files[0].bytes, entry.files[0].sha256};
      return;
    }
    data::throw_missing(entry, "'" + entry.files[0].name + "'", places,
                        "Another archive of its form is named with --source PATH.");
  }
  throw Error("data prepare " + name + " needs --source PATH: a file or a folder of documents.",
              kExitUsage);
}

PrepareRequest request_of(const ParsedOptions& parsed, const std::string& name) {
  PrepareRequest request;
  request.name = name;
  find_source(parsed, request);
  request.out = out_of(parsed, name);
  request.reading.unknown_form = name == "text" ? corpus::Form::plain : corpus::Form::json_lines;
  request.reading.split_at = split_at(parsed);
  request.reading.longest = static_cast<std::size_t>(parsed.integer("max-line", 16, 1) * kMiB);
  request.test_size = parsed.real("test-size", request.test_size);
  if (!(request.test_size > 0 && request.test_size < 1)) {
    throw Error("--test-size " + exact_number(request.test_size) +
                    " is out of range; expected more than 0 and less than 1.",
                kExitUsage);
  }
  request.seed = parsed.integer("seed", request.seed, 0, INT64_MAX);
  request.most_bad = parsed.integer("max-bad", request.most_bad, 0);
  request.checkpoint_seconds = parsed.real("checkpoint", request.checkpoint_seconds);
  request.restart = parsed.has("restart");
  request.threads = static_cast<int>(parsed.integer("threads", processors().threads(), 1, 1024));
  return request;
}

/// "tokenising  1.2 GiB of 27.3 GiB  45%  4,500,000 documents  25.1M tokens/s  8 min 10 s left".
class Report {
 public:
  void show(const PrepareProgress& now) {
    if (first_.all_bytes == 0 || now.phase != first_.phase) begin(now);
    if (!line_.due()) return;
    const double taken = clock_seconds() - start_;
    const double bytes = static_cast<double>(now.bytes - first_.bytes) / taken;
    const double left = bytes > 0 ? static_cast<double>(now.all_bytes - now.bytes) / bytes : 0;
    std::string text = now.phase == Phase::count ? "counting  " : "tokenising  ";
    text += human_bytes(static_cast<double>(now.bytes)) + " of " +
            human_bytes(static_cast<double>(now.all_bytes)) + "  " + percent(now) + "  " +
            grouped(now.documents) + " documents  ";
    if (now.phase == Phase::write) {
      const double tokens = static_cast<double>(now.tokens - first_.tokens) / taken;
      text += human_count(tokens) + " tokens/s  ";
    }
    line_.show(text + human_duration(left) + " left");
  }

  void say(const std::string& sentence) {
    line_.clear();
    constexpr int kMost = 20;
    if (++said_ <= kMost) notice(sentence + "\n");
    if (said_ == kMost) notice("more are in bad_lines.txt\n");
  }

 private:
  static std::string percent(const PrepareProgress& now) {
    if (now.all_bytes == 0) return "100%";
    return std::to_string(100 * now.bytes / now.all_bytes) + "%";
  }
  void begin(const PrepareProgress& now) {
    first_ = now;
    start_ = clock_seconds();
  }

  StatusLines line_;
  PrepareProgress first_;
  double start_ = 0;
  int said_ = 0;
};

/// Blocks of a megabyte pass from thread to thread; without this each is mapped anew, and its pages
/// are cleared by the kernel before they are written.
void keep_memory_of_blocks() {
  ::mallopt(M_MMAP_THRESHOLD, 4 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 128 << 20);
}

/// Whether it is what the data set's name promises.
void print_origin(const data::CorpusManifest& m) {
  const auto& official = data::entry(m.name).files;
  if (official.empty()) return;
  const auto& sources = m.sources;
  const bool same = sources.size() == 1 && sources[0].sha256 == official[0].sha256;
  print(same ? "  of the official archive, sha256 verified\n"
             : "  not of the official archive, which has another sha256: accepted, and "
               "marked in tables\n");
}

void print_result(const corpus::Prepared& prepared, const PrepareRequest& request, double seconds) {
  const auto& m = prepared.manifest;
  print(fmt::format("{} {}\n", request.out.string(),
                    prepared.was_there ? "is finished already: nothing to do" : "is finished"));
  print(fmt::format(
      "  train {} tokens of {} documents\n  val   {} tokens of {} documents, "
      "unigram perplexity {:.1f}\n",
      grouped(m.train.tokens), grouped(m.train.documents), grouped(m.val.tokens),
      grouped(m.val.documents), m.val_unigram_perplexity));
  print(fmt::format("  {}, vocabulary {}, {}, {} bad lines, digest {}\n", m.tokens,
                    grouped(m.vocabulary), m.dtype, grouped(m.bad_lines), m.digest().substr(0, 16)));
  print_origin(m);
  constexpr std::int64_t kFew = 10'000;
  if (m.val.tokens < kFew) {
    print(fmt::format(
        "  few tokens to score by, and dataset.length is at most {}: --test-size holds out more\n",
        m.val.tokens));
  }
  if (!prepared.was_there) print("  in " + human_duration(seconds) + "\n");
}

}  // namespace

int data_prepare(Arguments arguments) {
  const auto parsed = prepare_options().parse(arguments);
  if (!parsed) return kExitOk;
  const std::vector<std::string> kNames{"openwebtext2", "text"};
  if (parsed->words().size() != 1) {
    throw Error("expected one name, openwebtext2 or text, found " +
                    std::to_string(parsed->words().size()) +
                    ". Usage: attnlab data prepare NAME --source PATH.",
                kExitUsage);
  }
  const std::string& name = parsed->words()[0];
  if (std::ranges::find(kNames, name) == kNames.end()) {
    throw Error("'" + name + "' is not prepared from documents." + did_you_mean(name, kNames),
                kExitUsage);
  }
  auto request = request_of(*parsed, name);
  const auto tokens = tokens_for(*parsed);
  keep_memory_of_blocks();
  const double start = clock_seconds();
  corpus::Prepared prepared;
  {
    Report report;
    request.progress = [&report](const auto& now) { report.show(now); };
    request.notice = [&report](const auto& sentence) { report.say(sentence); };
    prepared = corpus::prepare(request, tokens);
  }
  print_result(prepared, request, clock_seconds() - start);
  return kExitOk;
}

}  // namespace attnlab::cli
