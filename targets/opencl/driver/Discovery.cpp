//===- Discovery.cpp - finding the devices that can be used -------------------------------===//
//
// Asks every device of every platform what it is and what it can do.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/opencl/driver/Device.h"

#include <string_view>

using namespace aicc;
using namespace aicc::opencl;

namespace {

class Query {
public:
  Query(const Api &api, cl_device_id device) : api(api), device(device) {}

  /// A number of any width; 0 where the device does not know it.
  template <typename T> T number(cl_device_info what) const {
    T value = {};
    if (api.clGetDeviceInfo(device, what, sizeof(value), &value, nullptr) != CL_SUCCESS)
      return {};
    return value;
  }

  std::string text(cl_device_info what) const {
    size_t size = 0;
    if (api.clGetDeviceInfo(device, what, 0, nullptr, &size) != CL_SUCCESS || size == 0)
      return "";
    std::string value(size, '\0');
    if (api.clGetDeviceInfo(device, what, size, value.data(), nullptr) != CL_SUCCESS)
      return "";
    value.resize(value.find('\0'));
    return value;
  }

  template <typename T> std::vector<T> list(cl_device_info what) const {
    size_t size = 0;
    if (api.clGetDeviceInfo(device, what, 0, nullptr, &size) != CL_SUCCESS)
      return {};
    std::vector<T> values(size / sizeof(T));
    if (values.empty() ||
        api.clGetDeviceInfo(device, what, values.size() * sizeof(T), values.data(), nullptr) != CL_SUCCESS)
      return {};
    return values;
  }

private:
  const Api &api;
  cl_device_id device;
};

/// Whether `word` is among the words of `words`.
bool hasWord(const std::string &words, std::string_view word) {
  return (" " + words + " ").find(" " + std::string(word) + " ") != std::string::npos;
}

/// The last word of a list of IL versions that names SPIR-V: "SPIR-V_1.4". "" if there is none.
std::string newestSpirv(const std::string &versions) {
  size_t at = versions.rfind("SPIR-V_");
  return at == std::string::npos ? "" : versions.substr(at, versions.find(' ', at) - at);
}

/// Fills `traits`; "", or why the device cannot be used.
std::string describe(const Api &api, const Query &query, Traits &traits) {
  traits.name = query.text(CL_DEVICE_NAME);
  std::string extensions = query.text(CL_DEVICE_EXTENSIONS);
  std::string spirv = newestSpirv(query.text(CL_DEVICE_IL_VERSION));
  auto svm = query.number<cl_device_svm_capabilities>(CL_DEVICE_SVM_CAPABILITIES);
  UsmApi usm;
  traits.hasUsm = hasWord(extensions, "cl_intel_unified_shared_memory") &&
                  query.number<cl_bitfield>(CL_DEVICE_DEVICE_MEM_CAPABILITIES_INTEL) != 0 &&
                  loadUsm(api, traits.platform, usm);
  if (!query.number<cl_bool>(CL_DEVICE_AVAILABLE) || !query.number<cl_bool>(CL_DEVICE_COMPILER_AVAILABLE))
    return "it or its compiler is not available";
  if (spirv.empty())
    return "it takes no SPIR-V";
  if (query.number<cl_uint>(CL_DEVICE_ADDRESS_BITS) != 64)
    return "its addresses do not have 64 bits";
  if (!traits.hasUsm && !svm)
    return "it shares no memory by address";

  traits.architecture = spirv;
  traits.driverVersion = query.text(CL_DEVICE_VERSION) + ", driver " + query.text(CL_DRIVER_VERSION);
  traits.memorySize = query.number<cl_ulong>(CL_DEVICE_GLOBAL_MEM_SIZE);
  traits.maxAllocation = query.number<cl_ulong>(CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  traits.localMemory = query.number<cl_ulong>(CL_DEVICE_LOCAL_MEM_SIZE);
  traits.maxThreads = query.number<size_t>(CL_DEVICE_MAX_WORK_GROUP_SIZE);
  if (std::vector<size_t> sizes = query.list<size_t>(CL_DEVICE_MAX_WORK_ITEM_SIZES); !sizes.empty())
    traits.maxThreads = std::min<uint64_t>(traits.maxThreads, sizes[0]);
  traits.maxParameterSize = query.number<size_t>(CL_DEVICE_MAX_PARAMETER_SIZE);
  traits.sharesHostMemory = (svm & CL_DEVICE_SVM_FINE_GRAIN_SYSTEM) ||
                            query.number<cl_bitfield>(CL_DEVICE_SHARED_SYSTEM_MEM_CAPABILITIES_INTEL) != 0;
  traits.dividesExactly =
      query.number<cl_device_fp_config>(CL_DEVICE_SINGLE_FP_CONFIG) & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT;
  auto type = query.number<cl_device_type>(CL_DEVICE_TYPE);
  traits.wantsLargeBuffers =
      (type & CL_DEVICE_TYPE_GPU) && query.number<cl_uint>(CL_DEVICE_VENDOR_ID) == 0x8086;
  // Where a device has a driver of its own as well, that one is preferred.
  if (type & CL_DEVICE_TYPE_GPU)
    traits.speedClass =
        (query.number<cl_bool>(CL_DEVICE_HOST_UNIFIED_MEMORY) ? AICC_SPEED_INTEGRATED : AICC_SPEED_DISCRETE) -
        1;
  else
    traits.speedClass = type & CL_DEVICE_TYPE_CPU ? AICC_SPEED_EMULATED : AICC_SPEED_UNKNOWN;

  traits.features = {"int64"};
  if (hasWord(extensions, "cl_khr_fp16"))
    traits.features.push_back("fp16");
  if (query.number<cl_device_fp_config>(CL_DEVICE_DOUBLE_FP_CONFIG) != 0)
    traits.features.push_back("fp64");
  if (hasWord(extensions, "cl_khr_int64_base_atomics") &&
      hasWord(extensions, "cl_khr_int64_extended_atomics"))
    traits.features.push_back("int64-atomics");
  if (hasWord(extensions, "cl_ext_float_atomics"))
    traits.features.push_back("float-atomics");
  // Shuffles come with one of two extensions.
  bool hasShuffles =
      hasWord(extensions, "cl_khr_subgroup_shuffle") || hasWord(extensions, "cl_intel_subgroups");
  traits.subgroupSizes = query.list<size_t>(CL_DEVICE_SUB_GROUP_SIZES_INTEL);
  if (hasShuffles) {
    traits.features.push_back("subgroups");
    if (hasWord(extensions, "cl_intel_required_subgroup_size"))
      for (size_t size : traits.subgroupSizes)
        traits.features.push_back("subgroup-" + std::to_string(size));
  }
  return "";
}

} // namespace

static bool isFaster(const Traits &a, const Traits &b) { return a.speedClass > b.speedClass; }

std::vector<Traits> opencl::findDevices(const Api &api, std::vector<std::string> &reasons) {
  std::vector<Traits> found;
  cl_uint platformCount = 0;
  if (api.clGetPlatformIDs(0, nullptr, &platformCount) != CL_SUCCESS || platformCount == 0) {
    reasons.push_back("OpenCL has no platform: no vendor's implementation is installed");
    return found;
  }
  std::vector<cl_platform_id> platforms(platformCount);
  api.clGetPlatformIDs(platformCount, platforms.data(), nullptr);
  for (cl_platform_id platform : platforms) {
    cl_uint deviceCount = 0;
    if (api.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &deviceCount) != CL_SUCCESS)
      continue;
    std::vector<cl_device_id> devices(deviceCount);
    api.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, deviceCount, devices.data(), nullptr);
    for (cl_device_id device : devices) {
      Traits traits;
      traits.platform = platform;
      traits.id = device;
      std::string reason = describe(api, Query(api, device), traits);
      if (reason.empty())
        found.insert(std::upper_bound(found.begin(), found.end(), traits, isFaster), std::move(traits));
      else
        reasons.push_back("OpenCL device " + traits.name + " cannot be used: " + reason);
    }
  }
  if (found.empty() && reasons.empty())
    reasons.push_back("OpenCL's platforms have no devices");
  for (Traits &traits : found)
    for (const std::string &feature : traits.features)
      traits.featureNames.push_back(feature.c_str());
  return found;
}
