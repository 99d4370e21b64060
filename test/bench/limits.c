/* The machine's floating-point peak, measured: fp32 fused multiply-adds on registers, per vector width and
 * thread count.
 *
 * Apart from the benchmark because only this has to be native code, and because a CPU's name promises what a
 * virtual machine may mask: each width is guarded by CPUID, and what is printed is what was run. One JSON
 * object to stdout:
 *   {"isa": {"avx512f": {"1": GFLOP/s, "2": GFLOP/s}, "avx2": {...}}}
 *
 * Build: cc -O2 -pthread limits.c -o limits        Run: limits [most threads] [seconds a point]
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPETITIONS = 9 };

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Independent chains hide a latency of 4 or 5 cycles on two ports; there are as many as leave registers for
 * the two operands (32 of 512 bits, 16 of 256). They are named variables, not an array: an array that the
 * compiler leaves in memory halves the rate. The empty asm keeps each chain in its register, and alive. */
#define CHAINS_12(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define CHAINS_16(DO) CHAINS_12(DO) DO(12) DO(13) DO(14) DO(15)

#define KEEP_512(VALUE) __asm__ volatile("" : "+v"(VALUE));
#define BEGIN_512(I) __m512 chain##I = _mm512_set1_ps((float)I);
#define STEP_512(I)                                                                                          \
  chain##I = _mm512_fmadd_ps(chain##I, scale, shift);                                                        \
  KEEP_512(chain##I)

__attribute__((target("avx512f"), noinline)) static void fma512(long steps) {
  __m512 scale = _mm512_set1_ps(0.999f), shift = _mm512_set1_ps(0.5f);
  KEEP_512(scale) KEEP_512(shift) CHAINS_16(BEGIN_512) for (long step = 0; step < steps; ++step) {
    CHAINS_16(STEP_512)
  }
}

#define KEEP_256(VALUE) __asm__ volatile("" : "+x"(VALUE));
#define BEGIN_256(I) __m256 chain##I = _mm256_set1_ps((float)I);
#define STEP_256(I)                                                                                          \
  chain##I = _mm256_fmadd_ps(chain##I, scale, shift);                                                        \
  KEEP_256(chain##I)

__attribute__((target("avx2,fma"), noinline)) static void fma256(long steps) {
  __m256 scale = _mm256_set1_ps(0.999f), shift = _mm256_set1_ps(0.5f);
  KEEP_256(scale) KEEP_256(shift) CHAINS_12(BEGIN_256) for (long step = 0; step < steps; ++step) {
    CHAINS_12(STEP_256)
  }
}

typedef struct {
  void (*kernel)(long);
  long steps;
  int core;
  pthread_barrier_t *barrier;
  double begin, end;
} Task;

static void *run_task(void *argument) {
  Task *task = argument;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(task->core, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  task->kernel(task->steps / 16 + 1); /* clocks up */
  pthread_barrier_wait(task->barrier);
  task->begin = seconds_now();
  task->kernel(task->steps);
  task->end = seconds_now();
  return NULL;
}

/* Seconds from the first thread's begin to the last one's end. */
static double run_once(void (*kernel)(long), long steps, int threads, const int *cores) {
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, (unsigned)threads);
  pthread_t ids[threads];
  Task tasks[threads];
  for (int t = 0; t < threads; ++t) {
    tasks[t] = (Task){kernel, steps, cores[t], &barrier, 0, 0};
    pthread_create(&ids[t], NULL, run_task, &tasks[t]);
  }
  double begin = 1e300, end = 0;
  for (int t = 0; t < threads; ++t) {
    pthread_join(ids[t], NULL);
    begin = tasks[t].begin < begin ? tasks[t].begin : begin;
    end = tasks[t].end > end ? tasks[t].end : end;
  }
  pthread_barrier_destroy(&barrier);
  return end - begin;
}

/* GFLOP/s of the best repetition (width: the elements of a step): a peak is what is left when nobody
 * disturbs. */
static double peak(void (*kernel)(long), int width, int threads, const int *cores, double seconds) {
  long steps = 1 << 16;
  double once = run_once(kernel, steps, 1, cores);
  steps = (long)((double)steps * seconds / once) + 1;
  double best = 0;
  for (int r = 0; r < REPETITIONS; ++r) {
    double flops = 2.0 * width * (double)steps * threads;
    double rate = flops / run_once(kernel, steps, threads, cores) / 1e9;
    best = rate > best ? rate : best;
  }
  return best;
}

static void print_peaks(const char *name, void (*kernel)(long), int width, int most, const int *cores,
                        double seconds) {
  printf("\"%s\": {", name);
  for (int threads = 1; threads <= most; threads *= 2)
    printf("%s\"%d\": %.1f", threads > 1 ? ", " : "", threads, peak(kernel, width, threads, cores, seconds));
  printf("}");
}

int main(int argc, char **argv) {
  int most = argc > 1 ? atoi(argv[1]) : 1;
  double seconds = argc > 2 ? atof(argv[2]) : 0.1;
  int cores[CPU_SETSIZE], count = 0;
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed))
      cores[count++] = core;
  most = most > count ? count : most < 1 ? 1 : most;
  __builtin_cpu_init();
  const char *separator = "";
  printf("{\"isa\": {");
  if (__builtin_cpu_supports("avx512f")) {
    print_peaks("avx512f", fma512, 16 * 16, most, cores, seconds);
    separator = ", ";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    printf("%s", separator);
    print_peaks("avx2", fma256, 12 * 8, most, cores, seconds);
  }
  printf("}}\n");
  return 0;
}
