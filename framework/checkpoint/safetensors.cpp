#include "framework/checkpoint/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "framework/checkpoint/durable_file.h"
#include "framework/core/error.h"

namespace attnlab::checkpoint {
namespace {

using Json = nlohmann::ordered_json;
static_assert(std::endian::native == std::endian::little, "the layout is little-endian");

constexpr std::uint64_t kLongestHeader = 100'000'000;  // of the reference implementation
constexpr std::uint64_t kLengthBytes = 8;

std::uint64_t width_of(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

// Nothing where the number does not exist in 64 bits.
std::optional<std::uint64_t> bytes_of(const TensorEntry& entry) {
  std::uint64_t bytes = width_of(entry.dtype);
  for (const auto size : entry.shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) {
      return std::nullopt;
    }
  }
  return bytes;
}

std::string header_of(const std::vector<TensorEntry>& entries, const Metadata& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  for (const auto& entry : entries) {
    header[entry.name] = {{"dtype", entry.dtype},
                          {"shape", entry.shape},
                          {"data_offsets", {entry.begin, entry.end}}};
  }
  auto text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

// The parser keeps the last of two equal names; a file with both is refused.
Json parsed(const std::string& text) {
  std::vector<std::set<std::string>> names;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && !names.back().insert(value.get<std::string>()).second) {
      throw Error("the name '" + value.get<std::string>() + "' stands twice in its header");
    }
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::exception& error) {
    throw Error(std::string("its header is no JSON: ") + error.what());
  }
}

TensorEntry entry_from(const std::string& name, const Json& json) try {
  TensorEntry entry;
  entry.name = name;
  entry.dtype = json.at("dtype").get<std::string>();
  const auto whole = [](const Json& number) {
    if (!number.is_number_unsigned()) throw Error("'" + number.dump() + "' is no count");
    return number.get<std::uint64_t>();
  };
  for (const auto& size : json.at("shape")) {
    const auto number = whole(size);
    if (number > INT64_MAX) throw Error("'" + size.dump() + "' is no count");
    entry.shape.push_back(static_cast<std::int64_t>(number));
  }
  const auto& offsets = json.at("data_offsets");
  if (offsets.size() != 2 || json.size() != 3) throw Error("expected dtype, shape and two data_offsets");
  entry.begin = whole(offsets[0]);
  entry.end = whole(offsets[1]);
  return entry;
} catch (const std::exception& error) {
  throw Error("its entry '" + name + "' is malformed: " + error.what());
}

}  // namespace

std::string TensorEntry::kind() const {
  std::string text = dtype + " [";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

WrittenFile write_safetensors(const std::filesystem::path& path, std::vector<TensorEntry> entries,
                              const Metadata& metadata,
                              const std::function<std::string_view(const TensorEntry&)>& data) {
  std::ranges::sort(entries, [](const TensorEntry& a, const TensorEntry& b) {
    const auto one = width_of(a.dtype), other = width_of(b.dtype);
    return one != other ? one > other : a.name < b.name;
  });
  std::uint64_t offset = 0;
  std::set<std::string> names;
  for (auto& entry : entries) {
    if (!names.insert(entry.name).second) throw Error("two tensors are called '" + entry.name + "'");
    entry.begin = offset;
    entry.end = offset += bytes_of(entry).value();
  }
  const auto header = header_of(entries, metadata);
  const std::uint64_t length = header.size();
  DurableFile file(path);
  file.write({reinterpret_cast<const char*>(&length), sizeof length});
  file.write(header);
  for (const auto& entry : entries) {
    const auto bytes = data(entry);
    if (bytes.size() != entry.end - entry.begin) {
      throw Error("'" + entry.name + "' has " + std::to_string(bytes.size()) + " bytes; expected " +
                  std::to_string(entry.end - entry.begin) + " of " + entry.kind());
    }
    file.write(bytes);
  }
  auto sha256 = file.finish();
  return {file.size(), std::move(sha256)};
}

Safetensors::Safetensors(const std::filesystem::path& path)
    : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat facts {};
  if (!file_ || ::fstat(file_.number(), &facts) != 0) throw errno_error("cannot read '" + path.string() + "'");
  size_ = static_cast<std::uint64_t>(facts.st_size);
  try {
    read_header();
  } catch (const Error& error) {
    throw Error("'" + path.string() + "' is no whole safetensors file: " + error.what());
  }
}

void Safetensors::read_header() {
  std::uint64_t length = 0;
  if (size_ < kLengthBytes) throw Error("it has " + std::to_string(size_) + " bytes; expected 8 at least");
  read_at(0, &length, kLengthBytes);
  if (length > kLongestHeader || length > size_ - kLengthBytes) {
    throw Error("its header is said to have " + std::to_string(length) + " bytes; the file has " +
                std::to_string(size_));
  }
  std::string header(length, '\0');
  read_at(kLengthBytes, header.data(), length);
  data_begin_ = kLengthBytes + length;
  parse(header);
  check_layout();
}

void Safetensors::parse(const std::string& header) {
  const auto json = parsed(header);
  if (!json.is_object()) throw Error("its header is no JSON object");
  for (const auto& [name, value] : json.items()) {
    if (name != "__metadata__") {
      entries_.push_back(entry_from(name, value));
      continue;
    }
    try {
      metadata_ = value.get<Metadata>();
    } catch (const Json::exception&) {
      throw Error("its __metadata__ is no object of texts");
    }
  }
  std::ranges::sort(entries_, {}, [](const TensorEntry& e) { return std::pair(e.begin, e.end); });
}

void Safetensors::check_layout() const {
  std::uint64_t offset = 0;
  for (const auto& entry : entries_) {
    if (width_of(entry.dtype) == 0) throw Error("'" + entry.name + "' is of the unknown dtype '" + entry.dtype + "'");
    const auto bytes = bytes_of(entry);
    if (entry.begin != offset) {
      throw Error("'" + entry.name + "' begins at byte " + std::to_string(entry.begin) + "; expected " +
                  std::to_string(offset) + ", where the one before ends");
    }
    if (!bytes || entry.end < entry.begin || entry.end - entry.begin != *bytes) {
      throw Error("'" + entry.name + "', " + entry.kind() + ", does not fit its bytes " +
                  std::to_string(entry.begin) + " to " + std::to_string(entry.end));
    }
    offset = entry.end;
  }
  if (offset != size_ - data_begin_) {
    throw Error("it holds " + std::to_string(size_ - data_begin_) + " bytes of tensors; expected " +
                std::to_string(offset));
  }
}

const TensorEntry* Safetensors::find(std::string_view name) const {
  const auto found = std::ranges::find(entries_, name, &TensorEntry::name);
  return found == entries_.end() ? nullptr : &*found;
}

void Safetensors::read(const TensorEntry& entry, void* to) const {
  read_at(data_begin_ + entry.begin, to, entry.end - entry.begin);
}

void Safetensors::read_at(std::uint64_t offset, void* to, std::uint64_t bytes) const {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    const auto part = ::pread(file_.number(), at, std::min<std::uint64_t>(bytes, 1 << 30), static_cast<off_t>(offset));
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) {
      throw Error("cannot read '" + path_.string() + "': " + (part < 0 ? std::strerror(errno) : "it ends early"));
    }
    at += part;
    offset += static_cast<std::uint64_t>(part);
    bytes -= static_cast<std::uint64_t>(part);
  }
}

}  // namespace attnlab::checkpoint
