#include "framework/data/batch_loader.h"

#include <algorithm>

namespace attnlab::data {
namespace {

std::string_view bytes_of(const std::vector<std::int32_t>& tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(std::int32_t)};
}

}  // namespace

HostBatch make_host_batch(const Dataset& dataset, Split split, std::span<const TrainDraw> draws,
                          Sha256* digest) {
  HostBatch batch;
  batch.rows = std::ssize(draws);
  for (const auto& draw : draws) {
    const auto example = dataset.get(split, draw.index);
    if (batch.input.empty()) {
      batch.length = std::ssize(example.input);
      batch.input.reserve(example.input.size() * draws.size());
      batch.target.reserve(example.input.size() * draws.size());
    }
    if (digest != nullptr) digest->add(bytes_of(example.input)).add(bytes_of(example.target));
    batch.input.insert(batch.input.end(), example.input.begin(), example.input.end());
    batch.target.insert(batch.target.end(), example.target.begin(), example.target.end());
    batch.documents.insert(batch.documents.end(), example.documents.begin(),
                           example.documents.end());
    batch.scored += std::ranges::count_if(example.target, [](auto token) { return token >= 0; });
    batch.sequence_ids.push_back(draw.sequence_id);
  }
  return batch;
}

std::int64_t rows_of_part(std::int64_t batch_size, std::int64_t accumulation, std::int64_t ranks) {
  const auto share = batch_size * accumulation / ranks;
  auto parts = (share + batch_size - 1) / batch_size;
  while (share % parts != 0) ++parts;
  return share / parts;
}

BatchLoader::BatchLoader(const Dataset& dataset, LoaderOptions options)
    : dataset_(dataset),
      options_(options),
      digest_(options.before),
      unread_(options.first),
      steps_([this] { return unread_ < options_.steps ? std::optional(load(unread_++)) : std::nullopt; },
             [](const Step&) { return std::size_t{1}; }, static_cast<std::size_t>(options.ahead)) {}

std::vector<HostBatch> BatchLoader::next() {
  auto step = steps_.next().value();
  digest_.add(step.digest);
  tokens_ = step.tokens;
  scored_ = step.scored;
  return std::move(step.parts);
}

BatchLoader::Step BatchLoader::load(std::int64_t step) const {
  const auto draws =
      dataset_.draw(options_.seed, step, options_.batch_size * options_.accumulation);
  const auto rows =
      static_cast<std::size_t>(rows_of_part(options_.batch_size, options_.accumulation, options_.ranks));
  const auto share = draws.size() / static_cast<std::size_t>(options_.ranks);
  Step loaded;
  Sha256 digest;
  for (std::size_t begin = 0; begin < draws.size(); begin += rows) {
    auto part = make_host_batch(dataset_, Split::train, std::span(draws).subspan(begin, rows), &digest);
    loaded.tokens += part.rows * part.length;
    loaded.scored += part.scored;
    const bool ours = begin / share == static_cast<std::size_t>(options_.rank);
    if (ours) loaded.parts.push_back(std::move(part));
  }
  loaded.digest = digest.hex();
  return loaded;
}

}  // namespace attnlab::data
