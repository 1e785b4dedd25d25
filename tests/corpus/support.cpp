#include "tests/corpus/support.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <iterator>

#include "framework/corpus/documents.h"

namespace attnlab::corpus {
namespace fs = std::filesystem;

CorpusTest::CorpusTest() {
  std::string pattern = (fs::temp_directory_path() / "attnlab_corpus_XXXXXX").string();
  dir = ::mkdtemp(pattern.data());
}

CorpusTest::~CorpusTest() { fs::remove_all(dir); }

fs::path CorpusTest::write(const std::string& name, std::string_view content) const {
  const fs::path file = dir / name;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
  return file;
}

PrepareRequest CorpusTest::request(const fs::path& source) const {
  PrepareRequest request;
  request.name = "text";
  request.source = source;
  request.out = dir / "out";
  request.test_size = 0.1;
  request.threads = 2;
  request.checkpoint_seconds = 0;
  return request;
}

std::string zstd_frame(std::string_view content) {
  std::string packed(ZSTD_compressBound(content.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  packed.resize(
      ZSTD_compress2(context, packed.data(), packed.size(), content.data(), content.size()));
  ZSTD_freeCCtx(context);
  return packed;
}

std::string gzip_member(std::string_view content) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, content.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string tar_of(const std::vector<std::pair<std::string, std::string>>& members) {
  std::size_t room = 1 << 16, used = 0;
  for (const auto& [name, content] : members) room += content.size() + 2048;
  std::string file(room, '\0');
  archive* tar = archive_write_new();
  archive_write_set_format_ustar(tar);
  archive_write_open_memory(tar, file.data(), file.size(), &used);
  for (const auto& [name, content] : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(tar, entry);
    archive_write_data(tar, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_close(tar);
  archive_write_free(tar);
  file.resize(used);
  return file;
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> documents_in(const fs::path& source, ReadOptions options, Position start) {
  std::vector<std::string> found;
  BlockReader blocks(list_source(source), options, start, {});
  DocumentReader documents(options.longest, true);
  while (const auto block = blocks.next()) {
    documents.read(
        *block,
        {[&](std::string_view text) { found.push_back(*block->origin + ":" + std::string(text)); },
         [&](const BadLine& bad) {
           found.push_back(*block->origin + ":" + std::to_string(bad.line) + "! " + bad.reason);
         }});
  }
  return found;
}

}  // namespace attnlab::corpus
