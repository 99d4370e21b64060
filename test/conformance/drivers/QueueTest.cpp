//===- QueueTest.cpp - order, threads, events, commands, time -------------------------------===//
//
// What queues promise each other and the host.
//
//===--------------------------------------------------------------------------------------===//
#include "test/conformance/drivers/Conformance.h"

#include <chrono>
#include <ctime>
#include <memory>
#include <thread>

using namespace conformance;

static int64_t now() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t(time.tv_sec) * 1000000000 + time.tv_nsec;
}

TEST_F(DriverTest, OrdersWhatIsInOneQueue) {
  loadKernels();
  float *x = upload(std::vector<float>(64, 1)), *y = upload(std::vector<float>(64));
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK(dispatch(Scale, 64, {x, y}, {64, 2}));
    ASSERT_OK(dispatch(Add, 4, {x, y, x}, {64, 16}));
  }
  EXPECT_EQ(read(x, 64), std::vector<float>(64, 243)); // x *= 3, five times
  // And across kinds of work.
  std::vector<float> ones(64, 1), sevens(64, 7), seen(64), later(64);
  ASSERT_OK(table->queue_write(queue, x, ones.data(), 256));
  ASSERT_OK(dispatch(Scale, 64, {x, y}, {64, 5}));
  ASSERT_OK(table->queue_copy(queue, x, y, 256));
  ASSERT_OK(table->queue_read(queue, seen.data(), x, 256));
  ASSERT_OK(table->queue_write(queue, x, sevens.data(), 256));
  ASSERT_OK(table->queue_fill(queue, y, 256, 0, 4));
  ASSERT_OK(dispatch(Add, 1, {x, y, y}, {64, 64}));
  ASSERT_OK(table->queue_read(queue, later.data(), y, 256));
  ASSERT_OK(table->queue_wait(queue, 0));
  EXPECT_EQ(seen, std::vector<float>(64, 5));
  EXPECT_EQ(later, sevens);
  release(x, 256);
  release(y, 256);
}

TEST_F(DriverTest, ServesQueuesOfManyThreads) {
  loadKernels();
  constexpr int kThreads = 4;
  std::vector<int32_t *> visits;
  for (int t = 0; t < kThreads; ++t)
    visits.push_back(upload(std::vector<int32_t>(100)));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      aicc_driver_queue *own = nullptr;
      ASSERT_OK(table->queue_create(device, &own));
      for (int i = 0; i < 50; ++i) {
        ASSERT_OK(dispatchOn(own, Visit, 100, {visits[static_cast<size_t>(t)]}, {}));
        void *memory = nullptr;
        ASSERT_OK(table->memory_alloc(device, AICC_MEMORY_DEVICE, 1000, 64, &memory));
        int32_t value = i, back = -1;
        ASSERT_OK(table->queue_write(own, memory, &value, 4));
        ASSERT_OK(table->queue_read(own, &back, memory, 4));
        ASSERT_OK(table->queue_wait(own, 0));
        EXPECT_EQ(back, i);
        table->memory_free(device, memory, 1000, 64);
      }
      table->queue_destroy(own);
    });
  for (std::thread &thread : threads)
    thread.join();
  for (int32_t *buffer : visits)
    EXPECT_EQ(download(buffer, 100), std::vector<int32_t>(100, 50));
}

TEST_F(DriverTest, LoadsOnManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        aicc_driver_executable *own = nullptr;
        ASSERT_OK(table->executable_load(device, format.c_str(), image.data(), image.size(), &own));
        EXPECT_EQ(table->executable_entry_count(own), KernelCount);
        table->executable_destroy(own);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST_F(DriverTest, WaitsWhenAQueueIsDestroyed) {
  loadKernels();
  aicc_driver_queue *own = nullptr;
  ASSERT_OK(table->queue_create(device, &own));
  int32_t *visits = upload(std::vector<int32_t>(1000));
  for (int i = 0; i < 100; ++i)
    ASSERT_OK(dispatchOn(own, Visit, 1000, {visits}, {}));
  table->queue_destroy(own);
  EXPECT_EQ(download(visits, 1000), std::vector<int32_t>(1000, 100));
}

TEST_F(DriverTest, FlushesAndWaitsWithoutWork) {
  ASSERT_OK(table->queue_flush(queue));
  ASSERT_OK(table->queue_wait(queue, 0));
  ASSERT_OK(table->queue_wait(queue, now() + 1000000000));
}

TEST_F(DriverTest, KeepsTimelines) {
  AICC_NEED(AICC_DRIVER_EVENTS);
  aicc_driver_event *event = nullptr;
  ASSERT_OK(table->event_create(device, 5, &event));
  uint64_t value = 0;
  ASSERT_OK(table->event_query(event, &value));
  EXPECT_EQ(value, 5u);
  ASSERT_OK(table->event_wait(event, 5, 0));
  EXPECT_CODE(table->event_wait(event, 6, now() + 20000000), AICC_STATUS_DEADLINE_EXCEEDED);
  ASSERT_OK(table->event_signal(event, 7));
  ASSERT_OK(table->event_wait(event, 6, 0));
  ASSERT_OK(table->queue_signal(queue, event, 9));
  ASSERT_OK(table->queue_flush(queue));
  ASSERT_OK(table->event_wait(event, 9, 0));
  ASSERT_OK(table->event_query(event, &value));
  EXPECT_EQ(value, 9u);
  // Values beyond 32 bits, and many timelines.
  ASSERT_OK(table->queue_signal(queue, event, uint64_t(1) << 40));
  ASSERT_OK(table->queue_flush(queue));
  ASSERT_OK(table->event_wait(event, uint64_t(1) << 40, 0));
  std::vector<aicc_driver_event *> many(200);
  for (size_t i = 0; i < many.size(); ++i)
    ASSERT_OK(table->event_create(device, i, &many[i]));
  for (size_t i = 0; i < many.size(); ++i) {
    ASSERT_OK(table->event_query(many[i], &value));
    EXPECT_EQ(value, i);
    table->event_destroy(many[i]);
  }
  ASSERT_OK(table->queue_wait(queue, 0));
  table->event_destroy(event);
}

TEST_F(DriverTest, OrdersQueuesByTimelines) {
  AICC_NEED(AICC_DRIVER_EVENTS);
  loadKernels();
  aicc_driver_queue *other = nullptr;
  ASSERT_OK(table->queue_create(device, &other));
  aicc_driver_event *event = nullptr;
  ASSERT_OK(table->event_create(device, 0, &event));
  float *x = upload(std::vector<float>(64, 1)), *y = upload(std::vector<float>(64));
  // Two queues hand the work to each other.
  for (uint64_t i = 0; i < 20; ++i) {
    ASSERT_OK(dispatch(Scale, 64, {x, y}, {64, 2}));
    ASSERT_OK(table->queue_signal(queue, event, 2 * i + 1));
    ASSERT_OK(table->queue_flush(queue));
    ASSERT_OK(table->queue_await(other, event, 2 * i + 1));
    ASSERT_OK(table->queue_copy(other, x, y, 256));
    ASSERT_OK(table->queue_signal(other, event, 2 * i + 2));
    ASSERT_OK(table->queue_flush(other));
    ASSERT_OK(table->queue_await(queue, event, 2 * i + 2));
  }
  ASSERT_OK(table->queue_wait(other, 0));
  EXPECT_EQ(download(x, 64), std::vector<float>(64, 1 << 20));
  release(y, 256);
  table->queue_destroy(other);
  table->event_destroy(event);
}

TEST_F(DriverTest, HoldsWorkBackUntilItsSignal) {
  AICC_NEED(AICC_DRIVER_EVENTS);
  if (can(AICC_DRIVER_SYNCHRONOUS))
    GTEST_SKIP() << "queues have nothing to wait for";
  loadKernels();
  aicc_driver_event *event = nullptr;
  ASSERT_OK(table->event_create(device, 0, &event));
  // Whatever fails here, the queue must not wait for ever when it is destroyed.
  const std::unique_ptr<aicc_driver_event, void (*)(aicc_driver_event *)> owner(event, table->event_destroy);
  int32_t *visits = upload(std::vector<int32_t>(64));
  ASSERT_OK(table->queue_await(queue, event, 3));
  ASSERT_OK(dispatch(Visit, 64, {visits}, {}));
  ASSERT_OK(table->queue_signal(queue, event, 4));
  const int64_t start = now();
  EXPECT_CODE(table->queue_wait(queue, start + 30000000), AICC_STATUS_DEADLINE_EXCEEDED);
  EXPECT_GE(now() - start, 29000000);
  EXPECT_LT(now() - start, 5000000000);
  // A deadline that has passed is no reason to wait.
  EXPECT_CODE(table->queue_wait(queue, start), AICC_STATUS_DEADLINE_EXCEEDED);
  ASSERT_OK(table->event_signal(event, 3));
  ASSERT_OK(table->queue_wait(queue, now() + 20000000000));
  uint64_t value = 0;
  ASSERT_OK(table->event_query(event, &value));
  EXPECT_EQ(value, 4u);
  EXPECT_EQ(download(visits, 64), std::vector<int32_t>(64, 1));
}

TEST_F(DriverTest, RecordsAndReplays) {
  AICC_NEED(AICC_DRIVER_COMMANDS);
  loadKernels();
  float *x = upload(std::vector<float>(64, 1)), *y = upload(std::vector<float>(64));
  int32_t *good = upload(std::vector<int32_t>(64));
  ASSERT_OK(table->commands_begin(queue));
  ASSERT_OK(dispatch(Scale, 64, {x, y}, {64, 2}));
  ASSERT_OK(table->queue_copy(queue, x, y, 256));
  ASSERT_OK(table->queue_fill(queue, y, 256, 0, 4));
  ASSERT_OK(dispatch(Scratch, 64, {good}, {4096}, 4096));
  ASSERT_OK(dispatch(Scratch, 64, {good}, {1 << 15}, 1 << 15));
  aicc_driver_commands *commands = nullptr;
  ASSERT_OK(table->commands_end(queue, &commands));
  ASSERT_OK(table->queue_wait(queue, 0));
  EXPECT_EQ(read(x, 64), std::vector<float>(64, 1)) << "what is recorded is not executed";
  for (int i = 0; i < 5; ++i)
    ASSERT_OK(table->commands_submit(queue, commands));
  EXPECT_EQ(read(x, 64), std::vector<float>(64, 32));
  EXPECT_EQ(read(y, 64), std::vector<float>(64, 0));
  EXPECT_EQ(read(good, 64), std::vector<int32_t>(64, 1));
  // In order with what is not recorded.
  ASSERT_OK(table->queue_fill(queue, x, 256, 0x3f800000, 4));
  ASSERT_OK(table->commands_submit(queue, commands));
  ASSERT_OK(dispatch(Add, 1, {x, x, x}, {64, 64}));
  ASSERT_OK(table->commands_submit(queue, commands));
  EXPECT_EQ(download(x, 64), std::vector<float>(64, 8));
  table->commands_destroy(commands);
  release(y, 256);
  release(good, 256);
}

TEST_F(DriverTest, RecordsAgainWithOtherAddresses) {
  AICC_NEED(AICC_DRIVER_COMMANDS);
  loadKernels();
  float *x = upload(std::vector<float>(64, 1));
  for (int round = 0; round < 10; ++round) {
    float *y = upload(std::vector<float>(64));
    ASSERT_OK(table->commands_begin(queue));
    ASSERT_OK(dispatch(Scale, 64, {x, y}, {64, round + 2}));
    if (round % 3 == 2)
      ASSERT_OK(dispatch(Add, 1, {y, y, y}, {64, 64}));
    aicc_driver_commands *commands = nullptr;
    ASSERT_OK(table->commands_end(queue, &commands));
    ASSERT_OK(table->commands_submit(queue, commands));
    EXPECT_EQ(download(y, 64),
              std::vector<float>(64, static_cast<float>((round + 2) * (round % 3 == 2 ? 2 : 1))));
    table->commands_destroy(commands);
  }
  release(x, 256);
}

TEST_F(DriverTest, RecordsNothing) {
  AICC_NEED(AICC_DRIVER_COMMANDS);
  aicc_driver_commands *commands = nullptr;
  ASSERT_OK(table->commands_begin(queue));
  ASSERT_OK(table->commands_end(queue, &commands));
  ASSERT_OK(table->commands_submit(queue, commands));
  ASSERT_OK(table->queue_wait(queue, 0));
  table->commands_destroy(commands);
}

TEST_F(DriverTest, GivesUpARecording) {
  AICC_NEED(AICC_DRIVER_COMMANDS);
  loadKernels();
  aicc_driver_queue *own = nullptr;
  ASSERT_OK(table->queue_create(device, &own));
  int32_t *visits = upload(std::vector<int32_t>(8));
  ASSERT_OK(table->commands_begin(own));
  ASSERT_OK(dispatchOn(own, Visit, 8, {visits}, {}));
  table->queue_destroy(own);
  EXPECT_EQ(download(visits, 8), std::vector<int32_t>(8, 0));
}

TEST_F(DriverTest, MeasuresTime) {
  AICC_NEED(AICC_DRIVER_TIMESTAMPS);
  loadKernels();
  int32_t *visits = upload(std::vector<int32_t>(100000));
  ASSERT_OK(table->queue_timestamp(queue, 0));
  for (uint32_t slot = 1; slot < 20; ++slot) {
    ASSERT_OK(dispatch(Visit, 100000, {visits}, {}));
    ASSERT_OK(table->queue_timestamp(queue, slot));
  }
  ASSERT_OK(table->queue_timestamp(queue, AICC_TIMESTAMP_SLOTS - 1));
  EXPECT_NE(takeCode(table->queue_timestamp(queue, AICC_TIMESTAMP_SLOTS)), AICC_STATUS_OK);
  ASSERT_OK(table->queue_wait(queue, 0));
  uint64_t first = 0, last = 0, before = 0;
  ASSERT_OK(table->timestamp_read(queue, 0, &first));
  before = first;
  for (uint32_t slot = 1; slot < 20; ++slot) {
    ASSERT_OK(table->timestamp_read(queue, slot, &last));
    EXPECT_GE(last, before);
    before = last;
  }
  ASSERT_OK(table->timestamp_read(queue, AICC_TIMESTAMP_SLOTS - 1, &last));
  EXPECT_GE(last, before);
  EXPECT_LT(last - first, 60000000000u);
  release(visits, 400000);
}

TEST_F(DriverTest, OpensAgain) {
  // Everything goes, and comes back.
  for (int i = 0; i < 3; ++i) {
    aicc_driver *second = nullptr;
    ASSERT_OK(table->create(&host, &second));
    aicc_driver_device *opened = nullptr;
    ASSERT_OK(table->device_open(second, options.device, &opened));
    aicc_driver_queue *own = nullptr;
    ASSERT_OK(table->queue_create(opened, &own));
    void *memory = nullptr;
    ASSERT_OK(table->memory_alloc(opened, AICC_MEMORY_DEVICE, 4096, 64, &memory));
    ASSERT_OK(table->queue_fill(own, memory, 4096, 1, 1));
    ASSERT_OK(table->queue_wait(own, 0));
    table->memory_free(opened, memory, 4096, 64);
    table->queue_destroy(own);
    table->device_close(opened);
    table->destroy(second);
  }
}
