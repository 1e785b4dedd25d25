// encode_documents.cpp: the tokenizer for tests and benchmarks in other languages.
//   encode_documents VOCAB_DIR DOCUMENTS TOKENS [specials]
//     DOCUMENTS holds documents, each a little-endian uint32 length and so many bytes; TOKENS gets,
//     for each, a count and the ids, all uint32. Every document is also encoded without memory and
//     decoded; a difference ends the program.
//   encode_documents VOCAB_DIR DOCUMENTS
//     Times itself: for each number of threads read from stdin, prints the seconds and the tokens.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "framework/core/error.h"
#include "framework/core/utf8.h"
#include "framework/text/tokenizer.h"

namespace {

using attnlab::Error;
using attnlab::text::Scratch;
using attnlab::text::Tokenizer;
using Ids = std::vector<std::uint32_t>;

std::vector<std::string_view> documents_in(std::string_view content) {
  std::vector<std::string_view> documents;
  while (!content.empty()) {
    std::uint32_t length = 0;
    if (content.size() < sizeof length) throw Error("half a length at the end of the documents");
    std::memcpy(&length, content.data(), sizeof length);
    content.remove_prefix(sizeof length);
    if (content.size() < length) throw Error("half a document at the end of the documents");
    documents.push_back(content.substr(0, length));
    content.remove_prefix(length);
  }
  return documents;
}

void require_consistent(const Tokenizer& tokenizer, std::string_view document, const Ids& ids) {
  Ids again;
  tokenizer.encode(document, again);
  if (again != ids) throw Error("with and without memory differ on: " + std::string(document));
  const bool valid = attnlab::text::is_utf8(document);
  const std::string text =
      valid ? std::string(document) : attnlab::text::replace_ill_formed(document);
  if (tokenizer.decode(ids) != text) {
    throw Error("decoding gives another text than: " + std::string(document));
  }
}

void encode_all(const Tokenizer& tokenizer, const std::vector<std::string_view>& documents,
                const char* target, bool specials) {
  std::ofstream out(target, std::ios::binary);
  Scratch scratch(tokenizer);
  Ids ids;
  for (const auto document : documents) {
    ids.clear();
    if (specials) {
      tokenizer.encode_with_specials(document, ids, scratch);
    } else {
      tokenizer.encode(document, ids, scratch);
      require_consistent(tokenizer, document, ids);
    }
    const auto count = static_cast<std::uint32_t>(ids.size());
    out.write(reinterpret_cast<const char*>(&count), sizeof count);
    out.write(reinterpret_cast<const char*>(ids.data()),
              static_cast<std::streamsize>(ids.size() * sizeof ids[0]));
  }
  if (!out.flush()) throw Error(std::string("cannot write '") + target + "'");
}

/// Each thread takes the next document. New memories of words every time.
std::uint64_t encode_on(int threads, const Tokenizer& tokenizer,
                        const std::vector<std::string_view>& documents) {
  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> tokens{0};
  const auto work = [&] {
    Scratch scratch(tokenizer);
    Ids ids;
    std::uint64_t count = 0;
    for (std::size_t i; (i = next++) < documents.size();) {
      ids.clear();
      tokenizer.encode(documents[i], ids, scratch);
      count += ids.size();
    }
    tokens += count;
  };
  std::vector<std::jthread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  others.clear();
  return tokens;
}

void time_all(const Tokenizer& tokenizer, const std::vector<std::string_view>& documents) {
  for (int threads = 0; std::cin >> threads;) {
    const auto start = std::chrono::steady_clock::now();
    const auto tokens = encode_on(threads, tokenizer, documents);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%.9f %llu\n", seconds.count(), static_cast<unsigned long long>(tokens));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) throw Error("usage: encode_documents VOCAB_DIR DOCUMENTS [TOKENS [specials]]");
  const std::filesystem::path folder = argv[1];
  const auto tokenizer = Tokenizer::from_files(folder / "vocab.bpe", folder / "encoder.json");
  std::ifstream file(argv[2], std::ios::binary);
  const std::string content(std::istreambuf_iterator<char>(file), {});
  const auto documents = documents_in(content);
  if (argc == 3) {
    time_all(tokenizer, documents);
  } else {
    encode_all(tokenizer, documents, argv[3], argc > 4);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "encode_documents: %s\n", error.what());
  return 1;
}
