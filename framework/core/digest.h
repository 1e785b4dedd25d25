/// digest.h: SHA-256, for fingerprints, data checksums and source digests. An object belongs to one
///   thread; the functions may be called from any.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace attnlab {

/// Adds bytes piece by piece; the digest does not depend on how they were cut. Throws where OpenSSL
/// has no SHA-256 or there is no memory.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& add(std::string_view bytes);
  /// 64 lower-case hexadecimal digits of what was added so far; more may be added after.
  [[nodiscard]] std::string hex() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// A digest of a list that can go on from its text alone: of the digest before and of what is added.
class DigestChain {
 public:
  DigestChain();
  explicit DigestChain(std::string before) : hex_(std::move(before)) {}

  void add(std::string_view bytes);
  [[nodiscard]] const std::string& hex() const { return hex_; }

 private:
  std::string hex_;
};

[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// Digest of a file's content, read in pieces. Throws Error when it cannot be read.
[[nodiscard]] std::string sha256_file(const std::filesystem::path& path);

}  // namespace attnlab
