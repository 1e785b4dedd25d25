/// idx.h: the IDX files of MNIST. Big-endian: a magic number (2051 images, 2049 labels), the
///   dimensions as 32-bit numbers, then one byte per pixel or label.
///   Format: http://yann.lecun.com/exdb/mnist/
#pragma once

#include <filesystem>

#include "framework/data/bytes.h"

namespace attnlab::data {

struct ImageShape {
  std::int64_t count, rows, columns;
};

/// The pixels of `content`, [count, rows, columns], a view into it. `file` is named in messages.
/// Throws Error: labels in place of images, another magic number, other dimensions than `expected`,
/// cut short, bytes after the end; each with what was expected and what was found.
[[nodiscard]] ByteView idx_images(ByteView content, const std::filesystem::path& file,
                                  ImageShape expected);

/// The labels of `content`, [count]. Throws Error likewise, and on a label above 9.
[[nodiscard]] ByteView idx_labels(ByteView content, const std::filesystem::path& file,
                                  std::int64_t count);

}  // namespace attnlab::data
