//===- Module.cpp - the test driver's modules and kernels ---------------------------------===//
//
// OpenCL sets pointers and numbers by different calls, Level Zero by one: which of a kernel's parameters are
// pointers is read from the SPIR-V.
//
//===--------------------------------------------------------------------------------------===//
#include "test/targets/level_zero/ze_test_driver/TestDriver.h"

#include <cstdlib>
#include <cstring>
#include <set>

using namespace zetest;

bool zetest::readKernels(const uint8_t *bytes, size_t size, std::map<std::string, std::vector<bool>> &out) {
  enum Op : uint32_t { EntryPoint = 15, TypePointer = 32, Function = 54, FunctionParameter = 55 };
  std::vector<uint32_t> words(size / 4);
  if (words.size() < 5 || size % 4)
    return false;
  std::memcpy(words.data(), bytes, size);
  if (words[0] != 0x07230203)
    return false;
  std::map<uint32_t, std::string> names;
  std::set<uint32_t> pointerTypes;
  std::vector<bool> *current = nullptr;
  for (size_t at = 5; at < words.size();) {
    uint32_t op = words[at] & 0xffff, length = words[at] >> 16;
    if (length == 0 || at + length > words.size())
      return false;
    const uint32_t *word = &words[at];
    if (op == EntryPoint && length > 3)
      names[word[2]] =
          std::string(reinterpret_cast<const char *>(word + 3),
                      strnlen(reinterpret_cast<const char *>(word + 3), (length - 3) * sizeof(uint32_t)));
    else if (op == TypePointer && length > 1)
      pointerTypes.insert(word[1]);
    else if (op == Function && length > 2)
      current = names.count(word[2]) ? &out[names[word[2]]] : nullptr;
    else if (op == FunctionParameter && length > 1 && current)
      current->push_back(pointerTypes.count(word[1]) != 0);
    at += length;
  }
  return true;
}

static ze_result_t ZE_APICALL moduleCreate(ze_context_handle_t, ze_device_handle_t,
                                           const ze_module_desc_t *from, ze_module_handle_t *out,
                                           ze_module_build_log_handle_t *logOut) {
  ZE_TEST_ENTER("zeModuleCreate");
  Device &device = *zetest::device();
  const Api &api = *device.api;
  auto module = std::make_unique<Module>();
  std::string log;
  ze_result_t result = ZE_RESULT_SUCCESS;
  cl_int code = CL_SUCCESS;
  if (from->format != ZE_MODULE_FORMAT_IL_SPIRV ||
      !readKernels(from->pInputModule, from->inputSize, module->pointers)) {
    result = ZE_RESULT_ERROR_INVALID_NATIVE_BINARY;
    log = "this is not SPIR-V";
  } else {
    module->program = api.clCreateProgramWithIL(device.context, from->pInputModule, from->inputSize, &code);
    if (code == CL_SUCCESS) {
      std::string options = "-cl-fp32-correctly-rounded-divide-sqrt";
      if (const char *more = std::getenv("AICC_OPENCL_OPTIONS"))
        options += std::string(" ") + more;
      code = api.clBuildProgram(module->program, 1, &device.id, options.c_str(), nullptr, nullptr);
    }
    if (code != CL_SUCCESS) {
      result = ZE_RESULT_ERROR_MODULE_BUILD_FAILURE;
      log.resize(4096);
      if (module->program)
        api.clGetProgramBuildInfo(module->program, device.id, CL_PROGRAM_BUILD_LOG, log.size() - 1,
                                  log.data(), nullptr);
      log.resize(strlen(log.c_str()));
    }
  }
  if (logOut)
    give(new BuildLog{log}, logOut);
  if (result == ZE_RESULT_SUCCESS)
    return give(module.release(), out);
  if (module->program)
    api.clReleaseProgram(module->program);
  return result;
}

static ze_result_t ZE_APICALL moduleDestroy(ze_module_handle_t handle) {
  auto *module = from<Module>(handle);
  device()->api->clReleaseProgram(module->program);
  return destroy(module);
}

static ze_result_t ZE_APICALL logDestroy(ze_module_build_log_handle_t log) {
  return destroy(from<BuildLog>(log));
}

static ze_result_t ZE_APICALL logGetString(ze_module_build_log_handle_t handle, size_t *size, char *out) {
  const std::string &text = from<BuildLog>(handle)->text;
  if (out)
    std::memcpy(out, text.c_str(), std::min(*size, text.size() + 1));
  *size = text.size() + 1;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL kernelCreate(ze_module_handle_t moduleHandle,
                                           const ze_kernel_desc_t *description, ze_kernel_handle_t *out) {
  ZE_TEST_ENTER("zeKernelCreate");
  auto *module = from<Module>(moduleHandle);
  auto kernel = std::make_unique<Kernel>();
  cl_int code = CL_SUCCESS;
  kernel->module = module;
  kernel->name = description->pKernelName;
  kernel->kernel = device()->api->clCreateKernel(module->program, description->pKernelName, &code);
  if (code != CL_SUCCESS)
    return translate(code);
  kernel->pointers = module->pointers[kernel->name];
  kernel->values.resize(kernel->pointers.size());
  kernel->isGiven.resize(kernel->pointers.size());
  return give(kernel.release(), out);
}

static ze_result_t ZE_APICALL kernelDestroy(ze_kernel_handle_t handle) {
  auto *kernel = from<Kernel>(handle);
  device()->api->clReleaseKernel(kernel->kernel);
  return destroy(kernel);
}

static ze_result_t ZE_APICALL kernelGetProperties(ze_kernel_handle_t handle, ze_kernel_properties_t *out) {
  auto *kernel = from<Kernel>(handle);
  cl_ulong local = 0;
  device()->api->clGetKernelWorkGroupInfo(kernel->kernel, device()->id, CL_KERNEL_LOCAL_MEM_SIZE,
                                          sizeof(local), &local, nullptr);
  out->numKernelArgs = static_cast<uint32_t>(kernel->pointers.size());
  out->localMemSize = static_cast<uint32_t>(local);
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL kernelSetGroupSize(ze_kernel_handle_t handle, uint32_t x, uint32_t y,
                                                 uint32_t z) {
  auto *kernel = from<Kernel>(handle);
  size_t limit = 0;
  device()->api->clGetKernelWorkGroupInfo(kernel->kernel, device()->id, CL_KERNEL_WORK_GROUP_SIZE,
                                          sizeof(limit), &limit, nullptr);
  if (!x || y != 1 || z != 1 || x > limit)
    return ZE_RESULT_ERROR_INVALID_GROUP_SIZE_DIMENSION;
  kernel->threads = x;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL kernelSetArgument(ze_kernel_handle_t handle, uint32_t index, size_t size,
                                                const void *value) {
  ZE_TEST_ENTER("zeKernelSetArgumentValue");
  auto *kernel = from<Kernel>(handle);
  if (index >= kernel->values.size())
    return ZE_RESULT_ERROR_INVALID_KERNEL_ARGUMENT_INDEX;
  if (size != sizeof(uint64_t))
    return ZE_RESULT_ERROR_INVALID_KERNEL_ARGUMENT_SIZE;
  kernel->values[index] = 0;
  if (value)
    std::memcpy(&kernel->values[index], value, size);
  kernel->isGiven[index] = true;
  return ZE_RESULT_SUCCESS;
}

void zetest::fillModuleTables(ze_module_dditable_t *module, ze_module_build_log_dditable_t *log,
                              ze_kernel_dditable_t *kernel) {
  if (module) {
    module->pfnCreate = moduleCreate;
    module->pfnDestroy = moduleDestroy;
  }
  if (log) {
    log->pfnDestroy = logDestroy;
    log->pfnGetString = logGetString;
  }
  if (kernel) {
    kernel->pfnCreate = kernelCreate;
    kernel->pfnDestroy = kernelDestroy;
    kernel->pfnGetProperties = kernelGetProperties;
    kernel->pfnSetGroupSize = kernelSetGroupSize;
    kernel->pfnSetArgumentValue = kernelSetArgument;
  }
}
