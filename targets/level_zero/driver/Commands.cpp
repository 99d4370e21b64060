//===- Commands.cpp - recorded blocks of Level Zero commands ------------------------------===//
//
// A block is a closed command list that is given to the queue again and again.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/level_zero/driver/Device.h"

using namespace aicc;
using namespace aicc::level_zero;

void level_zero::destroyCommands(aicc_driver_commands *commands) {
  if (commands->list)
    commands->device->api.zeCommandListDestroy(commands->list);
  for (void *memory : commands->scratch)
    release(commands->device, memory);
  delete commands;
}

static aicc_status *commandsBegin(aicc_driver_queue *queue) {
  AICC_RETURN_IF_ERROR(checkDevice(queue->device));
  if (queue->recording)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the queue records already");
  queue->recording = std::make_unique<aicc_driver_commands>();
  queue->recording->device = queue->device;
  return nullptr;
}

static aicc_status *commandsEnd(aicc_driver_queue *queue, aicc_driver_commands **out) {
  aicc_driver_device *device = queue->device;
  if (!queue->recording)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the queue does not record");
  aicc_driver_commands *commands = queue->recording.release();
  ze_result_t code = commands->list ? device->api.zeCommandListClose(commands->list) : ZE_RESULT_SUCCESS;
  if (code != ZE_RESULT_SUCCESS) {
    destroyCommands(commands);
    return failure(device, code, "zeCommandListClose");
  }
  *out = commands;
  return nullptr;
}

static aicc_status *commandsSubmit(aicc_driver_queue *queue, aicc_driver_commands *commands) {
  AICC_RETURN_IF_ERROR(checkDevice(queue->device));
  AICC_RETURN_IF_ERROR(flush(queue));
  if (!commands->commandCount)
    return nullptr;
  std::unique_ptr<Batch> batch;
  AICC_RETURN_IF_ERROR(takeBatch(queue, batch));
  return submit(queue, commands->list, std::move(batch));
}

void level_zero::fillCommandTable(aicc_driver_table &table) {
  table.commands_begin = commandsBegin;
  table.commands_end = commandsEnd;
  table.commands_submit = commandsSubmit;
  table.commands_destroy = destroyCommands;
}
