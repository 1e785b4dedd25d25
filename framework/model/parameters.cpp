#include "framework/model/parameters.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "framework/core/digest.h"
#include "framework/core/random.h"

namespace attnlab::model {

at::Tensor ParameterList::add_normal(std::string name, Role role, at::IntArrayRef sizes, double std,
                                     double mean) {
  const RandomStream stream(seed_, "init/" + name);
  auto value = at::empty(sizes, at::kFloat);
  float* const data = value.mutable_data_ptr<float>();
  at::parallel_for(0, value.numel(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      data[i] = static_cast<float>(mean + std * stream.normal(static_cast<std::uint64_t>(i)));
    }
  });
  return add(std::move(name), role, value);
}

at::Tensor ParameterList::add_ones(std::string name, Role role, at::IntArrayRef sizes) {
  return add(std::move(name), role, at::ones(sizes, at::kFloat));
}

at::Tensor ParameterList::add(std::string name, Role role, at::Tensor value) {
  value = value.to(device_).requires_grad_();
  all_.push_back({std::move(name), role, value});
  return value;
}

at::Tensor ParameterList::add_buffer(std::string name, at::IntArrayRef sizes, double value) {
  buffers_.emplace_back(std::move(name), at::full(sizes, value, at::kFloat).to(device_));
  return buffers_.back().second;
}

bool ParameterList::has(std::string_view name) const {
  return std::ranges::find(all_, name, &Parameter::name) != all_.end() ||
         std::ranges::any_of(buffers_, [&](const auto& buffer) { return buffer.first == name; });
}

std::int64_t ParameterList::count() const {
  std::int64_t sum = 0;
  for (const auto& parameter : all_) sum += parameter.value.numel();
  return sum;
}

std::int64_t ParameterList::attention_count() const {
  std::int64_t sum = 0;
  for (const auto& parameter : all_) sum += is_attentions(parameter.role) ? parameter.value.numel() : 0;
  return sum;
}

const at::Tensor& ParameterList::at(std::string_view name) const {
  for (const auto& parameter : all_) {
    if (parameter.name == name) return parameter.value;
  }
  throw std::out_of_range("no parameter '" + std::string(name) + "'");
}

std::string digest(const ParameterList& parameters, Part part) {
  std::vector<std::pair<std::string, at::Tensor>> sorted;
  for (const auto& [name, role, value] : parameters.all()) {
    if (is_attentions(role) == (part == Part::attention)) sorted.emplace_back(name, value);
  }
  if (part == Part::attention) {
    for (const auto& buffer : parameters.buffers()) sorted.push_back(buffer);
  }
  std::ranges::sort(sorted, {}, &std::pair<std::string, at::Tensor>::first);
  Sha256 digest;
  for (const auto& [name, value] : sorted) {
    const auto bytes = value.detach().cpu().contiguous();
    digest.add(name).add(std::string_view("\0", 1));
    for (const auto size : bytes.sizes()) digest.add(std::to_string(size) + ",");
    digest.add({static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes()});
  }
  return digest.hex();
}

std::string owned_by_attention(const ParameterList& parameters) {
  std::ostringstream text;
  const auto add = [&](const std::string& name, const at::Tensor& value, const char* what) {
    text << (text.tellp() > 0 ? "; " : "") << name << " " << value.sizes() << what;
  };
  for (const auto& [name, role, value] : parameters.all()) {
    if (is_attentions(role)) add(name, value, role == Role::attention ? "" : " decayed");
  }
  for (const auto& [name, value] : parameters.buffers()) add(name, value, " buffer");
  return text.str();
}

}  // namespace attnlab::model
