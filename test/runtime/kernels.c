/* Kernels for the runtime's tests, written by hand to aicc/kernel_abi.h; compiled to a freestanding shared
 * object. */
#include "aicc/kernel_abi.h"

/* out[i] = a[i] + b[i], params: elements, elements per workgroup. */
static void add(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *scratch) {
  const float *a = buffers[0], *b = buffers[1];
  float *out = buffers[2];
  int64_t last = end * params[1] < params[0] ? end * params[1] : params[0];
  for (int64_t i = begin * params[1]; i < last; ++i)
    out[i] = a[i] + b[i];
}

/* out[i] = a[i] * params[1], one element per workgroup; params: elements, factor. */
static void scale(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *scratch) {
  const float *a = buffers[0];
  float *out = buffers[1];
  for (int64_t i = begin; i < end && i < params[0]; ++i)
    out[i] = a[i] * (float)params[1];
}

/* Counts the visits of each workgroup: counts[i] += 1. */
static void visit(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *scratch) {
  int32_t *counts = buffers[0];
  for (int64_t i = begin; i < end; ++i)
    counts[i] += 1;
}

/* Fills its scratch of params[0] bytes and reads it back: ok[i] = 1 when nobody else wrote there. */
static void scratch(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *memory) {
  int32_t *ok = buffers[0];
  volatile unsigned char *bytes = memory;
  for (int64_t i = begin; i < end; ++i) {
    int good = ((uint64_t)memory & 63) == 0;
    for (int round = 0; round < 4; ++round) {
      for (int64_t k = 0; k < params[0]; ++k)
        bytes[k] = (unsigned char)(i + k + round);
      for (int64_t k = 0; k < params[0]; ++k)
        good &= bytes[k] == (unsigned char)(i + k + round);
    }
    ok[i] = good;
  }
}

/* Packs the non-zero elements of in[0..params[0]) and stores their number in count[0]. */
static void compact(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *scratch) {
  const float *in = buffers[0];
  float *out = buffers[1];
  int64_t *count = buffers[2], n = 0;
  for (int64_t i = 0; i < params[0]; ++i)
    if (in[i] != 0)
      out[n++] = in[i];
  count[0] = n;
}

/* Takes about params[0] thousand steps for each workgroup. */
static void burn(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *scratch) {
  volatile int64_t *out = buffers[0];
  for (int64_t i = begin; i < end; ++i)
    for (int64_t k = 0; k < params[0] * 1000; ++k)
      out[0] = k;
}

/* Nothing at all; for measuring what a dispatch costs. */
static void nothing(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *scratch) {}

static const aicc_kernel_fn entries[] = {add, scale, visit, scratch, compact, burn, nothing};
static const char *const names[] = {"add", "scale", "visit", "scratch", "compact", "burn", "nothing"};
static const aicc_executable_table table = {sizeof(table), AICC_KERNEL_ABI_VERSION, 7, 0, entries, names};

__attribute__((visibility("default"))) const aicc_executable_table *
aicc_executable_query(uint32_t abi_version) {
  return abi_version == AICC_KERNEL_ABI_VERSION ? &table : 0;
}
