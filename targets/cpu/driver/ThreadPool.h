//===- ThreadPool.h - spreads a grid over threads ----------------------------------------===//
//
// The pool belongs to the device; runs of all contexts share it. A job is a grid of workgroups: each worker
// gets one contiguous part, takes it from the front in shrinking chunks, and steals from the back of the
// others' parts only when its own is used up. The caller is worker 0. Waiting workers spin shortly, then
// sleep on a futex.
//
// A job that finds the pool busy with another one runs on its caller's thread alone: nobody waits for a
// neighbour, and with as many contexts as processors that is also the fastest.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TARGETS_CPU_DRIVER_THREADPOOL_H
#define AICC_TARGETS_CPU_DRIVER_THREADPOOL_H

#include "aicc/kernel_abi.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <vector>

namespace aicc::cpu {

class ThreadPool {
public:
  /// `threadCount` counts the caller; workers are started by `start`.
  explicit ThreadPool(uint32_t threadCount);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  uint32_t threadCount() const { return count; }

  /// Starts the workers, once; later calls do nothing. False when the system has no threads to give: then the
  /// pool is smaller.
  bool start();

  /// Calls `kernel` for all of [0, grid), in parallel, and returns when that is done. Worker i gets scratch +
  /// i * scratchStride; there are threadCount() of them. May be called from any thread, but not from inside a
  /// kernel.
  void run(aicc_kernel_fn kernel, void *const *buffers, const int64_t *params, int64_t grid, char *scratch,
           size_t scratchStride);

private:
  static constexpr size_t kCacheLine = 64;

  /// What belongs to one worker. Its part of the grid is in units: front in the low half, back in the high.
  struct alignas(2 * kCacheLine) Part {
    std::atomic<uint64_t> range{0};
    /// A futex: 1 while its worker sleeps, or is about to. Whoever turns it to 0 wakes the worker.
    std::atomic<uint32_t> asleep{0};
  };

  struct Job {
    aicc_kernel_fn kernel;
    void *const *buffers;
    const int64_t *params;
    int64_t grid;
    int64_t unit; ///< workgroups in a unit of a Part; 1 unless the grid has more than 2^31
    char *scratch;
    size_t scratchStride;
  };

  struct Worker {
    ThreadPool *pool;
    uint32_t index;
    pthread_t thread;
  };

  static void *workerMain(void *worker);
  void work(uint32_t self);
  void execute(const Job &job, uint32_t self, uint32_t begin, uint32_t end) const;
  bool awaitJob(uint32_t self, uint64_t &seen, uint32_t &spinBudget);
  void sleep(uint32_t self, uint64_t seen);
  void wake(uint32_t worker);
  void publish(const Job &next);

  const uint32_t wanted;
  uint32_t count; ///< threads that take part, the caller included
  std::unique_ptr<Part[]> parts;
  std::vector<std::unique_ptr<Worker>> workers;
  std::mutex startMutex;
  bool started = false;

  Job job = {};
  /// Held by the caller whose job is running.
  alignas(2 * kCacheLine) std::atomic<bool> busy{false};
  /// Number of the job << 17 | open << 16 | workers inside. A worker enters an open job by counting itself
  /// in; the caller closes the job when nothing is left to take, and returns when the count is 0. So a job's
  /// data never changes under a worker.
  alignas(2 * kCacheLine) std::atomic<uint64_t> ticket{0};
  alignas(2 * kCacheLine) std::atomic<bool> stopping{false};
};

} // namespace aicc::cpu

#endif // AICC_TARGETS_CPU_DRIVER_THREADPOOL_H
