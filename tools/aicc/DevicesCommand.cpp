// `aicc devices`: what is on this machine, and what this build can compile for.

#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Session.h"

#include <cstdio>
#include <memory>

namespace aicc::tool {

static int runDevices() {
  aicc_instance *instance = nullptr;
  check(aicc_instance_create(nullptr, &instance));
  std::printf("devices\n");
  for (uint32_t i = 0; i < aicc_instance_device_count(instance); ++i) {
    aicc_device_info info = {};
    info.struct_size = sizeof(info);
    check(aicc_device_get_info(aicc_instance_get_device(instance, i), &info));
    std::printf("  %s: %s, %s, %u threads", info.id, info.name, info.architecture, info.thread_count);
    if (info.memory_size)
      std::printf(", %s", formatBytes(info.memory_size).c_str());
    std::printf("\n    runs %s; features %s\n", info.formats, info.features);
  }
  aicc_instance_destroy(instance);
  std::printf("targets\n");
  for (const TargetInfo &target : getTargetInfos()) {
    std::printf("  %s:", target.name.c_str());
    for (const std::string &architecture : target.architectures)
      std::printf(" %s", architecture.c_str());
    std::printf("\n    default: %s\n", target.description.c_str());
  }
  return 0;
}

Action addDevices(CLI::App &app) {
  app.description("List the devices of this machine and the targets of this build");
  return [] { return runDevices(); };
}

} // namespace aicc::tool
