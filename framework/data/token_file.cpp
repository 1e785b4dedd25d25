#include "framework/data/token_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "framework/core/descriptor.h"
#include "framework/core/error.h"
#include "framework/core/text.h"

namespace attnlab::data {

TokenFile::TokenFile(const std::filesystem::path& file, std::int64_t token_bytes)
    : token_bytes_(token_bytes) {
  const auto fail = [&file] { throw errno_error("cannot open '" + file.string() + "'"); };
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));  // the mapping stays when it is closed
  if (!opened) fail();
  struct stat status {};
  void* mapped = MAP_FAILED;
  if (::fstat(opened.number(), &status) == 0 && status.st_size > 0) {
    mapped = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED,
                    opened.number(), 0);
  }
  if (status.st_size == 0) return;
  if (mapped == MAP_FAILED) fail();
  at_ = static_cast<const std::uint8_t*>(mapped);
  tokens_ = status.st_size / token_bytes;
  if (status.st_size % token_bytes != 0) {
    ::munmap(mapped, static_cast<std::size_t>(status.st_size));
    throw Error("'" + file.string() + "' holds " + grouped(status.st_size) +
                " bytes, which are no whole number of tokens of " + std::to_string(token_bytes) +
                " bytes. Copy it again, or prepare it again with --restart.");
  }
}

TokenFile::~TokenFile() {
  if (at_ != nullptr) {
    ::munmap(const_cast<std::uint8_t*>(at_), static_cast<std::size_t>(bytes()));
  }
}

void TokenFile::expect_random_access() const {
  if (at_ != nullptr) {
    ::madvise(const_cast<std::uint8_t*>(at_), static_cast<std::size_t>(bytes()), MADV_RANDOM);
  }
}

double unigram_perplexity(const TokenFile& tokens) {
  std::vector<std::int64_t> counts;
  std::vector<std::uint32_t> piece(std::size_t{1} << 16);
  for (std::int64_t at = 0; at < tokens.size();) {
    const auto wanted = std::min<std::int64_t>(tokens.size() - at, std::ssize(piece));
    const auto ids = std::span(piece).first(static_cast<std::size_t>(wanted));
    tokens.copy(at, ids);
    for (const auto id : ids) {
      if (id >= counts.size()) counts.resize(id + 1);
      ++counts[id];
    }
    at += wanted;
  }
  double nats = 0;
  for (const auto count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(tokens.size());
    nats -= share * std::log(share);
  }
  return std::exp(nats);
}

}  // namespace attnlab::data
