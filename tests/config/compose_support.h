/// compose_support.h: a home folder with a root config and a few groups.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/config/compose.h"
#include "tests/support/fresh_folder.h"

namespace attnlab::config {
namespace fs = std::filesystem;

class Compose : public testing::Test {
 protected:
  Compose() {
    write("experiments/config.yaml",
          "defaults:\n  - model: tiny\n  - dataset: mnist\n  - attention: dense\n  - _self_\n"
          "  - experiment: null\nseed: 0\naliases:\n  data: dataset\n");
    write("experiments/model/tiny.yaml", "layers: 2\nwidth: 64\n");
    write("experiments/model/small.yaml", "defaults: [tiny]\nlayers: 6\n");
    write("attention_plugins/dense/config.yaml", "name: dense\n");
    write("attention_plugins/hash_sparse/config.yaml", "name: hash_sparse\nbuckets: 16\n");
    write("datasets/mnist/config.yaml", "name: mnist\nlength: 784\n");
    write("datasets/enwik8/config.yaml", "name: enwik8\nlength: 512\nlist: [1, 2]\n");
    write("experiments/experiment/long.yaml",
          "# @package _global_\ndefaults:\n  - override /dataset: enwik8\n"
          "seed: 7\nmodel:\n  width: 32\ndataset:\n  length: 1024\n");
  }

  void write(const std::string& file, const std::string& text) { write_file(home_ / file, text); }
  Composed compose(const std::vector<std::string>& words, const Fill& fill = {}) {
    std::vector<Override> overrides;
    for (const auto& word : words) overrides.push_back(parse_override(word));
    return Composer({home_, dirs_, {"window"}, plugin_configs_}, fill).compose(overrides);
  }
  std::string value(const std::vector<std::string>& words, const std::string& path) {
    const auto composed = compose(words);
    const Node* node = composed.config.find_path(path);
    return node == nullptr ? "(none)" : node->text();
  }
  std::string error(const std::vector<std::string>& words) {
    return message_of([&] { return compose(words); });
  }
  const FreshFolder folder_;
  const fs::path home_ = folder_.path();
  std::vector<fs::path> dirs_;
  std::map<std::string, fs::path> plugin_configs_;
};

}  // namespace attnlab::config
