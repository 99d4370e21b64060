//===- MockDriver.cpp - a device with memory of its own, for tests -----------------------===//
//
// See MockDriver.h. The driver, its devices, their memory and executables; kernels run on the cpu driver.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/MockDevice.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

using namespace aicc::test;
using namespace aicc::test::mock;

extern "C" const aicc_driver_table *aiccRegisterCpuDriver(uint32_t abiVersion);

const aicc_driver_table &mock::cpu() {
  static const aicc_driver_table *table = aiccRegisterCpuDriver(AICC_DRIVER_ABI_VERSION);
  return *table;
}

aicc_status *mock::error(aicc_status_code code, const std::string &message) {
  return aicc_status_create(code, message.c_str());
}

aicc_status *mock::lost() { return error(AICC_STATUS_DEVICE_LOST, "the mock device is lost"); }

void mock::misuse(const char *what) {
  std::fprintf(stderr, "the mock driver is misused: %s\n", what);
  std::abort();
}

bool mock::take(std::atomic<int64_t> &left) {
  int64_t count = left.load();
  while (count > 0 && !left.compare_exchange_weak(count, count - 1)) {
  }
  return count != 0;
}

char *mock::translate(Device *device, const void *address, uint64_t size) {
  auto begin = reinterpret_cast<uint64_t>(address);
  std::lock_guard<std::mutex> lock(device->driver->mutex);
  auto &memory = device->driver->memory;
  auto it = memory.upper_bound(begin);
  if (it == memory.begin())
    return nullptr;
  --it;
  const Allocation &allocation = it->second;
  uint64_t offset = begin - it->first;
  if (allocation.device != device || offset >= allocation.size || size > allocation.size - offset)
    return nullptr;
  return allocation.data + offset;
}

namespace {

//===--- Driver and devices --------------------------------------------------------------===//

aicc_status *create(const aicc_driver_host *host, aicc_driver **out) {
  if (!mockOptions().problem.empty())
    return error(AICC_STATUS_UNSUPPORTED, mockOptions().problem);
  auto driver = std::make_unique<Driver>();
  driver->host = *host;
  driver->options = mockOptions();
  if (aicc_status *status = cpu().create(host, &driver->inner))
    return status;
  aicc_driver_device_info info = {};
  info.struct_size = sizeof(info);
  if (aicc_status *status = cpu().device_info(driver->inner, 0, &info))
    return status;
  driver->features.assign(info.features, info.features + info.feature_count);
  driver->features.insert(driver->features.end(), driver->options.features.begin(),
                          driver->options.features.end());
  *out = handle(driver.release());
  return nullptr;
}

void destroy(aicc_driver *driverHandle) {
  Driver *driver = own(driverHandle);
  cpu().destroy(driver->inner);
  delete driver;
}

uint32_t deviceCount(aicc_driver *driver) { return own(driver)->options.deviceCount; }

aicc_status *deviceOpen(aicc_driver *driverHandle, uint32_t index, aicc_driver_device **out) {
  Driver *driver = own(driverHandle);
  auto device = std::make_unique<Device>();
  device->driver = driver;
  device->index = index;
  if (aicc_status *status = cpu().device_open(driver->inner, 0, &device->inner))
    return status;
  *out = handle(device.release());
  return nullptr;
}

void deviceClose(aicc_driver_device *deviceHandle) {
  Device *device = own(deviceHandle);
  cpu().device_close(device->inner);
  delete device;
}

aicc_status *deviceInfo(aicc_driver *driverHandle, uint32_t index, aicc_driver_device_info *info) {
  Driver *driver = own(driverHandle);
  const MockOptions &options = driver->options;
  aicc_driver_device_info local = {};
  local.struct_size = info->struct_size;
  local.name = "Mock accelerator";
  local.architecture = "mock1";
  local.formats = options.formats.data();
  local.format_count = static_cast<uint32_t>(options.formats.size());
  local.features = driver->features.data();
  local.feature_count = static_cast<uint32_t>(driver->features.size());
  local.memory_size = options.memorySize;
  local.capabilities = options.capabilities;
  local.speed_class = options.speedClass;
  local.dlpack_type = 12; // kDLExtDev
  local.dlpack_id = static_cast<int32_t>(index);
  local.driver_version = "mock 1.0";
  local.matrix_units = "none";
  std::memcpy(info, &local, std::min<size_t>(info->struct_size, sizeof(local)));
  return nullptr;
}

//===--- Memory --------------------------------------------------------------------------===//

aicc_status *memoryAlloc(aicc_driver_device *deviceHandle, aicc_memory_kind kind, uint64_t size,
                         uint64_t alignment, void **out) {
  Device *device = own(deviceHandle);
  Driver &driver = *device->driver;
  if (device->isLost)
    return lost();
  std::lock_guard<std::mutex> lock(driver.mutex);
  if (!take(mockState().allocationsLeft) || size > driver.options.memorySize - driver.used)
    return error(AICC_STATUS_OUT_OF_MEMORY,
                 "no memory for " + std::to_string(size) + " bytes on the mock device");
  auto *data =
      static_cast<char *>(std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment));
  uint64_t address = reinterpret_cast<uint64_t>(data);
  if (kind == AICC_MEMORY_DEVICE) {
    // What nobody has written is garbage.
    std::memset(data, 0xcd, size);
    address = (driver.nextAddress + alignment - 1) & ~(alignment - 1);
    driver.nextAddress = address + size + 4096;
  }
  driver.memory[address] = {device, size, alignment, data};
  driver.used += size;
  ++mockState().allocations;
  mockState().bytes += static_cast<int64_t>(size);
  *out = reinterpret_cast<void *>(address);
  return nullptr;
}

void memoryFree(aicc_driver_device *deviceHandle, void *address, uint64_t size, uint64_t alignment) {
  Device *device = own(deviceHandle);
  Driver &driver = *device->driver;
  std::lock_guard<std::mutex> lock(driver.mutex);
  auto it = driver.memory.find(reinterpret_cast<uint64_t>(address));
  if (it == driver.memory.end() || it->second.device != device || it->second.size != size ||
      it->second.alignment != alignment)
    misuse("what is freed was not allocated so");
  std::free(it->second.data);
  driver.memory.erase(it);
  driver.used -= size;
  --mockState().allocations;
  mockState().bytes -= static_cast<int64_t>(size);
}

aicc_status *memoryUsage(aicc_driver_device *deviceHandle, uint64_t *used, uint64_t *available) {
  Device *device = own(deviceHandle);
  std::lock_guard<std::mutex> lock(device->driver->mutex);
  *used = device->driver->used;
  *available = device->driver->options.memorySize - device->driver->used;
  return nullptr;
}

aicc_status *memoryAdopt(aicc_driver_device *deviceHandle, void *address, uint64_t size) {
  Device *device = own(deviceHandle);
  return translate(device, address, size)
             ? nullptr
             : error(AICC_STATUS_INVALID_ARGUMENT, "the address is not on the mock device");
}

//===--- Executables ---------------------------------------------------------------------===//

aicc_status *executableLoad(aicc_driver_device *deviceHandle, const char *format, const void *image,
                            uint64_t size, aicc_driver_executable **out) {
  Device *device = own(deviceHandle);
  if (mockState().refusesToLoad)
    return error(AICC_STATUS_UNSUPPORTED, "the kernels take too many registers");
  bool isListed = false;
  for (const char *known : device->driver->options.formats)
    isListed |= std::strcmp(known, format) == 0;
  if (!isListed)
    return error(AICC_STATUS_UNSUPPORTED, std::string("the mock device does not load format ") + format);
  auto executable = std::make_unique<Executable>();
  if (aicc_status *status =
          cpu().executable_load(device->inner, "elf-x86-64", image, size, &executable->inner))
    return status;
  ++mockState().executables;
  *out = handle(executable.release());
  return nullptr;
}

void executableDestroy(aicc_driver_executable *executableHandle) {
  Executable *executable = own(executableHandle);
  cpu().executable_destroy(executable->inner);
  --mockState().executables;
  delete executable;
}

uint32_t entryCount(const aicc_driver_executable *executableHandle) {
  const Executable *executable = own(executableHandle);
  return cpu().executable_entry_count(executable->inner);
}

const char *entryName(const aicc_driver_executable *executableHandle, uint32_t entry) {
  const Executable *executable = own(executableHandle);
  return cpu().executable_entry_name(executable->inner, entry);
}

aicc_driver_table makeTable() {
  aicc_driver_table table = {};
  table.abi_version = AICC_DRIVER_ABI_VERSION;
  table.name = "mock";
  table.create = create;
  table.destroy = destroy;
  table.device_count = deviceCount;
  table.device_open = deviceOpen;
  table.device_close = deviceClose;
  table.device_info = deviceInfo;
  table.memory_alloc = memoryAlloc;
  table.memory_free = memoryFree;
  table.memory_usage = memoryUsage;
  table.memory_adopt = memoryAdopt;
  table.executable_load = executableLoad;
  table.executable_destroy = executableDestroy;
  table.executable_entry_count = entryCount;
  table.executable_entry_name = entryName;
  fillQueueFunctions(table);
  return table;
}

} // namespace

MockOptions &aicc::test::mockOptions() {
  static MockOptions options;
  return options;
}

MockState &aicc::test::mockState() {
  static MockState state;
  return state;
}

void MockState::reset() {
  for (auto *count : {&unalignedBuffers, &dispatches, &writes, &reads, &peerCopies, &recordings, &submits,
                      &waits, &delayNs})
    *count = 0;
  allocationsLeft = dispatchesLeft = -1;
  refusesToLoad = refusesToRecord = refusesQueues = refusesEvents = false;
  mockOptions() = MockOptions();
}

bool MockState::isClean() const {
  return !allocations && !bytes && !executables && !queues && !commands && !events;
}

const aicc_driver_table *aicc::test::aiccRegisterMockDriver(uint32_t abiVersion) {
  static aicc_driver_table table = makeTable();
  table.struct_size = mockOptions().tableSize;
  return abiVersion == AICC_DRIVER_ABI_VERSION ? &table : nullptr;
}
