#include "framework/report/event_file.h"

#include <array>
#include <bit>

namespace attnlab::report {
namespace {

constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest & 1) != 0 ? rest >> 1 ^ 0x82F63B78U : rest >> 1;
    table[byte] = rest;
  }
  return table;
}();

template <class Number>
void append_little_endian(std::string& out, Number number) {
  for (std::size_t byte = 0; byte < sizeof number; ++byte) out += static_cast<char>(number >> 8 * byte & 0xFF);
}

/// A protocol buffer: numbered fields in the order in which they are added.
class Message {
 public:
  Message& integer(int field, std::int64_t value) {
    key(field, 0);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& real(int field, double value) {
    key(field, 1);
    append_little_endian(bytes_, std::bit_cast<std::uint64_t>(value));
    return *this;
  }
  Message& single(int field, float value) {
    key(field, 5);
    append_little_endian(bytes_, std::bit_cast<std::uint32_t>(value));
    return *this;
  }
  Message& text(int field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void key(int field, int wire) { varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire)); }
  void varint(std::uint64_t value) {
    for (; value > 0x7F; value >>= 7) bytes_ += static_cast<char>((value & 0x7F) | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

// Numbers of fields, as in tensorboard/compat/proto/{event,summary,tensor}.proto and plugins/hparams.
enum EventField { kWall = 1, kStep = 2, kVersion = 3, kSummary = 5 };
enum ValueField { kTag = 1, kSimple = 2, kTensor = 8, kMetadata = 9 };
constexpr int kDtFloat = 1, kDtString = 7, kDataClassTensor = 2;

std::string event(EventTime time, const Message& value) {
  return event_record(Message()
                          .real(kWall, time.wall)
                          .integer(kStep, time.step)
                          .message(kSummary, Message().message(1, value))
                          .bytes());
}

Message metadata(std::string_view plugin, std::string_view content) {
  Message data;
  data.text(1, plugin);
  if (!content.empty()) data.text(2, content);
  return Message().message(1, data);
}

// The page reads the metadata alone, but wants a tensor beside it: an empty one.
std::string session_event(double wall, std::string_view tag, const Message& data) {
  const auto empty = Message().integer(1, kDtFloat).message(2, Message().message(2, Message()));
  return event({wall, 0}, Message().text(kTag, tag).message(kTensor, empty).message(
                              kMetadata, metadata("hparams", data.bytes())));
}

Message value_message(const store::Value& value) {  // google.protobuf.Value
  if (const auto* text = std::get_if<std::string>(&value)) return Message().text(3, *text);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return Message().real(2, static_cast<double>(*integer));
  return Message().real(2, std::get<double>(value));
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8U; }

std::string event_record(std::string_view message) {
  std::string record;
  append_little_endian(record, static_cast<std::uint64_t>(message.size()));
  append_little_endian(record, masked_crc32c(record));
  record += message;
  append_little_endian(record, masked_crc32c(message));
  return record;
}

std::string version_event(double wall) {
  return event_record(Message().real(kWall, wall).text(kVersion, "brain.Event:2").bytes());
}

std::string scalar_event(EventTime time, std::string_view tag, double value) {
  return event(time, Message().text(kTag, tag).single(kSimple, static_cast<float>(value)));
}

std::string text_event(EventTime time, std::string_view tag, std::string_view markdown) {
  const auto tensor = Message().integer(1, kDtString).message(2, Message()).text(8, markdown);
  auto about = metadata("text", "");
  about.integer(4, kDataClassTensor);
  return event(time, Message().text(kTag, tag).message(kTensor, tensor).message(kMetadata, about));
}

std::string session_start_event(double wall, const Parameters& parameters) {
  Message info;
  for (const auto& [name, value] : parameters) {
    info.message(1, Message().text(1, name).message(2, value_message(value)));
  }
  info.real(5, wall);
  return session_event(wall, "_hparams_/session_start_info", Message().integer(1, 0).message(3, info));
}

std::string session_end_event(double wall, SessionEnd end) {
  const auto info = Message().integer(1, static_cast<int>(end)).real(2, wall);
  return session_event(wall, "_hparams_/session_end_info", Message().integer(1, 0).message(4, info));
}

}  // namespace attnlab::report
