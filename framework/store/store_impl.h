/// store_impl.h: what a Store holds, for the files that it is made of.
#pragma once

#include "framework/store/sqlite.h"
#include "framework/store/store.h"

namespace attnlab::store {

struct Store::Impl {
  Connection connection;
};

}  // namespace attnlab::store
