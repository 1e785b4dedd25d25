#include "framework/attention/loader.h"

#include <gmock/gmock.h>

#include "framework/attention/plugin.h"
#include "framework/core/error.h"
#include "framework/plugin/catalog.h"
#include "tests/support/elf_file.h"
#include "tests/support/plugin_case.h"

namespace attnlab::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const AttentionShape kShape{.heads = 2, .head_dim = 4, .max_length = 8};

std::filesystem::path bad_plugin(const std::string& name) {
  return built_plugin(name).parent_path().parent_path() / "bad_plugins" /
         ("attention_" + name + ".so");
}

/// The message of loading a copy of `none` after `damage`.
std::string message_for_copy(const std::function<void(Bytes&)>& damage) {
  const FreshFolder folder;
  auto bytes = read_bytes(built_plugin("none"));
  damage(bytes);
  const auto file = folder.file("attention_none.so", bytes);
  return message_of([&] { (void)load_plugin(file); });
}

std::string message_for(const std::string& bad) {
  return message_of([&] { (void)load_plugin(bad_plugin(bad)); });
}

/// The message for a library that breaks the promise `kind` (tests/plugin/bad/own_entry.cpp).
std::string message_for_entry(const char* kind) {
  setenv("OWN_ENTRY", kind, 1);
  const auto message = message_for("own_entry");
  unsetenv("OWN_ENTRY");
  return message;
}

TEST(Loader, loads_a_plugin_of_this_build) {
  const auto plugin = load_plugin(built_plugin("dense"));
  EXPECT_EQ(plugin.note().name.view(), "dense");
  EXPECT_EQ(plugin.note().torch_version.view(), ATTNLAB_TORCH_VERSION);
  EXPECT_EQ(plugin.note().source_digest.view().size(), 64u);
  EXPECT_EQ(plugin.refuses(kShape, section("dense")), "");
}

TEST(Loader, the_descriptor_says_what_the_file_says) {
  const auto facts = plugin::read_plugin_note(built_plugin("dense"));
  const auto plugin = load_plugin(built_plugin("dense"));
  EXPECT_EQ(std::memcmp(&facts.note, &plugin.note(), sizeof(facts.note)), 0);
}

TEST(Loader, loading_twice_gives_the_same_library) {
  EXPECT_EQ(&load_plugin(built_plugin("none")).descriptor(),
            &load_plugin(built_plugin("none")).descriptor());
}

TEST(Loader, every_built_plugin_can_be_loaded) {
  const auto catalog = plugin::Catalog::of({built_plugin("none").parent_path()});
  EXPECT_GE(catalog.all().size(), 2u);
  for (const auto& found : catalog.all()) {
    EXPECT_EQ(found.problem, "");
    EXPECT_EQ(load_plugin(found.file).note().name.view(), found.name);
  }
}

TEST(Loader, a_library_without_the_note_is_not_a_plugin) {
  EXPECT_THAT(message_for("no_note"),
              HasSubstr("attention_no_note.so: not an attnlab plugin: it has no "
                        "note of owner 'attnlab'"));
}

TEST(Loader, another_libtorch_is_refused_with_a_table) {
  const auto message = message_for_copy([](Bytes& bytes) {
    const auto record = find_record(bytes);
    ASSERT_NE(record, 0u);
    put(bytes, record + offsetof(plugin::PluginNote, torch_version),
        std::array<char, 8>{'1', '.', '9', '.', '0'});
  });
  EXPECT_THAT(
      message,
      AllOf(HasSubstr("attention_none.so: cannot be loaded into this attnlab"),
            ::testing::ContainsRegex("LibTorch +" ATTNLAB_TORCH_VERSION " +1.9.0 +differs"),
            HasSubstr("Rebuild the plugin with this attnlab, its compiler and its LibTorch.")));
}

TEST(Loader, another_architecture_is_refused_with_a_table) {
  const auto message = message_for_copy(
      [](Bytes& bytes) { put(bytes, offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_PPC64}); });
  EXPECT_THAT(message, ::testing::ContainsRegex("architecture +[^ ]+ +PowerPC64 +differs"));
}

TEST(Loader, a_truncated_library_is_refused) {
  EXPECT_THAT(message_for_copy([](Bytes& bytes) { bytes.resize(bytes.size() / 2); }),
              HasSubstr("attention_none.so: truncated or damaged"));
}

TEST(Loader, a_note_with_lying_sizes_is_refused) {
  EXPECT_THAT(message_for_copy([](Bytes& bytes) {
                put(bytes,
                    find_record(bytes) - offsetof(plugin::ElfNote, note) +
                        offsetof(plugin::ElfNote, note_bytes),
                    std::uint32_t{0x7fffffff});
              }),
              HasSubstr("damaged: a note claims 12 bytes of owner and 2147483647 of text"));
}

TEST(Loader, another_descriptor_size_is_refused) {
  const auto api = "API " + std::to_string(plugin::kPluginApiVersion);
  EXPECT_THAT(message_for_entry("small"),
              HasSubstr("has a descriptor of 8 bytes for " + api + "; expected 32 bytes for " + api + ". Rebuild it"));
}

TEST(Loader, a_descriptor_that_contradicts_the_note_is_refused) {
  EXPECT_THAT(message_for_entry("other_note"),
              HasSubstr("has a descriptor that contradicts its note; rebuild it"));
}

TEST(Loader, a_missing_descriptor_is_refused) {
  EXPECT_THAT(message_for_entry("null"), HasSubstr("returned no descriptor"));
}

// At compile time it is an error that shows the words.
TEST(Loader, a_note_that_no_host_would_take_does_not_compile) {
  const std::vector<std::pair<std::function<void(plugin::PluginNote&)>, const char*>> cases{
      {[](auto& n) { n.name = std::string_view("Plain-X"); }, "PluginFacts::name: expected lower-case letters"},
      {[](auto& n) { n.min_head_dim = 64, n.max_head_dim = 8; }, "min_head_dim > max_head_dim"},
      {[](auto& n) { n.min_head_dim = 64, n.max_head_dim_cuda = 8; }, "min_head_dim > max_head_dim_cuda"},
      {[](auto& n) { n.parameters[0].name = std::string_view("name"); }, "a parameter cannot be called 'name'"},
      {[](auto& n) { n.parameters[0].name = std::string_view("A b"); }, "a parameter's name: expected lower-case letters"},
      {[](auto& n) { n.parameters[1] = n.parameters[0], n.parameter_count = 2; }, "two parameters have one name"},
      {[](auto& n) { n.parameters[0].default_number = 0; }, "a parameter's default is out of its range"}};
  for (const auto& [change, words] : cases) {
    auto note = good_note("window");
    detail::expect_possible(note);
    change(note);
    try {
      detail::expect_possible(note);
      ADD_FAILURE() << words;
    } catch (const char* text) {
      EXPECT_THAT(text, HasSubstr(words));
    }
  }
}

TEST(Loader, a_library_that_changes_number_formats_is_named) {
  EXPECT_THAT(message_for_entry("fast_math"),
              HasSubstr("changed in its own loading what the whole process shares: flushing of denormal numbers to 0: off, now on"));
}

TEST(Loader, an_exception_in_the_entry_point_names_the_plugin) {
  EXPECT_THAT(message_for_entry("throws"),
              AllOf(StartsWith("attention plugin 'own_entry' ("),
                    HasSubstr("attention_own_entry.so) failed in its entry point:\n  not today")));
}

TEST(Loader, an_undefined_symbol_is_demangled) {
  EXPECT_THAT(
      message_for("undefined"),
      HasSubstr("undefined symbol attnlab::function_of_another_version(at::Tensor const&, int). It "
                "was built against other headers or libraries than this attnlab"));
}

TEST(LoadedPlugin, an_exception_in_create_names_plugin_file_and_layer) {
  const auto plugin = load_plugin(bad_plugin("bad_ends"));
  EXPECT_EQ(message_of([&] { (void)plugin.create(kShape, section("bad_ends"), 3); }),
            "attention plugin 'bad_ends' (" + plugin.file().string() +
                "), layer 3 failed in create:\n  this plugin cannot be made");
}

TEST(LoadedPlugin, an_unknown_parameter_is_named) {
  const auto plugin = load_plugin(bad_plugin("bad_output"));
  const auto bad = section("bad_output", {{"afer", std::int64_t{1}}});
  EXPECT_THAT(message_of([&] { (void)plugin.create(kShape, bad); }),
              HasSubstr("unknown key 'afer' in 'attention'. Did you mean 'after'?"));
}

TEST(LoadedPlugin, refuses_checks_the_traits) {
  const auto plugin = load_plugin(built_plugin("none"));
  auto shape = kShape;
  shape.head_dim = 0;
  EXPECT_EQ(plugin.refuses(shape, section("none")),
            "attention 'none' does not support head_dim 0; it supports at least 1.");
}

TEST(LoadedPlugin, a_create_that_returns_nothing_is_an_error) {
  // The macro's create cannot do that, so this descriptor is made by hand.
  const auto good = load_plugin(built_plugin("none"));
  auto descriptor = good.descriptor();
  descriptor.create = [](const AttentionShape&, const config::Node&, Owner&) {
    return std::unique_ptr<Attention>();
  };
  EXPECT_THAT(
      message_of([&] { (void)LoadedPlugin(descriptor, "x.so").create(kShape, section("none")); }),
      HasSubstr("attention plugin 'none' (x.so), layer 0: create returned nothing."));
}

}  // namespace
}  // namespace attnlab::test
