//===- Stream.h - a context's queue ------------------------------------------------------===//
//
// What stands between the interpreter and a driver's queue. On a device that works by itself it bounds how
// far the host runs ahead; where the driver can record commands it collects what a run queues between two
// points where the host must wait, and submits a recording if the same was queued before (the same to the
// last address); and it takes the times of dispatches.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_STREAM_H
#define AICC_RUNTIME_CORE_STREAM_H

#include "runtime/core/Device.h"

#include <vector>

namespace aicc::rt {

struct Frame;
struct Op;

/// The command that asks for something, for messages; nulls: the runtime itself.
struct Origin {
  const Frame *frame = nullptr;
  const Op *op = nullptr;
};

/// The status with the place in the program in front of its message. Null stays null.
aicc_status *addPlace(aicc_status *status, const Origin &origin);

/// A dispatch whose time is wanted.
struct TimedDispatch {
  const aicc_function *function;
  uint32_t index;
  const char *name;
  uint64_t hostStart;
};

class Stream {
public:
  explicit Stream(const aicc_device &device);
  ~Stream();
  Stream(const Stream &) = delete;
  Stream &operator=(const Stream &) = delete;

  aicc_status *open();
  /// For the run that begins: its deadline (0: none) and who wants times (null: nobody).
  void begin(int64_t deadline, aicc_profile_fn profile, void *profileUser);

  // Queue, in order. What kernels and copies need stays valid until wait or drain.
  aicc_status *dispatch(const aicc_driver_dispatch &request, const Origin &origin);
  aicc_status *copy(void *to, const void *from, uint64_t size, const Origin &origin);
  aicc_status *fill(void *to, uint64_t size, uint64_t pattern, uint32_t patternSize, const Origin &origin);
  aicc_status *write(void *to, const void *host, uint64_t size);
  aicc_status *read(void *host, const void *from, uint64_t size);
  /// The same as `dispatch`, and its time is reported by the end of `wait`.
  aicc_status *dispatchTimed(const aicc_driver_dispatch &request, const Origin &origin,
                             const TimedDispatch &timed);

  /// Hands over what was collected. Needed before the host branches, waits or returns.
  aicc_status *flush();
  /// Until all is done or the run's deadline has passed.
  aicc_status *wait();
  /// Ends a run that has failed: forgets what was not handed over, and waits for the rest, however long.
  void drain();

  bool isSynchronous() const { return synchronous; }

private:
  struct Recording {
    uint64_t hash = 0, lastUse = 0;
    std::vector<uint64_t> words;
    aicc_driver_commands *commands = nullptr;
  };
  struct Mark {
    Origin origin;
    size_t position; ///< in `words`
  };

  aicc_status *issue();
  aicc_status *issueCommand(const uint64_t *command);
  aicc_status *record(uint64_t hash);
  aicc_status *advance(uint64_t count);
  aicc_status *reportTimes();
  void mark(const Origin &origin) { marks.push_back({origin, words.size()}); }
  aicc_status *collected();

  const aicc_device &device;
  const aicc_driver_table &driver;
  aicc_driver_queue *queue = nullptr;
  const bool synchronous;
  bool canRecord, isRecording = false; ///< isRecording: this run's commands are collected
  int64_t deadline = 0;

  // How far the host has run ahead.
  aicc_driver_event *event = nullptr;
  uint64_t sinceSignal = 0, timeline = 0, unsignalled = 0;

  // What is collected, in words: the key of a recording, and all that is needed to issue it.
  std::vector<uint64_t> words;
  std::vector<Mark> marks;
  std::vector<Recording> recordings;
  std::vector<uint64_t> seen; ///< hashes of what was issued without a recording, the last ones
  size_t nextSeen = 0;
  uint64_t uses = 0;

  aicc_profile_fn profile = nullptr;
  void *profileUser = nullptr;
  std::vector<TimedDispatch> timed;
};

} // namespace aicc::rt

#endif // AICC_RUNTIME_CORE_STREAM_H
