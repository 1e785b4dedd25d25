#include "framework/core/text_file.h"

#include <fstream>

#include "framework/core/error.h"

namespace attnlab {

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw Error("cannot write '" + path.string() + "'. Is the disk full?");
}

}  // namespace attnlab
