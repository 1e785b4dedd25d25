#include "framework/model/owned_tensors.h"

#include <ATen/ATen.h>

#include <sstream>

#include "framework/attention/checks.h"
#include "framework/core/error.h"

namespace attnlab::model {
namespace {

// Parameters of attentions, then buffers: until one of them is done with.
template <class Look>
void each_owned(const ParameterList& list, Look&& look) {
  for (const auto& [name, role, value] : list.all()) {
    if (is_attentions(role) && look(name, value, "parameter")) return;
  }
  for (const auto& [name, value] : list.buffers()) {
    if (look(name, value, "buffer")) return;
  }
}

}  // namespace

at::Tensor LayerOwner::parameter(const std::string& name, at::IntArrayRef sizes, Initial initial,
                                 bool decay) {
  check_owned(name, sizes, list_.has(prefix_ + name));
  check_initial(name, initial);
  return list_.add_normal(prefix_ + name, decay ? Role::attention_decayed : Role::attention, sizes,
                          initial.std, initial.mean);
}

at::Tensor LayerOwner::buffer(const std::string& name, at::IntArrayRef sizes, double value) {
  check_owned(name, sizes, list_.has(prefix_ + name));
  return list_.add_buffer(prefix_ + name, sizes, value);
}

void OwnedTensors::note_sizes(const ParameterList& list) {
  sizes_.clear();
  each_owned(list, [&](const auto&, const at::Tensor& value, const char*) {
    sizes_.emplace_back(value.sizes().vec(), value.scalar_type());
    return false;
  });
}

void OwnedTensors::note_versions(const ParameterList& list) {
  versions_.clear();
  for (const auto& [name, value] : list.buffers()) versions_.push_back(value._version());
}

void OwnedTensors::expect_untouched(const ParameterList& list) const {
  for (std::size_t i = 0; i < versions_.size(); ++i) {
    const auto& [name, value] = list.buffers()[i];
    if (value._version() == versions_[i]) continue;
    throw Error("the buffer '" + name + "' was written to outside finish_step(); collect in "
                "forward() what a training step sees, and fold it in there.");
  }
}

std::pair<std::string, std::string> OwnedTensors::resized(const ParameterList& list) const {
  std::pair<std::string, std::string> found;
  std::size_t i = 0;
  each_owned(list, [&](const std::string& name, const at::Tensor& value, const char* kind) {
    if (i == sizes_.size()) return true;  // declared after the model was built
    const auto& [sizes, dtype] = sizes_[i++];
    if (value.sizes() == at::IntArrayRef(sizes) && value.scalar_type() == dtype) return false;
    std::ostringstream text;
    text << "the " << kind << " '" << name << "' is " << value.scalar_type() << " " << value.sizes()
         << " after finish_step(); it was declared as " << dtype << " " << at::IntArrayRef(sizes);
    found = {name, text.str()};
    return true;
  });
  return found;
}

void OwnedTensors::throw_resized(const std::string& whose, const std::string& what) {
  throw Error(whose + ": " + what +
              ", and no checkpoint of another size could be read. Declare it as large as it will ever be, and "
              "write to it in place.");
}

}  // namespace attnlab::model
