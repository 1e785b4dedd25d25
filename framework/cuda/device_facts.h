/// device_facts.h: what the CUDA runtime says of its devices, as text. The C interface of
///   libattnlab_cuda.so, which is built where nvcc is found and loaded where a driver is there.
#pragma once

extern "C" {

/// Number of CUDA devices; 0 without a driver. Negative: minus the CUDA error's number.
int attnlab_cuda_device_count(void);

/// Writes lines "name=value" about device `index` into `text` (zero-terminated, cut at `capacity`):
/// gpu, gpu_capability, gpu_memory_bytes, gpu_multiprocessors, gpu_clock_khz,
/// gpu_memory_clock_khz, cuda_driver, cuda_runtime. Returns 0, or the CUDA error's number.
int attnlab_cuda_device_facts(int index, char* text, unsigned long capacity);
}
