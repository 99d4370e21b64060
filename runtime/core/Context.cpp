//===- Context.cpp - a context's memory and its runs -------------------------------------===//
//
// The order of a run, around the command loop (Interpreter.cpp) and what brings tensors to it (Binding.cpp),
// and the memory that a context keeps between runs.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Context.h"

#include "runtime/core/Status.h"
#include "runtime/module/Format.h"

#include <cstring>

using namespace aicc::rt;

/// What the allocations behind arenas are aligned to.
static uint64_t arenaAlignment(const aicc_device &device) {
  return device.sharesHostMemory() ? kMaxAlignment : kDeviceAlignment;
}

aicc_context::aicc_context(const aicc_module *module)
    : module(module), device(*module->device), driver(*module->device->table),
      sharesHostMemory(module->device->sharesHostMemory()), stream(*module->device), pool(*module->device) {
  module->retain();
  frames.resize(module->functions.size());
}

aicc_context::~aicc_context() {
  stream.drain();
  for (auto &frame : frames)
    if (frame && frame->function->isPrivate)
      for (ArenaSlot &arena : frame->arenas)
        freeArena(arena);
  for (ArenaSlot &arena : sharedArenas)
    freeArena(arena);
}

/// Replaces `arena`, which nothing queued uses, by one of this size.
aicc_status *aicc_context::allocateArena(ArenaSlot &arena, uint64_t size) {
  uint64_t alignment = arenaAlignment(device), capacity = size + kMaxAlignment - alignment;
  void *base = nullptr;
  AICC_RETURN_IF_ERROR(device.allocate(AICC_MEMORY_DEVICE, capacity, alignment, &base));
  freeArena(arena);
  arena.base = base;
  arena.capacity = capacity;
  arena.address =
      static_cast<uint8_t *>(base) + (-reinterpret_cast<uintptr_t>(base) & uintptr_t(kMaxAlignment - 1));
  arena.size = size;
  return nullptr;
}

void aicc_context::freeArena(const ArenaSlot &arena) {
  if (arena.base)
    device.free(arena.base, arena.capacity, arenaAlignment(device));
}

aicc_status *aicc_context::frameFor(const aicc_function &function, Frame *&out) {
  std::unique_ptr<Frame> &known = frames[function.index];
  if (known) {
    out = known.get();
    return nullptr;
  }
  auto frame = std::make_unique<Frame>();
  frame->function = &function;
  frame->values = function.initialValues;
  frame->slots.resize(function.slotCount);
  frame->buffers.resize(function.maxBindings);
  frame->params.resize(function.maxParams);
  frame->argDims.resize(function.args.size());
  frame->symbols.resize(function.symbols.size());
  size_t dims = 0;
  for (const ResultRef &result : function.results)
    dims += result.type.dims.size();
  frame->dims.resize(dims);
  frame->resultAddresses.resize(function.results.size());
  if (function.isPrivate) {
    frame->arenas.resize(function.arenas.size());
    aicc_status *status = nullptr;
    for (size_t i = 0; i < frame->arenas.size() && !status; ++i)
      if (function.arenas[i].size)
        status = allocateArena(frame->arenas[i], function.arenas[i].size);
    if (status) {
      for (ArenaSlot &arena : frame->arenas)
        freeArena(arena);
      return status;
    }
  } else {
    if (sharedArenas.size() < function.arenas.size())
      sharedArenas.resize(function.arenas.size());
    for (size_t i = 0; i < function.arenas.size(); ++i)
      if (sharedArenas[i].size < function.arenas[i].size)
        AICC_RETURN_IF_ERROR(allocateArena(sharedArenas[i], function.arenas[i].size));
  }
  known = std::move(frame);
  out = known.get();
  return nullptr;
}

aicc_status *aicc_context::run(const aicc_function &function, aicc_tensor *const *inputs, uint32_t inputCount,
                               aicc_tensor **outputs, uint32_t outputCount, const RunState &state) {
  if (outputCount != function.results.size())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "function %s has %zu outputs, room for %u is given",
                      function.name.c_str(), function.results.size(), outputCount);
  Frame *frame = nullptr;
  AICC_RETURN_IF_ERROR(frameFor(function, frame));
  AICC_RETURN_IF_ERROR(checkInterrupt(state));
  AICC_RETURN_IF_ERROR(bindArgs(*frame, inputs, inputCount));
  AICC_RETURN_IF_ERROR(evaluateShapes(*frame, state));

  // From here on there is something to undo: new outputs are told from the caller's by this list.
  constexpr uint32_t kInline = 32;
  bool inlineNew[kInline];
  std::vector<char> manyNew;
  bool *isNew = inlineNew;
  if (outputCount > kInline) {
    manyNew.resize(outputCount);
    isNew = reinterpret_cast<bool *>(manyNew.data());
  }
  for (uint32_t i = 0; i < outputCount; ++i)
    isNew[i] = !outputs[i];

  frame->outputs = outputs;
  stream.begin(state.options.deadline_ns, state.options.profile, state.options.profile_user);
  aicc_status *status = placeArgs(*frame, inputs);
  if (!status)
    status = bindStates(*frame, state.options);
  if (!status)
    status = bindResults(*frame, state.options);
  if (!status) {
    for (size_t i = 0; i < function.arenas.size(); ++i)
      frame->slots[function.arenas[i].slot] = sharedArenas[i];
    status = execute(*frame, function.ops, state);
  }
  if (!status)
    status = returnResults(*frame, inputs, outputs, state.options);
  if (!status)
    status = stream.wait();
  for (const Delivery &delivery : frame->deliveries)
    if (!status)
      status = writeTensor(*delivery.to, delivery.from, delivery.size);
  // Memory is the caller's again, and the pool's, when nothing uses it any more.
  if (status) {
    stream.drain();
    if (aicc_status_get_code(status) == AICC_STATUS_DEADLINE_EXCEEDED) {
      aicc_status_destroy(status);
      status = makeStatus(AICC_STATUS_DEADLINE_EXCEEDED, "the run did not end by its deadline");
    }
  }
  clearFrame(*frame);
  releaseStaged(*frame);
  pool.trim();
  for (uint32_t i = 0; status && i < outputCount; ++i)
    if (isNew[i]) {
      aicc_tensor_release(outputs[i]);
      outputs[i] = nullptr;
    }
  return status;
}

aicc_status *aicc_context::computeShapes(const aicc_function &function, aicc_tensor *const *inputs,
                                         uint32_t inputCount, int64_t *const *dims) {
  Frame *frame = nullptr;
  AICC_RETURN_IF_ERROR(frameFor(function, frame));
  AICC_RETURN_IF_ERROR(bindArgs(*frame, inputs, inputCount));
  RunState state;
  state.sequence = UINT64_MAX;
  AICC_RETURN_IF_ERROR(evaluateShapes(*frame, state));
  const int64_t *from = frame->dims.data();
  for (size_t i = 0; i < function.results.size(); ++i) {
    size_t rank = function.results[i].type.sizes.size();
    if (rank)
      std::memcpy(dims[i], from, rank * sizeof(int64_t));
    from += rank;
  }
  return nullptr;
}
