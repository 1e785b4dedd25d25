#include "framework/bundle/manifest.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "framework/core/digest.h"
#include "tests/store/support.h"

namespace attnlab::bundle {
namespace {

using testing::HasSubstr;

Manifest small_manifest() {
  return {.made = "today",
          .by = "attnlab",
          .from = "/a/runs.db",
          .study = "<script>/é",
          .checkpoints = "best",
          .runs = {{"u1", "0123456789ab-1"}},
          .files = {{kDatabase, 5, std::string(64, 'a')}, {"runs/0123456789ab-1/log.txt", 7, std::string(64, 'b')}}};
}

/// As somebody would write it who knows the form.
std::string forged(nlohmann::ordered_json content) {
  const auto digest = sha256_hex(content.dump());
  return nlohmann::ordered_json{{"format", 1}, {"sha256", digest}, {"content", std::move(content)}}.dump();
}

nlohmann::ordered_json small_content() { return nlohmann::ordered_json::parse(to_json(small_manifest())).at("content"); }

TEST(Manifest, comes_back_as_it_was) {
  const auto back = manifest_from(to_json(small_manifest()));
  EXPECT_EQ(back.study, "<script>/é");
  EXPECT_EQ(back.runs.at(0).folder, "0123456789ab-1");
  EXPECT_EQ(back.files.at(1).name, "runs/0123456789ab-1/log.txt");
  EXPECT_EQ(back.bytes(), 12);
  EXPECT_EQ(to_json(back), to_json(small_manifest()));
  EXPECT_EQ(manifest_from(forged(small_content())).bytes(), 12);
}

TEST(Manifest, a_byte_that_differs_is_found) {
  const auto json = to_json(small_manifest());
  int accepted = 0;
  for (std::size_t at = 0; at < json.size(); ++at) {
    auto other = json;
    other[at] = static_cast<char>(other[at] ^ 1);
    if (message_of([&] { static_cast<void>(manifest_from(other)); }) == "(no error)") ++accepted;
  }
  EXPECT_LE(accepted, 60) << "blanks between fields alone may differ";
}

TEST(Manifest, names_that_lead_elsewhere_have_no_place) {
  for (const char* name :
       {kDatabase, "report/demo.html", "report/_script_-1a2b3c.html", "configs/run-1.json", "runs/0123456789ab-12/log.txt",
        "runs/0123456789ab-1-2/spec.json", "runs/0123456789ab-1/checkpoints/step-000000100/model.safetensors"}) {
    EXPECT_TRUE(is_bundle_name(name)) << name;
  }
  const std::string long_name = "report/" + std::string(200, 'a') + ".html";
  for (const std::string name :
       {"", "/etc/passwd", "../x", "report/../x.html", "report/a/b.html", "report/.html", "report/.a.html", "report/-a.html",
        "configs/x.html", "database/other.db", "runs/0123456789ab-1/../log.txt", "runs/../log.txt", "runs/0123456789ab-1/imported",
        "runs/0123456789ab-1/checkpoints/step-1/../model.safetensors", "runs/0123456789ab-1/checkpoints/step-/model.safetensors",
        "runs/0123456789ab-1/checkpoints/step-1/plugin.so", "runs/0123456789AB-1/log.txt", "runs/0123456789ab/log.txt",
        "runs//log.txt", "manifest.json", long_name.c_str(), "report/a\nb.html", "report/a b.html"}) {
    EXPECT_FALSE(is_bundle_name(name)) << name;
  }
}

TEST(Manifest, what_is_wrong_is_said) {
  const auto refusal = [](auto change) {
    auto content = small_content();
    change(content);
    return message_of([&] { static_cast<void>(manifest_from(forged(content))); });
  };
  EXPECT_THAT(refusal([](auto& c) { c["files"][1]["name"] = "../evil"; }), HasSubstr("has no place in a bundle"));
  EXPECT_THAT(refusal([](auto& c) { c["files"][1]["name"] = kDatabase; }), HasSubstr("is listed twice"));
  EXPECT_THAT(refusal([](auto& c) { c["files"].erase(0); }), HasSubstr("there is no database/attnlab.db"));
  EXPECT_THAT(refusal([](auto& c) { c["files"][1]["bytes"] = -1; }), HasSubstr("has an impossible size"));
  EXPECT_THAT(refusal([](auto& c) { c["files"][1]["bytes"] = INT64_MAX; }), HasSubstr("has an impossible size"));
  EXPECT_THAT(refusal([](auto& c) { c["files"][1]["sha256"] = "x"; }), HasSubstr("has no digest"));
  EXPECT_THAT(refusal([](auto& c) { c["runs"][0]["folder"] = "../x"; }), HasSubstr("is no folder of a run"));
  EXPECT_THAT(refusal([](auto& c) { c["runs"].push_back(c["runs"][0]); }), HasSubstr("is listed twice, or for no run"));
  EXPECT_THAT(refusal([](auto& c) { c["runs"].clear(); }), HasSubstr("belongs to no run"));
  EXPECT_THAT(refusal([](auto& c) { c.erase("made"); }), HasSubstr("it is damaged: "));
  EXPECT_THAT(message_of([] { static_cast<void>(manifest_from(R"({"format": 2})")); }),
              HasSubstr("it has format 2, expected 1: it is of another version of attnlab"));
  EXPECT_THAT(message_of([] { static_cast<void>(manifest_from("{")); }), HasSubstr("it is damaged: "));
}

}  // namespace
}  // namespace attnlab::bundle
