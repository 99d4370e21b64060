//===- Run.cpp - contexts, runs, states and events of the C ABI --------------------------===//
//
// The entry points, and the context's thread for asynchronous runs.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Context.h"
#include "runtime/core/Status.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

using namespace aicc::rt;

//===--- State ---------------------------------------------------------------------------===//

static constexpr uint64_t kStateAlignment = kDeviceAlignment;

aicc_state::~aicc_state() {
  const aicc_device &device = *module->device;
  if (data)
    device.free(data, size ? size : 1, kStateAlignment);
  module->release();
}

aicc_status *aicc_state_create(const aicc_module *module, const char *name, aicc_state **out) {
  if (!module->device)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the module was loaded without a device");
  for (uint32_t i = 0; i < module->states.size(); ++i) {
    if (module->states[i].type.name != name)
      continue;
    auto *state = new aicc_state;
    state->module = module;
    module->retain();
    state->index = i;
    state->size = module->states[i].size;
    const aicc_device &device = *module->device;
    aicc_status *status =
        device.allocate(AICC_MEMORY_DEVICE, state->size ? state->size : 1, kStateAlignment, &state->data);
    if (status)
      state->data = nullptr;
    else
      status = device.zero(state->data, state->size);
    if (status) {
      state->release();
      return status;
    }
    *out = state;
    return nullptr;
  }
  return makeStatus(AICC_STATUS_NOT_FOUND, "the module has no state %s", name);
}

void aicc_state_destroy(aicc_state *state) {
  if (state)
    state->release();
}

aicc_status *aicc_state_reset(aicc_state *state) {
  if (state->isBound.exchange(true))
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the state is in use by a run");
  aicc_status *status = state->module->device->zero(state->data, state->size);
  state->isBound = false;
  return status;
}

const char *aicc_state_get_name(const aicc_state *state) {
  return state->module->states[state->index].type.name.c_str();
}

/// Takes the states for one run; `count` are taken when it returns.
static aicc_status *acquireStates(const aicc_run_options &options, uint32_t &count) {
  for (count = 0; count < options.state_count; ++count)
    if (options.states[count] && options.states[count]->isBound.exchange(true))
      return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "state %s is in use by another run",
                        aicc_state_get_name(options.states[count]));
  return nullptr;
}

//===--- Runs ----------------------------------------------------------------------------===//

aicc_status *aicc_context_create(const aicc_module *module, const aicc_context_options *,
                                 aicc_context **out) {
  if (!module->device)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the module was loaded without a device");
  auto *context = new aicc_context(module);
  if (aicc_status *status = context->stream.open()) {
    aicc_context_destroy(context);
    return status;
  }
  *out = context;
  return nullptr;
}

void aicc_context_destroy(aicc_context *context) {
  if (!context)
    return;
  if (context->hasThread) {
    {
      std::lock_guard<std::mutex> lock(context->queueMutex);
      context->stopping = true;
    }
    context->queueChanged.notify_all();
    pthread_join(context->thread, nullptr);
  }
  const aicc_module *module = context->module;
  delete context;
  module->release();
}

static aicc_status *checkFunction(const aicc_context &context, const aicc_function *function) {
  if (!function || function->index >= context.module->functions.size() ||
      context.module->functions[function->index].get() != function)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the function is not of the context's module");
  return nullptr;
}

static aicc_status *runLocked(aicc_context &context, const aicc_function &function,
                              aicc_tensor *const *inputs, uint32_t inputCount, aicc_tensor **outputs,
                              uint32_t outputCount, const RunState &state) {
  std::lock_guard<std::mutex> lock(context.runMutex);
  uint32_t taken = 0;
  aicc_status *status = acquireStates(state.options, taken);
  if (!status)
    status = context.run(function, inputs, inputCount, outputs, outputCount, state);
  for (uint32_t i = 0; i < taken; ++i)
    if (state.options.states[i])
      state.options.states[i]->isBound = false;
  return status;
}

aicc_status *aicc_context_compute_shapes(aicc_context *context, const aicc_function *function,
                                         aicc_tensor *const *inputs, uint32_t input_count,
                                         int64_t *const *dims) {
  AICC_RETURN_IF_ERROR(checkFunction(*context, function));
  std::lock_guard<std::mutex> lock(context->runMutex);
  return context->computeShapes(*function, inputs, input_count, dims);
}

aicc_status *aicc_context_run(aicc_context *context, const aicc_function *function,
                              aicc_tensor *const *inputs, uint32_t input_count, aicc_tensor **outputs,
                              uint32_t output_count, const aicc_run_options *options) {
  AICC_RETURN_IF_ERROR(checkFunction(*context, function));
  RunState state;
  readOptions(options, state.options);
  state.sequence = context->submitted.fetch_add(1, std::memory_order_relaxed) + 1;
  return runLocked(*context, *function, inputs, input_count, outputs, output_count, state);
}

void aicc_context_cancel(aicc_context *context) {
  uint64_t last = context->submitted.load(std::memory_order_relaxed);
  uint64_t before = context->cancelled.load(std::memory_order_relaxed);
  while (before < last &&
         !context->cancelled.compare_exchange_weak(before, last, std::memory_order_relaxed)) {
  }
}

//===--- Asynchronous runs ---------------------------------------------------------------===//

static void finishEvent(aicc_event &event, aicc_status *status) {
  {
    std::lock_guard<std::mutex> lock(event.mutex);
    event.status = status;
    event.isDone = true;
    event.condition.notify_all();
  }
  event.release();
}

static void *runPending(void *argument) {
  auto &context = *static_cast<aicc_context *>(argument);
  for (;;) {
    std::unique_lock<std::mutex> lock(context.queueMutex);
    context.queueChanged.wait(lock, [&] { return context.stopping || !context.pending.empty(); });
    if (context.pending.empty())
      return nullptr;
    AsyncRun run = std::move(context.pending.front());
    context.pending.pop_front();
    lock.unlock();
    run.state.options.states = run.states.data();
    aicc_status *status =
        runLocked(context, *run.function, run.inputs.data(), static_cast<uint32_t>(run.inputs.size()),
                  run.outputs, run.outputCount, run.state);
    for (aicc_tensor *input : run.inputs)
      aicc_tensor_release(input);
    finishEvent(*run.event, status);
  }
}

/// Starts a thread that leaves all signals to the host's own threads.
static int startThread(pthread_t &thread, void *(*body)(void *), void *argument) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, nullptr, body, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

aicc_status *aicc_context_run_async(aicc_context *context, const aicc_function *function,
                                    aicc_tensor *const *inputs, uint32_t input_count, aicc_tensor **outputs,
                                    uint32_t output_count, const aicc_run_options *options,
                                    aicc_event **out) {
  AICC_RETURN_IF_ERROR(checkFunction(*context, function));
  std::lock_guard<std::mutex> lock(context->queueMutex);
  if (!context->hasThread) {
    if (int error = startThread(context->thread, runPending, context))
      return makeStatus(AICC_STATUS_OUT_OF_MEMORY, "no thread for asynchronous runs: %s",
                        std::strerror(error));
    context->hasThread = true;
  }
  AsyncRun run;
  run.function = function;
  for (uint32_t i = 0; i < input_count; ++i)
    run.inputs.push_back(inputs[i] ? aicc_tensor_retain(inputs[i]) : nullptr);
  run.outputs = outputs;
  run.outputCount = output_count;
  readOptions(options, run.state.options);
  run.states.assign(run.state.options.states, run.state.options.states + run.state.options.state_count);
  run.state.sequence = context->submitted.fetch_add(1, std::memory_order_relaxed) + 1;
  run.event = new aicc_event;
  run.event->retain();
  *out = run.event;
  context->pending.push_back(std::move(run));
  context->queueChanged.notify_one();
  return nullptr;
}

aicc_status *aicc_event_wait(aicc_event *event, int64_t deadline_ns) {
  std::unique_lock<std::mutex> lock(event->mutex);
  const auto done = [&] { return event->isDone; };
  if (!deadline_ns) {
    event->condition.wait(lock, done);
  } else {
    std::chrono::steady_clock::time_point deadline{std::chrono::nanoseconds(deadline_ns)};
    if (!event->condition.wait_until(lock, deadline, done))
      return makeStatus(AICC_STATUS_DEADLINE_EXCEEDED, "the run is still in progress");
  }
  aicc_status *status = event->status;
  event->status = nullptr;
  return status;
}

int aicc_event_is_done(const aicc_event *event) {
  std::lock_guard<std::mutex> lock(event->mutex);
  return event->isDone;
}

void aicc_event_destroy(aicc_event *event) {
  if (event)
    event->release();
}
