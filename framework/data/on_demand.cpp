#include "framework/data/on_demand.h"

#include "framework/core/own_library.h"

namespace attnlab::data {
namespace {

constexpr OwnLibrary kOnDemand{"libattnlab_on_demand.so", "fetching and unzipping need", "libcurl4 and libarchive13"};

}  // namespace

TransferResult transfer(const Transfer& request) {
  using Entry = void(const Transfer&, TransferResult&);
  TransferResult result;
  function_in<Entry>(kOnDemand, "attnlab_transfer")(request, result);
  return result;
}

Bytes unzip(const std::filesystem::path& file, const std::string& member, std::size_t limit) {
  using Entry = void(const std::filesystem::path&, const std::string&, std::size_t, Bytes&);
  Bytes content;
  function_in<Entry>(kOnDemand, "attnlab_unzip")(file, member, limit, content);
  return content;
}

std::unique_ptr<TarStream> open_tar(Pull pull) {
  using Entry = void(Pull&, std::unique_ptr<TarStream>&);
  std::unique_ptr<TarStream> stream;
  function_in<Entry>(kOnDemand, "attnlab_open_tar")(pull, stream);
  return stream;
}

}  // namespace attnlab::data
