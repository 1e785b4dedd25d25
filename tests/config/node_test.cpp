#include "framework/config/node.h"

#include <gmock/gmock.h>

#include <cmath>

#include "framework/core/error.h"

namespace attnlab::config {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Node sample() {
  return from_json(R"({"a":{"b":[10,{"c":"x"}]},"d":null,"e":0.5,"f":true})", "sample");
}

TEST(Node, finds_children_by_dotted_path_with_list_indices) {
  const Node root = sample();
  EXPECT_EQ(root.find_path("a.b.0")->text(), "10");
  EXPECT_EQ(root.find_path("a.b.1.c")->text(), "x");
  EXPECT_EQ(root.find_path("a.b.2"), nullptr);
  EXPECT_EQ(root.find_path("a.b.x"), nullptr);
  EXPECT_EQ(root.find_path("e.f"), nullptr);
  EXPECT_EQ(root.find("z"), nullptr);
}

TEST(Node, set_replaces_in_place_or_appends) {
  Node root = sample();
  root.set("d", Node(std::int64_t{1}));
  root.set("z", Node(false));
  EXPECT_EQ(root.text(), "{a:{b:[10,{c:x}]},d:1,e:0.5,f:true,z:false}");
}

TEST(Node, text_is_what_one_would_type) {
  EXPECT_EQ(Node(std::string("a b")).text(), "\"a b\"");
  EXPECT_EQ(Node(std::string("10")).text(), "\"10\"");
  EXPECT_EQ(Node(std::string()).text(), "\"\"");
  EXPECT_EQ(Node(std::string("say \"x\"\\")).text(), R"("say \"x\"\\")");
  EXPECT_EQ(Node(3.0).text(), "3.0");
  EXPECT_EQ(Node(-0.0).text(), "-0.0");
  EXPECT_EQ(Node(1e-5).text(), "1e-05");
  EXPECT_EQ(Node(Map{{"a:b", Node(true)}}).text(), "{\"a:b\":true}");
}

TEST(Node, knows_its_type_and_origin) {
  EXPECT_EQ(Node().type_name(), "null");
  EXPECT_EQ(Node(List{}).type_name(), "list");
  EXPECT_EQ(Node(1.0).type_name(), "real");
  EXPECT_EQ((Origin{"a.yaml", 7}).text(), "a.yaml:7");
  EXPECT_EQ((Origin{"override 'a=1'"}).text(), "override 'a=1'");
}

TEST(Json, reads_back_as_the_same_values) {
  Node root = sample();
  root.set("tenth", Node(0.1));
  root.set("large", Node(std::int64_t{INT64_MAX}));
  root.set("whole", Node(3.0));
  const Node again = from_json(to_json(root), "again");
  EXPECT_EQ(again.text(), root.text());
  EXPECT_EQ(to_json(Node(INFINITY)), "\"inf\"");
  EXPECT_EQ(to_json(Node(std::string("\xFF"))), "\"\xEF\xBF\xBD\"");
}

TEST(Json, malformed_text_is_refused_with_its_source) {
  try {
    static_cast<void>(from_json("{\"a\": }", "run 7"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), StartsWith("run 7: not valid JSON: "));
    EXPECT_THAT(error.what(), HasSubstr("line 1, column 7"));
  }
}

}  // namespace
}  // namespace attnlab::config
