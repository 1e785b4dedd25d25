/// plan_support.h: a home folder with a small root config and fake schemas.
#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/plan/plan.h"

namespace attnlab::plan {

class Plans : public testing::Test {
 protected:
  Plans() {
    std::string name = (std::filesystem::temp_directory_path() / "attnlab_plan_XXXXXX").string();
    home_ = mkdtemp(name.data());
    write("experiments/config.yaml",
          "defaults:\n  - model: small\n  - dataset: toy\n  - attention: dense\n  - _self_\n  - "
          "experiment: null\n"
          "aliases:\n  data: dataset\n");
    write("experiments/model/small.yaml", "width: 64\nheads: 4\n");
    write("experiments/model/wide.yaml", "width: 128\nheads: 4\n");
    write("datasets/toy/config.yaml", "name: toy\nlength: 64\n");
    write("attention_plugins/dense/config.yaml", "name: dense\n");
    write("attention_plugins/hash_sparse/config.yaml", "name: hash_sparse\nbuckets: 16\n");
    write("attention_plugins/hash_slow/config.yaml", "name: hash_slow\nchunk: 64\n");
  }
  ~Plans() override { std::filesystem::remove_all(home_); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((home_ / name).parent_path());
    std::ofstream(home_ / name) << text;
  }

  [[nodiscard]] PlanRequest request(std::vector<std::string> overrides,
                                    std::string where = "") const {
    PlanRequest request;
    request.overrides = std::move(overrides);
    if (!where.empty()) request.where = {std::move(where)};
    request.compose = {home_, {home_ / "own"}, {"dense", "hash_slow", "hash_sparse"}};
    request.schemas.attention = parameters;
    request.schemas.max_length = [](const config::Node&) { return 100; };
    return request;
  }

  /// The cells' overrides, in order.
  [[nodiscard]] std::vector<std::string> cells(std::vector<std::string> overrides,
                                               std::string where = "") const {
    std::vector<std::string> texts;
    for (const auto& cell : make_plan(request(std::move(overrides), std::move(where))).cells) {
      texts.push_back(cell.overrides);
    }
    return texts;
  }

  [[nodiscard]] std::string refusal(std::vector<std::string> overrides,
                                    std::string where = "") const {
    try {
      const auto accepted = cells(std::move(overrides), std::move(where));
      return "accepted " + std::to_string(accepted.size());
    } catch (const Error& error) {
      return error.what();
    }
  }

 private:
  static std::vector<config::Parameter> parameters(const std::string& name) {
    using config::Kind;
    using config::Node;
    if (name == "hash_sparse") {
      return {{"buckets",
               Kind::integer,
               Node(std::int64_t{16}),
               {.low = 1, .high = 65536, .rule = config::Rule::one_or_even},
               "",
               "",
               {}}};
    }
    if (name == "hash_slow") {
      return {{"chunk", Kind::integer, Node(std::int64_t{64}), {.low = 1}, "", "", {}}};
    }
    return {};
  }

  std::filesystem::path home_;
};

}  // namespace attnlab::plan
