#include "framework/config/attention_pattern.h"

#include <gmock/gmock.h>

#include <sstream>

#include "framework/config/pattern_sections.h"
#include "framework/config/resolve.h"
#include "framework/config/yaml.h"
#include "tests/config/compose_support.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(AttentionPattern, names_a_variant_for_each_layer) {
  const AttentionPattern pattern(" dense , hash_sparse*3,dense");
  EXPECT_THAT(pattern.layers(),
              ElementsAre("dense", "hash_sparse", "hash_sparse", "hash_sparse", "dense"));
  EXPECT_THAT(pattern.variants(), ElementsAre("dense", "hash_sparse"));
  EXPECT_THAT(pattern.layers_of("dense"), ElementsAre(0, 4));
  EXPECT_EQ(pattern.text(), "dense,hash_sparse*3,dense");
}

TEST(AttentionPattern, has_one_shortest_spelling) {
  EXPECT_EQ(AttentionPattern("dense,dense, hash_sparse * 1,dense*1").text(),
            "dense*2,hash_sparse,dense");
}

TEST(AttentionPattern, says_which_term_cannot_be_read) {
  for (const auto& [text, term] : std::vector<std::pair<std::string, std::string>>{
           {"", "''"}, {"dense,,none", "''"}, {"dense,", "''"}, {"*3", "'*3'"}, {"dense*0", "'dense*0'"},
           {"dense*", "'dense*'"}, {"dense*-1", "'dense*-1'"}, {"dense*2.5", "'dense*2.5'"},
           {"dense*1001", "'dense*1001'"}, {"dense*600,none*600", "'none*600'"},
           {"dense*99999999999999999999", "'dense*99999999999999999999'"}, {"dense hash", "'dense hash'"},
           {"dense*2*2", "'dense*2*2'"}, {"a.b", "'a.b'"}}) {
    EXPECT_THAT(message_of([&] { return AttentionPattern(text); }),
                StartsWith(term + " in '" + text + "' is no term of a pattern"));
  }
}

TEST(LayerWords, are_as_people_write_them) {
  EXPECT_EQ(layer_words({3}), "layer 3");
  EXPECT_EQ(layer_words({0, 4}), "layers 0, 4");
  EXPECT_EQ(layer_words({1, 2, 3, 7}), "layers 1-3, 7");
}

Schemas pattern_schemas() {
  Schemas schemas;
  schemas.attention = [](const std::string& name) -> std::vector<Parameter> {
    if (name == "dense" || name == "window") return {};
    if (name != "hash_sparse") throw Error("no attention is named '" + name + "'");
    return {{"buckets", Kind::integer, Node(std::int64_t{16}), {.low = 1}, "", "", {}},
            {"verbose", Kind::boolean, Node(false), {}, "", "", {}, true}};
  };
  return schemas;
}

class Patterns : public Compose {
 protected:
  Resolved resolved(const std::vector<std::string>& words) {
    Resolver resolver(pattern_schemas());
    return resolver.resolve(compose(words, [&](Node& node) { resolver.fill(node); }).config);
  }
  std::string refusal(const std::vector<std::string>& words) {
    return message_of([&] { return resolved(words); });
  }
};
const std::string kBoth = "model.attention_pattern='dense,hash_sparse'";

TEST_F(Patterns, give_each_variant_a_section_with_the_values_of_its_file) {
  write("attention_plugins/hash_sparse/config.yaml", "name: hash_sparse\nbuckets: 32\n");
  const auto run = resolved({kBoth});
  EXPECT_EQ(run.attention, "dense,hash_sparse");
  EXPECT_EQ(run.config.find_path("attention")->text(),
            "{name:\"dense,hash_sparse\",dense:{name:dense},hash_sparse:{name:hash_sparse,buckets:32,"
            "verbose:false}}");
  const auto variants = variants_of(run.config);
  ASSERT_EQ(variants.size(), 2U);
  EXPECT_EQ(variants[1].plugin, "hash_sparse");
  EXPECT_EQ(variants[1].section, "attention.hash_sparse");
  EXPECT_THAT(variants[1].layers, ElementsAre(1));
}

TEST_F(Patterns, take_the_place_of_the_variant_that_was_chosen) {
  EXPECT_EQ(canonical_json(resolved({kBoth, "attention=hash_sparse"})), canonical_json(resolved({kBoth})));
  EXPECT_EQ(resolved({"model.attention_pattern=''", "attention=hash_sparse"}).attention, "hash_sparse");
}

TEST_F(Patterns, of_equal_layers_are_equal_and_parameters_count) {
  const auto json = [&](const std::vector<std::string>& words) { return canonical_json(resolved(words)); };
  EXPECT_EQ(json({"model.attention_pattern='dense,dense'"}), json({"model.attention_pattern='dense*2'"}));
  EXPECT_NE(json({kBoth}), json({kBoth, "attention.hash_sparse.buckets=8"}));
  EXPECT_EQ(json({kBoth}), json({kBoth, "attention.hash_sparse.verbose=true"})) << "cosmetic";
}

TEST_F(Patterns, stand_in_files_with_their_parameters_too) {
  write("experiments/experiment/mixed.yaml",
        "# @package _global_\nmodel:\n  layers: 3\n  attention_pattern: window,hash_sparse*2\n"
        "attention:\n  hash_sparse:\n    buckets: 8\n");
  const auto run = resolved({"experiment=mixed"});
  EXPECT_EQ(run.attention, "window,hash_sparse*2");
  EXPECT_EQ(run.config.find_path("attention.hash_sparse.buckets")->text(), "8");
  EXPECT_EQ(run.config.find_path("attention.window.name")->text(), "window") << "a plugin without a file";
}

TEST_F(Patterns, may_have_one_plugin_twice_under_names_of_files) {
  dirs_ = {home_ / "own"};
  write("own/attention/coarse.yaml", "name: hash_sparse\nbuckets: 4\n");
  const auto run = resolved({"model.attention_pattern='coarse,hash_sparse'"});
  EXPECT_EQ(run.config.find_path("attention.coarse.buckets")->text(), "4");
  EXPECT_EQ(run.config.find_path("attention.hash_sparse.buckets")->text(), "16");
  EXPECT_EQ(variants_of(run.config)[0].plugin, "hash_sparse");
}

TEST_F(Patterns, that_cannot_be_are_refused) {
  EXPECT_THAT(refusal({"model.attention_pattern='dense*3'"}),
              HasSubstr("model.attention_pattern: 'dense*3' names 3 layers; expected model.layers = 2. "
                        "Change one of the two."));
  EXPECT_THAT(refusal({"model.attention_pattern='dense,hash_spare'"}),
              HasSubstr("model.attention_pattern: unknown attention 'hash_spare'. Did you mean "
                        "'hash_sparse'?"));
  EXPECT_THAT(refusal({"model.attention_pattern='dense*,dense'"}), HasSubstr("'dense*' in"));
  EXPECT_THAT(refusal({"model.attention_pattern='${seed},dense'"}), HasSubstr("is not written out"));
  EXPECT_THAT(refusal({kBoth, "attention.buckets=8"}),
              HasSubstr("has no key 'buckets'. Did you mean 'attention.hash_sparse.buckets'?"));
  EXPECT_THAT(refusal({kBoth, "attention.hash_sparse.bukets=8"}), HasSubstr("has no key 'bukets'"));
  EXPECT_THAT(refusal({kBoth, "attention.hash_sparse.buckets=0"}),
              HasSubstr("attention.hash_sparse.buckets: 0 is out of range"));
  EXPECT_THAT(refusal({kBoth, "+attention.window={}"}),
              HasSubstr("unknown key 'window' in 'attention'; with model.attention_pattern each of its "
                        "variants has a section there."));
  EXPECT_THAT(refusal({"model.attention_pattern=[dense,dense]"}), HasSubstr("model.attention_pattern"));
}

}  // namespace
}  // namespace attnlab::config
