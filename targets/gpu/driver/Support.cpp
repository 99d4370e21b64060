//===- Support.cpp - what every driver over a vendor's library needs ----------------------===//
//
// The parts that depend on nothing but the C library.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/Support.h"

#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <dlfcn.h>

using namespace aicc;

static std::string oneLine(std::string_view text) {
  std::string line;
  for (char c : text) {
    if (c != '\n' && c != '\r') {
      line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    } else if (!line.empty() && line.back() != ' ') {
      line += "; ";
    }
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == ';'))
    line.pop_back();
  return line;
}

aicc_status *gpu::makeStatus(aicc_status_code code, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = std::vsnprintf(nullptr, 0, format, args);
  va_end(args);
  std::string text(length > 0 ? static_cast<size_t>(length) + 1 : 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, again);
  va_end(again);
  text.pop_back();
  return aicc_status_create(code, oneLine(text).c_str());
}

aicc_status *gpu::loadLibrary(const char *library, const char *const *names, const LibrarySymbol *symbols) {
  void *handle = nullptr;
  std::string reason;
  for (; *names && !handle; ++names) {
    handle = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
    // Of several names, why the first could not be opened says the most.
    if (!handle && reason.empty())
      if (const char *error = dlerror())
        reason = error;
  }
  if (!handle)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "%s is not installed: %s", library, reason.c_str());
  for (; symbols->name; ++symbols) {
    void *address = dlsym(handle, symbols->name);
    std::memcpy(symbols->target, &address, sizeof(address));
    if (address || symbols->optional)
      continue;
    dlclose(handle);
    return makeStatus(AICC_STATUS_UNSUPPORTED, "%s is too old: it has no %s", library, symbols->name);
  }
  return nullptr;
}

int64_t gpu::monotonicNow() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t(time.tv_sec) * 1000000000 + time.tv_nsec;
}

std::string gpu::formatBytes(uint64_t bytes) {
  const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  unsigned unit = 0;
  double value = static_cast<double>(bytes);
  for (; value >= 1024 && unit < 4; ++unit)
    value /= 1024;
  char text[64];
  std::snprintf(text, sizeof(text), unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
  return text;
}
