/// gloo_names.h: the names of Gloo's that ProcessGroupGloo.hpp mentions.
///   LibTorch's wheel has Gloo inside libtorch_cpu.so and none of its headers. Our code makes a
///   c10d::ProcessGroupGloo and hands Gloo's devices from one function of it to the next; it looks into
///   nothing of Gloo's, so names are enough. Nothing here is defined or called by us. For gloo_group.cpp.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace rendezvous {
class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& value) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};
}  // namespace rendezvous

namespace transport {
class Device;
class UnboundBuffer;
}  // namespace transport

}  // namespace gloo
