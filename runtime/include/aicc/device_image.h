/* The container of generated device code: what a code generator for a device without a host's object format
 * writes, and what that device's driver reads. The header says how each kernel is launched; the payloads hold
 * the same kernels, each in one of the forms that the driver may understand (source for its just-in-time
 * compiler, a binary for one architecture, ...), the best first.
 *
 * All fields are little endian. Offsets count from the image's first byte. A reader checks that every range
 * lies within the image before it uses any; trailing bytes are an error.
 *
 * A kernel's arguments, in this order: `buffer_count` device addresses, `param_count` 64-bit integers, and,
 * with AICC_DEVICE_ENTRY_SCRATCH, the address of grid * scratch_size bytes (each workgroup takes its own part
 * by its index; 64-byte aligned parts). The grid and the workgroup have one dimension. */
#ifndef AICC_DEVICE_IMAGE_H
#define AICC_DEVICE_IMAGE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AICC_DEVICE_IMAGE_MAGIC 0x31474D4943434941ull /* "AICCIMG1" */

/* Flags of an entry. */
#define AICC_DEVICE_ENTRY_SCRATCH (1u << 0) /* takes the scratch address as its last argument */

/* A range of bytes in the image. */
typedef struct aicc_device_image_range {
  uint32_t offset;
  uint32_t size;
} aicc_device_image_range;

typedef struct aicc_device_image_entry {
  aicc_device_image_range name; /* the kernel's symbol in every payload; not zero-terminated */
  uint32_t threads;             /* work items of a workgroup, > 0 */
  uint32_t subgroup_size;       /* the one it was generated for; 0: any */
  uint32_t static_shared;       /* bytes of workgroup memory that its code declares */
  uint32_t dynamic_shared;      /* bytes of workgroup memory to add at launch */
  uint32_t buffer_count;
  uint32_t param_count;
  uint32_t flags;    /* the bits above; others are 0 */
  uint32_t reserved; /* 0 */
} aicc_device_image_entry;

typedef struct aicc_device_image_payload {
  aicc_device_image_range format;       /* as the driver calls it: text */
  aicc_device_image_range architecture; /* as the driver calls it; empty: any */
  aicc_device_image_range data;         /* 16-byte aligned */
} aicc_device_image_payload;

/* At offset 0; `entry_count` entries follow at once, then `payload_count` payload records. */
typedef struct aicc_device_image_header {
  uint64_t magic;
  uint32_t header_size; /* sizeof(aicc_device_image_header) */
  uint32_t image_size;  /* of the whole image */
  uint32_t entry_count;
  uint32_t payload_count;
} aicc_device_image_header;

#ifdef __cplusplus
}
#endif

#endif /* AICC_DEVICE_IMAGE_H */
