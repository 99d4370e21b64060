/* What a device driver implements: one table of C functions, and one exported entry that returns it. The
 * runtime knows drivers only by this header; the cpu driver inside libaicc and plug-ins beside it are alike.
 *
 * A driver is found as a shared library that exports AICC_REGISTER_DRIVER_NAME. It loads its vendor's library
 * itself, so that it can be present where the vendor's software is not: `create` then returns
 * AICC_STATUS_UNSUPPORTED with the reason.
 *
 * Rules
 *  - Tables and structs are append-only behind struct_size; a caller treats what lies behind it as null or 0,
 *    and a driver writes an info struct only as far as the caller's struct_size says.
 *  - Functions that a missing capability bit names may be null. All others must be there.
 *  - Everything may be called from any thread. Calls on one queue are serialized by the caller; devices,
 *    memory and executables are used by many threads at once.
 *  - Memory is named by its device address, and the runtime computes addresses inside an allocation. With
 *    AICC_DRIVER_HOST_MEMORY the host can dereference them, and kernels can use any host address.
 *  - Queued work that fails is reported by a later call on the queue, queue_wait at the latest. A device that
 *    is lost is AICC_STATUS_DEVICE_LOST from every call then on; frees, destroys and closes still succeed.
 *  - Errors are statuses with a message for people. No exceptions, no exit, no output: there is the log sink.
 */
#ifndef AICC_DRIVER_H
#define AICC_DRIVER_H

#include "aicc/status.h"
#include "aicc/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define AICC_DRIVER_ABI_VERSION 1u
#define AICC_REGISTER_DRIVER_NAME "aicc_register_driver_v1"

/* Opaque to the runtime; each driver defines its own. */
typedef struct aicc_driver aicc_driver;
typedef struct aicc_driver_device aicc_driver_device;
typedef struct aicc_driver_executable aicc_driver_executable;
typedef struct aicc_driver_queue aicc_driver_queue;
typedef struct aicc_driver_commands aicc_driver_commands;
typedef struct aicc_driver_event aicc_driver_event;

/* Capability bits. */
#define AICC_DRIVER_HOST_MEMORY                                                                              \
  (1ull << 0) /* host and kernels use the same addresses: no copies are needed */
#define AICC_DRIVER_SYNCHRONOUS (1ull << 1) /* queue_* calls have completed when they return */
#define AICC_DRIVER_IMPORT (1ull << 2)      /* memory_import, memory_release */
#define AICC_DRIVER_COMMANDS (1ull << 3)    /* commands_*: recorded blocks that can be submitted again */
#define AICC_DRIVER_EVENTS (1ull << 4)      /* event_*, queue_signal, queue_await */
#define AICC_DRIVER_TIMESTAMPS (1ull << 5)  /* queue_timestamp, timestamp_read */
#define AICC_DRIVER_PEER (1ull << 6)        /* queue_copy_peer */
#define AICC_DRIVER_ADOPT (1ull << 7)       /* memory_adopt */

/* How fast a device is likely to be, for choosing one where the user didn't. Larger is faster; 0, not known,
 * is never preferred to the host. Values between these are allowed. */
#define AICC_SPEED_UNKNOWN 0u
#define AICC_SPEED_EMULATED 10u   /* runs on the host's cores through other software */
#define AICC_SPEED_HOST 20u       /* the host's cores by this runtime's own driver */
#define AICC_SPEED_INTEGRATED 30u /* an accelerator that shares the host's memory */
#define AICC_SPEED_DISCRETE 40u   /* an accelerator with memory of its own */

typedef enum aicc_log_level {
  AICC_LOG_DEBUG = 0,
  AICC_LOG_INFO = 1,
  AICC_LOG_WARNING = 2,
  AICC_LOG_ERROR = 3
} aicc_log_level;

/* `message` is one line without a newline, valid during the call. May be called from any thread. */
typedef void (*aicc_log_fn)(void *user, aicc_log_level level, const char *message);

/* Host memory for tensors, arenas and tables of the runtime that grow with the model. `alignment` is a power
 * of two. `alloc` returns null when there is none. Both may be called from any thread. */
typedef struct aicc_allocator {
  void *(*alloc)(void *user, size_t size, size_t alignment);
  void (*free)(void *user, void *pointer, size_t size, size_t alignment);
  void *user;
} aicc_allocator;

/* What the runtime lends to a driver; outlives it. */
typedef struct aicc_driver_host {
  uint32_t struct_size;
  uint32_t thread_count; /* host threads the user wants; 0: the driver chooses */
  aicc_allocator allocator;
  aicc_log_fn log;
  void *log_user;
} aicc_driver_host;

/* Strings are the driver's and live as long as it does. */
typedef struct aicc_driver_device_info {
  uint32_t struct_size;
  uint32_t thread_count;      /* host threads that execute kernels; 0 where that means nothing */
  const char *name;           /* for people */
  const char *architecture;   /* "x86-64-v4" */
  const char *const *formats; /* executable formats it loads */
  uint32_t format_count;
  uint32_t feature_count;
  const char *const *features; /* in the spelling modules use */
  uint64_t memory_size;        /* bytes; 0 when not known */
  uint64_t capabilities;       /* the bits above */
  uint32_t speed_class;        /* AICC_SPEED_* */
  int32_t dlpack_type;         /* DLDeviceType of this device's memory; 0: none */
  int32_t dlpack_id;           /* DLPack's index of this device */
  int32_t dlpack_host_type;    /* DLDeviceType of host memory pinned for this kind of device; 0: none */
  const char *driver_version;  /* of the vendor's software, for people; null: not known */
  const char *matrix_units;    /* "bf16 16x16x16, int8 16x16x32", for people; null: none, or not known */
} aicc_driver_device_info;

typedef enum aicc_memory_kind {
  AICC_MEMORY_DEVICE = 0,  /* for kernels */
  AICC_MEMORY_STAGING = 1, /* for the host, at host addresses: fast to copy from and to the device */
} aicc_memory_kind;

typedef struct aicc_driver_dispatch {
  uint32_t struct_size;
  uint32_t entry;
  aicc_driver_executable *executable;
  int64_t grid;          /* workgroups, > 0 */
  uint64_t scratch_size; /* bytes for each workgroup; where the host's threads run kernels, for each thread */
  void *const *buffers;  /* device addresses; null where a buffer is empty */
  const int64_t *params;
  uint32_t buffer_count;
  uint32_t param_count;
} aicc_driver_dispatch;

typedef struct aicc_driver_table {
  uint32_t struct_size;
  uint32_t abi_version; /* AICC_DRIVER_ABI_VERSION */
  const char *name;     /* "cpu": the part of a device's name before the colon */

  /* The driver. `create` may fail with AICC_STATUS_UNSUPPORTED where its devices can't be there. */
  aicc_status *(*create)(const aicc_driver_host *host, aicc_driver **out);
  void (*destroy)(aicc_driver *driver);
  uint32_t (*device_count)(aicc_driver *driver);
  /* Opened once for all users; closed after everything made from it is gone. */
  aicc_status *(*device_open)(aicc_driver *driver, uint32_t index, aicc_driver_device **out);
  void (*device_close)(aicc_driver_device *device);
  aicc_status *(*device_info)(aicc_driver *driver, uint32_t index, aicc_driver_device_info *out);

  /* Memory. Sizes above 0; alignment is a power of two. */
  aicc_status *(*memory_alloc)(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size,
                               uint64_t alignment, void **out);
  void (*memory_free)(aicc_driver_device *device, void *address, uint64_t size, uint64_t alignment);
  /* Makes host memory usable by kernels without a copy; it stays the caller's and outlives the import. */
  aicc_status *(*memory_import)(aicc_driver_device *device, void *host, uint64_t size, int read_only,
                                void **out);
  void (*memory_release)(aicc_driver_device *device, void *address);
  aicc_status *(*memory_usage)(aicc_driver_device *device, uint64_t *used, uint64_t *available);

  /* Executables. The image is only read during the call. Damaged images are AICC_STATUS_DATA_LOSS. */
  aicc_status *(*executable_load)(aicc_driver_device *device, const char *format, const void *image,
                                  uint64_t size, aicc_driver_executable **out);
  void (*executable_destroy)(aicc_driver_executable *executable);
  uint32_t (*executable_entry_count)(const aicc_driver_executable *executable);
  const char *(*executable_entry_name)(const aicc_driver_executable *executable, uint32_t entry);

  /* Queues: in order, one per context and device slot. Addresses must stay valid until the work has
   * completed. */
  aicc_status *(*queue_create)(aicc_driver_device *device, aicc_driver_queue **out);
  void (*queue_destroy)(aicc_driver_queue *queue); /* waits first */
  aicc_status *(*queue_dispatch)(aicc_driver_queue *queue, const aicc_driver_dispatch *dispatch);
  aicc_status *(*queue_copy)(aicc_driver_queue *queue, void *dst, const void *src, uint64_t size);
  aicc_status *(*queue_fill)(aicc_driver_queue *queue, void *dst, uint64_t size, uint64_t pattern,
                             uint32_t pattern_size);
  /* Between host and device memory; the host's part must stay valid until queue_wait. */
  aicc_status *(*queue_write)(aicc_driver_queue *queue, void *dst, const void *host_src, uint64_t size);
  aicc_status *(*queue_read)(aicc_driver_queue *queue, void *host_dst, const void *src, uint64_t size);
  aicc_status *(*queue_flush)(aicc_driver_queue *queue); /* starts what was only recorded so far */
  /* Until the queue is empty (0), or until CLOCK_MONOTONIC passes deadline_ns: AICC_STATUS_DEADLINE_EXCEEDED,
   * and the work goes on. Flushes first. */
  aicc_status *(*queue_wait)(aicc_driver_queue *queue, int64_t deadline_ns);

  /* AICC_DRIVER_COMMANDS: between begin and end, queue_dispatch, queue_copy and queue_fill are recorded
   * instead of executed, and nothing else is called on the queue. What was recorded can be submitted any
   * number of times to its queue, in order with the rest; scratch memory that it needs lives as long as it
   * does. Not destroyed while it is in use. */
  aicc_status *(*commands_begin)(aicc_driver_queue *queue);
  aicc_status *(*commands_end)(aicc_driver_queue *queue, aicc_driver_commands **out);
  aicc_status *(*commands_submit)(aicc_driver_queue *queue, aicc_driver_commands *commands);
  void (*commands_destroy)(aicc_driver_commands *commands);

  /* AICC_DRIVER_EVENTS: timelines of 64-bit values that only grow. queue_signal sets the value when the queue
   * has come that far. event_wait returns as queue_wait does; it needs a queue_flush before. */
  aicc_status *(*event_create)(aicc_driver_device *device, uint64_t value, aicc_driver_event **out);
  void (*event_destroy)(aicc_driver_event *event);
  aicc_status *(*event_query)(aicc_driver_event *event, uint64_t *value);
  aicc_status *(*event_signal)(aicc_driver_event *event, uint64_t value);
  aicc_status *(*event_wait)(aicc_driver_event *event, uint64_t value, int64_t deadline_ns);
  aicc_status *(*queue_signal)(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value);
  aicc_status *(*queue_await)(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value);

  /* AICC_DRIVER_TIMESTAMPS: marks a point in the queue; readable after queue_wait, until the slot is marked
   * again. Slots are below AICC_TIMESTAMP_SLOTS. Nanoseconds from any origin. */
  aicc_status *(*queue_timestamp)(aicc_driver_queue *queue, uint32_t slot);
  aicc_status *(*timestamp_read)(aicc_driver_queue *queue, uint32_t slot, uint64_t *ns);

  /* Version 1 ended here: what follows may lie behind a table's struct_size. */

  /* AICC_DRIVER_PEER: from memory of one device of this driver to another's; one of both is the queue's. */
  aicc_status *(*queue_copy_peer)(aicc_driver_queue *queue, aicc_driver_device *dst_device, void *dst,
                                  aicc_driver_device *src_device, const void *src, uint64_t size);
  /* AICC_DRIVER_ADOPT: looks whether `address`, which another library in this process allocated on this
   * device, can be used by kernels and copies as it is; AICC_STATUS_INVALID_ARGUMENT says why not. Without
   * the bit any address of this DLPack device can. Nothing is owned. */
  aicc_status *(*memory_adopt)(aicc_driver_device *device, void *address, uint64_t size);
} aicc_driver_table;

/* sizeof the table before queue_copy_peer: what every driver has. */
#define AICC_DRIVER_TABLE_MIN_SIZE offsetof(aicc_driver_table, queue_copy_peer)
/* How many timestamps a queue keeps. */
#define AICC_TIMESTAMP_SLOTS 4096u

/* The entry of a driver library. Returns null when it cannot serve `abi_version`; the table is static. */
typedef const aicc_driver_table *(*aicc_register_driver_fn)(uint32_t abi_version);

#ifdef __cplusplus
}
#endif

#endif /* AICC_DRIVER_H */
