/// place.h: which defect a planted plugin has, and where. Read once from the environment:
///   ATTNLAB_PLANT="defect=value_gradient length=600 head=1 batch=0 row=0.37". What is not named is
///   everywhere; without a defect the plugin is right.
#pragma once

#include <ATen/ATen.h>

#include <cstdlib>
#include <string>

#include "framework/core/text.h"

namespace attnlab::planted {

struct Place {
  std::string defect;
  std::int64_t length = 1;             // from this T on
  std::int64_t head = -1, batch = -1;  // in this one; -1: in all
  double row = -1;                     // in this one of T, as a share; -1: in all

  static const Place& here() {
    static const Place place = [] {
      Place read;
      const char* words = std::getenv("ATTNLAB_PLANT");
      for (const auto& word : split(words == nullptr ? "" : words, ' ')) {
        const auto equals = word.find('=');
        if (equals == std::string::npos) continue;
        const auto key = word.substr(0, equals), value = word.substr(equals + 1);
        if (key == "defect") read.defect = value;
        if (key == "length") read.length = std::stoll(value);
        if (key == "head") read.head = std::stoll(value);
        if (key == "batch") read.batch = std::stoll(value);
        if (key == "row") read.row = std::stod(value);
      }
      return read;
    }();
    return place;
  }

  /// Is it this defect, at this T?
  static bool has(const char* name, std::int64_t T) {
    return here().defect == name && T >= here().length;
  }

  /// bool [B, H, T, 1]: the rows of `like` [B, H, T, D] that the place names; with `shift`, those
  /// so many rows later.
  static at::Tensor rows(const at::Tensor& like) {
    const auto only = [&](std::int64_t axis, std::int64_t index) {
      const auto all = at::arange(like.size(axis));
      std::vector<std::int64_t> shape(4, 1);
      shape[static_cast<std::size_t>(axis)] = like.size(axis);
      return (index < 0 ? all.ge(0) : all.eq(index)).view(shape);
    };
    const auto& place = here();
    const auto row = static_cast<std::int64_t>(place.row * static_cast<double>(like.size(2)));
    return only(0, place.batch)
        .logical_and(only(1, place.head))
        .logical_and(only(2, place.row < 0 ? -1 : row));
  }

  /// `x`, or where the defect is, its value with a gradient `factor` times as large.
  static at::Tensor graded(const char* name, const at::Tensor& x, double factor) {
    if (!has(name, x.size(2))) return x;
    const auto wrong = factor * x - (factor - 1) * x.detach();
    return at::where(rows(x), wrong, x);
  }
};

}  // namespace attnlab::planted
