//===- Conformance.h - the driver conformance suite ---------------------------------------===//
//
// One suite for every driver of aicc/driver.h, through its table alone. A driver under test is a library and
// a device's number, given on the command line; the suite's kernels come in a file <format>.img for each
// format that some driver loads, and the device's formats say which one is used. What a driver declares no
// capability for is skipped, and a skipped test says so; nothing else may be.
//
//   driver_conformance --driver cpu|LIBRARY [--device N] --images DIR [--preload LIBRARY]
//
// ends with 77, and the driver's own reason, where there is no such device. --preload loads a stand-in of the
// vendor's library first.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TEST_CONFORMANCE_DRIVERS_H
#define AICC_TEST_CONFORMANCE_DRIVERS_H

#include "aicc/driver.h"
#include "aicc/status.h"

#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace conformance {

/// The entries of the suite's executables, in their order.
enum Kernel : uint32_t { Add, Scale, Visit, Scratch, Reverse, Store, KernelCount };
extern const char *const kKernelNames[KernelCount];
/// Elements that a workgroup of Reverse handles.
constexpr int64_t kGroup = 64;

struct Options {
  std::string driver = "cpu";
  uint32_t device = 0;
  std::string images;
  std::string preload;
};
extern Options options;

/// Takes a status: "" for null, else "CODE: message".
std::string take(aicc_status *status);
/// Takes a status and returns its code.
aicc_status_code takeCode(aicc_status *status);

#define ASSERT_OK(expression) ASSERT_EQ(::conformance::take(expression), "")
#define EXPECT_OK(expression) EXPECT_EQ(::conformance::take(expression), "")
#define EXPECT_CODE(expression, code) EXPECT_EQ(::conformance::takeCode(expression), code)

/// A driver with its device open, a queue, and the suite's image. What a test has made is given back, and
/// whether anything of the device's or the host's memory is left is checked after each.
class DriverTest : public testing::Test {
protected:
  void SetUp() override;
  void TearDown() override;

  bool can(uint64_t capabilities) const { return (info.capabilities & capabilities) == capabilities; }

  void loadKernels();
  void *allocate(uint64_t size, uint64_t alignment = 64, aicc_memory_kind kind = AICC_MEMORY_DEVICE);
  void release(void *address, uint64_t size, uint64_t alignment = 64);

  template <typename T> T *upload(const std::vector<T> &values) {
    void *address = allocate(values.size() * sizeof(T));
    EXPECT_OK(table->queue_write(queue, address, values.data(), values.size() * sizeof(T)));
    EXPECT_OK(table->queue_wait(queue, 0));
    return static_cast<T *>(address);
  }
  template <typename T> std::vector<T> read(const T *address, size_t count) {
    std::vector<T> values(count);
    EXPECT_OK(table->queue_read(queue, values.data(), address, count * sizeof(T)));
    EXPECT_OK(table->queue_wait(queue, 0));
    return values;
  }
  /// Reads `count` elements back and frees them.
  template <typename T> std::vector<T> download(T *address, size_t count) {
    std::vector<T> values = read(address, count);
    release(address, count * sizeof(T));
    return values;
  }

  aicc_status *dispatchOn(aicc_driver_queue *to, uint32_t entry, int64_t grid,
                          const std::vector<void *> &buffers, const std::vector<int64_t> &params,
                          uint64_t scratch = 0);
  aicc_status *dispatch(uint32_t entry, int64_t grid, const std::vector<void *> &buffers,
                        const std::vector<int64_t> &params, uint64_t scratch = 0) {
    return dispatchOn(queue, entry, grid, buffers, params, scratch);
  }

  const aicc_driver_table *table = nullptr;
  aicc_driver_host host = {};
  aicc_driver *driver = nullptr;
  aicc_driver_device_info info = {};
  aicc_driver_device *device = nullptr;
  aicc_driver_queue *queue = nullptr;
  aicc_driver_executable *executable = nullptr;
  std::string format; ///< of the image
  std::vector<char> image;
  uint64_t usedBefore = 0;
};

#define AICC_NEED(capability)                                                                                \
  if (!can(capability))                                                                                      \
  GTEST_SKIP() << "the driver does not declare " #capability

/// The registration function of the driver under test; null, with a message, when it cannot be loaded.
aicc_register_driver_fn findDriver(std::string &problem);

} // namespace conformance

#endif // AICC_TEST_CONFORMANCE_DRIVERS_H
