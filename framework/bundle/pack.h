/// pack.h: files into a bundle, and out of one.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "framework/bundle/manifest.h"
#include "framework/core/descriptor.h"

namespace attnlab::bundle {

/// A file on its way into a bundle.
struct Source {
  std::string name;  // in the bundle
  std::filesystem::path path;
  /// An open descriptor, for what may be removed while it is packed; else the path is opened.
  std::shared_ptr<const Descriptor> descriptor = nullptr;
  /// No more than its first so many bytes: a log may grow meanwhile. -1: all.
  std::int64_t at_most = -1;
};
/// Opens a file that may be removed meanwhile. Throws Error.
[[nodiscard]] std::shared_ptr<const Descriptor> held_open(const std::filesystem::path& path);

/// Writes the bundle under another name and renames it when it is on the disk; fills in manifest.files. Says
/// on stderr how far it is. Throws Error: a full disk, a file that changed meanwhile. Then there is no file.
void pack(const std::filesystem::path& file, Manifest& manifest, const std::vector<Source>& sources);

/// Takes every file out into `folder`, which is there and empty, and compares it with the manifest. Throws
/// Error, having written nothing outside of the folder: what is no bundle, cut short, has another digest,
/// has files that the manifest lacks or lacks some, links, devices, or needs more space than there is.
[[nodiscard]] Manifest unpack(const std::filesystem::path& file, const std::filesystem::path& folder);

}  // namespace attnlab::bundle
