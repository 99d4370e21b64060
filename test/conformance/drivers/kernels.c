/* The conformance suite's kernels for hosts (aicc/kernel_abi.h): what kernels.mlir is for devices, with the
 * same names, arguments and results. */
#include "aicc/kernel_abi.h"

/* The elements that one workgroup of `reverse` turns around. */
#define GROUP 64

/* out[i] = a[i] + b[i]; params: elements, elements of a workgroup. */
static void add(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *scratch) {
  const float *a = buffers[0], *b = buffers[1];
  float *out = buffers[2];
  int64_t last = end * params[1] < params[0] ? end * params[1] : params[0];
  for (int64_t i = begin * params[1]; i < last; ++i)
    out[i] = a[i] + b[i];
}

/* out[i] = a[i] * params[1] for workgroup i < params[0]. */
static void scale(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *scratch) {
  const float *a = buffers[0];
  float *out = buffers[1];
  for (int64_t i = begin; i < end && i < params[0]; ++i)
    out[i] = a[i] * (float)params[1];
}

/* counts[i] += 1 for workgroup i. */
static void visit(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *scratch) {
  int32_t *counts = buffers[0];
  for (int64_t i = begin; i < end; ++i)
    counts[i] += 1;
}

/* Fills its scratch of params[0] bytes, a multiple of 64, and reads it back: ok[i] = 1 when nobody else wrote
 * there. */
static void scratch(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *memory) {
  int32_t *ok = buffers[0];
  volatile int32_t *words = memory;
  for (int64_t i = begin; i < end; ++i) {
    int good = ((uint64_t)memory & 63) == 0;
    for (int64_t k = 0; k < params[0] / 4; ++k)
      words[k] = (int32_t)(i * 7 + k);
    for (int64_t k = 0; k < params[0] / 4; ++k)
      good &= words[k] == (int32_t)(i * 7 + k);
    ok[i] = good;
  }
}

/* Turns each workgroup's 64 elements around, through workgroup memory where there is such a thing. */
static void reverse(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *memory) {
  const int32_t *in = buffers[0];
  int32_t *out = buffers[1];
  for (int64_t i = begin; i < end; ++i)
    for (int64_t k = 0; k < GROUP; ++k)
      out[i * GROUP + k] = in[i * GROUP + GROUP - 1 - k];
}

/* out[i] = params[i], i < 3. */
static void store(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *memory) {
  int64_t *out = buffers[0];
  for (int i = 0; i < 3; ++i)
    out[i] = params[i];
}

static const aicc_kernel_fn entries[] = {add, scale, visit, scratch, reverse, store};
static const char *const names[] = {"add", "scale", "visit", "scratch", "reverse", "store"};
static const aicc_executable_table table = {sizeof(table), AICC_KERNEL_ABI_VERSION, 6, 0, entries, names};

__attribute__((visibility("default"))) const aicc_executable_table *
aicc_executable_query(uint32_t abi_version) {
  return abi_version == AICC_KERNEL_ABI_VERSION ? &table : 0;
}
