//===- ConcurrencyTest.cpp - many threads, contexts and sizes ----------------------------===//
//
// What must hold when one module is used from everywhere at once; the ThreadSanitizer build runs these too.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include "targets/cpu/driver/ThreadPool.h"

#include <chrono>
#include <cstdlib>
#include <thread>

using namespace aicc;
using namespace aicc::test;

namespace {

void countVisits(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *) {
  auto *visits = static_cast<int32_t *>(buffers[0]);
  EXPECT_LT(begin, end);
  for (int64_t i = begin; i < end; ++i)
    visits[i] += 1;
}

void sumRange(void *const *buffers, const int64_t *, int64_t begin, int64_t end, void *) {
  static_cast<std::atomic<int64_t> *>(buffers[0])->fetch_add(end - begin);
}

/// The first workgroup of each part takes long, so that the others must be stolen.
void unevenWork(void *const *buffers, const int64_t *params, int64_t begin, int64_t end, void *) {
  auto *visits = static_cast<int32_t *>(buffers[0]);
  for (int64_t i = begin; i < end; ++i) {
    if (i == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    visits[i] += 1;
  }
}

} // namespace

TEST(ThreadPool, VisitsEachWorkgroupOnce) {
  for (uint32_t threads : {1u, 2u, 3u, 8u}) {
    cpu::ThreadPool pool(threads);
    ASSERT_TRUE(pool.start());
    for (int64_t grid : {1, 2, 3, 7, 64, 1000}) {
      std::vector<int32_t> visits(grid);
      void *buffers[] = {visits.data()};
      for (int round = 1; round <= 50; ++round) {
        pool.run(countVisits, buffers, nullptr, grid, nullptr, 0);
        ASSERT_EQ(visits, std::vector<int32_t>(grid, round)) << threads << " threads, grid " << grid;
      }
    }
  }
}

TEST(ThreadPool, TakesGridsBeyondThirtyTwoBits) {
  cpu::ThreadPool pool(2);
  ASSERT_TRUE(pool.start());
  std::atomic<int64_t> sum{0};
  void *buffers[] = {&sum};
  int64_t grid = (1ll << 40) + 12345;
  pool.run(sumRange, buffers, nullptr, grid, nullptr, 0);
  EXPECT_EQ(sum.load(), grid);
}

TEST(ThreadPool, StealsFromSlowWorkersAndWakesSleepers) {
  cpu::ThreadPool pool(4);
  ASSERT_TRUE(pool.start());
  for (int round = 0; round < 10; ++round) {
    std::vector<int32_t> visits(256);
    void *buffers[] = {visits.data()};
    std::this_thread::sleep_for(std::chrono::milliseconds(1)); // workers fall asleep
    pool.run(unevenWork, buffers, nullptr, 256, nullptr, 0);
    ASSERT_EQ(visits, std::vector<int32_t>(256, 1));
  }
}

TEST(ThreadPool, ServesManyCallersAtOnce) {
  cpu::ThreadPool pool(3);
  ASSERT_TRUE(pool.start());
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller)
    callers.emplace_back([&] {
      std::vector<int32_t> visits(100);
      void *buffers[] = {visits.data()};
      for (int round = 1; round <= 300; ++round)
        pool.run(countVisits, buffers, nullptr, 100, nullptr, 0);
      EXPECT_EQ(visits, std::vector<int32_t>(100, 300));
    });
  for (std::thread &caller : callers)
    caller.join();
}

TEST(Concurrency, ContextsOfOneModuleRunAtOnce) {
  Session s(writeModule("add", makeAddFunction()), 3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      aicc_context *created = nullptr;
      ASSERT_TRUE(ok(aicc_context_create(s.module.get(), nullptr, &created)));
      Handle<aicc_context> context(created);
      for (int round = 0; round < 50; ++round) {
        int64_t n = 1 + (t * 131 + round * 17) % 500;
        auto a = s.tensor({n}, std::vector<float>(n, t)), b = s.tensor({n}, std::vector<float>(n, round));
        aicc_tensor *inputs[] = {a.get(), b.get()};
        aicc_tensor *output = nullptr;
        ASSERT_TRUE(ok(aicc_context_run(created, s.function, inputs, 2, &output, 1, nullptr)));
        EXPECT_EQ(values(output), std::vector<float>(n, t + round));
        aicc_tensor_release(output);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(Concurrency, ModulesLoadFromManyThreads) {
  std::string path = writeModule("add", makeAddFunction());
  auto instance = makeRuntime();
  const aicc_device *device = aicc_instance_get_device(instance.get(), 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round) {
        aicc_module *module = nullptr;
        ASSERT_TRUE(ok(aicc_module_load_file(instance.get(), device, path.c_str(), nullptr, &module)));
        aicc_module_destroy(module);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

namespace {
std::atomic<int64_t> allocations{0};
void *countedAlloc(void *, size_t size, size_t alignment) {
  ++allocations;
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void countedFree(void *, void *pointer, size_t, size_t) {
  --allocations;
  std::free(pointer);
}
} // namespace

TEST(Memory, WarmRunsAllocateNothingAndNothingLeaks) {
  allocations = 0;
  // An arena, two buffers of run-time sizes, and scratch.
  Function f = makeAddFunction();
  f.slotCount = 6;
  f.arenas = {{3, 4096}};
  Block &block = f.blocks[0];
  block.insert(block.begin() + 2, {CommandAlloc{4, reg(2)}, CommandAlloc{5, reg(2), 4096}, CommandFree{4},
                                   CommandCopy{5, imm(0), 0, imm(0), reg(2)}});
  std::string path = writeModule("memory", f);
  {
    aicc_instance_options options = {};
    options.struct_size = sizeof(options);
    options.thread_count = 1;
    options.allocator = {countedAlloc, countedFree, nullptr};
    aicc_instance *instance = nullptr;
    aicc_module *module = nullptr;
    aicc_context *context = nullptr;
    const aicc_function *function = nullptr;
    ASSERT_TRUE(ok(aicc_instance_create(&options, &instance)));
    const aicc_device *device = aicc_instance_get_device(instance, 0);
    ASSERT_TRUE(ok(aicc_module_load_file(instance, device, path.c_str(), nullptr, &module)));
    ASSERT_TRUE(ok(aicc_module_find_function(module, "main", &function)));
    ASSERT_TRUE(ok(aicc_context_create(module, nullptr, &context)));
    int64_t n = 100;
    aicc_tensor *tensors[3] = {};
    for (aicc_tensor *&tensor : tensors)
      ASSERT_TRUE(ok(aicc_tensor_create(instance, device, AICC_TYPE_F32, 1, &n, &tensor)));
    int64_t warm = 0;
    for (int round = 0; round < 5; ++round) {
      ASSERT_TRUE(ok(aicc_context_run(context, function, tensors, 2, &tensors[2], 1, nullptr)));
      if (round == 0)
        warm = allocations;
      EXPECT_EQ(allocations, warm);
    }
    // Handles may go in any order.
    aicc_instance_destroy(instance);
    aicc_module_destroy(module);
    aicc_context_destroy(context);
    for (aicc_tensor *tensor : tensors)
      aicc_tensor_release(tensor);
  }
  EXPECT_EQ(allocations, 0);
}
