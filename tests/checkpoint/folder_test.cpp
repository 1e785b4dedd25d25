#include "framework/checkpoint/folder.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "framework/core/digest.h"
#include "tests/checkpoint/support.h"

namespace attnlab::checkpoint {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

WrittenFile tensors(const fs::path& path, const std::string& bytes) {
  return write_safetensors(path, {{"a", "U8", {static_cast<std::int64_t>(bytes.size())}}}, {},
                           [&](const TensorEntry&) { return std::string_view(bytes); });
}

void fill(Draft& draft, std::int64_t step, std::optional<double> validation = {}) {
  draft.written(kModel, tensors(draft.file(kModel), "weights"));
  draft.written(kOptimizer, tensors(draft.file(kOptimizer), "moments"));
  State state;
  state.step = step;
  state.steps = 1000;
  state.validation = validation;
  draft.complete(state);
}

fs::path make(const fs::path& folder, std::int64_t step, std::optional<double> validation = {}) {
  Draft draft(folder, step);
  fill(draft, step, validation);
  return draft.publish();
}

std::vector<std::int64_t> steps(const std::vector<Checkpoint>& all) {
  std::vector<std::int64_t> found;
  for (const auto& each : all) found.push_back(each.step);
  return found;
}

TEST(Folder, a_checkpoint_has_its_name_once_it_is_whole) {
  const FreshFolder folder;
  const auto here = folder / "checkpoints";
  EXPECT_TRUE(list(here).empty());
  {
    Draft draft(here, 43);
    fill(draft, 43);
    EXPECT_TRUE(list(here).empty());
    EXPECT_EQ(draft.publish(), here / "step-000000043");
  }
  EXPECT_EQ(steps(list(here)), (std::vector<std::int64_t>{43}));
  const auto state = read_whole(here / "step-000000043");
  EXPECT_EQ(state.step, 43);
  EXPECT_EQ(state.weights, sha256_hex(content(here / "step-000000043" / kModel)));
}

TEST(Folder, what_was_not_finished_goes_with_its_draft_or_the_next_one) {
  const FreshFolder folder;
  make(folder.path(), 1);
  {
    Draft given_up(folder.path(), 2);
    tensors(given_up.file(kModel), "half");
  }
  EXPECT_FALSE(fs::exists(folder / "step-000000002.part"));
  fs::create_directory(folder / "step-000000003.part");  // of a process that was killed
  write(folder / "step-000000003.part" / kModel, "half");
  fs::create_directory(folder / "step-000000000.old");
  EXPECT_EQ(steps(list(folder.path())), (std::vector<std::int64_t>{1}));
  make(folder.path(), 4);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 2);
}

TEST(Folder, what_is_not_whole_is_refused_with_the_reason) {
  struct Case {
    std::function<void(const fs::path&)> damage;
    const char* why;
  };
  const std::vector<Case> cases{
      {[](const fs::path& c) { fs::remove(c / kState); }, "state.json: cannot read 'state.json': it is not there"},
      {[](const fs::path& c) {  // would be waited for
         fs::remove(c / kState);
         ASSERT_EQ(::mkfifo((c / kState).c_str(), 0600), 0);
       },
       "state.json: cannot read 'state.json': it is no regular file"},
      {[](const fs::path& c) {  // would be read for ever
         fs::remove(c / kState);
         fs::create_symlink("/dev/zero", c / kState);
       },
       "it is no regular file"},
      {[](const fs::path& c) { fs::resize_file(c / kState, 1 << 30); }, "state.json: 'state.json' has 1.0 GiB; expected a state of at most 16.0 MiB"},
      {[](const fs::path& c) {
         fs::remove(c / kModel);
         ASSERT_EQ(::mkfifo((c / kModel).c_str(), 0600), 0);
       },
       "model.safetensors is no regular file"},
      {[](const fs::path& c) { fs::resize_file(c / kState, 30); }, "state.json: "},
      {[](const fs::path& c) { write(c / kState, "{}"); }, "state.json: "},
      {[](const fs::path& c) { fs::remove(c / kModel); }, "model.safetensors is missing"},
      {[](const fs::path& c) { fs::resize_file(c / kModel, 20); }, "model.safetensors has 20 bytes; expected "},
      {[](const fs::path& c) { write(c / kOptimizer, content(c / kOptimizer) + "x"); }, "optimizer.safetensors has "},
      {[](const fs::path& c) {
         auto bytes = content(c / kOptimizer);
         bytes.back() ^= 1;
         write(c / kOptimizer, bytes);
       },
       "optimizer.safetensors is not what was written: its digest differs"}};
  for (const auto& each : cases) {
    const FreshFolder folder;
    const auto path = make(folder.path(), 5);
    EXPECT_EQ(refusal([&] { (void)read_whole(path); }), "");
    each.damage(path);
    EXPECT_THAT(refusal([&] { (void)read_whole(path); }),
                testing::AllOf(HasSubstr("the checkpoint '" + path.string() + "' is not whole: "), HasSubstr(each.why)));
  }
}

TEST(Folder, the_newest_and_the_best_stay) {
  const FreshFolder folder;
  make(folder.path(), 10, 3.0);
  make(folder.path(), 20, 1.0);
  make(folder.path(), 30);
  make(folder.path(), 40, 2.0);
  const auto all = list(folder.path());
  EXPECT_EQ(steps(superseded(all, 1)), (std::vector<std::int64_t>{10, 30}));
  EXPECT_EQ(steps(superseded(all, 2)), (std::vector<std::int64_t>{10}));
  EXPECT_TRUE(superseded(all, 9).empty());
  fs::remove(all[1].path / kState);  // the best can no longer be read
  EXPECT_EQ(steps(superseded(all, 1)), (std::vector<std::int64_t>{10, 20, 30}));
  discard(all[0].path);
  EXPECT_EQ(steps(list(folder.path())), (std::vector<std::int64_t>{20, 30, 40}));
}

TEST(Folder, a_place_that_cannot_be_written_is_named) {
  const FreshFolder folder;
  write(folder / "file", "");
  EXPECT_THAT(refusal([&] { const Draft draft(folder / "file", 1); }), HasSubstr("cannot make the folder"));
}

}  // namespace
}  // namespace attnlab::checkpoint
