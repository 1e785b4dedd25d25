/// parallel.h: LibTorch's intra-op threads for independent items of unequal cost.
#pragma once

#include <cstdint>
#include <functional>

namespace attnlab::sparse {

/// Calls work(next) once on each of at::get_num_threads() threads; `next()` hands out 0..count-1,
/// each once, to whoever asks first, and -1 when none is left. Which thread takes an item must not
/// matter. Runs on the caller alone inside another parallel region. Exceptions reach the caller.
void share(std::int64_t count,
           const std::function<void(const std::function<std::int64_t()>& next)>& work);

}  // namespace attnlab::sparse
