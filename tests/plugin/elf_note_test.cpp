#include "framework/plugin/elf_note.h"

#include <gmock/gmock.h>

#include <functional>
#include <random>

#include "framework/core/error.h"
#include "tests/support/elf_file.h"

namespace attnlab::test {
namespace {

using plugin::ElfNote;
using plugin::PluginNote;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The reader's message for a good file after `damage`.
std::string message_after(const std::function<void(Bytes&)>& damage) {
  const FreshFolder folder;
  auto bytes = elf_file(good_note("window"));
  damage(bytes);
  const auto file = folder.file("attention_window.so", bytes);
  const auto message = message_of([&] { (void)plugin::read_plugin_note(file); });
  EXPECT_THAT(message, StartsWith(file.string() + ": ")) << "every message names the file";
  return message;
}

/// The reader's message for a well-formed file whose note holds `change`.
std::string message_for_note(const std::function<void(PluginNote&)>& change) {
  auto note = good_note("window");
  change(note);
  return message_after([&](Bytes& bytes) { bytes = elf_file(note); });
}

std::function<void(Bytes&)> header(const std::function<void(Elf64_Ehdr&)>& change) {
  return [change](Bytes& bytes) {
    auto value = get<Elf64_Ehdr>(bytes, 0);
    change(value);
    put(bytes, 0, value);
  };
}

std::function<void(Bytes&)> segment(const std::function<void(Elf64_Phdr&)>& change) {
  return [change](Bytes& bytes) {
    auto value = get<Elf64_Phdr>(bytes, kNoteSegment);
    change(value);
    put(bytes, kNoteSegment, value);
  };
}

TEST(ElfNote, a_good_file_gives_its_note_and_architecture) {
  const FreshFolder folder;
  const auto facts = plugin::read_plugin_note(folder.file("a.so", elf_file(good_note("window"))));
  EXPECT_EQ(facts.architecture, plugin::host_architecture());
  EXPECT_EQ(facts.note.name.view(), "window");
  EXPECT_EQ(facts.note.parameters[0].name.view(), "buckets");
}

TEST(ElfNote, another_owner_before_ours_is_passed_over) {
  const FreshFolder folder;
  auto bytes = elf_file(good_note("window"));
  const Elf64_Nhdr other{4, 8, 5};  // as .note.gnu.property: 12 + 4 + 8 bytes
  Bytes extra(24);
  put(extra, 0, other);
  put(extra, 12, std::array<char, 4>{'G', 'N', 'U', 0});
  bytes.insert(bytes.begin() + kNoteAt, extra.begin(), extra.end());
  segment([](Elf64_Phdr& s) { s.p_filesz += 24; })(bytes);
  header([](Elf64_Ehdr& h) { h.e_shoff += 24; })(bytes);
  EXPECT_EQ(plugin::read_plugin_note(folder.file("a.so", bytes)).note.name.view(), "window");
}

TEST(ElfNote, a_missing_file_is_named) {
  EXPECT_THAT(message_of([] { (void)plugin::read_plugin_note("nowhere/attention_x.so"); }),
              HasSubstr("nowhere/attention_x.so: no such file"));
}

TEST(ElfNote, a_folder_is_not_a_regular_file) {
  const FreshFolder folder;
  EXPECT_THAT(message_of([&] { (void)plugin::read_plugin_note(folder.path()); }),
              HasSubstr("not a regular file"));
}

TEST(ElfNote, a_text_file_is_not_a_shared_library) {
  EXPECT_THAT(message_after([](Bytes& bytes) { bytes = Bytes(100, 'x'); }),
              HasSubstr("not a shared library: expected an ELF file"));
}

TEST(ElfNote, an_empty_file_is_not_a_shared_library) {
  EXPECT_THAT(message_after([](Bytes& bytes) { bytes.clear(); }),
              HasSubstr("not a shared library: expected an ELF file"));
}

TEST(ElfNote, a_32_bit_library_is_refused) {
  EXPECT_THAT(message_after(header([](Elf64_Ehdr& h) { h.e_ident[EI_CLASS] = ELFCLASS32; })),
              HasSubstr("a 32-bit library; expected a 64-bit one"));
}

TEST(ElfNote, a_big_endian_library_is_refused) {
  EXPECT_THAT(message_after(header([](Elf64_Ehdr& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; })),
              HasSubstr("a big-endian library; expected little-endian"));
}

TEST(ElfNote, a_program_is_not_a_library) {
  EXPECT_THAT(message_after(header([](Elf64_Ehdr& h) { h.e_type = ET_EXEC; })),
              HasSubstr("an ELF file of type 2; expected a shared library"));
}

TEST(ElfNote, another_machine_is_read_and_named) {
  const FreshFolder folder;
  auto bytes = elf_file(good_note("window"));
  header([](Elf64_Ehdr& h) { h.e_machine = EM_PPC64; })(bytes);
  EXPECT_EQ(plugin::read_plugin_note(folder.file("a.so", bytes)).architecture, "PowerPC64");
}

TEST(ElfNote, a_file_cut_off_in_the_header_is_truncated) {
  EXPECT_THAT(
      message_after([](Bytes& bytes) { bytes.resize(40); }),
      HasSubstr("truncated or damaged: ELF header should lie at byte 0 with 64 bytes, but the "
                "file has 40"));
}

TEST(ElfNote, a_file_that_lacks_its_last_byte_is_truncated) {
  EXPECT_THAT(message_after([](Bytes& bytes) { bytes.pop_back(); }),
              HasSubstr("truncated or damaged: a segment should lie at byte 0"));
}

TEST(ElfNote, section_headers_beyond_the_file_mean_truncation) {
  EXPECT_THAT(message_after(header([](Elf64_Ehdr& h) { h.e_shnum = 2; })),
              HasSubstr("truncated or damaged: section headers"));
}

TEST(ElfNote, every_truncation_is_refused) {
  const FreshFolder folder;
  const auto whole = elf_file(good_note("window"));
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    const auto file =
        folder.file("a.so", Bytes(whole.begin(), whole.begin() + static_cast<long>(size)));
    EXPECT_NE(message_of([&] { (void)plugin::read_plugin_note(file); }), "(no error)") << size << " bytes";
  }
}

TEST(ElfNote, program_headers_beyond_the_file_are_refused) {
  EXPECT_THAT(message_after(header([](Elf64_Ehdr& h) { h.e_phoff = 1 << 30; })),
              HasSubstr("truncated or damaged: program headers"));
}

TEST(ElfNote, an_offset_that_would_wrap_is_refused) {
  EXPECT_THAT(message_after(segment([](Elf64_Phdr& s) { s.p_offset = UINT64_MAX - 8; })),
              HasSubstr("truncated or damaged: a segment should lie at byte 18446744073709551607"));
}

TEST(ElfNote, program_headers_of_another_size_are_refused) {
  EXPECT_THAT(message_after(header([](Elf64_Ehdr& h) { h.e_phentsize = 32; })),
              HasSubstr("damaged: program headers of 32 bytes; expected 56"));
}

TEST(ElfNote, a_note_segment_beyond_the_file_is_refused) {
  EXPECT_THAT(message_after(segment([](Elf64_Phdr& s) { s.p_filesz = 1 << 19; })),
              HasSubstr("truncated or damaged: a segment"));
}

TEST(ElfNote, a_huge_note_segment_is_refused) {
  EXPECT_THAT(message_after([](Bytes& bytes) {
                bytes.resize(bytes.size() + (2 << 20));
                segment([](Elf64_Phdr& s) { s.p_filesz = 2 << 20; })(bytes);
              }),
              HasSubstr("damaged: a note segment of 2097152 bytes; expected at most 1048576"));
}

TEST(ElfNote, a_lying_owner_size_is_refused) {
  EXPECT_THAT(message_after([](Bytes& bytes) {
                put(bytes, kNoteAt + offsetof(ElfNote, owner_bytes), std::uint32_t{0xffffffff});
              }),
              HasSubstr("damaged: a note claims 4294967295 bytes of owner"));
}

TEST(ElfNote, a_lying_text_size_is_refused) {
  EXPECT_THAT(message_after([](Bytes& bytes) {
                put(bytes, kNoteAt + offsetof(ElfNote, note_bytes),
                    std::uint32_t{sizeof(PluginNote) + 4});
              }),
              HasSubstr("damaged: a note claims 12 bytes of owner and " +
                        std::to_string(sizeof(PluginNote) + 4) + " of text"));
}

TEST(ElfNote, a_text_smaller_than_the_record_is_refused) {
  EXPECT_THAT(
      message_after([](Bytes& bytes) {
        put(bytes, kNoteAt + offsetof(ElfNote, note_bytes), std::uint32_t{100});
      }),
      HasSubstr("its attnlab note has layout 2 and 100 bytes; this attnlab reads layout 2"));
}

TEST(ElfNote, a_library_without_the_note_is_not_a_plugin) {
  EXPECT_THAT(
      message_after(segment([](Elf64_Phdr& s) { s.p_type = PT_NULL; })),
      HasSubstr("not an attnlab plugin: it has no note of owner 'attnlab'. A plugin's source "
                "ends with ATTNLAB_ATTENTION_PLUGIN(...)"));
}

TEST(ElfNote, another_layout_asks_for_a_rebuild) {
  EXPECT_THAT(message_for_note([](PluginNote& note) { note.layout = plugin::kNoteLayout + 1; }),
              HasSubstr("its attnlab note has layout " + std::to_string(plugin::kNoteLayout + 1)));
}

TEST(ElfNote, a_record_that_states_another_size_is_refused) {
  EXPECT_THAT(message_for_note([](PluginNote& note) { note.note_bytes = 7; }),
              HasSubstr("its attnlab note is damaged: it states a wrong size of its own"));
}

TEST(ElfNote, too_many_parameters_are_refused) {
  EXPECT_THAT(message_for_note([](PluginNote& note) { note.parameter_count = 1000; }),
              HasSubstr("it claims 1000 parameters"));
}

TEST(ElfNote, too_many_choices_are_refused) {
  EXPECT_THAT(message_for_note([](PluginNote& note) { note.parameters[0].choice_count = 9; }),
              HasSubstr("parameter 'buckets' has too many choices"));
}

TEST(ElfNote, an_unknown_kind_is_refused) {
  EXPECT_THAT(message_for_note([](PluginNote& note) { note.parameters[0].kind = 77; }),
              HasSubstr("parameter 'buckets' has an unknown kind"));
}

TEST(ElfNote, a_default_that_is_no_choice_is_refused) {
  EXPECT_THAT(message_for_note([](PluginNote& note) {
                note.parameters[0].kind = static_cast<std::uint8_t>(config::Kind::choice);
                note.parameters[0].choice_count = 2;
                note.parameters[0].default_number = 2;
              }),
              HasSubstr("the default of parameter 'buckets' is not one of its choices"));
}

TEST(ElfNote, a_fractional_integer_default_is_refused) {
  EXPECT_THAT(message_for_note([](PluginNote& note) { note.parameters[0].default_number = 1.5; }),
              HasSubstr("the default of parameter 'buckets' is not an integer"));
}

TEST(ElfNote, a_text_without_end_is_refused) {
  EXPECT_THAT(message_for_note([](PluginNote& note) { note.summary.bytes.fill('x'); }),
              HasSubstr("the summary does not end"));
}

TEST(ElfNote, terminal_escapes_in_a_text_are_refused) {
  EXPECT_THAT(message_for_note([](PluginNote& note) { note.summary.bytes[0] = '\x1b'; }),
              HasSubstr("the summary holds a control character"));
}

TEST(ElfNote, a_name_like_a_path_is_refused) {
  EXPECT_THAT(message_for_note([](PluginNote& note) {
                note.name = plugin::FixedText<48>(std::string_view("../x"));
              }),
              HasSubstr("the name '../x' is not made of lower-case letters, digits and '_'. Change `.name` in its "
                        "PluginFacts and `name:` in its config.yaml and build it again."));
}

TEST(ElfNote, what_the_author_has_to_change_is_named) {
  const auto called = [](PluginNote& note, int i, const char* name) {
    note.parameters[static_cast<std::size_t>(i)] = note.parameters[0];
    note.parameters[static_cast<std::size_t>(i)].name = plugin::FixedText<32>(std::string_view(name));
    note.parameter_count = static_cast<std::uint32_t>(i) + 1;
  };
  const std::vector<std::pair<std::function<void(PluginNote&)>, const char*>> cases{
      {[&](PluginNote& n) { called(n, 0, "name"); }, "a parameter is called 'name', as the key is that says which attention"},
      {[&](PluginNote& n) { called(n, 0, "A"); }, "the parameter name 'A' is not made of lower-case letters"},
      {[&](PluginNote& n) { called(n, 1, "width"), called(n, 2, "width"); },
       "two parameters are called 'width'. Change its name in fields() of the plugin's config struct and build it again."},
      {[](PluginNote& n) { n.parameters[0].default_number = 65; }, "the default of parameter 'buckets' is out of its range"},
      {[](PluginNote& n) { n.min_head_dim = 64, n.max_head_dim = 8; },
       "a head_dim of at least 64 and at most 8 leaves none. Change `.min_head_dim` or `.max_head_dim` in its PluginFacts"},
      {[](PluginNote& n) { n.min_head_dim = 64, n.max_head_dim_cuda = 8; },
       "a head_dim of at least 64 and at most 8 on a GPU leaves none. Change `.min_head_dim` or `.max_head_dim_cuda`"}};
  for (const auto& [change, words] : cases) EXPECT_THAT(message_for_note(change), HasSubstr(words));
}

// Anything but a note or an Error, such as a failed allocation of a lying size, ends the test.
TEST(ElfNote, damaged_bytes_give_a_note_or_an_error) {
  const FreshFolder folder;
  const auto whole = elf_file(good_note("window"));
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    auto bytes = whole;
    for (int i = 0; i < 3; ++i) {
      bytes[random() % (kNoteAt + offsetof(ElfNote, note) + 64)] = static_cast<char>(random());
    }
    const auto file = folder.file("a.so", bytes);
    refused += message_of([&] { (void)plugin::read_plugin_note(file); }) == "(no error)" ? 0 : 1;
  }
  EXPECT_GT(refused, 500) << "the damage does not reach what the reader looks at";
}

}  // namespace
}  // namespace attnlab::test
