//===- RunTest.cpp - modules from file to result --------------------------------------------------------------------===//
//
// Hand-built modules through the C ABI: what commands do, and what runs answer to callers who get it wrong.
//
//===----------------------------------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include <cstring>
#include <ctime>

using namespace aicc;
using namespace aicc::test;

namespace {

int64_t nowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

aicc_run_options runOptions() {
  aicc_run_options options = {};
  options.struct_size = sizeof(options);
  return options;
}

} // namespace

TEST(Run, AddsWithSizesKnownWhenRun) {
  Session s(writeModule("add", makeAddFunction()));
  for (int64_t n : {1, 16, 17, 1000}) {
    std::vector<float> x(n), y(n), sum(n);
    for (int64_t i = 0; i < n; ++i) {
      x[i] = i;
      y[i] = 2 * i;
      sum[i] = 3 * i;
    }
    auto a = s.tensor({n}, x), b = s.tensor({n}, y);
    std::vector<Handle<aicc_tensor>> outputs;
    ASSERT_TRUE(ok(s.run({a.get(), b.get()}, outputs)));
    EXPECT_EQ(values(outputs[0].get()), sum);
    EXPECT_EQ(dims(outputs[0].get()), std::vector<int64_t>{n});
  }
}
