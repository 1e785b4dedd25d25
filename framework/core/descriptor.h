/// descriptor.h: file descriptors that are closed with their owner, and what is done with them in many places.
///   Nothing throws: as with the system's own calls, errno says why something failed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

namespace attnlab {

/// Owns a descriptor, or none. One thread at a time.
class Descriptor {
 public:
  Descriptor() = default;
  /// Below 0, as a failed open() returns: none.
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = other.release();
    }
    return *this;
  }
  ~Descriptor() { close(); }

  [[nodiscard]] explicit operator bool() const { return number_ >= 0; }
  [[nodiscard]] int number() const { return number_; }  // below 0: none
  /// Its number, for somebody else to close.
  [[nodiscard]] int release() { return std::exchange(number_, -1); }
  /// False where the system tells only now that something was not written. There is none afterwards.
  bool close();

 private:
  int number_ = -1;
};

/// The same file under a number of at least `lowest`, for what must keep out of the way of a child's own
/// descriptors. None where there is none, or no number is left.
[[nodiscard]] Descriptor lifted(Descriptor low, int lowest);

/// False where not all of them could be written.
[[nodiscard]] bool write_all(int descriptor, std::string_view bytes);

/// The file's size; 0 where it cannot be told.
[[nodiscard]] std::int64_t file_bytes(int descriptor);

/// Whether `path` still leads to it: another process may have renamed or replaced it since it was opened.
[[nodiscard]] bool is_still_at(const std::filesystem::path& path, int descriptor);

}  // namespace attnlab
