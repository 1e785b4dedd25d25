#include "framework/data/on_demand.h"

#include <dlfcn.h>

#include "framework/core/error.h"
#include "framework/core/paths.h"

namespace attnlab::data {
namespace {

constexpr const char* kLibrary = "libattnlab_on_demand.so";

void* library() {
  static void* const handle = [] {
    const auto path = paths::executable_dir().parent_path() / "lib" / kLibrary;
    void* opened = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (opened == nullptr) opened = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (opened == nullptr) {
      throw Error("cannot load '" + path.string() + "', which fetching and unzipping need: " +
                  ::dlerror() + ". Install libcurl4 and libarchive13, or build attnlab again.");
    }
    return opened;
  }();
  return handle;
}

template <class Function>
Function* symbol(const char* name) {
  void* address = ::dlsym(library(), name);
  if (address == nullptr) {
    throw Error(std::string(kLibrary) + " lacks '" + name + "'; expected one of the same build. " +
                "Build attnlab again.");
  }
  return reinterpret_cast<Function*>(address);
}

}  // namespace

TransferResult transfer(const Transfer& request) {
  using Entry = void(const Transfer&, TransferResult&);
  TransferResult result;
  symbol<Entry>("attnlab_transfer")(request, result);
  return result;
}

Bytes unzip(const std::filesystem::path& file, const std::string& member, std::size_t limit) {
  using Entry = void(const std::filesystem::path&, const std::string&, std::size_t, Bytes&);
  Bytes content;
  symbol<Entry>("attnlab_unzip")(file, member, limit, content);
  return content;
}

std::unique_ptr<TarStream> open_tar(Pull pull) {
  using Entry = void(Pull&, std::unique_ptr<TarStream>&);
  std::unique_ptr<TarStream> stream;
  symbol<Entry>("attnlab_open_tar")(pull, stream);
  return stream;
}

}  // namespace attnlab::data
