// override_random_test.cpp: random values through the round trip, random text at the parser.
#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "framework/config/override.h"
#include "framework/core/error.h"

namespace attnlab::config {
namespace {

class RandomText {
 public:
  explicit RandomText(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t bound) { return engine_() % bound; }
  std::string letters(std::string_view alphabet, std::size_t longest) {
    std::string text;
    for (std::size_t left = below(longest + 1); left > 0; --left)
      text += alphabet[below(alphabet.size())];
    return text;
  }
  Node node(int depth) {
    constexpr std::string_view kAlphabet = "a1._-+e'\"\\ \t,:=[]{}()$#~\n\xC3\xBC";
    switch (below(depth > 0 ? 7 : 5)) {
      case 0:
        return {};
      case 1:
        return Node(below(2) == 0);
      case 2:
        return Node(static_cast<std::int64_t>((std::uint64_t{engine_()} << 32) | engine_()));
      case 3:
        return Node(static_cast<double>(engine_()) * std::pow(10.0, double(below(60)) - 30));
      case 4:
        return Node(letters(kAlphabet, 6));
      case 5: {
        List list;
        for (std::size_t left = below(4); left > 0; --left) list.push_back(node(depth - 1));
        return Node(std::move(list));
      }
      default: {
        Node map = Node::map();
        for (std::size_t left = below(4); left > 0; --left)
          map.set(letters(kAlphabet, 5), node(depth - 1));
        return map;
      }
    }
  }

 private:
  std::mt19937 engine_;
};

TEST(Override, random_values_survive_the_round_trip) {
  RandomText random(1);
  const Override sweep = parse_override("k=1,2");
  for (int i = 0; i < 20000; ++i) {
    const Node value = random.node(3);
    const Override single = with_value(sweep, value);
    const Override again = parse_override(single.text);
    ASSERT_EQ(again.form, Override::Form::single) << single.text;
    ASSERT_EQ(to_json(again.values.at(0)), to_json(value)) << single.text;
  }
}

TEST(Override, random_text_is_read_or_refused_and_never_crashes) {
  RandomText random(2);
  const std::vector<std::string> pieces{
      "k=",        "choice(", "range(", "zip(a=",   "sort(", "shuffle(", "int(",
      "str(",      "glob(",   "${",     "1",        "-0.1",  "1e9",      "extend_list(",
      "nan",       "true",    "seed=3", "reverse=", ",",     ")",        "]",
      "[",         "{a:",     "}",      "'",        "\"",    "\\",       " ",
      "json_str(", "\xFF"};
  int read = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string text = i % 2 == 0 ? "k=" : "";
    for (std::size_t left = random.below(9); left > 0; --left) {
      if (random.below(6) > 0) {
        text += pieces[random.below(pieces.size())];
      } else {
        text += static_cast<char>(random.below(256));
      }
    }
    try {
      const Override override = parse_override(text);
      EXPECT_EQ(override.text, text);
      ++read;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::EndsWith("^"));
    }
  }
  EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace attnlab::config
