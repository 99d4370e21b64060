//===- Discovery.cpp - finding the devices that can be used -------------------------------===//
//
// Asks every device of every driver what it is and what it can do.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/level_zero/driver/Device.h"

using namespace aicc;
using namespace aicc::level_zero;

/// A struct that the library fills, with its type set.
template <typename T> static T properties(ze_structure_type_t type) {
  T value = {};
  value.stype = type;
  return value;
}

static uint32_t getSpeedClass(const ze_device_properties_t &device) {
  if (device.type == ZE_DEVICE_TYPE_CPU)
    return AICC_SPEED_EMULATED;
  if (device.type == ZE_DEVICE_TYPE_GPU)
    return device.flags & ZE_DEVICE_PROPERTY_FLAG_INTEGRATED ? AICC_SPEED_INTEGRATED : AICC_SPEED_DISCRETE;
  return AICC_SPEED_UNKNOWN;
}

static void listFeatures(Traits &traits, const ze_device_module_properties_t &modules,
                         const ze_device_compute_properties_t &compute) {
  traits.features = {"int64"};
  if (modules.flags & ZE_DEVICE_MODULE_FLAG_FP16)
    traits.features.push_back("fp16");
  if (modules.flags & ZE_DEVICE_MODULE_FLAG_FP64)
    traits.features.push_back("fp64");
  if (modules.flags & ZE_DEVICE_MODULE_FLAG_INT64_ATOMICS)
    traits.features.push_back("int64-atomics");
  traits.subgroupSizes.assign(compute.subGroupSizes,
                              compute.subGroupSizes +
                                  std::min<uint32_t>(compute.numSubGroupSizes, ZE_SUBGROUPSIZE_COUNT));
  if (!traits.subgroupSizes.empty())
    traits.features.push_back("subgroups");
  for (uint32_t size : traits.subgroupSizes)
    traits.features.push_back("subgroup-" + std::to_string(size));
}

/// The first group of queues that runs kernels and copies.
static bool findQueueGroup(const Api &api, Traits &traits) {
  uint32_t count = 0;
  if (api.zeDeviceGetCommandQueueGroupProperties(traits.id, &count, nullptr) != ZE_RESULT_SUCCESS)
    return false;
  std::vector<ze_command_queue_group_properties_t> groups(
      count,
      properties<ze_command_queue_group_properties_t>(ZE_STRUCTURE_TYPE_COMMAND_QUEUE_GROUP_PROPERTIES));
  if (api.zeDeviceGetCommandQueueGroupProperties(traits.id, &count, groups.data()) != ZE_RESULT_SUCCESS)
    return false;
  for (uint32_t i = 0; i < count && i < groups.size(); ++i) {
    if (!(groups[i].flags & ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE) || !groups[i].numQueues ||
        groups[i].maxMemoryFillPatternSize < 8)
      continue;
    traits.queueGroup = i;
    traits.queueCount = groups[i].numQueues;
    return true;
  }
  return false;
}

/// Fills `traits`; "", or why the device cannot be used.
static std::string describe(const Api &api, ze_api_version_t version, Traits &traits) {
  // The unit of the timer's resolution depends on which version of the struct is asked for.
  bool countsCycles = version >= ZE_API_VERSION_1_2;
  auto device = properties<ze_device_properties_t>(countsCycles ? ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES_1_2
                                                                : ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES);
  auto compute = properties<ze_device_compute_properties_t>(ZE_STRUCTURE_TYPE_DEVICE_COMPUTE_PROPERTIES);
  auto modules = properties<ze_device_module_properties_t>(ZE_STRUCTURE_TYPE_DEVICE_MODULE_PROPERTIES);
  auto access =
      properties<ze_device_memory_access_properties_t>(ZE_STRUCTURE_TYPE_DEVICE_MEMORY_ACCESS_PROPERTIES);
  auto driver = properties<ze_driver_properties_t>(ZE_STRUCTURE_TYPE_DRIVER_PROPERTIES);
  if (api.zeDeviceGetProperties(traits.id, &device) != ZE_RESULT_SUCCESS)
    return "it does not say what it is";
  traits.name.assign(device.name, strnlen(device.name, sizeof(device.name)));
  if (api.zeDeviceGetComputeProperties(traits.id, &compute) != ZE_RESULT_SUCCESS ||
      api.zeDeviceGetModuleProperties(traits.id, &modules) != ZE_RESULT_SUCCESS ||
      api.zeDeviceGetMemoryAccessProperties(traits.id, &access) != ZE_RESULT_SUCCESS ||
      api.zeDriverGetProperties(traits.driver, &driver) != ZE_RESULT_SUCCESS)
    return "it does not say what it can do";
  if (modules.spirvVersionSupported == 0)
    return "it takes no SPIR-V";
  if (!(access.deviceAllocCapabilities & ZE_MEMORY_ACCESS_CAP_FLAG_RW) ||
      !(access.hostAllocCapabilities & ZE_MEMORY_ACCESS_CAP_FLAG_RW))
    return "it has no memory of its own, or cannot reach the host's";
  if (!findQueueGroup(api, traits))
    return "it has no queue for kernels";

  uint32_t memoryCount = 0;
  api.zeDeviceGetMemoryProperties(traits.id, &memoryCount, nullptr);
  std::vector<ze_device_memory_properties_t> memories(
      memoryCount, properties<ze_device_memory_properties_t>(ZE_STRUCTURE_TYPE_DEVICE_MEMORY_PROPERTIES));
  if (memoryCount &&
      api.zeDeviceGetMemoryProperties(traits.id, &memoryCount, memories.data()) == ZE_RESULT_SUCCESS)
    for (const auto &memory : memories)
      traits.memorySize += memory.totalSize;

  traits.architecture = "SPIR-V_" + std::to_string(ZE_MAJOR_VERSION(modules.spirvVersionSupported)) + "." +
                        std::to_string(ZE_MINOR_VERSION(modules.spirvVersionSupported));
  traits.driverVersion = "Level Zero " + std::to_string(ZE_MAJOR_VERSION(version)) + "." +
                         std::to_string(ZE_MINOR_VERSION(version)) + ", driver " +
                         std::to_string(driver.driverVersion);
  traits.maxAllocation = device.maxMemAllocSize;
  traits.localMemory = compute.maxSharedLocalMemory;
  traits.maxThreads = std::min(compute.maxTotalGroupSize, compute.maxGroupSizeX);
  traits.maxGrid = compute.maxGroupCountX;
  traits.maxArgumentsSize = modules.maxArgumentsSize;
  traits.speedClass = getSpeedClass(device);
  traits.ticksPerSecond =
      countsCycles ? device.timerResolution : 1000000000 / std::max<uint64_t>(device.timerResolution, 1);
  traits.timestampMask = device.timestampValidBits == 0 || device.timestampValidBits >= 64
                             ? ~uint64_t(0)
                             : (uint64_t(1) << device.timestampValidBits) - 1;
  traits.sharesHostMemory = (access.sharedSystemAllocCapabilities & ZE_MEMORY_ACCESS_CAP_FLAG_RW) != 0;
  listFeatures(traits, modules, compute);
  return "";
}

static bool isFaster(const Traits &a, const Traits &b) { return a.speedClass > b.speedClass; }

std::vector<Traits> level_zero::findDevices(const Api &api, std::vector<std::string> &reasons) {
  std::vector<Traits> found;
  uint32_t driverCount = 0;
  api.zeDriverGet(&driverCount, nullptr);
  std::vector<ze_driver_handle_t> drivers(driverCount);
  if (driverCount)
    api.zeDriverGet(&driverCount, drivers.data());
  for (ze_driver_handle_t driver : drivers) {
    ze_api_version_t version = ZE_API_VERSION_1_0;
    uint32_t deviceCount = 0;
    api.zeDriverGetApiVersion(driver, &version);
    if (api.zeDeviceGet(driver, &deviceCount, nullptr) != ZE_RESULT_SUCCESS || !deviceCount)
      continue;
    std::vector<ze_device_handle_t> devices(deviceCount);
    if (api.zeDeviceGet(driver, &deviceCount, devices.data()) != ZE_RESULT_SUCCESS)
      continue;
    for (ze_device_handle_t device : devices) {
      Traits traits;
      traits.driver = driver;
      traits.id = device;
      std::string reason = describe(api, version, traits);
      if (reason.empty())
        found.insert(std::upper_bound(found.begin(), found.end(), traits, isFaster), std::move(traits));
      else
        reasons.push_back("Level Zero device " + traits.name + " cannot be used: " + reason);
    }
  }
  if (found.empty() && reasons.empty())
    reasons.push_back("Level Zero has no device");
  for (Traits &traits : found)
    for (const std::string &feature : traits.features)
      traits.featureNames.push_back(feature.c_str());
  return found;
}
