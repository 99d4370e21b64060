/* The machine's floating-point peak, measured: fp32 fused multiply-adds on registers, per vector width and
 * thread count; and what is left of it with the loads of a matrix product.
 *
 * Apart from the benchmark because only this has to be native code, and because a CPU's name promises what a
 * virtual machine may mask: each width is guarded by CPUID, and what is printed is what was run. One JSON
 * object to stdout, of each point's best burst:
 *   {"isa": {"avx512f": {"1": GFLOP/s, "2": GFLOP/s}, "avx2": {...}}}
 * or, told how many bursts, the medians for that one number of threads at the widest width:
 *   {"fma": GFLOP/s, "tile_l1": GFLOP/s, "tile_l2": GFLOP/s}      (the tiles: AVX-512 only)
 *
 * Build: cc -O2 -pthread limits.c -o limits        Run: limits [most threads] [seconds a burst] [bursts]
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPETITIONS = 9, MOST_BURSTS = 1000 };

/* A burst of `steps` steps. */
typedef void (*Kernel)(long);

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

/* A step of an 8x48 register tile as matrix products make it: 24 FMAs on 3 loaded vectors and 8 broadcasts.
 * Nothing is stored, and the operands are re-read forever: `depth` steps of them decide which cache they come
 * from. No product of that tile can be faster. */
#define ROWS_8(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define BEGIN_ROW(R) __m512 x##R = _mm512_setzero_ps(), y##R = x##R, z##R = x##R;
#define STEP_ROW(R)                                                                                          \
  {                                                                                                          \
    __m512 left = _mm512_set1_ps(rows[R]);                                                                   \
    x##R = _mm512_fmadd_ps(left, right0, x##R);                                                              \
    y##R = _mm512_fmadd_ps(left, right1, y##R);                                                              \
    z##R = _mm512_fmadd_ps(left, right2, z##R);                                                              \
  }
#define END_ROW(R) KEEP_512(x##R) KEEP_512(y##R) KEEP_512(z##R)

enum { L1_DEPTH = 128, L2_DEPTH = 2048 };

__attribute__((target("avx512f"))) static inline void tile512(long steps, const float *operands, int depth) {
  ROWS_8(BEGIN_ROW)
  for (long done = 0; done < steps; done += depth) {
    const float *panel = operands, *rows = operands + 48 * depth;
    for (int k = 0; k < depth; ++k, panel += 48, rows += 8) {
      __m512 right0 = _mm512_load_ps(panel), right1 = _mm512_load_ps(panel + 16);
      __m512 right2 = _mm512_load_ps(panel + 32);
      ROWS_8(STEP_ROW)
    }
  }
  ROWS_8(END_ROW)
}

/* Of each thread; zero, as speed does not depend on the values. Made by the burst before the timed one. */
static __thread float *operands;

static const float *get_operands(void) {
  size_t bytes = 56 * L2_DEPTH * sizeof(float);
  if (!operands && (operands = aligned_alloc(4096, bytes)))
    memset(operands, 0, bytes);
  if (!operands)
    exit(1);
  return operands;
}

__attribute__((target("avx512f"), noinline)) static void tile_l1(long steps) {
  tile512(steps, get_operands(), L1_DEPTH);
}

__attribute__((target("avx512f"), noinline)) static void tile_l2(long steps) {
  tile512(steps, get_operands(), L2_DEPTH);
}

typedef struct {
  Kernel kernel;
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
  free(operands);
  operands = NULL;
  return NULL;
}

/* Seconds from the first thread's begin to the last one's end. */
static double run_once(Kernel kernel, long steps, int threads, const int *cores) {
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

static int compare(const void *one, const void *two) {
  double x = *(const double *)one, y = *(const double *)two;
  return (x > y) - (x < y);
}

/* GFLOP/s of `count` bursts of about `seconds`, ascending, into rates (width: the elements of a step). */
static void burst(Kernel kernel, int width, int threads, const int *cores, double seconds, int count,
                  double *rates) {
  long steps = 1 << 18;
  double once = run_once(kernel, steps, 1, cores);
  steps = (long)((double)steps * seconds / once) + 1;
  for (int r = 0; r < count; ++r)
    rates[r] = 2.0 * width * (double)steps * threads / run_once(kernel, steps, threads, cores) / 1e9;
  qsort(rates, (size_t)count, sizeof *rates, compare);
}

/* Of the best repetition: what is left when nobody disturbs. */
static double peak(Kernel kernel, int width, int threads, const int *cores, double seconds) {
  double rates[REPETITIONS];
  burst(kernel, width, threads, cores, seconds, REPETITIONS, rates);
  return rates[REPETITIONS - 1];
}

static void print_median(const char *name, Kernel kernel, int width, int threads, const int *cores,
                         double seconds, int count) {
  double rates[MOST_BURSTS];
  burst(kernel, width, threads, cores, seconds, count, rates);
  printf("\"%s\": %.1f", name, rates[count / 2]);
}

/* The medians of `count` bursts. */
static void print_medians(int threads, const int *cores, double seconds, int count) {
  printf("{");
  if (__builtin_cpu_supports("avx512f")) {
    print_median("fma", fma512, 16 * 16, threads, cores, seconds, count);
    printf(", ");
    print_median("tile_l1", tile_l1, 24 * 16, threads, cores, seconds, count);
    printf(", ");
    print_median("tile_l2", tile_l2, 24 * 16, threads, cores, seconds, count);
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    print_median("fma", fma256, 12 * 8, threads, cores, seconds, count);
  }
  printf("}\n");
}

static void print_peaks(const char *name, Kernel kernel, int width, int most, const int *cores,
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
  int bursts = argc > 3 ? atoi(argv[3]) : 0;
  if (bursts > 0) {
    print_medians(most, cores, seconds, bursts < MOST_BURSTS ? bursts : MOST_BURSTS);
    return 0;
  }
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
