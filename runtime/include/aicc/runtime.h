/* The C ABI of the runtime (libaicc.so): load a module, run its functions on tensors.
 *
 *   instance -> devices -> module (immutable, shared) -> context (one per stream of work) -> run
 *
 * Conventions
 *  - Handles are opaque. What `create`, `load`, `wrap` and `get_result` style calls return through their last
 *    parameter is the caller's to destroy or release, in any order: handles keep alive what they need.
 * `const` handles are borrowed.
 *  - A call returns null or a status that the caller destroys (aicc/status.h). Outputs are written only on
 *    success.
 *  - Options structs begin with struct_size; set it to sizeof, and everything else to 0 for the default. Null
 *    options mean all defaults. Info structs begin with struct_size, set by the caller too.
 *  - Threads: instances, devices, modules and functions are used by any number of threads at once; a context
 *    and the tensors of a run by one thread at a time, except where a call says otherwise. No global state.
 *  - Strings handed out live as long as the handle they came from. */
#ifndef AICC_RUNTIME_H
#define AICC_RUNTIME_H

#include "aicc/driver.h"
#include "aicc/status.h"
#include "aicc/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct aicc_instance aicc_instance;
typedef struct aicc_device aicc_device;
typedef struct aicc_module aicc_module;
typedef struct aicc_function aicc_function;
typedef struct aicc_context aicc_context;
typedef struct aicc_tensor aicc_tensor;
typedef struct aicc_state aicc_state;
typedef struct aicc_event aicc_event;

/* "0.1.0". */
AICC_API const char *aicc_runtime_version(void);

/*===--- Instance and devices ---===*/

typedef struct aicc_instance_options {
  uint32_t struct_size;
  uint32_t thread_count;    /* for kernels on the host, the caller's included; 0: as many as it may use */
  aicc_allocator allocator; /* all null: the C library's */
  aicc_log_fn log;          /* null: silent */
  void *log_user;
  const char *const *driver_paths; /* driver libraries to load, besides the built-in ones */
  uint32_t driver_path_count;
  uint32_t reserved;
  const aicc_register_driver_fn *drivers; /* drivers that are part of the program, `driver_count` of them */
  /* Plug-ins to look for, by their drivers' names and separated by commas; null: all there are, "": none.
   * They are libaicc_driver_NAME.so in the folder aicc/ beside this library and in those of AICC_PLUGIN_PATH
   * (separated by colons). */
  const char *plugins;
  uint32_t driver_count;
  uint32_t flags; /* 0 */
} aicc_instance_options;

/* A library of driver_paths that cannot be loaded is an error. Other drivers that cannot be used, and devices
 * that are not here, are a line in the log, and a driver's `problem`. */
AICC_API AICC_NODISCARD aicc_status *aicc_instance_create(const aicc_instance_options *options,
                                                          aicc_instance **out);
AICC_API void aicc_instance_destroy(aicc_instance *instance);
AICC_API uint32_t aicc_instance_device_count(const aicc_instance *instance);
/* Borrowed; null when index is out of range. */
AICC_API const aicc_device *aicc_instance_get_device(const aicc_instance *instance, uint32_t index);

typedef struct aicc_driver_info {
  uint32_t struct_size;
  uint32_t device_count; /* of those that could be opened */
  const char *name;      /* "cpu"; of a library that cannot be loaded, by its file's name */
  const char *path;      /* "" for one that is part of the program */
  const char *problem;   /* why it has no devices, or not all; "": nothing is wrong */
} aicc_driver_info;

AICC_API uint32_t aicc_instance_driver_count(const aicc_instance *instance);
AICC_API AICC_NODISCARD aicc_status *aicc_instance_get_driver(const aicc_instance *instance, uint32_t index,
                                                              aicc_driver_info *info);
/* "cpu", "cpu:0"; null or "": the first device. */
AICC_API AICC_NODISCARD aicc_status *aicc_instance_find_device(const aicc_instance *instance,
                                                               const char *name, const aicc_device **out);

typedef struct aicc_device_info {
  uint32_t struct_size;
  uint32_t thread_count;
  const char *id;           /* "cpu:0" */
  const char *driver;       /* "cpu" */
  const char *name;         /* for people */
  const char *architecture; /* "x86-64-v4" */
  const char *features;     /* joined by "," */
  const char *formats;      /* joined by "," */
  uint64_t memory_size;     /* 0: not known */
  uint64_t capabilities;    /* AICC_DRIVER_* */
  uint32_t speed_class;     /* AICC_SPEED_* */
  int32_t dlpack_type;      /* DLDeviceType of its memory; 0: none */
  int32_t dlpack_id;
  uint32_t reserved;
  const char *driver_version; /* "" where it isn't known */
  const char *matrix_units;   /* "" where there are none, or none known */
} aicc_device_info;

AICC_API AICC_NODISCARD aicc_status *aicc_device_get_info(const aicc_device *device, aicc_device_info *info);
/* Bytes that this instance has allocated on the device, and what the driver says is free (0: not known). */
AICC_API AICC_NODISCARD aicc_status *aicc_device_get_memory(const aicc_device *device, uint64_t *used,
                                                            uint64_t *available);

/*===--- Modules ---===*/

#define AICC_MODULE_VERIFY_WEIGHTS (1ull << 0) /* check the weights' hashes now; reads the whole file */
#define AICC_MODULE_COPY (1ull << 1)           /* load_memory: keep a copy, the caller's memory may go */
#define AICC_MODULE_AUTO_DEVICE (1ull << 2)    /* device null: the fastest that has a program in the module */

typedef struct aicc_module_options {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t flags;
  const char
      *target; /* take the instance of this name, whether or not it is the best; null: the first that fits */
} aicc_module_options;

/* Maps the file (replace files by rename, never in place: a mapped file that shrinks raises SIGBUS), verifies
 * it, picks the first instance whose format and features the device has, and loads its kernels, and its
 * weights if the device has memory of its own. AICC_STATUS_UNSUPPORTED says what the device lacks and where
 * the module would run. `device` may be null: then, without AICC_MODULE_AUTO_DEVICE, the module can be looked
 * at, but no context can be made of it. */
AICC_API AICC_NODISCARD aicc_status *aicc_module_load_file(aicc_instance *instance, const aicc_device *device,
                                                           const char *path,
                                                           const aicc_module_options *options,
                                                           aicc_module **out);
/* The memory must stay as it is until the module and its contexts are gone, unless AICC_MODULE_COPY is set. A
 * copy is also made when it is not aligned to 64 bytes. */
AICC_API AICC_NODISCARD aicc_status *aicc_module_load_memory(aicc_instance *instance,
                                                             const aicc_device *device, const void *data,
                                                             size_t size, const aicc_module_options *options,
                                                             aicc_module **out);
AICC_API void aicc_module_destroy(aicc_module *module);
/* The device of that name (null, "" or "auto": the fastest), if it has a program in the module, which may
 * have been loaded without a device; else the error says why not, and where the module runs. Of all targets,
 * whatever the module's options said. */
AICC_API AICC_NODISCARD aicc_status *aicc_module_find_device(const aicc_module *module, const char *name,
                                                             const aicc_device **out);
/* Borrowed from the instance; null when the module was loaded without a device. */
AICC_API const aicc_device *aicc_module_get_device(const aicc_module *module);
/* Reads all segments and compares their hashes: AICC_STATUS_DATA_LOSS names the first that differs. */
AICC_API AICC_NODISCARD aicc_status *aicc_module_verify_weights(const aicc_module *module);

typedef struct aicc_module_info {
  uint32_t struct_size;
  uint32_t format_version;
  uint64_t file_size;
  uint64_t constant_size; /* bytes of weights; equal ones count once */
  uint64_t code_size;     /* bytes of kernel images */
  uint32_t constant_count;
  uint32_t segment_count;
  uint32_t target_count;
  uint32_t provenance_count;
  int32_t target_index;          /* the instance in use; -1 when there is none */
  uint64_t device_constant_size; /* bytes of weights copied to the device's own memory */
} aicc_module_info;

typedef struct aicc_target_info {
  uint32_t struct_size;
  uint32_t executable_count;
  const char *target;   /* "cpu:x86-64-v4" */
  const char *format;   /* "elf-x86-64" */
  const char *features; /* joined by "," */
  uint64_t code_size;
  uint32_t function_count;
  uint32_t dispatch_count;
  uint32_t kernel_count;
  uint32_t constant_count;    /* that its programs read; other targets may read them, too */
  uint64_t constant_size;     /* bytes of those */
  uint64_t own_constant_size; /* bytes of those that no other target reads */
  uint64_t arena_size;
} aicc_target_info;

AICC_API AICC_NODISCARD aicc_status *aicc_module_get_info(const aicc_module *module, aicc_module_info *info);
AICC_API AICC_NODISCARD aicc_status *aicc_module_get_target(const aicc_module *module, uint32_t index,
                                                            aicc_target_info *info);
AICC_API AICC_NODISCARD aicc_status *aicc_module_get_provenance(const aicc_module *module, uint32_t index,
                                                                const char **key, const char **value);

/*===--- Functions ---===*/

/* Public functions of the instance in use (of the first one when the module was loaded without a device). */
AICC_API uint32_t aicc_module_function_count(const aicc_module *module);
/* Borrowed from the module; null when index is out of range. */
AICC_API const aicc_function *aicc_module_get_function(const aicc_module *module, uint32_t index);
/* Null or "": the first one. */
AICC_API AICC_NODISCARD aicc_status *aicc_module_find_function(const aicc_module *module, const char *name,
                                                               const aicc_function **out);

typedef struct aicc_value_info {
  uint32_t struct_size;
  aicc_element_type element_type;
  const char *name;
  uint32_t rank;
  uint32_t device_slot;
  const int64_t *dims;          /* -1: known when run */
  const char *const *dim_names; /* "" where there is none */
  int32_t alias_arg;            /* results: lives in that argument's memory; else -1 */
  int32_t donated;              /* arguments: the program may overwrite it */
} aicc_value_info;

typedef struct aicc_symbol_info {
  uint32_t struct_size;
  uint32_t arg; /* bound from this dimension */
  const char *name;
  int64_t min;
  int64_t max;
  int64_t divisor;
  uint32_t dim;
} aicc_symbol_info;

typedef struct aicc_dispatch_info {
  uint32_t struct_size;
  uint32_t node_count;
  const char *name;
  const char *const *nodes; /* the model's nodes it was made of */
  const char *kernel;       /* the entry's name in its executable */
} aicc_dispatch_info;

AICC_API const char *aicc_function_get_name(const aicc_function *function);
AICC_API uint32_t aicc_function_arg_count(const aicc_function *function);
AICC_API uint32_t aicc_function_result_count(const aicc_function *function);
AICC_API uint32_t aicc_function_symbol_count(const aicc_function *function);
AICC_API uint32_t aicc_function_state_count(const aicc_function *function);
/* Dispatches as they stand in the program, in its order; a loop runs one several times. */
AICC_API uint32_t aicc_function_dispatch_count(const aicc_function *function);
AICC_API AICC_NODISCARD aicc_status *aicc_function_get_arg(const aicc_function *function, uint32_t index,
                                                           aicc_value_info *info);
AICC_API AICC_NODISCARD aicc_status *aicc_function_get_result(const aicc_function *function, uint32_t index,
                                                              aicc_value_info *info);
AICC_API AICC_NODISCARD aicc_status *aicc_function_get_symbol(const aicc_function *function, uint32_t index,
                                                              aicc_symbol_info *info);
AICC_API AICC_NODISCARD aicc_status *aicc_function_get_state(const aicc_function *function, uint32_t index,
                                                             aicc_value_info *info);
AICC_API AICC_NODISCARD aicc_status *aicc_function_get_dispatch(const aicc_function *function, uint32_t index,
                                                                aicc_dispatch_info *info);
/* Bytes of the arenas that a context sets aside when it first runs the function. */
AICC_API uint64_t aicc_function_arena_size(const aicc_function *function);

/*===--- Tensors ---===*/

/* Reference counted; a tensor's memory is freed or handed back when the last reference is released. */

typedef struct aicc_tensor_info {
  uint32_t struct_size;
  aicc_element_type element_type;
  uint32_t rank;
  const int64_t *dims;
  const int64_t *strides;    /* in elements */
  void *data;                /* address of the first element, on the device */
  uint64_t byte_size;        /* from the first to behind the last byte */
  const aicc_device *device; /* null: plain host memory */
} aicc_tensor_info;

/* Uninitialised, dense, 64-byte aligned. `device` null: in the host's memory. */
AICC_API AICC_NODISCARD aicc_status *aicc_tensor_create(aicc_instance *instance, const aicc_device *device,
                                                        aicc_element_type type, uint32_t rank,
                                                        const int64_t *dims, aicc_tensor **out);
/* The caller's host memory; `release`, if given, is called once when it is no longer used. strides null:
 * dense. */
AICC_API AICC_NODISCARD aicc_status *aicc_tensor_wrap(aicc_instance *instance, aicc_element_type type,
                                                      uint32_t rank, const int64_t *dims,
                                                      const int64_t *strides, void *data, uint64_t byte_size,
                                                      void (*release)(void *user), void *user,
                                                      aicc_tensor **out);
/* May be called from any thread. */
AICC_API aicc_tensor *aicc_tensor_retain(aicc_tensor *tensor);
/* May be called from any thread; null is allowed. */
AICC_API void aicc_tensor_release(aicc_tensor *tensor);
AICC_API AICC_NODISCARD aicc_status *aicc_tensor_get_info(const aicc_tensor *tensor, aicc_tensor_info *info);

/* Copies the elements of `from` to `to`, which has the same type and sizes and is dense, wherever both are,
 * and waits. */
AICC_API AICC_NODISCARD aicc_status *aicc_tensor_copy(const aicc_tensor *from, aicc_tensor *to);
/* A new dense tensor on `device` (null: in the host's memory) with the elements of `from`. */
AICC_API AICC_NODISCARD aicc_status *aicc_tensor_copy_to(const aicc_tensor *from, const aicc_device *device,
                                                         aicc_tensor **out);

/* DLPack (dlpack.h version 0.8 and later), without a copy. Memory of a device belongs to the one of the
 * instance's devices whose driver names the same DLPack device; what the producer has queued on it must be
 * complete. Import takes `managed` over and calls its deleter
 * in the end, but leaves it to the caller on failure. Export holds a reference until the consumer calls the
 * deleter. */
struct DLManagedTensor;
AICC_API AICC_NODISCARD aicc_status *
aicc_tensor_import_dlpack(aicc_instance *instance, struct DLManagedTensor *managed, aicc_tensor **out);
AICC_API AICC_NODISCARD aicc_status *aicc_tensor_export_dlpack(aicc_tensor *tensor,
                                                               struct DLManagedTensor **out);

/*===--- State ---===*/

/* Memory that outlives a run, of the kind the module declares under `name`; zeroed. Bound at a run; by one
 * run at a time. */
AICC_API AICC_NODISCARD aicc_status *aicc_state_create(const aicc_module *module, const char *name,
                                                       aicc_state **out);
AICC_API void aicc_state_destroy(aicc_state *state);
/* Zeroes it. */
AICC_API AICC_NODISCARD aicc_status *aicc_state_reset(aicc_state *state);
AICC_API const char *aicc_state_get_name(const aicc_state *state);

/*===--- Contexts and runs ---===*/

typedef struct aicc_context_options {
  uint32_t struct_size;
  uint32_t reserved;
} aicc_context_options;

AICC_API AICC_NODISCARD aicc_status *
aicc_context_create(const aicc_module *module, const aicc_context_options *options, aicc_context **out);
/* Waits for the context's asynchronous runs. */
AICC_API void aicc_context_destroy(aicc_context *context);

/* A dispatch has completed. `nanoseconds` is its time by the device's clock, or by the context's where it has
 * none. Called during the run, but perhaps only when it ends. */
typedef void (*aicc_profile_fn)(void *user, const aicc_function *function, uint32_t dispatch_index,
                                const char *name, uint64_t start_ns, uint64_t nanoseconds,
                                uint32_t device_slot);

typedef struct aicc_run_options {
  uint32_t struct_size;
  uint32_t state_count;
  aicc_state *const *states; /* in the function's order */
  int64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none. Looked at between commands, and where a run waits; what
                          a device has been given already is waited for in any case */
  aicc_profile_fn profile; /* null: none */
  void *profile_user;
  int64_t rank;
  int64_t world_size; /* 0 counts as 1 */
  uint64_t flags;
} aicc_run_options;

#define AICC_RUN_DEVICE_OUTPUTS                                                                              \
  (1ull << 0) /* new outputs are made in the device's memory, not the host's                                 \
               */

/* Sizes of the results for inputs of these shapes, without running: dims[i] points at room for as many sizes
 * as result i has dimensions. A size that only a run tells, because it depends on data, is -1. */
AICC_API AICC_NODISCARD aicc_status *aicc_context_compute_shapes(aicc_context *context,
                                                                 const aicc_function *function,
                                                                 aicc_tensor *const *inputs,
                                                                 uint32_t input_count, int64_t *const *dims);

/* Runs and waits. Inputs and outputs may be in the host's memory or on any device: what is not where the
 * kernels can reach it is copied. outputs[i] is a tensor of the caller's with the result's type, its exact
 * sizes and dense strides, or null: then a new one is put there, which the caller releases. On failure new
 * outputs are null and contents of the caller's undefined. Inputs that are not dense are copied first. Where
 * sizes depend on data, the caller's tensor must be dense and have bytes enough; it gets the final sizes. */
AICC_API AICC_NODISCARD aicc_status *aicc_context_run(aicc_context *context, const aicc_function *function,
                                                      aicc_tensor *const *inputs, uint32_t input_count,
                                                      aicc_tensor **outputs, uint32_t output_count,
                                                      const aicc_run_options *options);

/* The same on the context's own thread, in the order of submission. Inputs are retained; `outputs` and the
 * states must stay valid and untouched until the event is reached, and `outputs` is written then. Several
 * runs may be submitted at once. */
AICC_API AICC_NODISCARD aicc_status *
aicc_context_run_async(aicc_context *context, const aicc_function *function, aicc_tensor *const *inputs,
                       uint32_t input_count, aicc_tensor **outputs, uint32_t output_count,
                       const aicc_run_options *options, aicc_event **out);
/* Ends the context's runs that have been started or submitted so far with AICC_STATUS_CANCELLED. From any
 * thread. */
AICC_API void aicc_context_cancel(aicc_context *context);

/* Returns the run's status (once; null afterwards), or AICC_STATUS_DEADLINE_EXCEEDED when it isn't done by
 * `deadline_ns` (CLOCK_MONOTONIC; 0: wait without end). From any thread. */
AICC_API AICC_NODISCARD aicc_status *aicc_event_wait(aicc_event *event, int64_t deadline_ns);
/* 1 when the run has ended. */
AICC_API int aicc_event_is_done(const aicc_event *event);
AICC_API void aicc_event_destroy(aicc_event *event);

#ifdef __cplusplus
}
#endif

#endif /* AICC_RUNTIME_H */
