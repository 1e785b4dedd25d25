// fuzz_manifest.cpp: any bytes as a manifest: refused with an Error, or read and written back.
#include <string_view>

#include "framework/core/error.h"
#include "framework/data/corpus_manifest.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  using namespace attnlab;
  try {
    const auto manifest = data::parse_manifest({data, size}, "manifest");
    const auto written = data::to_json(manifest);
    const auto again = data::parse_manifest(written, "written");
    fuzz::require(data::to_json(again) == written, "what was written reads back as the same");
    fuzz::require(manifest.train.tokens >= manifest.train.documents, "counts hold together");
  } catch (const Error&) {
  }
  return 0;
}
