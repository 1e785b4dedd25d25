#include "framework/data/bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "framework/core/descriptor.h"
#include "framework/core/error.h"

namespace attnlab::data {
namespace {

[[noreturn]] void fail(const char* verb, const std::filesystem::path& file) {
  throw errno_error("cannot " + std::string(verb) + " '" + file.string() + "'");
}

}  // namespace

Bytes read_file(const std::filesystem::path& file) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!opened || ::fstat(opened.number(), &status) != 0) fail("open", file);
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  for (std::size_t done = 0; done < bytes.size();) {
    const auto count = ::read(opened.number(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno != EINTR) fail("read", file);
    if (count == 0) throw Error("'" + file.string() + "' became shorter while it was read");
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return bytes;
}

void write_file_atomically(const std::filesystem::path& file, std::string_view content) {
  const auto beside = file.string() + ".new" + std::to_string(::getpid());
  std::ofstream out(beside, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out || ::rename(beside.c_str(), file.c_str()) != 0) {
    const int reason = errno;
    ::unlink(beside.c_str());
    errno = reason;
    fail("write", file);
  }
}

}  // namespace attnlab::data
