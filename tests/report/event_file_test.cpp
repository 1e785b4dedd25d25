#include "framework/report/event_file.h"

#include <gtest/gtest.h>

#include <cmath>

namespace attnlab::report {
namespace {

std::string hex_of(const std::string& bytes) {
  std::string digits;
  for (const unsigned char byte : bytes) {
    digits += "0123456789abcdef"[byte >> 4];
    digits += "0123456789abcdef"[byte & 15];
  }
  return digits;
}

TEST(EventFile, crc32c_is_castagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(""), 0U);
  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string ascending;
  for (char byte = 0; byte < 32; ++byte) ascending += byte;
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
}

TEST(EventFile, records_have_these_bytes) {
  EXPECT_EQ(hex_of(version_event(1700000000.0)),
            "1800000000000000a37f4b220900000040fc54d9411a0d627261696e2e4576656e743a32eced8f9d");
  EXPECT_EQ(hex_of(scalar_event({1700000000.5, 1000}, "val/bpc", 1.25)),
            "1e00000000000000d9dc12320900002040fc54d94110e8072a100a0e0a0776616c2f627063150000a03f75e7fb0f");
}

TEST(EventFile, a_record_is_its_length_and_its_message_each_with_a_masked_crc) {
  const std::string message(300, 'x');
  const auto record = event_record(message);
  ASSERT_EQ(record.size(), 8 + 4 + 300 + 4U);
  EXPECT_EQ(hex_of(record.substr(0, 8)), "2c01000000000000");
  EXPECT_EQ(record.substr(12, 300), message);
  const auto number_at = [&](std::size_t at) {
    std::uint32_t number = 0;
    for (std::size_t i = 4; i-- > 0;) number = number << 8 | static_cast<unsigned char>(record[at + i]);
    return number;
  };
  EXPECT_EQ(number_at(8), masked_crc32c(record.substr(0, 8)));
  EXPECT_EQ(number_at(312), masked_crc32c(message));
}

TEST(EventFile, numbers_that_are_none_pass) {
  EXPECT_NE(scalar_event({}, "a", NAN), scalar_event({}, "a", 0));
  EXPECT_NE(scalar_event({}, "a", INFINITY), scalar_event({}, "a", -INFINITY));
  EXPECT_EQ(scalar_event({0, -1}, "a", 0).size(), scalar_event({0, 1}, "a", 0).size() + 9) << "ten bytes, as int64 has it";
}

}  // namespace
}  // namespace attnlab::report
