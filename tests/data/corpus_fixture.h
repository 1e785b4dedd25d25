/// corpus_fixture.h: a small folder of prepared tokens.
#pragma once

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "framework/core/digest.h"
#include "framework/data/corpus_manifest.h"
#include "framework/data/dataset.h"
#include "tests/data/support.h"

namespace attnlab::data {

inline Bytes as_uint16(const std::vector<std::int32_t>& tokens) {
  Bytes bytes;
  for (const auto token : tokens) {
    bytes.push_back(static_cast<std::uint8_t>(token & 255));
    bytes.push_back(static_cast<std::uint8_t>(token >> 8));
  }
  return bytes;
}

/// A folder with 100 training and 23 validation tokens, 0, 1, 2, ... and 500, 501, ...
class Corpus : public DataTest {
 protected:
  void SetUp() override {
    manifest.name = "text";
    manifest.tokens = "bytes";
    manifest.vocabulary = 600;
    manifest.end_of_text = 599;
    manifest.dtype = "uint16";
    manifest.vocabulary_digest = "bytes";
    manifest.test_size = 0.1;
    manifest.plain_text_split = "file";
    manifest.sources = {{"x.txt", 5, "ab"}};
    add_part("train", manifest.train, 0, 100);
    add_part("val", manifest.val, 500, 23);
    save();
  }

  void add_part(const std::string& name, CorpusPart& part, std::int32_t first, std::size_t count) {
    std::vector<std::int32_t> tokens(count);
    std::iota(tokens.begin(), tokens.end(), first);
    part.documents = 1;
    part.tokens = static_cast<std::int64_t>(count);
    part.bin = add_file(name + ".bin", as_uint16(tokens));
    part.index = add_file(name + ".index", Bytes(16));
  }
  CorpusFile add_file(const std::string& name, const Bytes& content) {
    write("c/" + name, content);
    return {static_cast<std::int64_t>(content.size()), {sha256_hex(as_text(content))}};
  }
  void save() const { write("c/manifest.json", bytes_of(to_json(manifest))); }

  std::unique_ptr<Dataset> open(std::int64_t length,
                                const std::string& sampling = "offsets") const {
    return open_dataset(asked(length, sampling), "");
  }
  config::Node asked(std::int64_t length, const std::string& sampling = "offsets") const {
    return section("text", {{"path", config::Node((dir / "c").string())},
                            {"length", config::Node(length)},
                            {"sampling", config::Node(sampling)}});
  }
  std::string refusal(std::int64_t length = 8) const {
    return message_of([&] { static_cast<void>(open(length)); });
  }

  CorpusManifest manifest;
};

}  // namespace attnlab::data
