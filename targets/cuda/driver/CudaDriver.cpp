//===- CudaDriver.cpp - CUDA's driver API as a vendor of the stream driver ----------------===//
//
// Binds libcuda.so.1, which comes with the display driver and needs no toolkit, and says what NVIDIA's
// devices can do. The declarations are our own: handles are pointers, results and attributes are integers;
// the numbers are those of cuda.h, whose ABI keeps old versions of each call under its versioned name.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/StreamDriver.h"

#include <cstdio>
#include <cstring>

using namespace aicc::gpu;

namespace {

/// What does not fit StreamApi.
struct Cuda {
  int (*init)(unsigned flags);
  int (*driverGetVersion)(int *version);
  int (*deviceGetCount)(int *count);
  int (*deviceGet)(int *device, int ordinal);
  int (*deviceGetName)(char *name, int size, int device);
  int (*deviceTotalMem)(size_t *bytes, int device);
  int (*deviceGetAttribute)(int *value, int attribute, int device);
  int (*primaryContextRetain)(void **context, int device);
  int (*primaryContextRelease)(int device);
  int (*contextPush)(void *context);
  int (*contextPop)(void **context);
  int (*getErrorName)(int code, const char **text);
  int (*getErrorString)(int code, const char **text);
  int (*moduleLoadDataEx)(void **module, const void *image, unsigned count, int *options, void **values);
  int (*functionSetAttribute)(void *function, int attribute, int value);
};

Cuda cuda;
StreamApi api;

enum Attribute : int {
  MaxThreadsPerBlock = 1,
  MaxGridX = 5,
  SharedPerBlock = 8,
  WarpSize = 10,
  MultiprocessorCount = 16,
  Integrated = 18,
  Major = 75,
  Minor = 76,
  SharedPerBlockOptIn = 97,
  ReadOnlyHostRegister = 113,
  MemoryPools = 115,
  Values64 = 122,
};

/// Function attribute: bytes of dynamic workgroup memory that it may be launched with.
constexpr int kMaxDynamicShared = 8;
/// Options of moduleLoadDataEx.
enum JitOption : int { JitErrorLog = 5, JitErrorLogSize = 6 };

/// Graphs with updates, pools and memory operations of 64 bits: all of it came with CUDA 11.x.
constexpr int kOldestVersion = 11070;

/// The compute capabilities that PTX is written for. A device runs that of each not above its own.
constexpr int kArchitectures[] = {50, 52, 53, 60, 61,  62,  70,  72,  75,  80, 86,
                                  87, 88, 89, 90, 100, 101, 103, 110, 120, 121};

int attribute(int device, Attribute which) {
  int value = 0;
  return cuda.deviceGetAttribute(&value, which, device) == kStreamOk ? value : 0;
}

const char *matrixUnits(int capability) {
  if (capability >= 100)
    return "tcgen05: f16, bf16, tf32, fp8, fp4, int8";
  if (capability >= 90)
    return "wgmma 64xNx16: f16, bf16, tf32, fp8, int8; f64";
  if (capability >= 89)
    return "mma 16x8x16: f16, bf16, tf32, fp8, int8";
  if (capability >= 80)
    return "mma 16x8x16: f16, bf16, tf32, int8, f64";
  if (capability >= 75)
    return "mma 16x8x8: f16, int8, int4";
  return capability >= 70 ? "wmma 16x16x16: f16" : "";
}

StreamError describe(int code) {
  const char *name = nullptr, *text = nullptr;
  if (cuda.getErrorName(code, &name) != kStreamOk || !name)
    name = "unknown error";
  if (cuda.getErrorString(code, &text) != kStreamOk || !text)
    text = "no description";
  StreamError error;
  error.text = std::string(name) + " (" + std::to_string(code) + "): " + text;
  switch (code) {
  case 46:  // DEVICE_UNAVAILABLE
  case 214: // ECC_UNCORRECTABLE
  case 220: // NVLINK_UNCORRECTABLE
  case 226: // CONTAINED
  case 700: // ILLEGAL_ADDRESS
  case 702: // LAUNCH_TIMEOUT
  case 709: // CONTEXT_IS_DESTROYED
  case 710: // ASSERT
  case 714: // HARDWARE_STACK_ERROR
  case 715: // ILLEGAL_INSTRUCTION
  case 716: // MISALIGNED_ADDRESS
  case 717: // INVALID_ADDRESS_SPACE
  case 718: // INVALID_PC
  case 719: // LAUNCH_FAILED
  case 721: // TENSOR_MEMORY_LEAK
    error.isLost = true;
  }
  return error;
}

std::string versionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// "580.95.05", or nothing where the kernel module does not say.
std::string kernelModuleVersion() {
  std::FILE *file = std::fopen("/sys/module/nvidia/version", "r");
  if (!file)
    return "";
  char text[64] = "";
  if (!std::fgets(text, sizeof(text), file))
    text[0] = 0;
  std::fclose(file);
  text[std::strcspn(text, "\n")] = 0;
  return text;
}

aicc_status *bindLibrary() {
  static const char *const names[] = {"libcuda.so.1", "libcuda.so", nullptr};
  const LibrarySymbol symbols[] = {
      {"cuInit", &cuda.init},
      {"cuDriverGetVersion", &cuda.driverGetVersion},
      {"cuDeviceGetCount", &cuda.deviceGetCount},
      {"cuDeviceGet", &cuda.deviceGet},
      {"cuDeviceGetName", &cuda.deviceGetName},
      {"cuDeviceTotalMem_v2", &cuda.deviceTotalMem},
      {"cuDeviceGetAttribute", &cuda.deviceGetAttribute},
      {"cuDevicePrimaryCtxRetain", &cuda.primaryContextRetain},
      {"cuDevicePrimaryCtxRelease_v2", &cuda.primaryContextRelease},
      {"cuCtxPushCurrent_v2", &cuda.contextPush},
      {"cuCtxPopCurrent_v2", &cuda.contextPop},
      {"cuGetErrorName", &cuda.getErrorName},
      {"cuGetErrorString", &cuda.getErrorString},
      {"cuModuleLoadDataEx", &cuda.moduleLoadDataEx},
      {"cuFuncSetAttribute", &cuda.functionSetAttribute},
      {"cuStreamCreate", &api.streamCreate},
      {"cuStreamDestroy_v2", &api.streamDestroy},
      {"cuStreamSynchronize", &api.streamSynchronize},
      {"cuStreamQuery", &api.streamQuery},
      {"cuStreamBeginCapture_v2", &api.streamBeginCapture},
      {"cuStreamEndCapture", &api.streamEndCapture},
      {"cuStreamWriteValue64_v2", &api.streamWriteValue, true},
      {"cuStreamWaitValue64_v2", &api.streamWaitValue, true},
      {"cuEventCreate", &api.eventCreate},
      {"cuEventDestroy_v2", &api.eventDestroy},
      {"cuEventRecord", &api.eventRecord},
      {"cuEventSynchronize", &api.eventSynchronize},
      {"cuEventElapsedTime", &api.eventElapsedTime},
      {"cuGraphInstantiateWithFlags", &api.graphInstantiate},
      {"cuGraphExecUpdate", &api.graphUpdate},
      {"cuGraphLaunch", &api.graphLaunch},
      {"cuGraphExecDestroy", &api.graphExecutableDestroy},
      {"cuGraphDestroy", &api.graphDestroy},
      {"cuMemAlloc_v2", &api.memoryAlloc},
      {"cuMemFree_v2", &api.memoryFree},
      {"cuMemGetInfo_v2", &api.memoryInfo},
      {"cuMemPoolCreate", &api.poolCreate},
      {"cuMemPoolDestroy", &api.poolDestroy},
      {"cuMemPoolSetAttribute", &api.poolSetAttribute},
      {"cuMemPoolSetAccess", &api.poolSetAccess},
      {"cuMemPoolTrimTo", &api.poolTrim},
      {"cuMemAllocFromPoolAsync", &api.poolAlloc},
      {"cuMemFreeAsync", &api.poolFree},
      {"cuMemHostAlloc", &api.hostAlloc},
      {"cuMemFreeHost", &api.hostFree},
      {"cuMemHostRegister_v2", &api.hostRegister},
      {"cuMemHostUnregister", &api.hostUnregister},
      {"cuMemHostGetDevicePointer_v2", &api.hostDeviceAddress},
      {"cuMemcpyHtoDAsync_v2", &api.copyToDevice},
      {"cuMemcpyDtoHAsync_v2", &api.copyToHost},
      {"cuMemcpyDtoDAsync_v2", &api.copyOnDevice},
      {"cuMemcpyPeerAsync", &api.copyPeer},
      {"cuMemsetD8Async", &api.fill8},
      {"cuMemsetD16Async", &api.fill16},
      {"cuMemsetD32Async", &api.fill32},
      {"cuModuleUnload", &api.moduleUnload},
      {"cuModuleGetFunction", &api.moduleFunction},
      {"cuFuncGetAttribute", &api.functionAttribute},
      {"cuLaunchKernel", &api.launch},
      {nullptr, nullptr},
  };
  return loadLibrary("NVIDIA's driver library libcuda.so.1", names, symbols);
}

StreamDeviceTraits traitsOf(int ordinal, int device, const std::string &version) {
  StreamDeviceTraits traits;
  traits.ordinal = ordinal;
  char name[128] = "";
  cuda.deviceGetName(name, sizeof(name) - 1, device);
  const int capability = attribute(device, Major) * 10 + attribute(device, Minor);
  traits.name =
      std::string(name) + ", " + std::to_string(attribute(device, MultiprocessorCount)) + " multiprocessors";
  traits.architecture = "sm_" + std::to_string(capability);
  traits.driverVersion = version;
  traits.matrixUnits = matrixUnits(capability);
  for (int known : kArchitectures)
    if (known <= capability)
      traits.features.push_back("sm_" + std::to_string(known));
  // Code for one architecture alone.
  if (capability >= 90)
    traits.features.push_back(traits.architecture + "a");
  size_t bytes = 0;
  cuda.deviceTotalMem(&bytes, device);
  traits.memorySize = bytes;
  traits.maxThreads = static_cast<unsigned>(attribute(device, MaxThreadsPerBlock));
  traits.maxShared = static_cast<unsigned>(attribute(device, SharedPerBlockOptIn));
  if (!traits.maxShared)
    traits.maxShared = static_cast<unsigned>(attribute(device, SharedPerBlock));
  traits.subgroupSizes = static_cast<unsigned>(attribute(device, WarpSize));
  traits.maxGrid = static_cast<uint64_t>(attribute(device, MaxGridX));
  traits.isIntegrated = attribute(device, Integrated) != 0;
  traits.hasPools = attribute(device, MemoryPools) != 0;
  traits.hasValues = api.streamWriteValue && api.streamWaitValue && attribute(device, Values64) != 0;
  traits.registersReadOnly = attribute(device, ReadOnlyHostRegister) != 0;
  return traits;
}

aicc_status *load(std::vector<StreamDeviceTraits> &devices) {
  static std::mutex mutex;
  {
    std::lock_guard<std::mutex> lock(mutex);
    AICC_RETURN_IF_ERROR(bindLibrary());
  }
  int version = 0;
  if (cuda.driverGetVersion(&version) == kStreamOk && version < kOldestVersion)
    return makeStatus(AICC_STATUS_UNSUPPORTED,
                      "NVIDIA's driver is too old: it is for CUDA %s, and %s is the least",
                      versionText(version).c_str(), versionText(kOldestVersion).c_str());
  if (int code = cuda.init(0))
    return makeStatus(AICC_STATUS_UNSUPPORTED, "NVIDIA's driver does not start: %s",
                      describe(code).text.c_str());
  int count = 0;
  if (int code = cuda.deviceGetCount(&count))
    return makeStatus(AICC_STATUS_UNSUPPORTED, "NVIDIA's driver lists no devices: %s",
                      describe(code).text.c_str());
  if (!count)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "NVIDIA's driver is here, but none of its devices");
  std::string text = "CUDA " + versionText(version);
  if (std::string module = kernelModuleVersion(); !module.empty())
    text += ", " + module;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    int device = 0;
    if (int code = cuda.deviceGet(&device, ordinal))
      return makeStatus(AICC_STATUS_UNSUPPORTED, "NVIDIA's driver lists no device %d: %s", ordinal,
                        describe(code).text.c_str());
    devices.push_back(traitsOf(ordinal, device, text));
  }
  return nullptr;
}

int open(int ordinal, void **context) {
  int device = 0;
  int code = cuda.deviceGet(&device, ordinal);
  return code ? code : cuda.primaryContextRetain(context, device);
}

void close(int ordinal) {
  int device = 0;
  if (cuda.deviceGet(&device, ordinal) == kStreamOk)
    cuda.primaryContextRelease(device);
}

int enter(void *context, void **) { return cuda.contextPush(context); }

void leave(void *) {
  void *popped = nullptr;
  cuda.contextPop(&popped);
}

/// The number of "sm_80"; `only` says that code for it runs nowhere else ("sm_90a"). 0 for anything else.
int capabilityOf(std::string_view architecture, bool &only) {
  constexpr std::string_view prefix = "sm_";
  int number = 0;
  only = false;
  if (architecture.substr(0, prefix.size()) != prefix || architecture.size() > 8)
    return 0;
  for (char c : architecture.substr(prefix.size())) {
    if (c < '0' || c > '9') {
      only = c == 'a';
      return only && architecture.back() == 'a' ? number : 0;
    }
    number = number * 10 + (c - '0');
  }
  return number;
}

/// Machine code runs on its own major version from its minor version on, PTX on everything newer.
int fit(const StreamDeviceTraits &device, std::string_view format, std::string_view architecture) {
  bool only = false, unused = false;
  const int own = capabilityOf(device.architecture, unused);
  const int wanted = capabilityOf(architecture, only);
  if (format == "ptx") {
    if (architecture.empty())
      return 1;
    return wanted && (only ? wanted == own : wanted <= own) ? wanted + 1 : 0;
  }
  if (format == "cubin" && wanted && (only ? wanted == own : wanted / 10 == own / 10 && wanted <= own))
    return 100000 + wanted;
  return 0;
}

int moduleLoad(void **module, const void *data, std::string_view format, std::string &log) {
  if (format != "ptx")
    return cuda.moduleLoadDataEx(module, data, 0, nullptr, nullptr);
  log.assign(4096, 0);
  int options[] = {JitErrorLog, JitErrorLogSize};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  int code = cuda.moduleLoadDataEx(module, data, 2, options, values);
  log.resize(std::strlen(log.c_str()));
  return code;
}

StreamModuleFault moduleFault(int code) {
  switch (code) {
  case 200: // INVALID_IMAGE
  case 218: // INVALID_PTX
  case 300: // INVALID_SOURCE
  case 500: // NOT_FOUND: a kernel
    return StreamModuleFault::Damaged;
  case 209: // NO_BINARY_FOR_GPU
  case 221: // JIT_COMPILER_NOT_FOUND
  case 222: // UNSUPPORTED_PTX_VERSION
  case 223: // JIT_COMPILATION_DISABLED
  case 701: // LAUNCH_OUT_OF_RESOURCES
    return StreamModuleFault::Unsupported;
  }
  return StreamModuleFault::Other;
}

int allowShared(void *function, unsigned bytes) {
  return cuda.functionSetAttribute(function, kMaxDynamicShared, static_cast<int>(bytes));
}

const StreamVendor vendor = {"cuda", "ptx", 2,        3,   &api,       load,        open,       close,
                             enter,  leave, describe, fit, moduleLoad, moduleFault, allowShared};

aicc_status *create(const aicc_driver_host *host, aicc_driver **out) {
  return createStreamDriver(vendor, host, out);
}

} // namespace

extern "C" AICC_API const aicc_driver_table *aicc_register_driver_v1(uint32_t abiVersion) {
  static const aicc_driver_table table = [] {
    aicc_driver_table made = makeStreamTable(vendor);
    made.create = create;
    return made;
  }();
  return abiVersion == AICC_DRIVER_ABI_VERSION ? &table : nullptr;
}
