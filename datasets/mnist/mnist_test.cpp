#include <numeric>

#include "framework/data/dataset_table.h"
#include "framework/data/image_dataset.h"
#include "tests/data/support.h"

namespace attnlab::data {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Mnist : public DataTest {
 protected:
  std::string refusal() {
    return message_of([&] { static_cast<void>(open_dataset(section("mnist"), dir.string())); });
  }
  const Bytes blank = idx_file(2051, {60'000, 28, 28}, 60'000 * 784);
};

TEST_F(Mnist, refuses_a_wrong_checksum) {
  write("mnist/train-images-idx3-ubyte", blank);
  write("mnist/t10k-images-idx3-ubyte.gz", {});
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("train-images-idx3-ubyte' has a wrong checksum: expected sha256 "
                              "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
                    HasSubstr("for the unpacked train-images-idx3-ubyte, found "),
                    HasSubstr("run `attnlab data fetch mnist`")));
}

TEST_F(Mnist, refuses_a_damaged_gzip_file) {
  Bytes packed = gzipped(blank);
  packed[packed.size() - 8] ^= 1;
  write("mnist/train-images-idx3-ubyte.gz", packed);
  write("mnist/t10k-images-idx3-ubyte.gz", {});
  EXPECT_THAT(refusal(), HasSubstr("train-images-idx3-ubyte.gz' is damaged"));
}

TEST_F(Mnist, refuses_a_truncated_file) {
  write("mnist/train-images-idx3-ubyte.gz", gzipped(idx_file(2051, {60'000, 28, 28}, 784)));
  write("mnist/t10k-images-idx3-ubyte.gz", {});
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("is cut short"), HasSubstr("announces 47,040,016 bytes, found 800")));
}

TEST_F(Mnist, refuses_labels_given_as_images) {
  write("mnist/train-images-idx3-ubyte.gz", gzipped(idx_file(2049, {60'000}, 60'000)));
  write("mnist/t10k-images-idx3-ubyte.gz", {});
  EXPECT_THAT(refusal(), HasSubstr("holds labels (magic number 2049); expected images"));
}

TEST_F(Mnist, refuses_trailing_bytes) {
  write("mnist/train-images-idx3-ubyte", idx_file(2051, {60'000, 28, 28}, 60'000 * 784 + 1));
  write("mnist/t10k-images-idx3-ubyte.gz", {});
  EXPECT_THAT(refusal(), HasSubstr("has bytes after its end"));
}

TEST_F(Mnist, refuses_the_test_images_under_the_training_images_name) {
  write("mnist/train-images-idx3-ubyte", idx_file(2051, {10'000, 28, 28}, 10'000 * 784));
  write("mnist/t10k-images-idx3-ubyte.gz", {});
  EXPECT_THAT(refusal(), HasSubstr("holds 10000 x 28 x 28 bytes; expected 60000 x 28 x 28"));
}

TEST_F(Mnist, refuses_a_length_beyond_the_image) {
  EXPECT_EQ(message_of([] { static_cast<void>(image_info("mnist", 785)); }),
            "dataset.length 785 is beyond the data; expected 1 to 784 for mnist. Lower "
            "dataset.length or choose a longer data set.");
}

/// Three images of numbered pixels, one for each split.
ImageDataset three(std::int64_t length) {
  Bytes images(3 * kImagePixels);
  std::iota(images.begin(), images.end(), 0);
  return {image_info("x", length), length, images, {1, 1, 1}};
}

TEST(ImageDataset, predicts_each_pixel_from_the_ones_before_it) {
  const auto dataset = three(784);
  const Example example = dataset.get(Split::valid, 0);
  ASSERT_EQ(example.input.size(), 784u);
  ASSERT_EQ(example.target.size(), 784u);
  EXPECT_EQ(example.input[0], 256);
  EXPECT_EQ(example.target[0], 784 % 256);
  EXPECT_TRUE(std::equal(example.input.begin() + 1, example.input.end(), example.target.begin()));
}

TEST(ImageDataset, serves_only_the_first_pixels_when_asked_and_says_so) {
  const auto dataset = three(100);
  const Example example = dataset.get(Split::test, 0);
  EXPECT_EQ(example.target.size(), 100u);
  EXPECT_EQ(example.target[99], (2 * 784 + 99) % 256);
  EXPECT_THAT(dataset.info().stride_rule, HasSubstr("only the first 100 of 784 pixels"));
}

TEST(ImageDataset, refuses_an_index_beyond_the_split) {
  EXPECT_THROW(static_cast<void>(three(784).get(Split::train, 1)), std::out_of_range);
}

class RealMnist : public Mnist {
 protected:
  void SetUp() override {
    if (real_data.empty() || !fs::exists(fs::path(real_data) / "mnist")) {
      GTEST_SKIP() << "no MNIST: ATTNLAB_DATA is not set or has no mnist folder";
    }
  }
};

TEST_F(RealMnist, has_the_official_splits_in_file_order) {
  const auto dataset = open_dataset(section("mnist"), real_data);
  EXPECT_EQ(dataset->size(Split::train), 50'000);
  EXPECT_EQ(dataset->size(Split::valid), 10'000);
  EXPECT_EQ(dataset->size(Split::test), 10'000);
  const auto ink = [&](Split split, std::int64_t index) {
    const auto pixels = dataset->get(split, index).target;
    return std::accumulate(pixels.begin(), pixels.end(), 0);
  };
  // Sums of the official images 0, 49,999, 50,000 and 59,999 of the training file, and 0 of the
  // test file.
  EXPECT_EQ(ink(Split::train, 0), 27525);
  EXPECT_EQ(ink(Split::train, 49'999), 26846);
  EXPECT_EQ(ink(Split::valid, 0), 22386);
  EXPECT_EQ(ink(Split::valid, 9'999), 20920);
  EXPECT_EQ(ink(Split::test, 0), 18454);
}

TEST_F(RealMnist, describes_itself) {
  const auto info = inspect_dataset(section("mnist"), real_data);
  EXPECT_EQ(info.description, "mnist");
  EXPECT_EQ(info.metric, "bits_per_dim");
  EXPECT_EQ(info.vocabulary, 257);
  EXPECT_FALSE(info.synthetic);
  EXPECT_FALSE(info.partial);
}

TEST_F(RealMnist, has_the_same_digest_packed_unpacked_and_remembered) {
  const auto first = inspect_dataset(section("mnist"), real_data);
  EXPECT_TRUE(fs::exists(cache / "digests"));
  const auto again = inspect_dataset(section("mnist"), real_data);
  EXPECT_EQ(again.digest, first.digest);
  EXPECT_EQ(open_dataset(section("mnist"), real_data)->info().digest, first.digest);
  EXPECT_EQ(first.digest.size(), 64u);
}

}  // namespace
}  // namespace attnlab::data
