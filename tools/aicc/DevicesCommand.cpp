// `aicc devices`: what is on this machine, and what this build can compile for.

#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Session.h"

#include <cstdio>
#include <memory>

namespace aicc::tool {

static void printDevice(const aicc_device *device) {
  aicc_device_info info = {};
  info.struct_size = sizeof(info);
  check(aicc_device_get_info(device, &info));
  std::printf("  %s: %s, %s", info.id, info.name, info.architecture);
  if (info.thread_count)
    std::printf(", %u threads", info.thread_count);
  if (info.memory_size)
    std::printf(", %s", formatBytes(info.memory_size).c_str());
  uint64_t used = 0, available = 0;
  check(aicc_device_get_memory(device, &used, &available));
  if (available && available < info.memory_size)
    std::printf(" (%s free)", formatBytes(available).c_str());
  std::printf("\n    runs %s; features %s\n", info.formats, *info.features ? info.features : "none");
  if (*info.driver_version || *info.matrix_units)
    std::printf("    %s%s%s%s\n", *info.driver_version ? "driver " : "", info.driver_version,
                *info.driver_version && *info.matrix_units ? "; " : "",
                *info.matrix_units ? (std::string("matrix units ") + info.matrix_units).c_str() : "");
}

static int runDevices() {
  aicc_instance *created = nullptr;
  check(aicc_instance_create(nullptr, &created));
  std::unique_ptr<aicc_instance, void (*)(aicc_instance *)> instance(created, aicc_instance_destroy);
  std::printf("devices\n");
  for (uint32_t i = 0; i < aicc_instance_device_count(created); ++i) {
    try {
      printDevice(aicc_instance_get_device(created, i));
    } catch (const Failure &failure) {
      // The others are still worth a line.
      std::printf("  device %u: %s\n", i, failure.message.c_str());
    }
  }
  for (uint32_t i = 0; i < aicc_instance_driver_count(created); ++i) {
    aicc_driver_info info = {};
    info.struct_size = sizeof(info);
    check(aicc_instance_get_driver(created, i, &info));
    if (*info.problem)
      std::printf("  %s: %s: %s\n", info.name, info.device_count ? "not all" : "none", info.problem);
  }
  std::printf("targets\n");
  for (const TargetInfo &target : getTargetInfos()) {
    std::printf("  %s:", target.name.c_str());
    for (const std::string &architecture : target.architectures)
      std::printf(" %s", architecture.c_str());
    std::printf("\n    default: %s\n", target.description.c_str());
  }
  for (const std::string &problem : getTargetProblems())
    std::printf("  %s\n", problem.c_str());
  return 0;
}

Action addDevices(CLI::App &app) {
  app.description("List the devices of this machine and the targets of this build");
  return [] { return runDevices(); };
}

} // namespace aicc::tool
