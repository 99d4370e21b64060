//===- Status.cpp - statuses and element types -------------------------------------------===//
//
// The parts of the C ABI that depend on nothing else.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Status.h"

#include "aicc/runtime.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

struct aicc_status {
  aicc_status_code code;
  char *message; ///< behind the struct, in the same allocation
};

namespace {
char noMemory[] = "out of memory";
/// What is returned when there is no memory for a status either.
aicc_status outOfMemory = {AICC_STATUS_OUT_OF_MEMORY, noMemory};
} // namespace

static aicc_status *allocateStatus(aicc_status_code code, size_t length) {
  auto *status = static_cast<aicc_status *>(std::malloc(sizeof(aicc_status) + length + 1));
  if (!status)
    return nullptr;
  status->code = code;
  status->message = reinterpret_cast<char *>(status + 1);
  return status;
}

aicc_status *aicc::rt::makeStatus(aicc_status_code code, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = std::vsnprintf(nullptr, 0, format, args);
  va_end(args);
  aicc_status *status = allocateStatus(code, length > 0 ? static_cast<size_t>(length) : 0);
  if (status)
    std::vsnprintf(status->message, static_cast<size_t>(length) + 1, format, again);
  va_end(again);
  return status ? status : &outOfMemory;
}

aicc_status *aicc_status_create(aicc_status_code code, const char *message) {
  if (code == AICC_STATUS_OK)
    return nullptr;
  size_t length = message ? std::strlen(message) : 0;
  aicc_status *status = allocateStatus(code, length);
  if (!status)
    return &outOfMemory;
  std::memcpy(status->message, message ? message : "", length);
  status->message[length] = 0;
  return status;
}

aicc_status_code aicc_status_get_code(const aicc_status *status) {
  return status ? status->code : AICC_STATUS_OK;
}

const char *aicc_status_get_message(const aicc_status *status) { return status ? status->message : ""; }

void aicc_status_destroy(aicc_status *status) {
  if (status != &outOfMemory)
    std::free(status);
}

const char *aicc_status_code_name(aicc_status_code code) {
  static const char *const names[] = {
      "OK",         "INVALID_ARGUMENT",    "NOT_FOUND",    "DATA_LOSS", "UNSUPPORTED",       "OUT_OF_MEMORY",
      "IO",         "FAILED_PRECONDITION", "OUT_OF_RANGE", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL",
      "DEVICE_LOST"};
  unsigned index = static_cast<unsigned>(code);
  return index < sizeof(names) / sizeof(names[0]) ? names[index] : "UNKNOWN";
}

namespace {
struct TypeInfo {
  const char *name;
  uint8_t bits;
};
constexpr TypeInfo kTypes[] = {
    {"invalid", 0},   {"f64", 64},     {"f32", 32},     {"f16", 16},   {"bf16", 16},      {"i64", 64},
    {"i32", 32},      {"i16", 16},     {"i8", 8},       {"u64", 64},   {"u32", 32},       {"u16", 16},
    {"u8", 8},        {"bool", 8},     {"f8e4m3fn", 8}, {"f8e5m2", 8}, {"f8e4m3fnuz", 8}, {"f8e5m2fnuz", 8},
    {"f8e8m0fnu", 8}, {"f4e2m1fn", 8}, {"i4", 8},       {"u4", 8},     {"i2", 8},         {"u2", 8},
    {"f6e2m3fn", 8},  {"f6e3m2fn", 8}};
constexpr unsigned kTypeCount = sizeof(kTypes) / sizeof(kTypes[0]);
static_assert(kTypeCount == AICC_TYPE_F6E3M2FN + 1, "one line for each element type");
} // namespace

uint32_t aicc_element_type_bits(aicc_element_type type) {
  return static_cast<unsigned>(type) < kTypeCount ? kTypes[type].bits : 0;
}

const char *aicc_element_type_name(aicc_element_type type) {
  return static_cast<unsigned>(type) < kTypeCount ? kTypes[type].name : "invalid";
}

const char *aicc_runtime_version(void) { return "0.1.0"; }
