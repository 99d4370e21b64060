//===- Stream.cpp - a context's queue ----------------------------------------------------===//
//
// See Stream.h.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Stream.h"

#include "runtime/core/Instance.h"
#include "runtime/core/Status.h"
#include "runtime/module/Hash.h"

#include <algorithm>
#include <cstring>
#include <ctime>

using namespace aicc::rt;

/// The host looks how far the device is after so many commands, and lets it be this many times that behind.
static constexpr uint64_t kStep = 128, kAhead = 4;
/// Recordings of a context, and how many hashes it remembers to find what is worth one.
static constexpr size_t kMaxRecordings = 32, kMaxSeen = 64;
/// Longer sequences are handed over in parts, so that the device begins early.
static constexpr size_t kMaxCollected = 2048;
/// A recording of fewer commands gains nothing.
static constexpr size_t kMinRecorded = 2;

/// The first word of a collected command.
enum Kind : uint64_t { kDispatch, kCopy, kFill };

static uint64_t word(const void *pointer) { return reinterpret_cast<uintptr_t>(pointer); }
static void *pointer(uint64_t word) { return reinterpret_cast<void *>(static_cast<uintptr_t>(word)); }

static uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000ull + static_cast<uint64_t>(time.tv_nsec);
}

Stream::Stream(const aicc_device &device)
    : device(device), driver(*device.table), synchronous(device.can(AICC_DRIVER_SYNCHRONOUS)),
      canRecord(!synchronous && device.can(AICC_DRIVER_COMMANDS)) {}

Stream::~Stream() {
  if (queue)
    aicc_status_destroy(driver.queue_wait(queue, 0));
  for (Recording &recording : recordings)
    driver.commands_destroy(recording.commands);
  if (queue)
    driver.queue_destroy(queue);
  if (event)
    driver.event_destroy(event);
}

aicc_status *Stream::open() {
  if (aicc_status *status = driver.queue_create(device.handle, &queue)) {
    queue = nullptr;
    return status;
  }
  if (!synchronous && device.can(AICC_DRIVER_EVENTS))
    AICC_RETURN_IF_ERROR(driver.event_create(device.handle, 0, &event));
  return nullptr;
}

void Stream::begin(int64_t runDeadline, aicc_profile_fn profileFn, void *user) {
  deadline = runDeadline;
  profile = profileFn;
  profileUser = user;
  isRecording = canRecord && !profile;
}

//===--- Queueing ------------------------------------------------------------------------===//

aicc_status *Stream::dispatch(const aicc_driver_dispatch &request, const Origin &origin) {
  if (!isRecording) {
    AICC_RETURN_IF_ERROR(addPlace(driver.queue_dispatch(queue, &request), origin));
    return synchronous ? nullptr : advance(1);
  }
  mark(origin);
  const uint64_t head[] = {kDispatch,
                           word(request.executable),
                           request.entry,
                           static_cast<uint64_t>(request.grid),
                           request.scratch_size,
                           request.buffer_count,
                           request.param_count};
  words.insert(words.end(), std::begin(head), std::end(head));
  for (uint32_t i = 0; i < request.buffer_count; ++i)
    words.push_back(word(request.buffers[i]));
  for (uint32_t i = 0; i < request.param_count; ++i)
    words.push_back(static_cast<uint64_t>(request.params[i]));
  return collected();
}

aicc_status *Stream::copy(void *to, const void *from, uint64_t size, const Origin &origin) {
  if (!isRecording) {
    AICC_RETURN_IF_ERROR(addPlace(driver.queue_copy(queue, to, from, size), origin));
    return synchronous ? nullptr : advance(1);
  }
  mark(origin);
  const uint64_t command[] = {kCopy, word(to), word(from), size};
  words.insert(words.end(), std::begin(command), std::end(command));
  return collected();
}

aicc_status *Stream::fill(void *to, uint64_t size, uint64_t pattern, uint32_t patternSize,
                          const Origin &origin) {
  if (!isRecording) {
    AICC_RETURN_IF_ERROR(addPlace(driver.queue_fill(queue, to, size, pattern, patternSize), origin));
    return synchronous ? nullptr : advance(1);
  }
  mark(origin);
  const uint64_t command[] = {kFill, word(to), size, pattern, patternSize};
  words.insert(words.end(), std::begin(command), std::end(command));
  return collected();
}

aicc_status *Stream::write(void *to, const void *host, uint64_t size) {
  AICC_RETURN_IF_ERROR(flush());
  return size ? driver.queue_write(queue, to, host, size) : nullptr;
}

aicc_status *Stream::read(void *host, const void *from, uint64_t size) {
  AICC_RETURN_IF_ERROR(flush());
  return size ? driver.queue_read(queue, host, from, size) : nullptr;
}

aicc_status *Stream::collected() { return marks.size() < kMaxCollected ? nullptr : flush(); }

/// Counts what was queued, and waits while the device is too far behind.
aicc_status *Stream::advance(uint64_t count) {
  sinceSignal += count;
  if (sinceSignal < kStep)
    return nullptr;
  sinceSignal = 0;
  if (event) {
    AICC_RETURN_IF_ERROR(driver.queue_signal(queue, event, ++timeline));
    AICC_RETURN_IF_ERROR(driver.queue_flush(queue));
    return timeline > kAhead ? driver.event_wait(event, timeline - kAhead, deadline) : nullptr;
  }
  AICC_RETURN_IF_ERROR(driver.queue_flush(queue));
  if (++unsignalled < kAhead)
    return nullptr;
  unsignalled = 0;
  return driver.queue_wait(queue, deadline);
}

//===--- Recordings ----------------------------------------------------------------------===//

aicc_status *Stream::issueCommand(const uint64_t *command) {
  switch (command[0]) {
  case kCopy:
    return driver.queue_copy(queue, pointer(command[1]), pointer(command[2]), command[3]);
  case kFill:
    return driver.queue_fill(queue, pointer(command[1]), command[2], command[3],
                             static_cast<uint32_t>(command[4]));
  default:
    break;
  }
  static_assert(sizeof(void *) == sizeof(uint64_t), "addresses are words");
  aicc_driver_dispatch request = {};
  request.struct_size = sizeof(request);
  request.executable = static_cast<aicc_driver_executable *>(pointer(command[1]));
  request.entry = static_cast<uint32_t>(command[2]);
  request.grid = static_cast<int64_t>(command[3]);
  request.scratch_size = command[4];
  request.buffer_count = static_cast<uint32_t>(command[5]);
  request.param_count = static_cast<uint32_t>(command[6]);
  constexpr size_t kInline = 64;
  void *buffers[kInline];
  std::vector<void *> manyBuffers;
  void **to = buffers;
  if (request.buffer_count > kInline) {
    manyBuffers.resize(request.buffer_count);
    to = manyBuffers.data();
  }
  std::memcpy(to, command + 7, request.buffer_count * sizeof(uint64_t));
  request.buffers = to;
  request.params =
      request.param_count ? reinterpret_cast<const int64_t *>(command + 7 + request.buffer_count) : nullptr;
  return driver.queue_dispatch(queue, &request);
}

/// Queues what was collected, command by command.
aicc_status *Stream::issue() {
  for (const Mark &mark : marks)
    AICC_RETURN_IF_ERROR(addPlace(issueCommand(words.data() + mark.position), mark.origin));
  return nullptr;
}

/// Records what was collected, in the place of the recording that was used least recently if there are many.
/// Null in canRecord's stead if the driver can't: then nothing was queued.
aicc_status *Stream::record(uint64_t hash) {
  aicc_driver_commands *commands = nullptr;
  AICC_RETURN_IF_ERROR(driver.commands_begin(queue));
  aicc_status *status = issue();
  aicc_status *ended = driver.commands_end(queue, &commands);
  if (status || ended) {
    if (!ended)
      driver.commands_destroy(commands);
    if (status)
      aicc_status_destroy(ended);
    return status ? status : ended;
  }
  if (recordings.size() == kMaxRecordings) {
    auto oldest = std::min_element(recordings.begin(), recordings.end(),
                                   [](const auto &a, const auto &b) { return a.lastUse < b.lastUse; });
    // Nothing that is in use is destroyed.
    if (aicc_status *waited = driver.queue_wait(queue, 0)) {
      driver.commands_destroy(commands);
      return waited;
    }
    driver.commands_destroy(oldest->commands);
    recordings.erase(oldest);
  }
  recordings.push_back({hash, uses, words, commands});
  return nullptr;
}

aicc_status *Stream::flush() {
  if (marks.empty())
    return nullptr;
  const auto handOver = [&]() -> aicc_status * {
    if (marks.size() < kMinRecorded || !canRecord)
      return issue();
    uint64_t hash = computeHash(words.data(), words.size() * sizeof(uint64_t)).low;
    ++uses;
    const auto find = [&] {
      return std::find_if(recordings.begin(), recordings.end(), [&](const Recording &recording) {
        return recording.hash == hash && recording.words == words;
      });
    };
    auto known = find();
    if (known == recordings.end()) {
      if (std::find(seen.begin(), seen.end(), hash) == seen.end()) {
        if (seen.size() < kMaxSeen)
          seen.push_back(hash);
        else
          seen[nextSeen++ % kMaxSeen] = hash;
        return issue();
      }
      if (aicc_status *status = record(hash)) {
        if (aicc_status_get_code(status) != AICC_STATUS_UNSUPPORTED)
          return status;
        device.instance->log(AICC_LOG_DEBUG, device.id + " does not record these commands: " +
                                                 aicc_status_get_message(status));
        aicc_status_destroy(status);
        canRecord = false;
        return issue();
      }
      known = find();
    }
    known->lastUse = uses;
    return driver.commands_submit(queue, known->commands);
  };
  uint64_t count = marks.size();
  aicc_status *status = handOver();
  marks.clear();
  words.clear();
  return status ? status : advance(count);
}

//===--- Waiting and times ---------------------------------------------------------------===//

aicc_status *Stream::wait() {
  AICC_RETURN_IF_ERROR(flush());
  if (!synchronous)
    AICC_RETURN_IF_ERROR(driver.queue_wait(queue, deadline));
  return timed.empty() ? nullptr : reportTimes();
}

void Stream::drain() {
  marks.clear();
  words.clear();
  timed.clear();
  if (!synchronous && queue)
    aicc_status_destroy(driver.queue_wait(queue, 0));
}

aicc_status *Stream::dispatchTimed(const aicc_driver_dispatch &request, const Origin &origin,
                                   const TimedDispatch &what) {
  if (!device.can(AICC_DRIVER_TIMESTAMPS)) {
    AICC_RETURN_IF_ERROR(wait());
    uint64_t start = now();
    AICC_RETURN_IF_ERROR(addPlace(driver.queue_dispatch(queue, &request), origin));
    AICC_RETURN_IF_ERROR(wait());
    profile(profileUser, what.function, what.index, what.name, start, now() - start, 0);
    return nullptr;
  }
  if (2 * timed.size() + 2 > AICC_TIMESTAMP_SLOTS)
    AICC_RETURN_IF_ERROR(wait());
  uint32_t slot = static_cast<uint32_t>(2 * timed.size());
  timed.push_back(what);
  timed.back().hostStart = now();
  AICC_RETURN_IF_ERROR(driver.queue_timestamp(queue, slot));
  AICC_RETURN_IF_ERROR(addPlace(driver.queue_dispatch(queue, &request), origin));
  AICC_RETURN_IF_ERROR(driver.queue_timestamp(queue, slot + 1));
  return synchronous ? nullptr : advance(1);
}

/// The queue is empty: its times can be read. The first one is taken to have begun when it was queued.
aicc_status *Stream::reportTimes() {
  uint64_t base = 0;
  for (size_t i = 0; i < timed.size(); ++i) {
    uint64_t start = 0, end = 0;
    AICC_RETURN_IF_ERROR(driver.timestamp_read(queue, static_cast<uint32_t>(2 * i), &start));
    AICC_RETURN_IF_ERROR(driver.timestamp_read(queue, static_cast<uint32_t>(2 * i + 1), &end));
    if (i == 0)
      base = start;
    const TimedDispatch &dispatch = timed[i];
    profile(profileUser, dispatch.function, dispatch.index, dispatch.name,
            timed.front().hostStart + (start > base ? start - base : 0), end > start ? end - start : 0, 0);
  }
  timed.clear();
  return nullptr;
}
