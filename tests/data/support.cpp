#include "tests/data/support.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <random>

namespace attnlab::data {
namespace fs = std::filesystem;

DataTest::DataTest() {
  std::string pattern = (fs::temp_directory_path() / "attnlab_data_XXXXXX").string();
  dir = ::mkdtemp(pattern.data());
  cache = dir / "cache" / "attnlab";
  const char* data = std::getenv("ATTNLAB_DATA");
  real_data = data ? data : "";
  for (const char* name : {"ATTNLAB_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) {
    set_variable(name, std::nullopt);
  }
  set_variable("XDG_CACHE_HOME", (dir / "cache").string());
}

DataTest::~DataTest() {
  for (const auto& [name, value] : saved_) {
    value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
  }
  fs::remove_all(dir);
}

void DataTest::set_variable(const std::string& name, const std::optional<std::string>& value) {
  const char* before = std::getenv(name.c_str());
  saved_.try_emplace(name, before ? std::optional<std::string>(before) : std::nullopt);
  value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
}

fs::path DataTest::write(const std::string& name, const Bytes& content) const {
  const fs::path file = dir / name;
  fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(content.data()),
            static_cast<std::streamsize>(content.size()));
  return file;
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

Bytes gzipped(const Bytes& content) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  Bytes packed(deflateBound(&stream, content.size()) + 64);
  stream.next_in = const_cast<Bytef*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

Bytes idx_file(std::uint32_t magic, const std::vector<std::uint32_t>& dimensions,
               std::size_t bytes) {
  Bytes file;
  const auto add = [&](std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(number >> shift & 255);
  };
  add(magic);
  for (const std::uint32_t dimension : dimensions) add(dimension);
  file.resize(file.size() + bytes);
  return file;
}

Bytes zip_file(const std::vector<std::pair<std::string, std::string>>& members) {
  Bytes file(1 << 16);
  std::size_t used = 0;
  archive* zip = archive_write_new();
  archive_write_set_format_zip(zip);
  archive_write_open_memory(zip, file.data(), file.size(), &used);
  for (const auto& [name, content] : members) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(zip, entry);
    archive_write_data(zip, content.data(), content.size());
    archive_entry_free(entry);
  }
  archive_write_close(zip);
  archive_write_free(zip);
  file.resize(used);
  return file;
}

Bytes forged_prefix(std::size_t bytes) {
  Bytes text = bytes_of("<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.3/\" ");
  std::minstd_rand random;  // hard to compress, the same everywhere
  while (text.size() < bytes) text.push_back(static_cast<std::uint8_t>(32 + random() % 91));
  text.resize(bytes);
  return text;
}

config::Node section(const std::string& name,
                     const std::vector<std::pair<std::string, config::Node>>& keys) {
  config::Node node = config::Node::map();
  node.set("name", config::Node(name));
  for (const auto& [key, value] : keys) node.set(key, value);
  return node;
}

}  // namespace attnlab::data
