#include "framework/train/snapshot.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <vector>

#include "framework/core/error.h"

namespace attnlab::train {
namespace {

namespace fs = std::filesystem;
using checkpoint::Safetensors;
using checkpoint::TensorEntry;
using Named = std::map<std::string, at::Tensor>;

std::string dtype_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return "F32";
    case at::kDouble:
      return "F64";
    case at::kLong:
      return "I64";
    case at::kBFloat16:
      return "BF16";
    case at::kHalf:
      return "F16";
    default:
      throw Error("a tensor of dtype " + std::string(at::toString(tensor.scalar_type())) +
                  " cannot be saved");
  }
}

TensorEntry entry_of(const std::string& name, const at::Tensor& tensor) {
  return {.name = name, .dtype = dtype_of(tensor), .shape = tensor.sizes().vec()};
}

std::string python_name(const model::Parameter& parameter) {
  return model::is_attentions(parameter.role) ? parameter.name : parameter.name + ".weight";
}

Named tensors_of(const model::Transformer& model) {
  Named all;
  for (const auto& parameter : model.parameters().all()) all[python_name(parameter)] = parameter.value;
  for (const auto& [name, value] : model.parameters().buffers()) all[name] = value;
  return all;
}

Named common_tensors_of(const model::Transformer& model) {
  Named all;
  for (const auto& parameter : model.parameters().all()) {
    if (!model::is_attentions(parameter.role)) all[python_name(parameter)] = parameter.value;
  }
  return all;
}

Named tensors_of(const model::Transformer& model, const AdamW& optimizer) {
  std::map<std::string, std::string> names;
  for (const auto& parameter : model.parameters().all()) names[parameter.name] = python_name(parameter);
  Named all;
  for (const auto& moment : optimizer.state()) {
    all["state." + names.at(moment.parameter) + "." + moment.what] = moment.value;
  }
  return all;
}

checkpoint::WrittenFile save(const fs::path& file, const Named& tensors) {
  std::vector<TensorEntry> entries;
  for (const auto& [name, tensor] : tensors) entries.push_back(entry_of(name, tensor));
  at::Tensor now;  // keeps the bytes alive until the next one is asked for
  return checkpoint::write_safetensors(file, std::move(entries), {{"format", "pt"}}, [&](const TensorEntry& entry) {
    now = tensors.at(entry.name).detach().cpu().contiguous();
    return std::string_view(static_cast<const char*>(now.const_data_ptr()), now.nbytes());
  });
}

const TensorEntry& entry_for(const Safetensors& file, const fs::path& path, const std::string& name,
                             const at::Tensor& tensor) {
  const auto* found = file.find(name);
  const auto expected = entry_of(name, tensor);
  if (found != nullptr && found->dtype == expected.dtype && found->shape == expected.shape) return *found;
  throw Error("'" + path.string() + "' is of another model: it has " +
              (found == nullptr ? "no tensor '" + name + "'" : "'" + name + "' as " + found->kind()) +
              "; expected " + expected.kind());
}

void load(const fs::path& path, const Named& tensors, bool others_allowed) {
  const Safetensors file(path);
  std::map<std::string, const TensorEntry*> entries;
  for (const auto& [name, tensor] : tensors) entries[name] = &entry_for(file, path, name, tensor);
  for (const auto& entry : file.entries()) {
    if (others_allowed || tensors.contains(entry.name)) continue;
    throw Error("'" + path.string() + "' is of another model: it has '" + entry.name + "', which this one lacks");
  }
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors) {
    auto read = at::empty(tensor.sizes(), at::TensorOptions(tensor.scalar_type()));
    file.read(*entries[name], read.mutable_data_ptr());
    tensor.detach().copy_(read);
  }
}

}  // namespace

checkpoint::WrittenFile save_model(const fs::path& file, const model::Transformer& model) {
  return save(file, tensors_of(model));
}

checkpoint::WrittenFile save_optimizer(const fs::path& file, const model::Transformer& model,
                                       const AdamW& optimizer) {
  return save(file, tensors_of(model, optimizer));
}

void load_model(const fs::path& file, model::Transformer& model) {
  load(file, tensors_of(model), /*others_allowed=*/false);
  model.accept_buffers();
}

void load_optimizer(const fs::path& file, const model::Transformer& model, AdamW& optimizer) {
  load(file, tensors_of(model, optimizer), /*others_allowed=*/false);
}

void load_initial(const fs::path& path, model::Transformer& model, bool of_same_attention) {
  auto wanted = common_tensors_of(model);
  if (of_same_attention) {
    const Safetensors file(path);
    for (const auto& [name, tensor] : tensors_of(model)) {
      const auto* found = file.find(name);
      const auto expected = entry_of(name, tensor);
      if (found != nullptr && found->dtype == expected.dtype && found->shape == expected.shape) wanted[name] = tensor;
    }
  }
  load(path, wanted, /*others_allowed=*/true);
  model.accept_buffers();
}

}  // namespace attnlab::train
