//===- CpuDriver.cpp - the host as a device ----------------------------------------------===//
//
// The driver table over the thread pool, the image loader and the host's allocator. Memory is host memory and
// every queue call has completed when it returns.
//
//===--------------------------------------------------------------------------------------===//
#include "aicc/driver.h"

#include "targets/cpu/driver/CpuInfo.h"
#include "targets/cpu/driver/ElfImage.h"
#include "targets/cpu/driver/ThreadPool.h"

#include <algorithm>
#include <cstring>
#include <string>

using namespace aicc::cpu;

struct aicc_driver {
  aicc_driver_host host;
  CpuInfo info;
  uint32_t threadCount;
};

struct aicc_driver_device {
  aicc_driver *driver;
  ThreadPool pool;
  std::atomic<uint64_t> used{0};
};

struct aicc_driver_executable {
  ElfImage image;
};

struct aicc_driver_queue {
  aicc_driver_device *device;
  char *scratch = nullptr; ///< one part for each worker
  size_t scratchStride = 0;
};

static const char *const kFormats[] = {"elf-x86-64"};
static constexpr uint64_t kCapabilities =
    AICC_DRIVER_HOST_MEMORY | AICC_DRIVER_SYNCHRONOUS | AICC_DRIVER_IMPORT;
/// Of scratch memory: no worker shares a line, or the pair of lines that is prefetched together, with
/// another.
static constexpr size_t kScratchAlignment = 128;

static aicc_status *create(const aicc_driver_host *host, aicc_driver **out) {
  auto *driver = new aicc_driver;
  driver->host = *host;
  driver->info = detectCpu();
  driver->threadCount = host->thread_count ? std::min(host->thread_count, 1024u) : detectThreadCount();
  *out = driver;
  return nullptr;
}

static void destroy(aicc_driver *driver) { delete driver; }

static uint32_t deviceCount(aicc_driver *) { return 1; }

static aicc_status *deviceOpen(aicc_driver *driver, uint32_t, aicc_driver_device **out) {
  *out = new aicc_driver_device{driver, ThreadPool(driver->threadCount)};
  return nullptr;
}

static void deviceClose(aicc_driver_device *device) { delete device; }

static aicc_status *deviceInfo(aicc_driver *driver, uint32_t, aicc_driver_device_info *out) {
  aicc_driver_device_info info = {};
  info.struct_size = out->struct_size;
  info.thread_count = driver->threadCount;
  info.name = driver->info.name.c_str();
  info.architecture = driver->info.architecture;
  info.formats = kFormats;
  info.format_count = 1;
  info.features = driver->info.features.data();
  info.feature_count = static_cast<uint32_t>(driver->info.features.size());
  info.memory_size = driver->info.memorySize;
  info.capabilities = kCapabilities;
  info.speed_class = AICC_SPEED_HOST;
  std::memcpy(out, &info, std::min<size_t>(out->struct_size, sizeof(info)));
  return nullptr;
}

static aicc_status *memoryAlloc(aicc_driver_device *device, aicc_memory_kind, uint64_t size,
                                uint64_t alignment, void **out) {
  const aicc_allocator &allocator = device->driver->host.allocator;
  *out = allocator.alloc(allocator.user, size, alignment);
  if (!*out)
    return aicc_status_create(AICC_STATUS_OUT_OF_MEMORY,
                              ("no memory for a buffer of " + std::to_string(size) + " bytes").c_str());
  device->used.fetch_add(size, std::memory_order_relaxed);
  return nullptr;
}

static void memoryFree(aicc_driver_device *device, void *address, uint64_t size, uint64_t alignment) {
  const aicc_allocator &allocator = device->driver->host.allocator;
  allocator.free(allocator.user, address, size, alignment);
  device->used.fetch_sub(size, std::memory_order_relaxed);
}

static aicc_status *memoryImport(aicc_driver_device *, void *host, uint64_t, int, void **out) {
  *out = host;
  return nullptr;
}

static void memoryRelease(aicc_driver_device *, void *) {}

static aicc_status *memoryUsage(aicc_driver_device *device, uint64_t *used, uint64_t *available) {
  *used = device->used.load(std::memory_order_relaxed);
  *available = device->driver->info.memorySize;
  return nullptr;
}

static aicc_status *executableLoad(aicc_driver_device *, const char *format, const void *image, uint64_t size,
                                   aicc_driver_executable **out) {
  if (std::strcmp(format, kFormats[0]) != 0)
    return aicc_status_create(AICC_STATUS_UNSUPPORTED,
                              (std::string("the cpu does not load executables of format ") + format).c_str());
  auto executable = std::make_unique<aicc_driver_executable>();
  if (aicc_status *status = executable->image.load(image, size))
    return status;
  *out = executable.release();
  return nullptr;
}

static void executableDestroy(aicc_driver_executable *executable) { delete executable; }

static uint32_t entryCount(const aicc_driver_executable *executable) {
  return executable->image.entryCount();
}

static const char *entryName(const aicc_driver_executable *executable, uint32_t entry) {
  return executable->image.entryName(entry);
}

static aicc_status *queueCreate(aicc_driver_device *device, aicc_driver_queue **out) {
  if (!device->pool.start() && device->driver->host.log)
    device->driver->host.log(device->driver->host.log_user, AICC_LOG_WARNING,
                             "the system has no more threads: kernels run on fewer than wanted");
  *out = new aicc_driver_queue{device};
  return nullptr;
}

static void freeScratch(aicc_driver_queue *queue) {
  if (queue->scratch)
    memoryFree(queue->device, queue->scratch, queue->scratchStride * queue->device->pool.threadCount(),
               kScratchAlignment);
  queue->scratch = nullptr;
  queue->scratchStride = 0;
}

static void queueDestroy(aicc_driver_queue *queue) {
  freeScratch(queue);
  delete queue;
}

static aicc_status *growScratch(aicc_driver_queue *queue, uint64_t size) {
  if (size > (1ull << 40))
    return aicc_status_create(AICC_STATUS_OUT_OF_RANGE, "a dispatch wants more than 2^40 bytes of scratch");
  freeScratch(queue);
  size_t stride = (size + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
  void *memory = nullptr;
  if (aicc_status *status =
          memoryAlloc(queue->device, AICC_MEMORY_DEVICE, stride * queue->device->pool.threadCount(),
                      kScratchAlignment, &memory))
    return status;
  queue->scratch = static_cast<char *>(memory);
  queue->scratchStride = stride;
  return nullptr;
}

static aicc_status *queueDispatch(aicc_driver_queue *queue, const aicc_driver_dispatch *dispatch) {
  if (dispatch->scratch_size > queue->scratchStride)
    if (aicc_status *status = growScratch(queue, dispatch->scratch_size))
      return status;
  queue->device->pool.run(dispatch->executable->image.entry(dispatch->entry), dispatch->buffers,
                          dispatch->params, dispatch->grid, queue->scratch,
                          dispatch->scratch_size ? queue->scratchStride : 0);
  return nullptr;
}

static aicc_status *queueCopy(aicc_driver_queue *, void *dst, const void *src, uint64_t size) {
  if (size) // Addresses of nothing may be null.
    std::memmove(dst, src, size);
  return nullptr;
}

static aicc_status *queueFill(aicc_driver_queue *, void *dst, uint64_t size, uint64_t pattern,
                              uint32_t patternSize) {
  auto *to = static_cast<char *>(dst);
  if (patternSize == 1 && size) {
    std::memset(to, static_cast<int>(pattern & 0xff), size);
    return nullptr;
  }
  for (uint64_t i = 0; i < size; i += patternSize)
    std::memcpy(to + i, &pattern, patternSize);
  return nullptr;
}

static aicc_status *queueFlush(aicc_driver_queue *) { return nullptr; }
static aicc_status *queueWait(aicc_driver_queue *, int64_t) { return nullptr; }

static aicc_driver_table makeTable() {
  aicc_driver_table table = {};
  table.struct_size = sizeof(table);
  table.abi_version = AICC_DRIVER_ABI_VERSION;
  table.name = "cpu";
  table.create = create;
  table.destroy = destroy;
  table.device_count = deviceCount;
  table.device_open = deviceOpen;
  table.device_close = deviceClose;
  table.device_info = deviceInfo;
  table.memory_alloc = memoryAlloc;
  table.memory_free = memoryFree;
  table.memory_import = memoryImport;
  table.memory_release = memoryRelease;
  table.memory_usage = memoryUsage;
  table.executable_load = executableLoad;
  table.executable_destroy = executableDestroy;
  table.executable_entry_count = entryCount;
  table.executable_entry_name = entryName;
  table.queue_create = queueCreate;
  table.queue_destroy = queueDestroy;
  table.queue_dispatch = queueDispatch;
  table.queue_copy = queueCopy;
  table.queue_fill = queueFill;
  table.queue_write = queueCopy;
  table.queue_read = queueCopy;
  table.queue_flush = queueFlush;
  table.queue_wait = queueWait;
  return table;
}

extern "C" const aicc_driver_table *aiccRegisterCpuDriver(uint32_t abiVersion) {
  static const aicc_driver_table table = makeTable();
  return abiVersion == AICC_DRIVER_ABI_VERSION ? &table : nullptr;
}
