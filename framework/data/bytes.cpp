#include "framework/data/bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "framework/core/descriptor.h"
#include "framework/core/error.h"

namespace attnlab::data {

Bytes read_file(const std::filesystem::path& file) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!opened || ::fstat(opened.number(), &status) != 0) {
    throw errno_error("cannot open '" + file.string() + "'");
  }
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  for (std::size_t done = 0; done < bytes.size();) {
    const auto count = ::read(opened.number(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno != EINTR) throw errno_error("cannot read '" + file.string() + "'");
    if (count == 0) throw Error("'" + file.string() + "' became shorter while it was read");
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return bytes;
}

}  // namespace attnlab::data
