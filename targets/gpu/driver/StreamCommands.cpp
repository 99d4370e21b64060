//===- StreamCommands.cpp - recorded commands as graphs -----------------------------------===//
//
// What is recorded is captured from the queue's stream and becomes an executable graph. Making one takes far
// longer than updating one, so graphs that were destroyed are kept for the next recording of the same shape,
// which a program with other addresses or sizes makes.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/StreamDriver.h"

using namespace aicc::gpu;

static constexpr size_t kRetiredGraphs = 8;

void aicc::gpu::destroyRetiredGraphs(aicc_driver_device *device) {
  for (const aicc_driver_device::RetiredGraph &graph : device->retired)
    device->api().graphExecutableDestroy(graph.executable);
  device->retired.clear();
}

/// A retired graph of that shape, or null.
static void *takeRetired(aicc_driver_device *device, const std::string &shape) {
  std::lock_guard<std::mutex> lock(device->mutex);
  for (auto it = device->retired.begin(); it != device->retired.end(); ++it)
    if (it->shape == shape) {
      void *executable = it->executable;
      device->retired.erase(it);
      return executable;
    }
  return nullptr;
}

static void commandsDestroy(aicc_driver_commands *commands) {
  aicc_driver_device *device = commands->device;
  StreamScope scope(device);
  for (void *scratch : commands->scratch)
    freeOnStream(device, device->service, scratch);
  void *discarded = commands->executable;
  if (discarded && !device->isLost.load(std::memory_order_acquire)) {
    std::lock_guard<std::mutex> lock(device->mutex);
    device->retired.push_back({std::move(commands->shape), discarded});
    discarded = nullptr;
    if (device->retired.size() > kRetiredGraphs) {
      discarded = device->retired.front().executable;
      device->retired.erase(device->retired.begin());
    }
  }
  if (discarded)
    device->api().graphExecutableDestroy(discarded);
  delete commands;
}

static aicc_status *commandsBegin(aicc_driver_queue *queue) {
  aicc_driver_device *device = queue->device;
  if (queue->recording)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "commands_begin twice");
  AICC_ENTER_DEVICE(device);
  AICC_STREAM_CALL(device, device->api().streamBeginCapture(queue->stream, kCaptureRelaxed),
                   "beginning a graph");
  queue->recording.reset(new aicc_driver_commands);
  queue->recording->device = device;
  return nullptr;
}

static aicc_status *commandsEnd(aicc_driver_queue *queue, aicc_driver_commands **out) {
  aicc_driver_device *device = queue->device;
  const StreamApi &api = device->api();
  if (!queue->recording)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "commands_end without commands_begin");
  struct Destroyer {
    void operator()(aicc_driver_commands *commands) const { commandsDestroy(commands); }
  };
  std::unique_ptr<aicc_driver_commands, Destroyer> commands(queue->recording.release());
  void *graph = nullptr;
  int code;
  {
    StreamScope scope(device);
    code = scope.code ? scope.code : api.streamEndCapture(queue->stream, &graph);
    if (code == kStreamOk && !commands->shape.empty()) {
      if (void *retired = takeRetired(device, commands->shape)) {
        void *node = nullptr;
        int result = 0;
        if (api.graphUpdate(retired, graph, &node, &result) == kStreamOk)
          commands->executable = retired;
        else
          api.graphExecutableDestroy(retired);
      }
      if (!commands->executable)
        code = api.graphInstantiate(&commands->executable, graph, 0);
    }
    if (graph)
      api.graphDestroy(graph);
  }
  if (aicc_status *status = checkDevice(device))
    return status;
  AICC_STREAM_CALL(device, code, "making a graph");
  *out = commands.release();
  return nullptr;
}

static aicc_status *commandsSubmit(aicc_driver_queue *queue, aicc_driver_commands *commands) {
  aicc_driver_device *device = queue->device;
  if (queue->recording)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT,
                      "commands_submit between commands_begin and commands_end");
  AICC_ENTER_DEVICE(device);
  if (commands->executable)
    AICC_STREAM_CALL(device, device->api().graphLaunch(commands->executable, queue->stream),
                     "launching a graph");
  return nullptr;
}

void aicc::gpu::fillCommandTable(aicc_driver_table &table) {
  table.commands_begin = commandsBegin;
  table.commands_end = commandsEnd;
  table.commands_submit = commandsSubmit;
  table.commands_destroy = commandsDestroy;
}
