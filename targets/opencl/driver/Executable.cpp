//===- Executable.cpp - SPIR-V programs on OpenCL devices ---------------------------------===//
//
// A program is built once for its device. What the image says of its kernels is compared with the device's
// limits and with the kernels themselves, so that launches cannot go wrong for a reason known here.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/DeviceImage.h"
#include "targets/opencl/driver/Device.h"
#include <cstdlib>

using namespace aicc;
using namespace aicc::opencl;

static void executableDestroy(aicc_driver_executable *executable) {
  const Api &api = executable->device->api;
  for (const auto &entry : executable->entries)
    if (entry->kernel)
      api.clReleaseKernel(entry->kernel);
  if (executable->program)
    api.clReleaseProgram(executable->program);
  delete executable;
}

static std::string buildLog(const aicc_driver_device *device, cl_program program) {
  size_t size = 0;
  if (device->api.clGetProgramBuildInfo(program, device->traits.id, CL_PROGRAM_BUILD_LOG, 0, nullptr,
                                        &size) != CL_SUCCESS ||
      size == 0)
    return "";
  std::string log(size, '\0');
  device->api.clGetProgramBuildInfo(program, device->traits.id, CL_PROGRAM_BUILD_LOG, size, log.data(),
                                    nullptr);
  log.resize(log.find('\0') == std::string::npos ? log.size() : log.find('\0'));
  constexpr size_t kMaxLog = 2000;
  if (log.size() > kMaxLog)
    log = log.substr(0, kMaxLog) + " ...";
  return log;
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
  if (uint64_t size = entry.argumentCount() * uint64_t(8); size > traits.maxParameterSize)
    return exceeds("bytes of arguments", size, traits.maxParameterSize);
  if (entry.subgroupSize && !traits.subgroupSizes.empty() &&
      std::find(traits.subgroupSizes.begin(), traits.subgroupSizes.end(), entry.subgroupSize) ==
          traits.subgroupSizes.end())
    return "it needs subgroups of " + std::to_string(entry.subgroupSize) + ", which the device has not";
  return "";
}

static aicc_status *buildProgram(aicc_driver_executable *executable, std::string_view code) {
  aicc_driver_device *device = executable->device;
  cl_int result = CL_SUCCESS;
  executable->program = device->api.clCreateProgramWithIL(device->context, code.data(), code.size(), &result);
  if (result == CL_INVALID_VALUE || result == CL_INVALID_BINARY) {
    executable->program = nullptr;
    return makeStatus(AICC_STATUS_DATA_LOSS, "OpenCL device %s does not take the SPIR-V: %s",
                      device->traits.name.c_str(), errorName(result));
  }
  AICC_OPENCL_CALL(device, result, "clCreateProgramWithIL");
  std::string options;
  if (device->traits.dividesExactly)
    options += "-cl-fp32-correctly-rounded-divide-sqrt";
  if (device->traits.wantsLargeBuffers)
    options += " -cl-intel-greater-than-4GB-buffer-required";
  // For those who look into a device's compiler, and for tests, whose kernels run once.
  if (const char *more = std::getenv("AICC_OPENCL_OPTIONS"))
    options += std::string(" ") + more;
  result = device->api.clBuildProgram(executable->program, 1, &device->traits.id, options.c_str(), nullptr,
                                      nullptr);
  if (result == CL_SUCCESS)
    return nullptr;
  if (result == CL_DEVICE_NOT_AVAILABLE || result == CL_OUT_OF_HOST_MEMORY)
    return failure(device, result, "clBuildProgram");
  return makeStatus(AICC_STATUS_UNSUPPORTED, "OpenCL device %s cannot build the kernels (%s): %s",
                    device->traits.name.c_str(), errorName(result),
                    buildLog(device, executable->program).c_str());
}

static aicc_status *makeKernel(aicc_driver_executable *executable, const gpu::DeviceImage::Entry &from) {
  aicc_driver_device *device = executable->device;
  const Api &api = device->api;
  auto entry = std::make_unique<aicc_driver_executable::Entry>();
  entry->name = from.name;
  entry->threads = from.threads;
  entry->bufferCount = from.bufferCount;
  entry->paramCount = from.paramCount;
  entry->takesScratch = from.takesScratch;
  cl_int result = CL_SUCCESS;
  entry->kernel = api.clCreateKernel(executable->program, entry->name.c_str(), &result);
  if (result == CL_INVALID_KERNEL_NAME)
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: its SPIR-V has no kernel %s", from.name.c_str());
  AICC_OPENCL_CALL(device, result, "clCreateKernel");
  cl_kernel kernel = entry->kernel;
  executable->entries.push_back(std::move(entry));

  cl_uint arguments = 0;
  size_t threads = 0;
  cl_ulong local = 0;
  AICC_OPENCL_CALL(device,
                   api.clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof(arguments), &arguments, nullptr),
                   "clGetKernelInfo");
  if (arguments != from.argumentCount())
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: kernel %s takes %u arguments and not %u",
                      from.name.c_str(), arguments, from.argumentCount());
  AICC_OPENCL_CALL(device,
                   api.clGetKernelWorkGroupInfo(kernel, device->traits.id, CL_KERNEL_WORK_GROUP_SIZE,
                                                sizeof(threads), &threads, nullptr),
                   "clGetKernelWorkGroupInfo");
  AICC_OPENCL_CALL(device,
                   api.clGetKernelWorkGroupInfo(kernel, device->traits.id, CL_KERNEL_LOCAL_MEM_SIZE,
                                                sizeof(local), &local, nullptr),
                   "clGetKernelWorkGroupInfo");
  if (threads < from.threads || local > device->traits.localMemory)
    return makeStatus(AICC_STATUS_UNSUPPORTED,
                      "kernel %s is too large for OpenCL device %s: it wants %u work items and %llu bytes of "
                      "workgroup memory, the device can run it with %zu and %llu",
                      from.name.c_str(), device->traits.name.c_str(), from.threads,
                      static_cast<unsigned long long>(local), threads,
                      static_cast<unsigned long long>(device->traits.localMemory));
  return nullptr;
}

static aicc_status *executableLoad(aicc_driver_device *device, const char *format, const void *image,
                                   uint64_t size, aicc_driver_executable **out) {
  AICC_RETURN_IF_ERROR(checkDevice(device));
  if (std::strcmp(format, kFormat) != 0)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "OpenCL devices load %s, not executables of format %s",
                      kFormat, format);
  gpu::DeviceImage parsed;
  AICC_RETURN_IF_ERROR(gpu::DeviceImage::parse(image, size, parsed));
  const gpu::DeviceImage::Payload *payload = parsed.find(kFormat, kArchitecture);
  if (!payload)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "OpenCL device %s runs %s for %s; the executable has %s",
                      device->traits.name.c_str(), kFormat, kArchitecture, parsed.listPayloads().c_str());
  if (!gpu::isSpirv(payload->data))
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: its payload is not SPIR-V");
  for (const auto &entry : parsed.entries)
    if (std::string reason = tooLarge(device->traits, entry); !reason.empty())
      return makeStatus(AICC_STATUS_UNSUPPORTED, "kernel %s cannot run on OpenCL device %s: %s",
                        entry.name.c_str(), device->traits.name.c_str(), reason.c_str());

  auto *executable = new aicc_driver_executable;
  executable->device = device;
  aicc_status *status = buildProgram(executable, payload->data);
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

aicc_status *opencl::setArguments(aicc_driver_device *device, const aicc_driver_executable::Entry &entry,
                                  cl_kernel kernel, const aicc_driver_dispatch &dispatch, void *scratch) {
  const Api &api = device->api;
  const auto setPointer = [&](cl_uint index, void *address) {
    return device->traits.hasUsm ? device->usm.clSetKernelArgMemPointerINTEL(kernel, index, address)
                                 : api.clSetKernelArgSVMPointer(kernel, index, address);
  };
  cl_uint index = 0;
  for (uint32_t i = 0; i < entry.bufferCount; ++i)
    AICC_OPENCL_CALL(device, setPointer(index++, dispatch.buffers[i]), "setting a kernel's buffer");
  for (uint32_t i = 0; i < entry.paramCount; ++i)
    AICC_OPENCL_CALL(device, api.clSetKernelArg(kernel, index++, sizeof(int64_t), &dispatch.params[i]),
                     "setting a kernel's parameter");
  if (entry.takesScratch)
    AICC_OPENCL_CALL(device, setPointer(index, scratch), "setting a kernel's scratch memory");
  return nullptr;
}

void opencl::fillExecutableTable(aicc_driver_table &table) {
  table.executable_load = executableLoad;
  table.executable_destroy = executableDestroy;
  table.executable_entry_count = entryCount;
  table.executable_entry_name = entryName;
}
