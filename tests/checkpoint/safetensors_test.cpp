#include "framework/checkpoint/safetensors.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdint>

#include "framework/core/digest.h"
#include "tests/checkpoint/support.h"

namespace attnlab::checkpoint {
namespace {

using testing::HasSubstr;

std::string file_of(const std::string& header, std::size_t data_bytes, std::int64_t said = -1) {
  const std::uint64_t length = said < 0 ? header.size() : static_cast<std::uint64_t>(said);
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data_bytes, 'x');
}

std::string refusal_of(const std::string& bytes) {
  const FreshFolder folder;
  write(folder / "a.safetensors", bytes);
  return refusal([&] { const Safetensors file(folder / "a.safetensors"); });
}

TEST(Safetensors, reads_what_it_writes_and_aligns_every_array) {
  const FreshFolder folder;
  const std::map<std::string, std::string> bytes{{"b", std::string(24, 'b')}, {"odd", "123"}, {"empty", ""}, {"scalar", "12345678"}};
  const auto written = write_safetensors(
      folder / "a", {{"odd", "U8", {3}}, {"b", "F32", {2, 3}}, {"empty", "F32", {0, 4}}, {"scalar", "I64", {}}},
      {{"format", "pt"}}, [&](const TensorEntry& entry) { return std::string_view(bytes.at(entry.name)); });
  const auto text = content(folder / "a");
  EXPECT_EQ(written.bytes, text.size());
  EXPECT_EQ(written.sha256, sha256_hex(text));
  const Safetensors file(folder / "a");
  EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}}));
  ASSERT_EQ(file.entries().size(), bytes.size());
  for (const auto& [name, expected] : bytes) {
    const auto* entry = file.find(name);
    ASSERT_NE(entry, nullptr) << name;
    std::string read(expected.size(), '\0');
    file.read(*entry, read.data());
    EXPECT_EQ(read, expected) << name;
    EXPECT_EQ(entry->begin % (entry->dtype == "U8" ? 1 : entry->dtype == "F32" ? 4 : 8), 0U) << name;
  }
  EXPECT_EQ(file.find("b")->kind(), "F32 [2, 3]");
  EXPECT_EQ(file.find("nothing"), nullptr);
  EXPECT_EQ(text.size() % 8, 3U) << "the header ends at a multiple of 8";
}

TEST(Safetensors, refuses_to_write_what_would_be_read_as_something_else) {
  const FreshFolder folder;
  const auto nothing = [](const TensorEntry&) { return std::string_view("four"); };
  EXPECT_THAT(refusal([&] { write_safetensors(folder / "a", {{"a", "F32", {1}}, {"a", "F32", {1}}}, {}, nothing); }),
              HasSubstr("two tensors are called 'a'"));
  EXPECT_THAT(refusal([&] { write_safetensors(folder / "a", {{"a", "F32", {2}}}, {}, nothing); }),
              HasSubstr("'a' has 4 bytes; expected 8 of F32 [2]"));
  EXPECT_THAT(refusal([&] { write_safetensors(folder / "no/where", {}, {}, nothing); }), HasSubstr("No such file"));
  EXPECT_THAT(refusal([&] { write_safetensors("/dev/full", {{"a", "F32", {1}}}, {}, nothing); }),
              HasSubstr("No space left on device. Free some space"));
}

TEST(Safetensors, says_what_is_wrong_with_a_file) {
  const std::string a = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  EXPECT_EQ(refusal_of(file_of(a, 8)), "");
  struct Case {
    std::string bytes;
    const char* why;
  };
  const std::vector<Case> cases{
      {"", "it has 0 bytes; expected 8 at least"},
      {"1234567", "it has 7 bytes"},
      {file_of(a, 8).substr(0, 20), "its header is said to have"},
      {file_of(a, 8, 1 << 30), "its header is said to have 1073741824 bytes"},
      {file_of(a, 8, INT64_MAX), "its header is said to have"},
      {file_of(a, 7), "it holds 7 bytes of tensors; expected 8"},
      {file_of(a, 9), "it holds 9 bytes of tensors; expected 8"},
      {file_of(a.substr(1), 8), "its header is no JSON"},
      {file_of("[]", 0), "its header is no JSON object"},
      {file_of("NaN", 0), "its header is no JSON"},
      {file_of(R"({"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}})", 8), "its header is no JSON"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8), "'2.0' is no count"},
      {file_of(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8), "'-2' is no count"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "its entry 'a' is malformed"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}})", 8), "two data_offsets"},
      {file_of(R"({"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})", 8), "unknown dtype 'F31'"},
      {file_of(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8), "'a', F32 [3], does not fit its bytes 0 to 8"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8), "'a' begins at byte 8"},
      {file_of(R"({"a":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,8]}})", 8), "does not fit"},
      {file_of(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}})", 12),
       "'b' begins at byte 4; expected 8"},
      {file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[6,10]}})", 10),
       "'b' begins at byte 6; expected 4"},
      {file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
       "the name 'a' stands twice"},
      {file_of(R"({"__metadata__":{"format":1}})", 0), "its __metadata__ is no object of texts"},
      {file_of("{\"a\xff\":1}", 0), "its header is no JSON"}};
  for (const auto& each : cases) EXPECT_THAT(refusal_of(each.bytes), HasSubstr(each.why)) << each.bytes;
}

TEST(Safetensors, survives_any_damage_of_its_header) {
  const FreshFolder folder;
  write_safetensors(folder / "a", {{"odd", "U8", {3}}, {"b", "F32", {2, 3}}}, {{"format", "pt"}},
                    [](const TensorEntry& entry) { return std::string_view("123456789012345678901234", entry.end - entry.begin); });
  const auto whole = content(folder / "a");
  for (std::size_t i = 0; i + 27 < whole.size(); ++i) {
    for (const unsigned char flip : {0x01, 0x20, 0x80}) {
      auto bytes = whole;
      bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ flip);
      (void)refusal_of(bytes);  // another name is no damage that it could see; it must not crash
    }
    EXPECT_NE(refusal_of(whole.substr(0, i)), "") << i;
  }
}

}  // namespace
}  // namespace attnlab::checkpoint
