//===- Commands.cpp - recorded blocks of OpenCL commands ----------------------------------===//
//
// A block is a list that is enqueued again and again. (cl_khr_command_buffer would do the same in the
// device's driver, but is provisional: its functions have changed between versions.)
//
//===--------------------------------------------------------------------------------------===//
#include "targets/opencl/driver/Device.h"

using namespace aicc;
using namespace aicc::opencl;
using Command = aicc_driver_commands::Command;

void opencl::destroyCommands(aicc_driver_commands *commands) {
  for (const Command &command : commands->commands)
    if (command.kernel)
      commands->device->api.clReleaseKernel(command.kernel);
  for (void *memory : commands->scratch)
    release(commands->device, memory);
  delete commands;
}

static aicc_status *commandsBegin(aicc_driver_queue *queue) {
  AICC_RETURN_IF_ERROR(checkDevice(queue->device));
  if (queue->recording)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the queue records already");
  queue->recording.reset(new aicc_driver_commands{queue->device, {}, {}, 0});
  return nullptr;
}

static aicc_status *commandsEnd(aicc_driver_queue *queue, aicc_driver_commands **out) {
  if (!queue->recording)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the queue does not record");
  *out = queue->recording.release();
  return nullptr;
}

static aicc_status *commandsSubmit(aicc_driver_queue *queue, aicc_driver_commands *commands) {
  aicc_driver_device *device = queue->device;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  for (const Command &command : commands->commands) {
    switch (command.kind) {
    case Command::Dispatch:
      AICC_OPENCL_CALL(device,
                       device->api.clEnqueueNDRangeKernel(queue->queue, command.kernel, 1, nullptr,
                                                          &command.workItems, &command.threads, 0, nullptr,
                                                          nullptr),
                       "a recorded kernel");
      break;
    case Command::Copy:
      AICC_RETURN_IF_ERROR(enqueueCopy(queue, command.dst, command.src, command.size));
      break;
    case Command::Fill:
      AICC_RETURN_IF_ERROR(
          enqueueFill(queue, command.dst, command.size, command.pattern, command.patternSize));
      break;
    }
  }
  return nullptr;
}

void opencl::fillCommandTable(aicc_driver_table &table) {
  table.commands_begin = commandsBegin;
  table.commands_end = commandsEnd;
  table.commands_submit = commandsSubmit;
  table.commands_destroy = destroyCommands;
}
