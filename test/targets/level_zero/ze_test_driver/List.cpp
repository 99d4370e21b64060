//===- List.cpp - the test driver's command lists -----------------------------------------===//
//
// A list is a vector of functions that enqueue to an OpenCL queue, which is out of order: only barriers and
// events order what is in it.
//
//===--------------------------------------------------------------------------------------===//
#include "test/targets/level_zero/ze_test_driver/TestDriver.h"

#include <cstring>
#include <ctime>

using namespace zetest;

static const Api &api() { return *device()->api; }

/// An open list to append to, or why not.
static ze_result_t open(ze_command_list_handle_t handle, CommandList *&out) {
  out = from<CommandList>(handle);
  return out->isClosed ? ZE_RESULT_ERROR_INVALID_ARGUMENT : ZE_RESULT_SUCCESS;
}

/// The commands here neither wait for events nor set them: there are commands of their own for that.
#define ZE_TEST_OPEN(FUNCTION, SIGNAL, WAITS)                                                                \
  ZE_TEST_ENTER(FUNCTION);                                                                                   \
  CommandList *list = nullptr;                                                                               \
  if (ze_result_t state = open(handle, list); state != ZE_RESULT_SUCCESS)                                    \
    return state;                                                                                            \
  if ((SIGNAL) || (WAITS))                                                                                   \
  return ZE_RESULT_ERROR_UNSUPPORTED_FEATURE

static ze_result_t ZE_APICALL listCreate(ze_context_handle_t, ze_device_handle_t,
                                         const ze_command_list_desc_t *, ze_command_list_handle_t *out) {
  ZE_TEST_ENTER("zeCommandListCreate");
  return give(new CommandList, out);
}

static ze_result_t ZE_APICALL listDestroy(ze_command_list_handle_t handle) {
  return destroy(from<CommandList>(handle));
}

static ze_result_t ZE_APICALL listClose(ze_command_list_handle_t handle) {
  ZE_TEST_ENTER("zeCommandListClose");
  CommandList *list = nullptr;
  if (ze_result_t state = open(handle, list); state != ZE_RESULT_SUCCESS)
    return state;
  list->isClosed = true;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL listReset(ze_command_list_handle_t handle) {
  ZE_TEST_ENTER("zeCommandListReset");
  auto *list = from<CommandList>(handle);
  list->isClosed = false;
  list->commands.clear();
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL appendBarrier(ze_command_list_handle_t handle, ze_event_handle_t signal,
                                            uint32_t waits, ze_event_handle_t *) {
  ZE_TEST_OPEN("zeCommandListAppendBarrier", signal, waits);
  list->commands.push_back(
      [](cl_command_queue queue) { return api().clEnqueueBarrierWithWaitList(queue, 0, nullptr, nullptr); });
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL appendLaunch(ze_command_list_handle_t handle, ze_kernel_handle_t kernelHandle,
                                           const ze_group_count_t *groups, ze_event_handle_t signal,
                                           uint32_t waits, ze_event_handle_t *) {
  ZE_TEST_OPEN("zeCommandListAppendLaunchKernel", signal, waits);
  auto *kernel = from<Kernel>(kernelHandle);
  for (bool isGiven : kernel->isGiven)
    if (!isGiven)
      return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  if (!kernel->threads || groups->groupCountY != 1 || groups->groupCountZ != 1)
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  // The arguments are those of now: a kernel of its own keeps them.
  cl_int code = CL_SUCCESS;
  std::shared_ptr<_cl_kernel> copy(api().clCreateKernel(kernel->module->program, kernel->name.c_str(), &code),
                                   [](cl_kernel each) { api().clReleaseKernel(each); });
  for (cl_uint i = 0; i < kernel->values.size() && code == CL_SUCCESS; ++i)
    code = kernel->pointers[i] ? device()->usm.clSetKernelArgMemPointerINTEL(
                                     copy.get(), i, reinterpret_cast<void *>(kernel->values[i]))
                               : api().clSetKernelArg(copy.get(), i, sizeof(uint64_t), &kernel->values[i]);
  if (code != CL_SUCCESS)
    return translate(code);
  size_t threads = kernel->threads, items = threads * groups->groupCountX;
  list->commands.push_back([copy, threads, items](cl_command_queue queue) {
    return api().clEnqueueNDRangeKernel(queue, copy.get(), 1, nullptr, &items, &threads, 0, nullptr, nullptr);
  });
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL appendCopy(ze_command_list_handle_t handle, void *dst, const void *src,
                                         size_t size, ze_event_handle_t signal, uint32_t waits,
                                         ze_event_handle_t *) {
  ZE_TEST_OPEN("zeCommandListAppendMemoryCopy", signal, waits);
  list->commands.push_back([=](cl_command_queue queue) {
    return device()->usm.clEnqueueMemcpyINTEL(queue, CL_FALSE, dst, src, size, 0, nullptr, nullptr);
  });
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL appendFill(ze_command_list_handle_t handle, void *dst, const void *pattern,
                                         size_t patternSize, size_t size, ze_event_handle_t signal,
                                         uint32_t waits, ze_event_handle_t *) {
  ZE_TEST_OPEN("zeCommandListAppendMemoryFill", signal, waits);
  if (patternSize > 16 || (patternSize & (patternSize - 1)) || size % patternSize)
    return ZE_RESULT_ERROR_INVALID_SIZE;
  std::string bytes(static_cast<const char *>(pattern), patternSize);
  list->commands.push_back([=](cl_command_queue queue) {
    return device()->usm.clEnqueueMemFillINTEL(queue, dst, bytes.data(), bytes.size(), size, 0, nullptr,
                                               nullptr);
  });
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL appendWait(ze_command_list_handle_t handle, uint32_t count,
                                         ze_event_handle_t *events) {
  ZE_TEST_OPEN("zeCommandListAppendWaitOnEvents", false, false);
  for (uint32_t i = 0; i < count; ++i)
    list->commands.push_back(
        [signal = from<Event>(events[i])->signal](cl_command_queue queue) { return signal->hold(queue); });
  return ZE_RESULT_SUCCESS;
}

/// Calls a function when the queue has come this far: all before it is done, and nothing behind it has begun.
static cl_int enqueueCall(cl_command_queue queue, std::function<void()> function) {
  struct Call {
    std::function<void()> function;
    Signal done;
  };
  auto call = std::make_shared<Call>();
  call->function = std::move(function);
  cl_event event = nullptr;
  cl_int code = api().clEnqueueMarkerWithWaitList(queue, 0, nullptr, &event);
  if (code != CL_SUCCESS)
    return code;
  const auto callback = [](cl_event, cl_int, void *user) {
    std::unique_ptr<std::shared_ptr<Call>> own(static_cast<std::shared_ptr<Call> *>(user));
    (*own)->function();
    (*own)->done.set();
  };
  code = call->done.hold(queue);
  if (code == CL_SUCCESS)
    code = api().clSetEventCallback(event, CL_COMPLETE, callback, new std::shared_ptr<Call>(call));
  api().clReleaseEvent(event);
  return code;
}

static ze_result_t ZE_APICALL appendSignal(ze_command_list_handle_t handle, ze_event_handle_t event) {
  ZE_TEST_OPEN("zeCommandListAppendSignalEvent", false, false);
  list->commands.push_back([signal = from<Event>(event)->signal](cl_command_queue queue) {
    return enqueueCall(queue, [signal] { signal->set(); });
  });
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL appendTimestamp(ze_command_list_handle_t handle, uint64_t *dst,
                                              ze_event_handle_t signal, uint32_t waits, ze_event_handle_t *) {
  ZE_TEST_OPEN("zeCommandListAppendWriteGlobalTimestamp", signal, waits);
  list->commands.push_back([dst](cl_command_queue queue) {
    return enqueueCall(queue, [dst] {
      timespec time = {};
      clock_gettime(CLOCK_MONOTONIC, &time);
      *dst = uint64_t(time.tv_sec) * 1000000000 + uint64_t(time.tv_nsec);
    });
  });
  return ZE_RESULT_SUCCESS;
}

void zetest::fillListTable(ze_command_list_dditable_t *list) {
  list->pfnCreate = listCreate;
  list->pfnDestroy = listDestroy;
  list->pfnClose = listClose;
  list->pfnReset = listReset;
  list->pfnAppendBarrier = appendBarrier;
  list->pfnAppendLaunchKernel = appendLaunch;
  list->pfnAppendMemoryCopy = appendCopy;
  list->pfnAppendMemoryFill = appendFill;
  list->pfnAppendWaitOnEvents = appendWait;
  list->pfnAppendSignalEvent = appendSignal;
  list->pfnAppendWriteGlobalTimestamp = appendTimestamp;
}
