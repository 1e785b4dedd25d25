// libcuda.so.1 of the pretended GPU: a driver that sees one device and can do nothing else.
extern "C" {
__attribute__((visibility("default"))) int cuInit(unsigned) { return 0; }
__attribute__((visibility("default"))) int cuDeviceGetCount(int* count) {
  *count = 1;
  return 0;
}
}
