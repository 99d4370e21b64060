/* The contract between generated host code and the runtime. It stands alone: whoever produces an executable
 * image for the "elf-x86-64" format implements exactly this header and needs nothing else.
 *
 * An image is an ELF64 shared object (x86-64, little endian) that
 *  - imports nothing: no undefined symbol, no DT_NEEDED, no thread-local storage, no initializers;
 *  - exports AICC_EXECUTABLE_QUERY_NAME, and whatever else it exports is ignored;
 *  - needs only relocations R_X86_64_RELATIVE, R_X86_64_64, R_X86_64_GLOB_DAT and R_X86_64_JUMP_SLOT against
 *    itself;
 *  - has no segment that is writable and executable at once.
 *
 * Versions: AICC_KERNEL_ABI_VERSION changes only when existing images would break. The table is append-only
 * behind its struct_size. */
#ifndef AICC_KERNEL_ABI_H
#define AICC_KERNEL_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AICC_KERNEL_ABI_VERSION 1u
#define AICC_EXECUTABLE_QUERY_NAME "aicc_executable_query"

/* Runs workgroups [begin, end) of a linear grid; begin < end always.
 * buffers: one address for each binding, in order; a binding's byte offset is already added. Never null
 * unless the binding is empty. Alignment is what the program guarantees (arenas, allocations and constants:
 * 64 bytes). params:  64-bit integers in order; null when there are none. scratch: this worker's own memory
 * of at least the dispatch's scratch size, 64-byte aligned, contents undefined; null when that size is 0.
 * Calls for disjoint ranges of one dispatch run concurrently and must not depend on each other. The order of
 * the ranges and their sizes are undefined. A kernel may not block, call out, unwind or change the
 * floating-point environment. */
typedef void (*aicc_kernel_fn)(void *const *buffers, const int64_t *params, int64_t begin, int64_t end,
                               void *scratch);

typedef struct aicc_executable_table {
  uint32_t struct_size; /* sizeof of the producer's struct */
  uint32_t abi_version; /* AICC_KERNEL_ABI_VERSION of the producer */
  uint32_t count;
  uint32_t reserved;             /* 0 */
  const aicc_kernel_fn *entries; /* `count` of them */
  const char *const *names;      /* `count` of them, zero-terminated */
} aicc_executable_table;

/* The image's only export. Returns null when it cannot serve `abi_version`. Pure: no side effects. */
typedef const aicc_executable_table *(*aicc_executable_query_fn)(uint32_t abi_version);

#ifdef __cplusplus
}
#endif

#endif /* AICC_KERNEL_ABI_H */
