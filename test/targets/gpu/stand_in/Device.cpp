//===- Device.cpp - memory, streams and kernels of the stand-in ------------------------------===//
//
// See Device.h.
//
//===--------------------------------------------------------------------------------------===//
#include "test/targets/gpu/stand_in/Device.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace stand_in;

/// Address space of a device. Addresses are never used twice, so that a stale one is noticed.
static constexpr uint64_t kAddresses = 64ull << 30;

State &stand_in::state() {
  static State *all = [] {
    auto *made = new State;
    for (Device &device : made->devices) {
      void *base = mmap(nullptr, kAddresses, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (base == MAP_FAILED)
        std::abort();
      device.base = static_cast<char *>(base);
    }
    return made;
  }();
  return *all;
}

int stand_in::misuse(int code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  std::fprintf(stderr, "stand-in: ");
  std::vfprintf(stderr, format, args);
  std::fprintf(stderr, "\n");
  va_end(args);
  ++state().misuses;
  return code;
}

void stand_in::addHandle(void *handle, const char *kind) {
  std::lock_guard<std::mutex> lock(state().mutex);
  state().kinds[handle] = kind;
}

bool stand_in::isHandle(void *handle, const char *kind) {
  std::lock_guard<std::mutex> lock(state().mutex);
  auto found = state().kinds.find(handle);
  return found != state().kinds.end() && std::strcmp(found->second, kind) == 0;
}

bool stand_in::removeHandle(void *handle, const char *kind) {
  if (!isHandle(handle, kind)) {
    misuse(InvalidHandle, "%p is no %s", handle, kind);
    return false;
  }
  std::lock_guard<std::mutex> lock(state().mutex);
  state().kinds.erase(handle);
  return true;
}

char *stand_in::translate(void *address, uint64_t size) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  auto *at = static_cast<char *>(address);
  for (Device &device : all.devices)
    if (at >= device.base && at < device.base + kAddresses) {
      const uint64_t offset = static_cast<uint64_t>(at - device.base);
      auto next = device.allocations.upper_bound(offset);
      if (next == device.allocations.begin())
        return nullptr;
      auto &[start, storage] = *std::prev(next);
      if (offset - start > storage.size() || size > storage.size() - (offset - start))
        return nullptr;
      return storage.data() + (offset - start);
    }
  auto next = all.host.upper_bound(address);
  if (next == all.host.begin())
    return nullptr;
  const auto &[base, length] = *std::prev(next);
  const uint64_t offset = static_cast<uint64_t>(at - static_cast<char *>(base));
  return offset <= length && size <= length - offset ? at : nullptr;
}

int stand_in::allocate(int index, size_t size, void **out) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  Device &device = all.devices[index];
  if (size > kMemory - device.used)
    return OutOfMemory;
  if (!size)
    return InvalidValue;
  const uint64_t offset = device.next;
  device.next += (size + 511) / 256 * 256; // with a gap behind it
  device.allocations[offset].assign(size, static_cast<char>(0xcd));
  device.used += size;
  *out = device.base + offset;
  return Ok;
}

static std::pair<Device *, uint64_t> findAllocation(void *address) {
  for (Device &device : state().devices) {
    const uint64_t offset = static_cast<uint64_t>(static_cast<char *>(address) - device.base);
    if (static_cast<char *>(address) >= device.base && device.allocations.count(offset))
      return {&device, offset};
  }
  return {nullptr, 0};
}

bool stand_in::isAllocation(void *address) {
  std::lock_guard<std::mutex> lock(state().mutex);
  return findAllocation(address).first != nullptr;
}

int stand_in::deallocate(void *address) {
  {
    std::lock_guard<std::mutex> lock(state().mutex);
    auto [device, offset] = findAllocation(address);
    if (device) {
      device->used -= device->allocations[offset].size();
      device->allocations.erase(offset);
      return Ok;
    }
  }
  return misuse(InvalidValue, "%p is not allocated", address);
}

static void work(Stream *stream) {
  std::unique_lock<std::mutex> lock(stream->mutex);
  while (true) {
    stream->changed.wait(lock, [&] { return stream->isEnding || !stream->queue.empty(); });
    if (stream->queue.empty())
      return;
    Work next = std::move(stream->queue.front());
    stream->queue.pop_front();
    stream->isBusy = true;
    lock.unlock();
    Device &device = state().devices[stream->device];
    // A device with an error does nothing any more.
    if (device.error.load() == Ok)
      if (int code = next.run()) {
        int none = Ok;
        device.error.compare_exchange_strong(none, code);
      }
    next.run = nullptr;
    lock.lock();
    stream->isBusy = false;
    stream->changed.notify_all();
  }
}

Stream *stand_in::createStream(int device) {
  auto *stream = new Stream;
  stream->device = device;
  stream->thread = std::thread(work, stream);
  addHandle(stream, "stream");
  return stream;
}

void stand_in::destroyStream(Stream *stream) {
  {
    std::lock_guard<std::mutex> lock(stream->mutex);
    stream->isEnding = true;
    stream->changed.notify_all();
  }
  stream->thread.join();
  delete stream;
}

int stand_in::enqueue(Stream *stream, Work work) {
  if (int code = state().devices[stream->device].error.load())
    return code;
  std::lock_guard<std::mutex> lock(stream->mutex);
  if (stream->capture) {
    stream->capture->work.push_back(std::move(work));
  } else {
    stream->queue.push_back(std::move(work));
    stream->changed.notify_all();
  }
  return Ok;
}

int stand_in::synchronize(Stream *stream) {
  std::unique_lock<std::mutex> lock(stream->mutex);
  if (stream->capture)
    return misuse(CaptureUnsupported, "a stream is waited for while it is captured");
  stream->changed.wait(lock, [&] { return stream->queue.empty() && !stream->isBusy; });
  return state().devices[stream->device].error.load();
}

const char *const stand_in::kKernels[6] = {"add", "scale", "visit", "scratch", "reverse", "store"};

bool stand_in::describeKernel(const std::string &name, unsigned &buffers, unsigned &params,
                              bool &takesScratch) {
  static const struct {
    unsigned buffers, params;
    bool takesScratch;
  } kinds[] = {{3, 2, false}, {2, 2, false}, {1, 0, false}, {1, 1, true}, {2, 0, false}, {1, 3, false}};
  for (size_t i = 0; i < 6; ++i)
    if (name == kKernels[i]) {
      buffers = kinds[i].buffers;
      params = kinds[i].params;
      takesScratch = kinds[i].takesScratch;
      return true;
    }
  return false;
}

int stand_in::runKernel(const std::string &name, uint64_t grid, const std::vector<void *> &buffers,
                        const std::vector<int64_t> &params, void *scratch) {
  // What a kernel touches must be memory; a kernel of no elements touches nothing.
  const auto floats = [&](size_t buffer, uint64_t count) {
    return reinterpret_cast<float *>(translate(buffers[buffer], count * 4));
  };
  const auto ints = [&](size_t buffer, uint64_t count) {
    return reinterpret_cast<int32_t *>(translate(buffers[buffer], count * 4));
  };
  if (name == "add") {
    const uint64_t n = static_cast<uint64_t>(std::min(params[0], static_cast<int64_t>(grid) * params[1]));
    float *a = floats(0, n), *b = floats(1, n), *out = floats(2, n);
    if (n && (!a || !b || !out))
      return IllegalAddress;
    for (uint64_t i = 0; i < n; ++i)
      out[i] = a[i] + b[i];
  } else if (name == "scale") {
    const uint64_t n = std::min(grid, static_cast<uint64_t>(params[0]));
    float *a = floats(0, n), *out = floats(1, n);
    if (n && (!a || !out))
      return IllegalAddress;
    for (uint64_t i = 0; i < n; ++i)
      out[i] = a[i] * static_cast<float>(params[1]);
  } else if (name == "visit") {
    int32_t *counts = ints(0, grid);
    if (!counts)
      return IllegalAddress;
    for (uint64_t i = 0; i < grid; ++i)
      ++counts[i];
  } else if (name == "scratch") {
    const uint64_t size = static_cast<uint64_t>(params[0]);
    char *memory = translate(scratch, grid * size);
    int32_t *ok = ints(0, grid);
    if (!memory || !ok)
      return IllegalAddress;
    for (uint64_t i = 0; i < grid; ++i)
      std::memset(memory + i * size, static_cast<int>(i), size);
    for (uint64_t i = 0; i < grid; ++i)
      ok[i] = static_cast<unsigned char>(memory[i * size]) == (i & 255) &&
              memory[i * size + size - 1] == memory[i * size];
  } else if (name == "reverse") {
    int32_t *in = ints(0, grid * 64), *out = ints(1, grid * 64);
    if (!in || !out)
      return IllegalAddress;
    for (uint64_t i = 0; i < grid * 64; ++i)
      out[i / 64 * 64 + 63 - i % 64] = in[i];
  } else {
    auto *out = reinterpret_cast<int64_t *>(translate(buffers[0], 24));
    if (!out)
      return IllegalAddress;
    std::copy(params.begin(), params.end(), out);
  }
  return Ok;
}
