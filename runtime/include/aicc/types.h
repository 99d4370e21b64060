/* Element types, shared by the C ABI, the drivers and the module format. The values are part of the file
 * format. */
#ifndef AICC_TYPES_H
#define AICC_TYPES_H

#include "aicc/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Append-only. Booleans take a byte each, 0 or 1. So do types below 8 bits: the code in the low bits, the
 * others zero where the runtime writes and ignored where it reads (Python's ml_dtypes has them so). Denser
 * layouts are a matter of kernels and their weights. */
typedef enum aicc_element_type {
  AICC_TYPE_INVALID = 0,
  AICC_TYPE_F64 = 1,
  AICC_TYPE_F32 = 2,
  AICC_TYPE_F16 = 3,
  AICC_TYPE_BF16 = 4,
  AICC_TYPE_I64 = 5,
  AICC_TYPE_I32 = 6,
  AICC_TYPE_I16 = 7,
  AICC_TYPE_I8 = 8,
  AICC_TYPE_U64 = 9,
  AICC_TYPE_U32 = 10,
  AICC_TYPE_U16 = 11,
  AICC_TYPE_U8 = 12,
  AICC_TYPE_BOOL = 13,
  AICC_TYPE_F8E4M3FN = 14,
  AICC_TYPE_F8E5M2 = 15,
  AICC_TYPE_F8E4M3FNUZ = 16,
  AICC_TYPE_F8E5M2FNUZ = 17,
  AICC_TYPE_F8E8M0FNU = 18,
  AICC_TYPE_F4E2M1FN = 19,
  AICC_TYPE_I4 = 20,
  AICC_TYPE_U4 = 21,
  AICC_TYPE_I2 = 22,
  AICC_TYPE_U2 = 23,
  AICC_TYPE_F6E2M3FN = 24,
  AICC_TYPE_F6E3M2FN = 25
} aicc_element_type;

/* Bits that an element takes in memory, a multiple of 8. 0 for an unknown type. */
AICC_API uint32_t aicc_element_type_bits(aicc_element_type type);
/* "f32", "i64", "bool", "f8e4m3fn" ...; "invalid" for an unknown type. */
AICC_API const char *aicc_element_type_name(aicc_element_type type);

#ifdef __cplusplus
}
#endif

#endif /* AICC_TYPES_H */
