// nvml.cpp: libnvidia-ml.so.1 of the pretended GPU, with facts that cannot be taken for measured
// ones.
extern "C" {
__attribute__((visibility("default"))) int nvmlInit_v2() { return 0; }
__attribute__((visibility("default"))) int nvmlDeviceGetHandleByIndex_v2(unsigned index,
                                                                         void** device) {
  static int only = 0;
  *device = &only;
  return index == 0 ? 0 : 6;  // NVML_ERROR_NOT_FOUND
}
__attribute__((visibility("default"))) int nvmlSystemGetDriverVersion(char* version, unsigned) {
  for (const char* from = "pretended"; (*version++ = *from++) != 0;) continue;
  return 0;
}
__attribute__((visibility("default"))) int nvmlDeviceGetClockInfo(void*, int kind, unsigned* mhz) {
  *mhz = kind == 1 ? 1 : 2;
  return 0;
}
__attribute__((visibility("default"))) int nvmlDeviceGetMaxClockInfo(void*, int kind,
                                                                     unsigned* mhz) {
  *mhz = kind == 1 ? 3 : 4;
  return 0;
}
__attribute__((visibility("default"))) int nvmlDeviceGetTemperature(void*, int, unsigned* celsius) {
  *celsius = 5;
  return 0;
}
__attribute__((visibility("default"))) int nvmlDeviceGetPowerUsage(void*, unsigned* milliwatts) {
  *milliwatts = 6000;
  return 0;
}
__attribute__((visibility("default"))) int nvmlDeviceGetCurrentClocksThrottleReasons(
    void*, unsigned long long* reasons) {
  *reasons = 4 | 32 | 1;
  return 0;
}
}
