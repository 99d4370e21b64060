/* How every call of the C ABI reports failure: a null status is success and costs nothing; anything else
 * carries a code for programs and a message for people, and belongs to the caller. */
#ifndef AICC_STATUS_H
#define AICC_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AICC_API __attribute__((visibility("default")))
#define AICC_NODISCARD __attribute__((warn_unused_result))
#else
#define AICC_API
#define AICC_NODISCARD
#endif

/* Append-only. */
typedef enum aicc_status_code {
  AICC_STATUS_OK = 0,
  AICC_STATUS_INVALID_ARGUMENT = 1, /* the caller passed what the call's contract forbids */
  AICC_STATUS_NOT_FOUND = 2,        /* a file, function, device or instance of that name does not exist */
  AICC_STATUS_DATA_LOSS = 3,        /* the module is truncated, damaged or inconsistent */
  AICC_STATUS_UNSUPPORTED = 4,      /* well formed, but this build or this device cannot do it */
  AICC_STATUS_OUT_OF_MEMORY = 5,
  AICC_STATUS_IO = 6, /* the operating system refused; the message has its reason */
  AICC_STATUS_FAILED_PRECONDITION =
      7,                        /* the program's own check failed on these inputs (an assert command) */
  AICC_STATUS_OUT_OF_RANGE = 8, /* a size or offset computed while running leaves its buffer or 64 bits */
  AICC_STATUS_CANCELLED = 9,
  AICC_STATUS_DEADLINE_EXCEEDED = 10,
  AICC_STATUS_INTERNAL = 11,   /* a bug of ours or of a driver's */
  AICC_STATUS_DEVICE_LOST = 12 /* the device stopped working; what was on it is gone */
} aicc_status_code;

typedef struct aicc_status aicc_status;

/* AICC_STATUS_OK for null. */
AICC_API aicc_status_code aicc_status_get_code(const aicc_status *status);
/* One line; "" for null. Valid until the status is destroyed. */
AICC_API const char *aicc_status_get_message(const aicc_status *status);
/* Null is allowed. */
AICC_API void aicc_status_destroy(aicc_status *status);
/* For drivers. Copies the message. Never returns null unless code is AICC_STATUS_OK. */
AICC_API aicc_status *aicc_status_create(aicc_status_code code, const char *message);
/* "INVALID_ARGUMENT"; a static string for every int. */
AICC_API const char *aicc_status_code_name(aicc_status_code code);

#ifdef __cplusplus
}
#endif

#endif /* AICC_STATUS_H */
