//===- StreamDriver.h - a driver over a stream API ----------------------------------------===//
//
// The driver table for devices that are used through streams, graphs and events. CUDA and HIP are two vendors
// of it; each says in a StreamVendor what the other does differently. Everything that the table's opaque
// types hold is here, so that memory, executables, queues and commands can be files of their own.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_GPU_DRIVER_STREAMDRIVER_H
#define AICC_GPU_DRIVER_STREAMDRIVER_H

#include "targets/gpu/driver/StreamApi.h"
#include "targets/gpu/driver/Support.h"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace aicc::gpu {

/// How a module that the library refused is to be reported.
enum class StreamModuleFault { Other, Damaged, Unsupported };

/// What one vendor's file provides. Functions return the library's codes.
struct StreamVendor {
  const char *name;   ///< of the driver: "cuda"
  const char *format; ///< of executables that its devices load
  int32_t dlpackType, dlpackHostType;
  const StreamApi *api;
  /// Opens the library, fills the table and lists the devices. UNSUPPORTED with the reason where there are
  /// none.
  aicc_status *(*load)(std::vector<StreamDeviceTraits> &devices);
  /// Retains and releases the context that all users of a device in this process share.
  int (*open)(int ordinal, void **context);
  void (*close)(int ordinal);
  /// Makes a context the calling thread's, and puts back what was before.
  int (*enter)(void *context, void **previous);
  void (*leave)(void *previous);
  StreamError (*error)(int code);
  /// How well a device runs an image's payload; 0: not at all.
  int (*fit)(const StreamDeviceTraits &device, std::string_view format, std::string_view architecture);
  /// `data` has a zero byte behind it. `log` gets what the library's compiler has to say.
  int (*moduleLoad)(void **module, const void *data, std::string_view format, std::string &log);
  StreamModuleFault (*moduleFault)(int code);
  /// Asks for workgroup memory beyond what every kernel may have. Null where nothing needs asking.
  int (*allowShared)(void *function, unsigned bytes);
};

} // namespace aicc::gpu

struct aicc_driver {
  aicc_driver_host host;
  const aicc::gpu::StreamVendor *vendor;
  std::vector<aicc::gpu::StreamDeviceTraits> devices;
  std::vector<std::vector<const char *>> features; ///< of each device, for its info
  std::mutex mutex;
  struct Registration {
    unsigned users = 0;
    uint64_t size = 0;
    bool isReadOnly = false;
  };
  std::map<void *, Registration> imports; ///< registered host memory, of all devices
};

struct aicc_driver_device {
  struct Allocation {
    void *base; ///< what the library gave
    uint64_t size;
    aicc_memory_kind kind;
  };
  struct Import {
    void *host = nullptr;
    unsigned users = 0;
  };
  /// Graphs that were destroyed and may be updated to a new one of the same shape.
  struct RetiredGraph {
    std::string shape;
    void *executable;
  };

  aicc_driver *driver;
  const aicc::gpu::StreamDeviceTraits *traits;
  void *context = nullptr;
  void *pool = nullptr;    ///< null: memory is not from a pool
  void *service = nullptr; ///< the stream that allocations and frees are ordered in; does nothing else
  std::atomic<uint64_t> used{0};
  std::atomic<bool> isLost{false};
  std::mutex mutex; ///< of what follows
  std::string lossReason;
  std::map<void *, Allocation> allocations;
  std::map<void *, Import> imports;  ///< by device address
  std::map<void *, uint64_t> pinned; ///< host memory that copies need no staging for: address and size
  std::vector<RetiredGraph> retired;
  std::vector<void *> signalBlocks;
  std::vector<uint64_t *> signals; ///< free words of signalBlocks

  const aicc::gpu::StreamApi &api() const { return *driver->vendor->api; }
};

struct aicc_driver_executable {
  struct Entry {
    std::string name;
    void *function;
    uint32_t threads, dynamicShared, bufferCount, paramCount;
    bool takesScratch;
  };
  aicc_driver_device *device;
  void *module = nullptr;
  std::vector<Entry> entries;
};

struct aicc_driver_commands {
  aicc_driver_device *device;
  void *executable = nullptr;  ///< null: nothing was recorded
  std::string shape;           ///< a letter for each node
  std::vector<void *> scratch; ///< what its dispatches use; the last is the largest
  uint64_t scratchSize = 0;
};

struct aicc_driver_queue {
  /// A part of the ring of pinned memory that pageable host memory is copied through.
  struct Chunk {
    char *memory = nullptr;
    void *event = nullptr; ///< recorded behind the chunk's last copy
    bool isRecorded = false;
    struct Read {
      void *to;
      const char *from;
      uint64_t size;
    };
    std::vector<Read> reads; ///< from the device, still to be copied to where they belong
  };
  static constexpr unsigned kChunks = 4;
  /// Where timestamps are counted from: moved on now and then, because the library's times are floats.
  struct Origin {
    void *event;
    uint64_t ns;
  };
  struct Timestamp {
    void *event = nullptr;
    unsigned origin = 0;
  };

  aicc_driver_device *device;
  void *stream = nullptr;
  void *scratch = nullptr;
  uint64_t scratchSize = 0;
  Chunk chunks[kChunks];
  unsigned chunk = 0;
  uint64_t chunkUsed = 0;
  std::vector<Origin> origins;
  std::vector<Timestamp> timestamps;
  std::vector<void *> arguments; ///< of the dispatch being made
  std::unique_ptr<aicc_driver_commands> recording;
};

struct aicc_driver_event {
  aicc_driver_device *device;
  uint64_t *word; ///< host address
  void *address;  ///< device address
};

namespace aicc::gpu {

/// What a failed call becomes: notes that the device is lost where the code says so.
aicc_status *streamFailure(aicc_driver_device *device, int code, const char *what);

/// Null while the device works.
aicc_status *checkDevice(aicc_driver_device *device);

/// The calling thread uses the device's context while this lives.
class StreamScope {
public:
  explicit StreamScope(const aicc_driver_device *device)
      : vendor(device->driver->vendor), code(vendor->enter(device->context, &previous)) {}
  ~StreamScope() {
    if (code == kStreamOk)
      vendor->leave(previous);
  }
  StreamScope(const StreamScope &) = delete;
  StreamScope &operator=(const StreamScope &) = delete;

private:
  const StreamVendor *vendor;
  void *previous = nullptr;

public:
  const int code; ///< 0 when it worked
};

/// Polls `poll` (a library code; kStreamNotReady goes on) until it is ready or the deadline (0: none) has
/// passed.
aicc_status *pollUntil(aicc_driver_device *device, int64_t deadline, const char *what, int (*poll)(void *),
                       void *user);

/// Memory in the order of `stream`; in `out` what the library gave. Tries again with the pool's unused memory
/// released.
int allocateOnStream(aicc_driver_device *device, void *stream, uint64_t size, void **out);
void freeOnStream(aicc_driver_device *device, void *stream, void *address);
/// Whether copies of [host, host + size) can be made without staging.
bool isPinned(aicc_driver_device *device, const void *host, uint64_t size);

/// Returns from the enclosing function unless the device works and its context could be made the thread's.
#define AICC_ENTER_DEVICE(DEVICE)                                                                            \
  if (aicc_status *lost = ::aicc::gpu::checkDevice(DEVICE))                                                  \
    return lost;                                                                                             \
  ::aicc::gpu::StreamScope scope(DEVICE);                                                                    \
  if (scope.code != ::aicc::gpu::kStreamOk)                                                                  \
  return ::aicc::gpu::streamFailure(DEVICE, scope.code, "entering its context")

/// Returns from the enclosing function when a call of the library fails.
#define AICC_STREAM_CALL(DEVICE, CALL, WHAT)                                                                 \
  do {                                                                                                       \
    if (int failure = (CALL); __builtin_expect(failure != ::aicc::gpu::kStreamOk, 0))                        \
      return ::aicc::gpu::streamFailure(DEVICE, failure, WHAT);                                              \
  } while (false)

// The parts of the table, by file.
void fillMemoryTable(aicc_driver_table &table);     // StreamMemory.cpp
void fillExecutableTable(aicc_driver_table &table); // StreamExecutable.cpp
void fillQueueTable(aicc_driver_table &table);      // StreamQueue.cpp
void fillCommandTable(aicc_driver_table &table);    // StreamCommands.cpp
void fillEventTable(aicc_driver_table &table);      // StreamEvents.cpp
/// Everything but `create`, which each vendor's file defines with createStreamDriver.
aicc_driver_table makeStreamTable(const StreamVendor &vendor);
aicc_status *createStreamDriver(const StreamVendor &vendor, const aicc_driver_host *host, aicc_driver **out);

// Between those files.
void destroyRetiredGraphs(aicc_driver_device *device);
/// Waits for the copies of a queue that go through staging memory and finishes the reads among them.
void finishReads(aicc_driver_queue *queue);
void releaseTimestamps(aicc_driver_queue *queue);

} // namespace aicc::gpu

#endif // AICC_GPU_DRIVER_STREAMDRIVER_H
