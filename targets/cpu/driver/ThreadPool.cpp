//===- ThreadPool.cpp - spreads a grid over threads --------------------------------------===//
//
// See ThreadPool.h.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/cpu/driver/ThreadPool.h"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace aicc::cpu;

namespace {

constexpr uint64_t kOpen = 1ull << 16;
constexpr uint64_t kInside = kOpen - 1;
constexpr uint32_t kJobShift = 17;

/// Spinning: at most this long, shorter for a worker whose spinning was in vain, and giving way to other
/// threads after the first few microseconds.
constexpr uint32_t kMaxSpinNs = 50000;
constexpr uint32_t kMinSpinNs = 2000;
constexpr uint32_t kPoliteNs = 10000;

uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000u + static_cast<uint64_t>(time.tv_nsec);
}

void futexWait(std::atomic<uint32_t> &word, uint32_t expected) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void futexWake(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

uint64_t pack(uint32_t front, uint32_t back) { return (static_cast<uint64_t>(back) << 32) | front; }

} // namespace

ThreadPool::ThreadPool(uint32_t threadCount)
    : wanted(std::clamp(threadCount, 1u, 1024u)), count(wanted), parts(new Part[wanted]) {}

ThreadPool::~ThreadPool() {
  stopping.store(true);
  for (uint32_t i = 1; i < count; ++i)
    wake(i);
  for (auto &worker : workers)
    pthread_join(worker->thread, nullptr);
}

bool ThreadPool::start() {
  std::lock_guard<std::mutex> lock(startMutex);
  if (started)
    return count == wanted;
  started = true;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (uint32_t i = 1; i < wanted; ++i) {
    workers.push_back(std::make_unique<Worker>(Worker{this, i, {}}));
    if (pthread_create(&workers.back()->thread, nullptr, workerMain, workers.back().get()) != 0) {
      workers.pop_back();
      break;
    }
    pthread_setname_np(workers.back()->thread, "aicc-worker");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // Nobody runs jobs before the first start has returned.
  count = static_cast<uint32_t>(workers.size()) + 1;
  return count == wanted;
}

void ThreadPool::execute(const Job &current, uint32_t self, uint32_t begin, uint32_t end) const {
  int64_t first = begin * current.unit, last = std::min(end * current.unit, current.grid);
  current.kernel(current.buffers, current.params, first, last,
                 current.scratchStride ? current.scratch + self * current.scratchStride : nullptr);
}

/// Takes chunks until the job has nothing left.
void ThreadPool::work(uint32_t self) {
  const Job current = job;
  // The own part from the front: half of what is left each time, so that a late thief still finds something.
  for (uint64_t range = parts[self].range.load(std::memory_order_relaxed);;) {
    uint32_t front = static_cast<uint32_t>(range), back = static_cast<uint32_t>(range >> 32);
    if (front >= back)
      break;
    uint32_t end = front + (back - front + 1) / 2;
    if (parts[self].range.compare_exchange_weak(range, pack(end, back), std::memory_order_relaxed)) {
      execute(current, self, front, end);
      range = parts[self].range.load(std::memory_order_relaxed);
    }
  }
  // Then the others', from the back, an eighth at a time.
  for (uint32_t i = 1; i < count; ++i) {
    std::atomic<uint64_t> &victim = parts[(self + i) % count].range;
    for (uint64_t range = victim.load(std::memory_order_relaxed);;) {
      uint32_t front = static_cast<uint32_t>(range), back = static_cast<uint32_t>(range >> 32);
      if (front >= back)
        break;
      uint32_t begin = back - (back - front + 7) / 8;
      if (victim.compare_exchange_weak(range, pack(front, begin), std::memory_order_relaxed)) {
        execute(current, self, begin, back);
        range = victim.load(std::memory_order_relaxed);
      }
    }
  }
}

/// Announces the sleep, then looks once more: who publishes a job sees the sleeper, or is seen by it.
void ThreadPool::sleep(uint32_t self, uint64_t seen) {
  std::atomic<uint32_t> &asleep = parts[self].asleep;
  asleep.store(1);
  if ((ticket.load() >> kJobShift) == seen && !stopping.load())
    while (asleep.load(std::memory_order_relaxed))
      futexWait(asleep, 1);
  asleep.store(0, std::memory_order_relaxed);
}

void ThreadPool::wake(uint32_t worker) {
  std::atomic<uint32_t> &asleep = parts[worker].asleep;
  if (asleep.load() && asleep.exchange(0))
    futexWake(asleep);
}

/// Waits for a job that this worker hasn't seen and enters it. False when the pool stops.
bool ThreadPool::awaitJob(uint32_t self, uint64_t &seen, uint32_t &spinBudget) {
  uint64_t begin = 0;
  for (uint32_t spins = 0;; ++spins) {
    uint64_t current = ticket.load(std::memory_order_acquire);
    if ((current >> kJobShift) != seen) {
      if (!(current & kOpen)) {
        seen = current >> kJobShift; // over already
      } else if (ticket.compare_exchange_strong(current, current + 1, std::memory_order_acq_rel)) {
        seen = current >> kJobShift;
        spinBudget = std::min(spinBudget * 2, kMaxSpinNs);
        return true;
      } else {
        continue;
      }
    }
    _mm_pause();
    if (spins % 32 != 31)
      continue;
    if (stopping.load(std::memory_order_relaxed))
      return false;
    uint64_t time = now();
    if (!begin)
      begin = time;
    if (time - begin > kPoliteNs)
      sched_yield();
    if (time - begin < spinBudget)
      continue;
    spinBudget = std::max(spinBudget / 2, kMinSpinNs);
    sleep(self, seen);
    if (stopping.load())
      return false;
    begin = 0;
  }
}

void *ThreadPool::workerMain(void *argument) {
  auto &worker = *static_cast<Worker *>(argument);
  ThreadPool &pool = *worker.pool;
  uint64_t seen = 0;
  uint32_t spinBudget = kMaxSpinNs;
  while (pool.awaitJob(worker.index, seen, spinBudget)) {
    pool.work(worker.index);
    pool.ticket.fetch_sub(1, std::memory_order_release);
  }
  return nullptr;
}

/// Makes `next` the job and wakes the workers that have a part in it.
void ThreadPool::publish(const Job &next) {
  job = next;
  uint32_t units = static_cast<uint32_t>((next.grid + next.unit - 1) / next.unit);
  uint32_t users = std::min(count, units);
  uint64_t begin = 0;
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t end = i < users ? static_cast<uint64_t>(units) * (i + 1) / users : begin;
    parts[i].range.store(pack(static_cast<uint32_t>(begin), static_cast<uint32_t>(end)),
                         std::memory_order_relaxed);
    begin = end;
  }
  uint64_t number = (ticket.load(std::memory_order_relaxed) >> kJobShift) + 1;
  ticket.store(number << kJobShift | kOpen); // sequentially consistent with `asleep`
  for (uint32_t i = 1; i < users; ++i)
    wake(i);
}

void ThreadPool::run(aicc_kernel_fn kernel, void *const *buffers, const int64_t *params, int64_t grid,
                     char *scratch, size_t scratchStride) {
  if (grid == 1 || count == 1 || busy.exchange(true, std::memory_order_acquire)) {
    kernel(buffers, params, 0, grid, scratchStride ? scratch : nullptr);
    return;
  }
  int64_t unit = (grid + INT32_MAX - 1) / INT32_MAX;
  publish({kernel, buffers, params, grid, unit, scratch, scratchStride});
  work(0);
  ticket.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (uint32_t spins = 0; ticket.load(std::memory_order_acquire) & kInside; ++spins) {
    _mm_pause();
    // A worker that is still inside after so long has lost its processor or has a very long workgroup.
    if (spins % 1024 == 1023)
      sched_yield();
  }
  busy.store(false, std::memory_order_release);
}
