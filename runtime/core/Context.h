//===- Context.h - one stream of runs ----------------------------------------------------===//
//
// A context holds what a run needs and keeps it for the next: a queue on the device, a frame for each
// function (registers, slots, arenas), a pool for buffers of run-time sizes, and a thread once runs are
// asynchronous. A warm run of a static model allocates nothing, except outputs the caller left to us.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_CONTEXT_H
#define AICC_RUNTIME_CORE_CONTEXT_H

#include "runtime/core/BufferPool.h"
#include "runtime/core/Module.h"
#include "runtime/core/Stream.h"
#include "runtime/core/Tensor.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <pthread.h>

namespace aicc::rt {

/// A place for a buffer. `address` is null while nothing is in it.
struct Slot {
  uint8_t *address = nullptr;
  uint64_t size = 0;
  PoolBlock *owner = nullptr; ///< freed when the slot is overwritten
  bool isReadOnly = false;
};

/// A place that lives as long as the context.
struct ArenaSlot : Slot {
  void *base = nullptr; ///< of the memory, which is larger where the device aligns less than pages
  uint64_t capacity = 0;
};

/// Memory of the instance's allocator.
struct HostBlock {
  void *address;
  uint64_t size;
};

/// What is copied to a caller's output once the queue is empty.
struct Delivery {
  const void *from; ///< the host can read it
  aicc_tensor *to;
  uint64_t size;
};

/// The state of one function. Calls form no cycle and a context runs one thing at a time, so one frame a
/// function is enough.
struct Frame {
  const aicc_function *function = nullptr;
  std::vector<int64_t> values;
  std::vector<Slot> slots;
  std::vector<void *> buffers;
  std::vector<int64_t> params;
  std::vector<ArenaSlot> arenas;
  std::vector<const int64_t *> argDims;
  std::vector<int64_t> symbols;
  std::vector<int64_t> dims;              ///< of the results, one after the other
  std::vector<uint8_t *> resultAddresses; ///< that were bound to the results' slots; null: not yet
  aicc_tensor **outputs = nullptr;        ///< of the run in progress
  // What lives until the run's end.
  std::vector<PoolBlock *>
      staged; ///< arguments and results where kernels reach them, instead of the caller's
  std::vector<HostBlock> hostStaged; ///< what is on its way to the device, or from it
  std::vector<Delivery> deliveries;
};

/// What one run carries along.
struct RunState {
  aicc_run_options options = {};
  uint64_t sequence = 0;
};

/// A run that was submitted to the context's thread.
struct AsyncRun {
  const aicc_function *function;
  std::vector<aicc_tensor *> inputs; ///< retained
  aicc_tensor **outputs;
  uint32_t outputCount;
  RunState state;
  std::vector<aicc_state *> states;
  aicc_event *event; ///< retained
};

} // namespace aicc::rt

struct aicc_state : aicc::rt::RefCounted<aicc_state> {
  const aicc_module *module = nullptr; ///< counted
  uint32_t index = 0;
  void *data = nullptr;
  uint64_t size = 0;
  std::atomic<bool> isBound{false};

  ~aicc_state();
};

struct aicc_event : aicc::rt::RefCounted<aicc_event> {
  mutable std::mutex mutex;
  std::condition_variable condition;
  bool isDone = false;
  aicc_status *status = nullptr;

  ~aicc_event() { aicc_status_destroy(status); }
};

struct aicc_context {
  const aicc_module *module; ///< counted
  const aicc_device &device;
  const aicc_driver_table &driver;
  const bool sharesHostMemory; ///< the device's kernels, with the host
  /// Where loadScalar's reads arrive: a read that missed the deadline is still under way when it returns.
  alignas(8) uint8_t scalar[8] = {};
  aicc::rt::Stream stream;
  aicc::rt::BufferPool pool;
  std::vector<std::unique_ptr<aicc::rt::Frame>> frames; ///< by function
  std::vector<aicc::rt::ArenaSlot> sharedArenas;        ///< of public functions, which never run at once

  std::mutex runMutex; ///< held while a run is in progress
  std::atomic<uint64_t> submitted{0};
  std::atomic<uint64_t> cancelled{0}; ///< runs up to this number end

  // The thread of asynchronous runs.
  std::mutex queueMutex;
  std::condition_variable queueChanged;
  std::deque<aicc::rt::AsyncRun> pending;
  pthread_t thread = {};
  bool hasThread = false, stopping = false;

  explicit aicc_context(const aicc_module *module);
  ~aicc_context();

  aicc_status *frameFor(const aicc_function &function, aicc::rt::Frame *&frame);
  /// A whole run; the caller holds runMutex.
  aicc_status *run(const aicc_function &function, aicc_tensor *const *inputs, uint32_t inputCount,
                   aicc_tensor **outputs, uint32_t outputCount, const aicc::rt::RunState &state);
  aicc_status *computeShapes(const aicc_function &function, aicc_tensor *const *inputs, uint32_t inputCount,
                             int64_t *const *dims);

  /// Executes commands until Return; what they queue may not have been handed over then. In Interpreter.cpp.
  aicc_status *execute(aicc::rt::Frame &frame, const std::vector<aicc::rt::Op> &ops,
                       const aicc::rt::RunState &state);
  /// Frees what the frame's slots own and empties them.
  void clearFrame(aicc::rt::Frame &frame);
  void setSlot(aicc::rt::Slot &slot, const aicc::rt::Slot &to);

private:
  aicc_status *allocateArena(aicc::rt::ArenaSlot &arena, uint64_t size);
  void freeArena(const aicc::rt::ArenaSlot &arena);

  // In Binding.cpp.
  aicc_status *bindArgs(aicc::rt::Frame &frame, aicc_tensor *const *inputs, uint32_t inputCount);
  aicc_status *evaluateShapes(aicc::rt::Frame &frame, const aicc::rt::RunState &state);
  aicc_status *placeArgs(aicc::rt::Frame &frame, aicc_tensor *const *inputs);
  aicc_status *placeArg(aicc::rt::Frame &frame, const aicc_tensor &input, aicc::rt::Slot &slot);
  aicc_status *bindStates(aicc::rt::Frame &frame, const aicc_run_options &options);
  aicc_status *bindResults(aicc::rt::Frame &frame, const aicc_run_options &options);
  aicc_status *bindResult(aicc::rt::Frame &frame, size_t index, const int64_t *dims,
                          const aicc_run_options &options);
  /// The command that tells a late result's sizes.
  aicc_status *bindLateResult(aicc::rt::Frame &frame, const aicc::rt::Op &op,
                              const aicc_run_options &options);
  /// Queues what brings the results to the caller's tensors; sizes that depend on data become known here.
  aicc_status *returnResults(aicc::rt::Frame &frame, aicc_tensor *const *inputs, aicc_tensor **outputs,
                             const aicc_run_options &options);
  aicc_status *returnAlias(aicc::rt::Frame &frame, const aicc::rt::ResultRef &result, const int64_t *dims,
                           uint64_t bytes, aicc_tensor *const *inputs, aicc_tensor *&output,
                           const aicc_run_options &options);
  aicc_status *deliver(aicc::rt::Frame &frame, const void *from, aicc_tensor &to, uint64_t bytes);
  aicc_status *makeOutput(const aicc::rt::ValueType &type, const int64_t *dims,
                          const aicc_run_options &options, aicc_tensor *&output);
  /// True if kernels can use the tensor's memory as it is.
  bool reaches(const aicc_tensor &tensor) const;
  /// From the pool; what lies idle there is given back first if that is what is missing.
  aicc_status *allocate(uint64_t size, uint32_t alignment, aicc::rt::PoolBlock *&block);
  aicc_status *stage(aicc::rt::Frame &frame, uint64_t bytes, uint8_t *&address);
  aicc_status *stageOnHost(aicc::rt::Frame &frame, uint64_t bytes, void *&address);
  void releaseStaged(aicc::rt::Frame &frame);

  aicc_status *callFunction(aicc::rt::Frame &caller, const aicc::rt::CallRef &call,
                            const aicc::rt::RunState &state);
  aicc_status *dispatch(aicc::rt::Frame &frame, const aicc::rt::Op &op, const aicc::rt::RunState &state);
  aicc_status *loadScalar(const aicc::rt::Slot &from, int64_t offset, uint8_t type, int64_t &value);
  aicc_status *checkInterrupt(const aicc::rt::RunState &state) const;
};

#endif // AICC_RUNTIME_CORE_CONTEXT_H
