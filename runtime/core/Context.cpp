//===- Context.cpp - binding and running -------------------------------------------------===//
//
// What happens around the command loop: arguments are checked against the signature, sizes of the results
// computed, memory bound to slots, and results handed out.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Context.h"

#include "runtime/core/Status.h"
#include "runtime/module/Format.h"

#include <cstring>

using namespace aicc::rt;

static constexpr uint64_t kArenaAlignment = kMaxAlignment;

aicc_context::aicc_context(const aicc_module *module)
    : module(module), device(*module->device), driver(*module->device->table), pool(*module->device) {
  module->retain();
  frames.resize(module->functions.size());
}

aicc_context::~aicc_context() {
  const auto freeArena = [&](Slot &arena) {
    if (arena.address)
      driver.memory_free(device.handle, arena.address, arena.size, kArenaAlignment);
  };
  if (queue)
    driver.queue_destroy(queue);
  for (auto &frame : frames)
    if (frame && frame->function->isPrivate)
      for (Slot &arena : frame->arenas)
        freeArena(arena);
  for (Slot &arena : sharedArenas)
    freeArena(arena);
}

aicc_status *aicc_context::allocateArena(Slot &arena, uint64_t size) {
  void *address = nullptr;
  AICC_RETURN_IF_ERROR(
      driver.memory_alloc(device.handle, AICC_MEMORY_DEVICE, size, kArenaAlignment, &address));
  if (arena.address)
    driver.memory_free(device.handle, arena.address, arena.size, kArenaAlignment);
  arena = {static_cast<uint8_t *>(address), size, nullptr, false};
  return nullptr;
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
  if (function.isPrivate) {
    frame->arenas.resize(function.arenas.size());
    aicc_status *status = nullptr;
    for (size_t i = 0; i < frame->arenas.size() && !status; ++i)
      if (function.arenas[i].size)
        status = allocateArena(frame->arenas[i], function.arenas[i].size);
    if (status) {
      for (Slot &arena : frame->arenas)
        if (arena.address)
          driver.memory_free(device.handle, arena.address, arena.size, kArenaAlignment);
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

static const char *nameOf(const ValueType &type) {
  return type.name.empty() ? "(unnamed)" : type.name.c_str();
}

static aicc_status *checkTensor(const char *role, const ValueType &type, const aicc_tensor *tensor,
                                const aicc_device &device) {
  if (!tensor)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "%s %s is missing", role, nameOf(type));
  if (tensor->device && tensor->device != &device)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "%s %s is on device %s, the module on %s", role,
                      nameOf(type), tensor->device->id.c_str(), device.id.c_str());
  if (tensor->type != type.elementType || tensor->rank != type.sizes.size())
    return makeStatus(
        AICC_STATUS_INVALID_ARGUMENT, "%s %s is %s, but must be %s", role, nameOf(type),
        describeShape(tensor->type, tensor->rank, tensor->dims).c_str(),
        describeShape(type.elementType, static_cast<uint32_t>(type.sizes.size()), type.sizes.data()).c_str());
  return nullptr;
}

/// Checks types and sizes, and reads the symbols. Leaves registers and argDims ready for the shape program.
aicc_status *aicc_context::bindArgs(Frame &frame, aicc_tensor *const *inputs, uint32_t inputCount) {
  const aicc_function &function = *frame.function;
  if (inputCount != function.args.size())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "function %s takes %zu inputs, %u are given",
                      function.name.c_str(), function.args.size(), inputCount);
  std::memcpy(frame.values.data(), function.initialValues.data(),
              function.initialValues.size() * sizeof(int64_t));
  for (uint32_t i = 0; i < inputCount; ++i) {
    AICC_RETURN_IF_ERROR(checkTensor("input", function.args[i].type, inputs[i], device));
    frame.argDims[i] = inputs[i]->dims;
  }
  for (size_t i = 0; i < function.symbols.size(); ++i) {
    const SymbolRef &symbol = function.symbols[i];
    int64_t size = frame.argDims[symbol.arg][symbol.dim];
    if (size < symbol.min || size > symbol.max || size % symbol.divisor != 0)
      return makeStatus(AICC_STATUS_INVALID_ARGUMENT,
                        "input %s: size %s is %lld, but the module takes %lld to %lld in steps of %lld",
                        nameOf(function.args[symbol.arg].type), symbol.name, static_cast<long long>(size),
                        static_cast<long long>(symbol.min), static_cast<long long>(symbol.max),
                        static_cast<long long>(symbol.divisor));
    frame.symbols[i] = size;
    if (symbol.reg >= 0)
      frame.values[static_cast<uint32_t>(symbol.reg)] = size;
  }
  for (uint32_t i = 0; i < inputCount; ++i) {
    const ValueType &type = function.args[i].type;
    for (size_t d = 0; d < type.dims.size(); ++d) {
      int64_t wanted = type.dims[d].size;
      if (type.dims[d].symbol >= 0 && wanted < 0)
        wanted = frame.symbols[static_cast<uint32_t>(type.dims[d].symbol)];
      if (wanted >= 0 && frame.argDims[i][d] != wanted)
        return makeStatus(AICC_STATUS_INVALID_ARGUMENT,
                          "input %s: dimension %zu%s%s is %lld, but must be %lld", nameOf(type), d,
                          *type.dimNames[d] ? " " : "", type.dimNames[d],
                          static_cast<long long>(frame.argDims[i][d]), static_cast<long long>(wanted));
    }
  }
  return nullptr;
}

/// Runs the shape program and evaluates the results' sizes into frame.dims.
aicc_status *aicc_context::evaluateShapes(Frame &frame, const RunState &state) {
  const aicc_function &function = *frame.function;
  if (function.rankRegister >= 0)
    frame.values[static_cast<uint32_t>(function.rankRegister)] = state.options.rank;
  if (function.worldSizeRegister >= 0)
    frame.values[static_cast<uint32_t>(function.worldSizeRegister)] =
        state.options.world_size ? state.options.world_size : 1;
  AICC_RETURN_IF_ERROR(execute(frame, function.shapeProgram, state));
  int64_t *dims = frame.dims.data();
  for (const ResultRef &result : function.results) {
    uint32_t rank = static_cast<uint32_t>(result.dims.size());
    for (uint32_t d = 0; d < rank; ++d)
      dims[d] = frame.values[result.dims[d]];
    uint64_t bytes = 0;
    if (!computeByteSize(result.type.elementType, rank, dims, bytes))
      return makeStatus(AICC_STATUS_OUT_OF_RANGE, "function %s: result %s would be %s", function.name.c_str(),
                        nameOf(result.type), describeShape(result.type.elementType, rank, dims).c_str());
    dims += rank;
  }
  return nullptr;
}

/// Binds inputs to slots, as dense copies where they are strided.
aicc_status *aicc_context::packArgs(Frame &frame, aicc_tensor *const *inputs) {
  const aicc_function &function = *frame.function;
  for (size_t i = 0; i < function.args.size(); ++i) {
    const aicc_tensor &input = *inputs[i];
    uint64_t bytes = 0;
    computeByteSize(input.type, input.rank, input.dims, bytes);
    auto *data = static_cast<uint8_t *>(input.data);
    if (!input.isDense()) {
      PoolBlock *block = nullptr;
      AICC_RETURN_IF_ERROR(pool.allocate(bytes, 64, block));
      frame.packed.push_back(block);
      packTensor(input, block->address);
      data = block->address;
    }
    frame.slots[function.args[i].slot] = {data, bytes, nullptr, false};
  }
  return nullptr;
}

aicc_status *aicc_context::bindStates(Frame &frame, const aicc_run_options &options) {
  const aicc_function &function = *frame.function;
  if (options.state_count != function.states.size())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "function %s takes %zu states, %u are given",
                      function.name.c_str(), function.states.size(), options.state_count);
  for (size_t i = 0; i < function.states.size(); ++i) {
    const aicc_state *state = options.states[i];
    if (!state || state->module != module || state->index != function.states[i].state)
      return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "state %zu of function %s must be a %s of this module",
                        i, function.name.c_str(), function.stateTypes[i]->name.c_str());
    frame.slots[function.states[i].slot] = {static_cast<uint8_t *>(state->data), state->size, nullptr, false};
  }
  return nullptr;
}

aicc_status *aicc_context::bindResults(Frame &frame, aicc_tensor **outputs) {
  const aicc_function &function = *frame.function;
  const int64_t *dims = frame.dims.data();
  for (size_t i = 0; i < function.results.size(); ++i) {
    const ResultRef &result = function.results[i];
    uint32_t rank = static_cast<uint32_t>(result.type.sizes.size());
    uint64_t bytes = 0;
    computeByteSize(result.type.elementType, rank, dims, bytes);
    if (outputs[i]) {
      const aicc_tensor &output = *outputs[i];
      AICC_RETURN_IF_ERROR(checkTensor("output", result.type, &output, device));
      bool sizesDependOnData = !result.finalDims.empty();
      if (output.byteSize < bytes || !output.isDense() ||
          (!sizesDependOnData && rank && std::memcmp(output.dims, dims, rank * sizeof(int64_t)) != 0))
        return makeStatus(AICC_STATUS_INVALID_ARGUMENT,
                          "output %s is %s in %llu bytes, but must be a dense %s", nameOf(result.type),
                          describeShape(output.type, output.rank, output.dims).c_str(),
                          static_cast<unsigned long long>(output.byteSize),
                          describeShape(result.type.elementType, rank, dims).c_str());
    } else if (result.aliasArg < 0) {
      AICC_RETURN_IF_ERROR(
          aicc_tensor_create(module->instance, nullptr, result.type.elementType, rank, dims, &outputs[i]));
    }
    if (result.aliasArg < 0)
      frame.slots[result.slot] = {static_cast<uint8_t *>(outputs[i]->data), bytes, nullptr, false};
    dims += rank;
  }
  return nullptr;
}

static void releaseTensor(void *tensor) { static_cast<aicc_tensor *>(tensor)->release(); }

/// Sets sizes that only the run could know, and hands out results that live in arguments.
aicc_status *aicc_context::finishResults(Frame &frame, aicc_tensor *const *inputs, aicc_tensor **outputs) {
  const aicc_function &function = *frame.function;
  int64_t *dims = frame.dims.data();
  for (size_t i = 0; i < function.results.size(); ++i) {
    const ResultRef &result = function.results[i];
    uint32_t rank = static_cast<uint32_t>(result.type.sizes.size());
    uint64_t capacity = 0, bytes = 0;
    computeByteSize(result.type.elementType, rank, dims, capacity);
    for (size_t d = 0; d < result.finalDims.size(); ++d)
      dims[d] = frame.values[result.finalDims[d]];
    if (!computeByteSize(result.type.elementType, rank, dims, bytes) || bytes > capacity)
      return makeStatus(AICC_STATUS_OUT_OF_RANGE, "function %s: result %s became %s, more than its bound",
                        function.name.c_str(), nameOf(result.type),
                        describeShape(result.type.elementType, rank, dims).c_str());
    if (result.aliasArg >= 0) {
      const Slot &slot = frame.slots[function.args[static_cast<uint32_t>(result.aliasArg)].slot];
      aicc_tensor *input = inputs[result.aliasArg];
      if (bytes > slot.size || !slot.address)
        return makeStatus(AICC_STATUS_OUT_OF_RANGE,
                          "function %s: result %s is larger than the input it lives in",
                          function.name.c_str(), nameOf(result.type));
      if (!outputs[i] && input->isDense()) {
        input->retain();
        aicc_status *status = aicc_tensor_wrap(module->instance, result.type.elementType, rank, dims, nullptr,
                                               slot.address, slot.size, releaseTensor, input, &outputs[i]);
        if (status) {
          input->release();
          return status;
        }
      } else {
        if (!outputs[i])
          AICC_RETURN_IF_ERROR(aicc_tensor_create(module->instance, nullptr, result.type.elementType, rank,
                                                  dims, &outputs[i]));
        if (outputs[i]->data != slot.address)
          std::memmove(outputs[i]->data, slot.address, bytes);
      }
    }
    outputs[i]->reshape(dims);
    dims += rank;
  }
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

  aicc_status *status = packArgs(*frame, inputs);
  if (!status)
    status = bindStates(*frame, state.options);
  if (!status)
    status = bindResults(*frame, outputs);
  if (!status) {
    for (size_t i = 0; i < function.arenas.size(); ++i)
      frame->slots[function.arenas[i].slot] = sharedArenas[i];
    status = execute(*frame, function.ops, state);
  }
  if (!(device.info.capabilities & AICC_DRIVER_SYNCHRONOUS)) {
    aicc_status *waited = driver.queue_wait(queue, 0);
    if (status)
      aicc_status_destroy(waited);
    else
      status = waited;
  }
  if (!status)
    status = finishResults(*frame, inputs, outputs);
  clearFrame(*frame);
  for (PoolBlock *block : frame->packed)
    pool.free(block);
  frame->packed.clear();
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
