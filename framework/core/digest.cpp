#include "framework/core/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>
#include <vector>

#include "framework/core/error.h"

namespace attnlab {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using EvpContext = std::unique_ptr<EVP_MD_CTX, FreeContext>;

namespace {

EvpContext new_context() {
  // A thread may be making a digest while another one, a plugin's call of exit(), ends the process:
  // OpenSSL must not tear itself down under it.
  static const int kept = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);
  static_cast<void>(kept);
  EvpContext context(EVP_MD_CTX_new());
  if (!context) throw std::bad_alloc();
  return context;
}

void require(int ok) {
  if (ok != 1) throw std::runtime_error("OpenSSL refused a SHA-256 operation");
}

}  // namespace

struct Sha256::Context {
  EvpContext evp = new_context();
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  require(EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::add(std::string_view bytes) {
  require(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()));
  return *this;
}

std::string Sha256::hex() const {
  const EvpContext copy = new_context();  // finishing a copy leaves this one open for more
  require(EVP_MD_CTX_copy_ex(copy.get(), context_->evp.get()));
  std::array<unsigned char, 32> digest{};
  require(EVP_DigestFinal_ex(copy.get(), digest.data(), nullptr));
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) { return Sha256().add(bytes).hex(); }

DigestChain::DigestChain() : hex_(sha256_hex("")) {}
void DigestChain::add(std::string_view bytes) { hex_ = Sha256().add(hex_).add(bytes).hex(); }

std::string sha256_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  Sha256 digest;
  std::vector<char> piece(1 << 20);
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    digest.add({piece.data(), static_cast<std::size_t>(file.gcount())});
  }
  if (!file.eof()) {
    throw Error("cannot read '" + path.string() +
                "': " + (errno ? std::strerror(errno) : "read error") + ".");
  }
  return digest.hex();
}

}  // namespace attnlab
