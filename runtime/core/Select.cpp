//===- Select.cpp - which of a module's programs runs where ------------------------------===//
//
// Formats and features of programs and devices are compared as text, both by their makers' spelling. What
// doesn't fit is said for each program, with what would run here instead.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Select.h"

#include "runtime/core/Status.h"
#include "runtime/module/Verifier.h"
#include "runtime/module/aicc_generated.h"

#include <cstring>

using namespace aicc;
using namespace aicc::rt;

static const fb::Instance &targetOf(const aicc_module &module, uint32_t index) {
  return *module.root->instances()->Get(index);
}

static uint32_t targetCount(const aicc_module &module) { return module.root->instances()->size(); }

/// What `device` lacks to run the program; "": nothing.
static std::string findLack(const fb::Instance &target, const aicc_device &device) {
  if (!device.hasFormat(target.format()->c_str()))
    return std::string("format ") + target.format()->c_str();
  for (uint32_t i = 0; i < countOf(target.features()); ++i) {
    const char *feature = target.features()->Get(i)->c_str();
    if (device.missingFeature(&feature, 1))
      return feature;
  }
  return "";
}

/// The first program that the device can run, or -1. Null or "" for `name`: of any name.
static int32_t findTarget(const aicc_module &module, const aicc_device &device, const char *name) {
  for (uint32_t i = 0; i < targetCount(module); ++i) {
    const fb::Instance &target = targetOf(module, i);
    if ((!name || std::strcmp(name, target.target()->c_str()) == 0) && findLack(target, device).empty())
      return static_cast<int32_t>(i);
  }
  return -1;
}

/// "; here it runs on cpu:0 (cpu:x86-64-v4)", or that it runs on none of the devices.
static std::string describeAlternatives(const aicc_module &module, const char *name) {
  std::string text;
  for (const auto &device : module.instance->devices) {
    int32_t target = findTarget(module, *device, name);
    if (target >= 0)
      (text += text.empty() ? "" : ", ") +=
          device->id + " (" + targetOf(module, static_cast<uint32_t>(target)).target()->str() + ")";
  }
  return text.empty() ? "; no device here runs the module" : "; the module runs on " + text;
}

static std::string listTargets(const aicc_module &module) {
  std::string names;
  for (uint32_t i = 0; i < targetCount(module); ++i)
    (names += names.empty() ? "" : ", ") += targetOf(module, i).target()->c_str();
  return names;
}

static aicc_status *noTarget(const aicc_module &module, const char *name) {
  return makeStatus(AICC_STATUS_NOT_FOUND, "the module has no target %s; it has %s", name,
                    listTargets(module).c_str());
}

static bool hasTarget(const aicc_module &module, const char *name) {
  for (uint32_t i = 0; i < targetCount(module); ++i)
    if (std::strcmp(name, targetOf(module, i).target()->c_str()) == 0)
      return true;
  return false;
}

/// Why the device runs none of the programs, and where one runs. `name`: as findTarget's.
static aicc_status *doesNotRun(const aicc_module &module, const aicc_device &device, const char *name) {
  std::string alternatives = describeAlternatives(module, name), reasons;
  for (uint32_t i = 0; i < targetCount(module); ++i) {
    const fb::Instance &target = targetOf(module, i);
    std::string lack = findLack(target, device);
    if (name && std::strcmp(name, target.target()->c_str()) == 0)
      return makeStatus(AICC_STATUS_UNSUPPORTED, "target %s needs %s, which device %s lacks%s", name,
                        lack.c_str(), device.id.c_str(), alternatives.c_str());
    (reasons += reasons.empty() ? "" : ", ") += target.target()->str() + " needs " + lack;
  }
  return makeStatus(AICC_STATUS_UNSUPPORTED, "the module has nothing that runs on device %s: %s%s",
                    device.id.c_str(), reasons.c_str(), alternatives.c_str());
}

aicc_status *aicc::rt::selectTarget(aicc_module &module, const aicc_device *device, const char *name) {
  if (name && !hasTarget(module, name))
    return noTarget(module, name);
  if (!device) {
    for (uint32_t i = 0; i < targetCount(module) && module.target < 0; ++i)
      if (!name || std::strcmp(name, targetOf(module, i).target()->c_str()) == 0)
        module.target = static_cast<int32_t>(i);
    return nullptr;
  }
  module.target = findTarget(module, *device, name);
  if (module.target >= 0)
    return nullptr;
  return doesNotRun(module, *device, name);
}

aicc_status *aicc::rt::selectDevice(const aicc_module &module, const char *name, const aicc_device *&device) {
  if (name && !hasTarget(module, name))
    return noTarget(module, name);
  const aicc_device *best = nullptr;
  for (const auto &candidate : module.instance->devices)
    if (findTarget(module, *candidate, name) >= 0 &&
        (!best || candidate->info.speed_class > best->info.speed_class))
      best = candidate.get();
  if (best) {
    device = best;
    return nullptr;
  }
  std::string devices;
  for (const auto &candidate : module.instance->devices)
    (devices += devices.empty() ? "" : ", ") += candidate->id + " runs " + candidate->formats;
  for (const Driver &driver : module.instance->drivers)
    if (!driver.deviceCount)
      (devices += devices.empty() ? "" : ", ") += driver.name + ": " + driver.problem;
  std::string targets;
  for (uint32_t i = 0; i < targetCount(module); ++i)
    (targets += targets.empty() ? "" : ", ") +=
        targetOf(module, i).target()->str() + " (" + targetOf(module, i).format()->str() + ")";
  return makeStatus(AICC_STATUS_UNSUPPORTED, "no device here runs the module, which is for %s; %s",
                    targets.c_str(), devices.c_str());
}

aicc_status *aicc_module_find_device(const aicc_module *module, const char *name, const aicc_device **out) {
  if (!name || !*name || std::strcmp(name, "auto") == 0)
    return selectDevice(*module, nullptr, *out);
  const aicc_device *device = nullptr;
  if (aicc_status *status = aicc_instance_find_device(module->instance, name, &device)) {
    aicc_status *more = makeStatus(aicc_status_get_code(status), "%s%s", aicc_status_get_message(status),
                                   describeAlternatives(*module, nullptr).c_str());
    aicc_status_destroy(status);
    return more;
  }
  if (findTarget(*module, *device, nullptr) < 0)
    return doesNotRun(*module, *device, nullptr);
  *out = device;
  return nullptr;
}
