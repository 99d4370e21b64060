//===- MockPlugin.cpp - the mock driver as a plug-in -------------------------------------===//
//
// For programs that find drivers by themselves: AICC_PLUGIN_PATH=build/test/lib/aicc aicc run ... --device
// mock. AICC_MOCK_SPEED is its speed class (default: below the host's), AICC_MOCK_FORMAT one more format that
// it takes, AICC_MOCK_PROBLEM why it has no devices.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/MockDriver.h"

#include <cstdlib>

using namespace aicc::test;

extern "C" __attribute__((visibility("default"))) const aicc_driver_table *
aicc_register_driver_v1(uint32_t abiVersion) {
  MockOptions &options = mockOptions();
  const char *speed = std::getenv("AICC_MOCK_SPEED");
  options.speedClass = speed ? static_cast<uint32_t>(std::atoi(speed)) : AICC_SPEED_EMULATED;
  options.memorySize = 16ull << 30;
  options.deviceCount = 2;
  if (const char *format = std::getenv("AICC_MOCK_FORMAT"))
    options.formats = {format};
  if (const char *problem = std::getenv("AICC_MOCK_PROBLEM"))
    options.problem = problem;
  return aiccRegisterMockDriver(abiVersion);
}
