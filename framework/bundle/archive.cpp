#include "framework/bundle/archive.h"

#include "framework/core/own_library.h"

namespace attnlab::bundle {
namespace {

constexpr OwnLibrary kArchive{"libattnlab_archive.so", "bundles need", "libarchive13"};

}  // namespace

std::unique_ptr<ArchiveWriter> write_archive(Sink sink, std::int64_t seconds) {
  using Entry = void(Sink&, std::int64_t, std::unique_ptr<ArchiveWriter>&);
  std::unique_ptr<ArchiveWriter> writer;
  function_in<Entry>(kArchive, "attnlab_write_archive")(sink, seconds, writer);
  return writer;
}

std::unique_ptr<ArchiveReader> read_archive(Pull pull) {
  using Entry = void(Pull&, std::unique_ptr<ArchiveReader>&);
  std::unique_ptr<ArchiveReader> reader;
  function_in<Entry>(kArchive, "attnlab_read_archive")(pull, reader);
  return reader;
}

}  // namespace attnlab::bundle
