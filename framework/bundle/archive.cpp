#include "framework/bundle/archive.h"

#include <dlfcn.h>

#include "framework/core/error.h"
#include "framework/core/paths.h"

namespace attnlab::bundle {
namespace {

constexpr const char* kArchiveLibrary = "libattnlab_archive.so";

template <class Function>
Function* archive_symbol(const char* name) {
  static void* const library = [] {
    const auto path = paths::executable_dir().parent_path() / "lib" / kArchiveLibrary;
    void* opened = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (opened == nullptr) opened = ::dlopen(kArchiveLibrary, RTLD_NOW | RTLD_LOCAL);
    if (opened != nullptr) return opened;
    throw Error("cannot load '" + path.string() + "', which bundles need: " + ::dlerror() +
                ". Install libarchive13, or build attnlab again.");
  }();
  void* address = ::dlsym(library, name);
  if (address != nullptr) return reinterpret_cast<Function*>(address);
  throw Error(std::string(kArchiveLibrary) + " lacks '" + name + "'; expected one of the same build. Build attnlab again.");
}

}  // namespace

std::unique_ptr<ArchiveWriter> write_archive(Sink sink, std::int64_t seconds) {
  using Entry = void(Sink&, std::int64_t, std::unique_ptr<ArchiveWriter>&);
  std::unique_ptr<ArchiveWriter> writer;
  archive_symbol<Entry>("attnlab_write_archive")(sink, seconds, writer);
  return writer;
}

std::unique_ptr<ArchiveReader> read_archive(Pull pull) {
  using Entry = void(Pull&, std::unique_ptr<ArchiveReader>&);
  std::unique_ptr<ArchiveReader> reader;
  archive_symbol<Entry>("attnlab_read_archive")(pull, reader);
  return reader;
}

}  // namespace attnlab::bundle
