#include "framework/plugin/catalog.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "framework/core/error.h"
#include "tests/support/elf_file.h"

namespace attnlab::test {
namespace {

namespace fs = std::filesystem;
using plugin::Catalog;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PluginCatalog : public ::testing::Test {
 protected:
  fs::path add(const std::string& file, const std::string& name) {
    return folder_.file(file, elf_file(good_note(name)));
  }
  [[nodiscard]] fs::path at(const std::string& name) const { return folder_.path() / name; }

  FreshFolder folder_;
};

TEST_F(PluginCatalog, a_name_means_the_library_whose_note_has_it) {
  const auto file = add("one/attention_window.so", "window");
  EXPECT_EQ(Catalog::of({at("one")}).get("window").file, file);
}

TEST_F(PluginCatalog, a_place_may_be_a_single_library) {
  const auto file = add("one/something.so", "window");
  EXPECT_EQ(Catalog::of({file}).get("window").file, file);
}

TEST_F(PluginCatalog, the_first_folder_wins_and_the_shadowed_library_stays_in_the_list) {
  const auto first = add("one/attention_window.so", "window");
  const auto second = add("two/attention_window.so", "window");
  const auto catalog = Catalog::of({at("one"), at("two")});
  EXPECT_EQ(catalog.get("window").file, first);
  ASSERT_EQ(catalog.all().size(), 2u);
  EXPECT_EQ(catalog.all()[1].file, second);
  EXPECT_EQ(catalog.all()[1].shadowed_by, first);
  EXPECT_THAT(catalog.names(), ElementsAre("window"));
}

TEST_F(PluginCatalog, a_refused_library_is_not_passed_over_for_a_later_one) {
  auto note = good_note("window");
  note.torch_version = plugin::FixedText<32>(std::string_view("1.0.0"));
  const auto stale = folder_.file("one/attention_window.so", elf_file(note));
  (void)add("two/attention_window.so", "window");
  const auto catalog = Catalog::of({at("one"), at("two")});
  EXPECT_THAT(message_of([&] { (void)catalog.get("window"); }),
              AllOf(HasSubstr("attention 'window': " + stale.string() +
                              ": cannot be loaded into this attnlab"),
                    HasSubstr("1.0.0"), HasSubstr("differs"), HasSubstr("Rebuild the plugin")));
}

TEST_F(PluginCatalog, two_libraries_of_one_name_in_one_folder_are_both_named) {
  const auto one = add("one/attention_window.so", "window");
  const auto copy = add("one/attention_window_old.so", "window");
  const auto catalog = Catalog::of({at("one")});
  EXPECT_EQ(message_of([&] { (void)catalog.get("window"); }),
            "attention 'window': two plugins in one folder are named 'window':\n  " + one.string() +
                "\n  " + copy.string() + "\nRemove or rename one of them.");
}

TEST_F(PluginCatalog, names_has_refused_plugins_but_no_stray_libraries) {
  auto note = good_note("stale");
  note.torch_version = plugin::FixedText<32>(std::string_view("1.0.0"));
  (void)folder_.file("one/attention_stale.so", elf_file(note));
  (void)folder_.file("one/libz.so", {'x'});
  (void)add("one/attention_window.so", "window");
  EXPECT_THAT(Catalog::of({at("one")}).names(), ElementsAre("stale", "window"));
}

TEST_F(PluginCatalog, a_duplicate_does_not_hinder_other_names) {
  (void)add("one/attention_window.so", "window");
  (void)add("one/attention_window_old.so", "window");
  const auto other = add("one/attention_other.so", "other");
  EXPECT_EQ(Catalog::of({at("one")}).get("other").file, other);
}

TEST_F(PluginCatalog, a_link_to_the_same_library_is_no_duplicate) {
  const auto file = add("one/attention_window.so", "window");
  fs::create_symlink(file, at("one") / "attention_zzz.so");
  EXPECT_EQ(Catalog::of({at("one")}).get("window").file, file);
}

TEST_F(PluginCatalog, a_damaged_library_is_found_by_its_file_name_and_explained) {
  auto bytes = elf_file(good_note("window"));
  bytes.resize(300);
  (void)folder_.file("one/attention_window.so", bytes);
  const auto catalog = Catalog::of({at("one")});
  EXPECT_THAT(catalog.all()[0].problem, HasSubstr("truncated or damaged"));
  EXPECT_THAT(message_of([&] { (void)catalog.get("window"); }), HasSubstr("truncated or damaged"));
}

TEST_F(PluginCatalog, an_unknown_name_gets_the_nearest_ones_and_where_it_looked) {
  (void)add("one/attention_hash_sparse.so", "hash_sparse");
  const auto catalog = Catalog::of({at("one"), at("absent")});
  EXPECT_THAT(message_of([&] { (void)catalog.get("hash_sparze"); }),
              AllOf(HasSubstr("unknown attention 'hash_sparze'. Did you mean 'hash_sparse'?"),
                    HasSubstr("Looked in:\n  " + at("one").string() + "\n  " +
                              at("absent").string() + "  (does not exist)"),
                    HasSubstr("--plugin PATH or ATTNLAB_PLUGIN_PATH")));
}

TEST_F(PluginCatalog, a_folder_that_anybody_may_write_into_is_warned_about) {
  (void)add("one/attention_window.so", "window");
  fs::permissions(at("one"), fs::perms::others_write, fs::perm_options::add);
  EXPECT_THAT(Catalog::of({at("one")}).warnings(),
              ElementsAre("anybody may write into the plugin folder " + at("one").string() +
                          ", and so run code as you; chmod o-w " + at("one").string()));
}

TEST_F(PluginCatalog, an_ordinary_folder_is_not_warned_about) {
  (void)add("one/attention_window.so", "window");
  fs::permissions(at("one"), fs::perms::others_write, fs::perm_options::remove);
  EXPECT_THAT(Catalog::of({at("one")}).warnings(), IsEmpty());
}

TEST_F(PluginCatalog, files_that_are_no_libraries_are_ignored) {
  (void)folder_.file("one/README.md", {'x'});
  EXPECT_THAT(Catalog::of({at("one")}).all(), IsEmpty());
}

TEST_F(PluginCatalog, a_path_on_the_command_line_must_exist) {
  EXPECT_EQ(message_of([&] { (void)Catalog::search({at("absent")}); }),
            "--plugin " + at("absent").string() +
                ": no such file or folder; expected a plugin library or a folder of them.");
}

TEST_F(PluginCatalog, a_folder_on_the_command_line_without_a_library_says_what_it_is) {
  const auto error = [&] { return message_of([&] { (void)Catalog::search({at("idea")}); }); };
  const auto build = (at("idea") / "build").string();
  fs::create_directories(at("idea"));
  EXPECT_EQ(error(), "--plugin " + at("idea").string() +
                         ": the folder holds no plugin library (*.so). Expected a library, or a "
                         "folder of them.");
  (void)folder_.file("idea/CMakeLists.txt", {'x'});
  EXPECT_THAT(error(), AllOf(HasSubstr("It holds sources:\n  cmake -G Ninja -S "),
                             HasSubstr("Then: --plugin " + build)));
  fs::create_directories(build);
  EXPECT_THAT(error(), HasSubstr("It holds sources, and their build has not ended:\n"));
  (void)add("idea/build/attention_idea.so", "idea");
  EXPECT_THAT(error(), HasSubstr("Its build folder does: --plugin " + build));
  (void)folder_.file("empty/CMakeCache.txt", {'x'});
  EXPECT_THAT(message_of([&] { (void)Catalog::search({at("empty")}); }),
              HasSubstr("its build has not ended: cmake --build " + at("empty").string()));
}

TEST_F(PluginCatalog, commands_that_are_suggested_can_be_pasted) {
  const auto quoted = [&](const fs::path& path) { return "'" + path.string() + "'"; };
  const auto sources = at("my idea"), build = sources / "build";
  fs::create_directories(build);
  const auto error = [&](const fs::path& folder) { return message_of([&] { (void)Catalog::search({folder}); }); };
  (void)folder_.file("my idea/CMakeLists.txt", {'x'});
  EXPECT_THAT(error(sources), HasSubstr("cmake -G Ninja -S " + quoted(sources) + " -B " + quoted(build) + "\n  cmake --build " +
                                        quoted(build) + "\nThen: --plugin " + quoted(build)));
  (void)folder_.file("my idea/build/CMakeCache.txt", {'x'});
  EXPECT_THAT(error(build), HasSubstr("its build has not ended: cmake --build " + quoted(build)));
  (void)add("my idea/build/attention_idea.so", "idea");
  EXPECT_THAT(error(sources), HasSubstr("Its build folder does: --plugin " + quoted(build)));
  fs::permissions(build, fs::perms::others_write, fs::perm_options::add);
  EXPECT_THAT(Catalog::of({build}).warnings(), ::testing::Contains(HasSubstr("chmod o-w " + quoted(build))));
}

TEST_F(PluginCatalog, a_library_that_calls_itself_otherwise_is_named) {
  const auto file = add("one/attention_copy.so", "window");
  EXPECT_THAT(message_of([&] { (void)Catalog::of({at("one")}).get("copy"); }),
              HasSubstr("unknown attention 'copy': " + file.string() +
                        " calls itself 'window', by `.name` in its PluginFacts."));
}

TEST_F(PluginCatalog, attnlabs_own_names_are_taken) {
  auto note = good_note("dense");
  note.source_digest = plugin::FixedText<72>(std::string_view("another"));
  const auto other = folder_.file("mine/attention_dense.so", elf_file(note));
  const auto own = add("shipped/attention_dense.so", "dense");
  const auto of = [&] { return Catalog::of({at("mine"), at("shipped")}, plugin::host_facts(), at("shipped")); };
  EXPECT_THAT(message_of([&] { (void)of().get("dense"); }),
              AllOf(HasSubstr(other.string() + ": the name 'dense' is that of attnlab's own plugin " +
                              own.string()),
                    HasSubstr("Change `.name` in its PluginFacts")));
  // A copy of the same sources is the same variant.
  (void)folder_.file("mine/attention_dense.so", elf_file(good_note("dense")));
  EXPECT_EQ(of().get("dense").file, other);
}

TEST_F(PluginCatalog, names_that_mean_something_else_are_taken) {
  for (const std::string name : {"engine", "reshape", "model", "seed", "data", "null", "inf"}) {
    (void)add("one/attention_" + name + ".so", name);
    EXPECT_THAT(message_of([&] { (void)Catalog::of({at("one")}).get(name); }),
                HasSubstr("the name '" + name + "' is that of something else on a command line"));
  }
}

TEST_F(PluginCatalog, the_command_line_comes_before_the_environment) {
  const auto first = add("one/attention_window.so", "window");
  const auto second = add("two/attention_window.so", "window");
  setenv("ATTNLAB_PLUGIN_PATH", at("two").c_str(), 1);
  EXPECT_EQ(Catalog::search({at("one")}).get("window").file, first);
  EXPECT_EQ(Catalog::search().get("window").file, second);
  unsetenv("ATTNLAB_PLUGIN_PATH");
}

}  // namespace
}  // namespace attnlab::test
