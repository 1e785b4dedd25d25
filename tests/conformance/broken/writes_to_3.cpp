// writes_to_3.cpp: right in every respect, and writes to a file descriptor that is not its own. No
// fault of its attention: the check must come to its own verdict.
#include <unistd.h>

#include "tests/conformance/broken/base.h"

namespace attnlab {
namespace {

struct Writes final : broken::Base {
  using Base::Base;
  at::Tensor finish(const at::Tensor& output, const AttentionInput&) override {
    for (const std::string_view text : {"{\"kind\": \"plan\"}\n", "\xff\xfe no JSON", "\n\n{}\n"}) {
      [[maybe_unused]] const auto written = ::write(3, text.data(), text.size());
    }
    ::close(3);
    return output;
  }
};

}  // namespace

BROKEN_PLUGIN("writes_to_3", Writes, (broken::kTraits))

}  // namespace attnlab
