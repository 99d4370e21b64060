//===- Executable.cpp - SPIR-V modules on Level Zero devices ------------------------------===//
//
// What the image says of its kernels is compared with the device's limits and with the kernels themselves, so
// that launches cannot go wrong for a reason known here.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/DeviceImage.h"
#include "targets/level_zero/driver/Device.h"

using namespace aicc;
using namespace aicc::level_zero;

/// Divisions and roots as exact as the host's; buffers of more than 4 GiB.
static constexpr const char *kBuildFlags =
    "-ze-fp32-correctly-rounded-divide-sqrt -ze-opt-greater-than-4GB-buffer-required";

static void executableDestroy(aicc_driver_executable *executable) {
  const Api &api = executable->device->api;
  for (const auto &entry : executable->entries)
    if (entry->kernel)
      api.zeKernelDestroy(entry->kernel);
  if (executable->module)
    api.zeModuleDestroy(executable->module);
  delete executable;
}

/// Takes a build log: its text.
static std::string takeLog(const Api &api, ze_module_build_log_handle_t log) {
  if (!log)
    return "";
  size_t size = 0;
  std::string text;
  if (api.zeModuleBuildLogGetString(log, &size, nullptr) == ZE_RESULT_SUCCESS && size > 1) {
    text.resize(size);
    api.zeModuleBuildLogGetString(log, &size, text.data());
    text.resize(std::min(text.find('\0'), text.size()));
  }
  api.zeModuleBuildLogDestroy(log);
  constexpr size_t kMaxLog = 2000;
  if (text.size() > kMaxLog)
    text = text.substr(0, kMaxLog) + " ...";
  return text;
}

/// What the device lacks for a kernel; "" if it lacks nothing.
static std::string tooLarge(const Traits &traits, const gpu::DeviceImage::Entry &entry) {
  const auto exceeds = [](const char *what, uint64_t wanted, uint64_t available) {
    return "it needs " + std::to_string(wanted) + " " + what + ", the device has " +
           std::to_string(available);
  };
  if (entry.threads > traits.maxThreads)
    return exceeds("work items in a workgroup", entry.threads, traits.maxThreads);
  if (entry.staticShared > traits.localMemory)
    return exceeds("bytes of workgroup memory", entry.staticShared, traits.localMemory);
  if (entry.dynamicShared)
    return "it needs workgroup memory that is added at launch";
  if (uint64_t size = entry.argumentCount() * uint64_t(8); size > traits.maxArgumentsSize)
    return exceeds("bytes of arguments", size, traits.maxArgumentsSize);
  if (entry.subgroupSize && std::find(traits.subgroupSizes.begin(), traits.subgroupSizes.end(),
                                      entry.subgroupSize) == traits.subgroupSizes.end())
    return "it needs subgroups of " + std::to_string(entry.subgroupSize) + ", which the device has not";
  return "";
}

static aicc_status *buildModule(aicc_driver_executable *executable, std::string_view code) {
  aicc_driver_device *device = executable->device;
  ze_module_desc_t description = {};
  description.stype = ZE_STRUCTURE_TYPE_MODULE_DESC;
  description.format = ZE_MODULE_FORMAT_IL_SPIRV;
  description.inputSize = code.size();
  description.pInputModule = reinterpret_cast<const uint8_t *>(code.data());
  description.pBuildFlags = kBuildFlags;
  ze_module_build_log_handle_t log = nullptr;
  ze_result_t result =
      device->api.zeModuleCreate(device->context, device->traits.id, &description, &executable->module, &log);
  std::string text = takeLog(device->api, log);
  if (result == ZE_RESULT_SUCCESS)
    return nullptr;
  executable->module = nullptr;
  if (result == ZE_RESULT_ERROR_MODULE_BUILD_FAILURE || result == ZE_RESULT_ERROR_MODULE_LINK_FAILURE)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "Level Zero device %s cannot build the kernels (%s): %s",
                      device->traits.name.c_str(), errorName(result), text.c_str());
  if (result == ZE_RESULT_ERROR_INVALID_NATIVE_BINARY)
    return makeStatus(AICC_STATUS_DATA_LOSS, "Level Zero device %s does not take the SPIR-V: %s",
                      device->traits.name.c_str(), text.c_str());
  return failure(device, result, "zeModuleCreate");
}

static aicc_status *makeKernel(aicc_driver_executable *executable, const gpu::DeviceImage::Entry &from) {
  aicc_driver_device *device = executable->device;
  const Api &api = device->api;
  auto entry = std::make_unique<aicc_driver_executable::Entry>();
  entry->name = from.name;
  entry->bufferCount = from.bufferCount;
  entry->paramCount = from.paramCount;
  entry->takesScratch = from.takesScratch;
  const ze_kernel_desc_t description = {ZE_STRUCTURE_TYPE_KERNEL_DESC, nullptr, 0, entry->name.c_str()};
  ze_result_t code = api.zeKernelCreate(executable->module, &description, &entry->kernel);
  if (code == ZE_RESULT_ERROR_INVALID_KERNEL_NAME)
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: its SPIR-V has no kernel %s", from.name.c_str());
  AICC_LEVEL_ZERO_CALL(device, code, "zeKernelCreate");
  ze_kernel_handle_t kernel = entry->kernel;
  executable->entries.push_back(std::move(entry));

  ze_kernel_properties_t properties = {};
  properties.stype = ZE_STRUCTURE_TYPE_KERNEL_PROPERTIES;
  AICC_LEVEL_ZERO_CALL(device, api.zeKernelGetProperties(kernel, &properties), "zeKernelGetProperties");
  if (properties.numKernelArgs != from.argumentCount())
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: kernel %s takes %u arguments and not %u",
                      from.name.c_str(), properties.numKernelArgs, from.argumentCount());
  code = api.zeKernelSetGroupSize(kernel, from.threads, 1, 1);
  if (code == ZE_RESULT_ERROR_INVALID_GROUP_SIZE_DIMENSION ||
      properties.localMemSize > device->traits.localMemory)
    return makeStatus(
        AICC_STATUS_UNSUPPORTED,
        "kernel %s is too large for Level Zero device %s: it wants %u work items and %u bytes of "
        "workgroup memory",
        from.name.c_str(), device->traits.name.c_str(), from.threads, properties.localMemSize);
  AICC_LEVEL_ZERO_CALL(device, code, "zeKernelSetGroupSize");
  return nullptr;
}

static aicc_status *executableLoad(aicc_driver_device *device, const char *format, const void *image,
                                   uint64_t size, aicc_driver_executable **out) {
  AICC_RETURN_IF_ERROR(checkDevice(device));
  if (std::strcmp(format, kFormat) != 0)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "Level Zero devices load %s, not executables of format %s",
                      kFormat, format);
  gpu::DeviceImage parsed;
  AICC_RETURN_IF_ERROR(gpu::DeviceImage::parse(image, size, parsed));
  const gpu::DeviceImage::Payload *payload = parsed.find(kFormat, kArchitecture);
  if (!payload)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "Level Zero device %s runs %s for %s; the executable has %s",
                      device->traits.name.c_str(), kFormat, kArchitecture, parsed.listPayloads().c_str());
  if (!gpu::isSpirv(payload->data))
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: its payload is not SPIR-V");
  for (const auto &entry : parsed.entries)
    if (std::string reason = tooLarge(device->traits, entry); !reason.empty())
      return makeStatus(AICC_STATUS_UNSUPPORTED, "kernel %s cannot run on Level Zero device %s: %s",
                        entry.name.c_str(), device->traits.name.c_str(), reason.c_str());

  auto *executable = new aicc_driver_executable;
  executable->device = device;
  aicc_status *status = buildModule(executable, payload->data);
  for (size_t i = 0; i < parsed.entries.size() && !status; ++i)
    status = makeKernel(executable, parsed.entries[i]);
  if (status) {
    executableDestroy(executable);
    return status;
  }
  *out = executable;
  return nullptr;
}

static uint32_t entryCount(const aicc_driver_executable *executable) {
  return static_cast<uint32_t>(executable->entries.size());
}

static const char *entryName(const aicc_driver_executable *executable, uint32_t entry) {
  return entry < executable->entries.size() ? executable->entries[entry]->name.c_str() : nullptr;
}

void level_zero::fillExecutableTable(aicc_driver_table &table) {
  table.executable_load = executableLoad;
  table.executable_destroy = executableDestroy;
  table.executable_entry_count = entryCount;
  table.executable_entry_name = entryName;
}
