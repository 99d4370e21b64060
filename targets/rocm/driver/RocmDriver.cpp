//===- RocmDriver.cpp - HIP as a vendor of the stream driver ------------------------------===//
//
// Binds libamdhip64, of ROCm 5 to 7, and says what AMD's devices can do. The declarations are our own, as
// CudaDriver.cpp's are. HIP has no contexts to speak of: a context here is a device's number.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/StreamDriver.h"

#include <cstring>

using namespace aicc::gpu;

namespace {

/// What does not fit StreamApi.
struct Hip {
  int (*init)(unsigned flags);
  int (*runtimeGetVersion)(int *version);
  int (*getDeviceCount)(int *count);
  int (*deviceGetName)(char *name, int size, int device);
  int (*deviceTotalMem)(size_t *bytes, int device);
  int (*deviceGetAttribute)(int *value, int attribute, int device);
  int (*getDeviceProperties6)(void *properties, int device);
  int (*getDeviceProperties5)(void *properties, int device);
  int (*getDevice)(int *device);
  int (*setDevice)(int device);
  const char *(*getErrorName)(int code);
  const char *(*getErrorString)(int code);
  int (*moduleLoadData)(void **module, const void *image);
  int (*streamWaitValue64)(void *stream, void *address, uint64_t value, unsigned flags, uint64_t mask);
  int (*memcpyPeerAsync)(void *dst, int dstDevice, const void *src, int srcDevice, size_t size, void *stream);
  int (*extMallocWithFlags)(void **address, size_t size, unsigned flags);
};

Hip hip;
StreamApi api;

/// The numbers of hipDeviceAttribute_t since ROCm 5.
enum Attribute : int {
  Integrated = 16,
  MaxGridX = 29,
  MaxThreadsPerBlock = 56,
  MultiprocessorCount = 63,
  SharedPerBlock = 74,
  WarpSize = 87,
  MemoryPools = 88,
  StreamWaitValue = 10013,
};

/// ROCm 5.2 is the first with all of graphs and pools.
constexpr int kOldestVersion = 50200000;
constexpr unsigned kSignalMemory = 2;

int attribute(int device, Attribute which) {
  int value = 0;
  return hip.deviceGetAttribute(&value, which, device) == kStreamOk ? value : 0;
}

StreamError describe(int code) {
  const char *name = hip.getErrorName(code), *text = hip.getErrorString(code);
  StreamError error;
  error.text = std::string(name ? name : "unknown error") + " (" + std::to_string(code) +
               "): " + (text ? text : "no description");
  switch (code) {
  case 214: // hipErrorECCNotCorrectable
  case 700: // hipErrorIllegalAddress
  case 702: // hipErrorLaunchTimeOut
  case 709: // hipErrorContextIsDestroyed
  case 710: // hipErrorAssert
  case 719: // hipErrorLaunchFailure
    error.isLost = true;
  }
  return error;
}

std::string versionText(int version) {
  return std::to_string(version / 10000000) + "." + std::to_string(version / 100000 % 100);
}

int streamWaitValue(void *stream, void *address, uint64_t value, unsigned flags) {
  return hip.streamWaitValue64(stream, address, value, flags, UINT64_MAX);
}

int contextDevice(void *context) { return static_cast<int>(reinterpret_cast<intptr_t>(context)) - 1; }

int copyPeer(void *dst, void *dstContext, void *src, void *srcContext, size_t size, void *stream) {
  return hip.memcpyPeerAsync(dst, contextDevice(dstContext), src, contextDevice(srcContext), size, stream);
}

int signalAlloc(void **address) { return hip.extMallocWithFlags(address, sizeof(uint64_t), kSignalMemory); }

aicc_status *bindLibrary() {
  static const char *const names[] = {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5",
                                      "libamdhip64.so", nullptr};
  const LibrarySymbol symbols[] = {
      {"hipInit", &hip.init},
      {"hipRuntimeGetVersion", &hip.runtimeGetVersion},
      {"hipGetDeviceCount", &hip.getDeviceCount},
      {"hipDeviceGetName", &hip.deviceGetName},
      {"hipDeviceTotalMem", &hip.deviceTotalMem},
      {"hipDeviceGetAttribute", &hip.deviceGetAttribute},
      {"hipGetDevicePropertiesR0600", &hip.getDeviceProperties6, true},
      {"hipGetDeviceProperties", &hip.getDeviceProperties5, true},
      {"hipGetDevice", &hip.getDevice},
      {"hipSetDevice", &hip.setDevice},
      {"hipGetErrorName", &hip.getErrorName},
      {"hipGetErrorString", &hip.getErrorString},
      {"hipModuleLoadData", &hip.moduleLoadData},
      {"hipStreamWaitValue64", &hip.streamWaitValue64, true},
      {"hipMemcpyPeerAsync", &hip.memcpyPeerAsync},
      {"hipExtMallocWithFlags", &hip.extMallocWithFlags, true},
      {"hipStreamCreateWithFlags", &api.streamCreate},
      {"hipStreamDestroy", &api.streamDestroy},
      {"hipStreamSynchronize", &api.streamSynchronize},
      {"hipStreamQuery", &api.streamQuery},
      {"hipStreamBeginCapture", &api.streamBeginCapture},
      {"hipStreamEndCapture", &api.streamEndCapture},
      {"hipStreamWriteValue64", &api.streamWriteValue, true},
      {"hipEventCreateWithFlags", &api.eventCreate},
      {"hipEventDestroy", &api.eventDestroy},
      {"hipEventRecord", &api.eventRecord},
      {"hipEventSynchronize", &api.eventSynchronize},
      {"hipEventElapsedTime", &api.eventElapsedTime},
      {"hipGraphInstantiateWithFlags", &api.graphInstantiate},
      {"hipGraphExecUpdate", &api.graphUpdate},
      {"hipGraphLaunch", &api.graphLaunch},
      {"hipGraphExecDestroy", &api.graphExecutableDestroy},
      {"hipGraphDestroy", &api.graphDestroy},
      {"hipMalloc", &api.memoryAlloc},
      {"hipFree", &api.memoryFree},
      {"hipMemGetInfo", &api.memoryInfo},
      {"hipMemPoolCreate", &api.poolCreate},
      {"hipMemPoolDestroy", &api.poolDestroy},
      {"hipMemPoolSetAttribute", &api.poolSetAttribute},
      {"hipMemPoolSetAccess", &api.poolSetAccess},
      {"hipMemPoolTrimTo", &api.poolTrim},
      {"hipMallocFromPoolAsync", &api.poolAlloc},
      {"hipFreeAsync", &api.poolFree},
      {"hipHostMalloc", &api.hostAlloc},
      {"hipHostFree", &api.hostFree},
      {"hipHostRegister", &api.hostRegister},
      {"hipHostUnregister", &api.hostUnregister},
      {"hipHostGetDevicePointer", &api.hostDeviceAddress},
      {"hipMemcpyHtoDAsync", &api.copyToDevice},
      {"hipMemcpyDtoHAsync", &api.copyToHost},
      {"hipMemcpyDtoDAsync", &api.copyOnDevice},
      {"hipMemsetD8Async", &api.fill8},
      {"hipMemsetD16Async", &api.fill16},
      {"hipMemsetD32Async", &api.fill32},
      {"hipModuleUnload", &api.moduleUnload},
      {"hipModuleGetFunction", &api.moduleFunction},
      {"hipFuncGetAttribute", &api.functionAttribute},
      {"hipModuleLaunchKernel", &api.launch},
      {nullptr, nullptr},
  };
  if (aicc_status *status = loadLibrary("AMD's library libamdhip64.so", names, symbols))
    return status;
  api.copyPeer = copyPeer;
  api.streamWaitValue = hip.streamWaitValue64 ? streamWaitValue : nullptr;
  api.signalAlloc = hip.extMallocWithFlags ? signalAlloc : nullptr;
  return nullptr;
}

/// "gfx90a:sramecc+:xnack-". It is only to be had in the properties, whose layout changed with ROCm 6; but it
/// is the one text in them that begins so, behind the name of 256 bytes and on a multiple of 4.
std::string architectureOf(int device) {
  std::vector<char> properties(16384);
  int (*get)(void *, int) = hip.getDeviceProperties6 ? hip.getDeviceProperties6 : hip.getDeviceProperties5;
  if (!get || get(properties.data(), device) != kStreamOk)
    return "";
  for (size_t at = 256; at + 256 < properties.size(); at += 4)
    if (std::memcmp(&properties[at], "gfx", 3) == 0)
      return std::string(&properties[at], strnlen(&properties[at], 255));
  return "";
}

/// The processor of "gfx90a:sramecc+:xnack-": "gfx90a".
std::string_view processorOf(std::string_view architecture) {
  return architecture.substr(0, architecture.find(':'));
}

/// Whether `name` is `family` and one or two more characters, as "gfx1100" is of "gfx11".
bool isOf(std::string_view name, std::string_view family) { return name.substr(0, family.size()) == family; }

const char *matrixUnits(std::string_view processor) {
  if (processor == "gfx942" || processor == "gfx950")
    return "mfma 16x16x16: f16, bf16, int8, fp8, f32, f64";
  if (isOf(processor, "gfx90"))
    return "mfma 16x16x16: f16, bf16, int8, f32, f64";
  if (isOf(processor, "gfx12"))
    return "wmma 16x16x16: f16, bf16, int8, fp8";
  return isOf(processor, "gfx11") ? "wmma 16x16x16: f16, bf16, int8" : "";
}

StreamDeviceTraits traitsOf(int ordinal, const std::string &version) {
  StreamDeviceTraits traits;
  traits.ordinal = ordinal;
  char name[256] = "";
  hip.deviceGetName(name, sizeof(name) - 1, ordinal);
  traits.architecture = architectureOf(ordinal);
  const std::string processor(processorOf(traits.architecture));
  traits.name = std::string(*name ? name : processor.c_str()) + ", " +
                std::to_string(attribute(ordinal, MultiprocessorCount)) + " compute units";
  traits.driverVersion = version;
  traits.matrixUnits = matrixUnits(processor);
  traits.features.push_back(processor);
  if (traits.architecture != processor)
    traits.features.push_back(traits.architecture);
  size_t bytes = 0;
  hip.deviceTotalMem(&bytes, ordinal);
  traits.memorySize = bytes;
  traits.maxThreads = static_cast<unsigned>(attribute(ordinal, MaxThreadsPerBlock));
  traits.maxShared = static_cast<unsigned>(attribute(ordinal, SharedPerBlock));
  traits.subgroupSizes = static_cast<unsigned>(attribute(ordinal, WarpSize));
  // Those before run 64 lanes, those from here on both.
  if (isOf(processor, "gfx1"))
    traits.subgroupSizes = 32 | 64;
  traits.maxGrid = static_cast<uint64_t>(attribute(ordinal, MaxGridX));
  traits.maxWorkItems = UINT32_MAX; // The launch packet counts threads in 32 bits.
  traits.isIntegrated = attribute(ordinal, Integrated) != 0;
  traits.hasPools = attribute(ordinal, MemoryPools) != 0;
  traits.hasValues = api.streamWriteValue && api.streamWaitValue && attribute(ordinal, StreamWaitValue) != 0;
  return traits;
}

aicc_status *load(std::vector<StreamDeviceTraits> &devices) {
  static std::mutex mutex;
  {
    std::lock_guard<std::mutex> lock(mutex);
    AICC_RETURN_IF_ERROR(bindLibrary());
  }
  int version = 0;
  if (hip.runtimeGetVersion(&version) == kStreamOk && version < kOldestVersion)
    return makeStatus(AICC_STATUS_UNSUPPORTED,
                      "AMD's libamdhip64.so is too old: it is of HIP %s, and %s is the least",
                      versionText(version).c_str(), versionText(kOldestVersion).c_str());
  if (int code = hip.init(0))
    return makeStatus(AICC_STATUS_UNSUPPORTED, "AMD's HIP does not start: %s", describe(code).text.c_str());
  int count = 0;
  if (int code = hip.getDeviceCount(&count))
    return makeStatus(AICC_STATUS_UNSUPPORTED, "AMD's HIP lists no devices: %s", describe(code).text.c_str());
  if (!count)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "AMD's HIP is here, but none of its devices");
  for (int ordinal = 0; ordinal < count; ++ordinal)
    devices.push_back(traitsOf(ordinal, "HIP " + versionText(version)));
  return nullptr;
}

int open(int ordinal, void **context) {
  *context = reinterpret_cast<void *>(static_cast<intptr_t>(ordinal) + 1);
  return kStreamOk;
}

void close(int) {}

int enter(void *context, void **previous) {
  int device = 0;
  if (int code = hip.getDevice(&device))
    return code;
  *previous = reinterpret_cast<void *>(static_cast<intptr_t>(device) + 1);
  return *previous == context ? static_cast<int>(kStreamOk) : hip.setDevice(contextDevice(context));
}

/// The thread may have had another device before; setting the one it has costs nothing.
void leave(void *previous) { hip.setDevice(contextDevice(previous)); }

/// Code names a processor and may demand or forbid its features: "gfx90a:xnack-".
int fit(const StreamDeviceTraits &device, std::string_view format, std::string_view architecture) {
  if (format != "hsaco")
    return 0;
  if (architecture.empty())
    return 1;
  if (processorOf(architecture) != processorOf(device.architecture))
    return 0;
  int score = 2;
  const std::string owned = device.architecture + ":";
  for (size_t at = architecture.find(':'); at != std::string_view::npos; ++score) {
    const size_t end = architecture.find(':', at + 1);
    const std::string feature(architecture.substr(at, end == std::string_view::npos ? end : end - at));
    if (owned.find(feature + ":") == std::string::npos)
      return 0;
    at = end;
  }
  return score;
}

int moduleLoad(void **module, const void *data, std::string_view, std::string &) {
  return hip.moduleLoadData(module, data);
}

StreamModuleFault moduleFault(int code) {
  switch (code) {
  case 200: // hipErrorInvalidImage
  case 218: // hipErrorInvalidKernelFile
  case 302: // hipErrorSharedObjectSymbolNotFound
  case 303: // hipErrorSharedObjectInitFailed
  case 500: // hipErrorNotFound: a kernel
    return StreamModuleFault::Damaged;
  case 98:  // hipErrorInvalidDeviceFunction
  case 209: // hipErrorNoBinaryForGpu
    return StreamModuleFault::Unsupported;
  }
  return StreamModuleFault::Other;
}

const StreamVendor vendor = {"rocm", "hsaco", 10,       11,  &api,       load,        open,   close,
                             enter,  leave,   describe, fit, moduleLoad, moduleFault, nullptr};

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
