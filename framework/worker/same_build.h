/// same_build.h: whether this program and the libraries beside it were made from the same sources.
#pragma once

namespace attnlab::worker {

/// Throws Error where only a part was built anew. From any thread.
void check_same_build();

}  // namespace attnlab::worker
