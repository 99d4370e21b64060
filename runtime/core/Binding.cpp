//===- Binding.cpp - between a run's tensors and its slots -------------------------------===//
//
// Arguments are checked against the signature, sizes of the results computed, memory bound to slots, and
// results handed out. A tensor that is where kernels reach it is bound as it is; any other is staged: copied
// to the device before the program, or from it behind.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Context.h"
#include "runtime/core/Status.h"

#include <cstring>

using namespace aicc::rt;

/// What kernels on memory of their own expect of each buffer, bytes.
static constexpr uintptr_t kKernelAlignment = 64;

/// Where slots of no bytes point: an address, so that the slot is not empty, that nobody reads.
alignas(64) static char nothing[64];

static const char *nameOf(const ValueType &type) {
  return type.name.empty() ? "(unnamed)" : type.name.c_str();
}

static aicc_status *checkTensor(const char *role, const ValueType &type, const aicc_tensor *tensor,
                                const aicc_instance *instance) {
  if (!tensor)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "%s %s is missing", role, nameOf(type));
  if (tensor->device && tensor->device->instance != instance)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "%s %s is on a device of another runtime instance", role,
                      nameOf(type));
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
    AICC_RETURN_IF_ERROR(checkTensor("input", function.args[i].type, inputs[i], module->instance));
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
    if (!result.isLate && !computeByteSize(result.type.elementType, rank, dims, bytes))
      return makeStatus(AICC_STATUS_OUT_OF_RANGE, "function %s: result %s would be %s", function.name.c_str(),
                        nameOf(result.type), describeShape(result.type.elementType, rank, dims).c_str());
    dims += rank;
  }
  return nullptr;
}

//===--- Staging -------------------------------------------------------------------------===//

bool aicc_context::reaches(const aicc_tensor &tensor) const {
  if (sharesHostMemory)
    return tensor.isOnHost();
  // An accelerator's kernels rely on the alignment of their buffers, which another library's view may lack.
  return tensor.device == &device && reinterpret_cast<uintptr_t>(tensor.data) % kKernelAlignment == 0;
}

aicc_status *aicc_context::allocate(uint64_t size, uint32_t alignment, PoolBlock *&block) {
  aicc_status *status = pool.allocate(size, alignment, block);
  if (!status || !pool.hasIdle() || aicc_status_get_code(status) != AICC_STATUS_OUT_OF_MEMORY)
    return status;
  if (aicc_status *waited = stream.wait()) {
    aicc_status_destroy(status);
    return waited;
  }
  aicc_status_destroy(status);
  pool.releaseIdle(0);
  return pool.allocate(size, alignment, block);
}

aicc_status *aicc_context::stage(Frame &frame, uint64_t bytes, uint8_t *&address) {
  PoolBlock *block = nullptr;
  AICC_RETURN_IF_ERROR(allocate(bytes, 64, block));
  frame.staged.push_back(block);
  address = block->address;
  return nullptr;
}

aicc_status *aicc_context::stageOnHost(Frame &frame, uint64_t bytes, void *&address) {
  address = module->instance->allocate(bytes, 64);
  if (!address)
    return makeStatus(AICC_STATUS_OUT_OF_MEMORY, "no memory for a copy of %llu bytes",
                      static_cast<unsigned long long>(bytes));
  frame.hostStaged.push_back({address, bytes});
  return nullptr;
}

/// In the reverse order, so that the next run gets the same blocks for the same tensors: recordings hold
/// addresses.
void aicc_context::releaseStaged(Frame &frame) {
  for (; !frame.staged.empty(); frame.staged.pop_back())
    pool.free(frame.staged.back());
  for (const HostBlock &block : frame.hostStaged)
    module->instance->deallocate(block.address, block.size, 64);
  frame.hostStaged.clear();
  frame.deliveries.clear();
}

aicc_status *aicc_context::placeArg(Frame &frame, const aicc_tensor &input, Slot &slot) {
  uint64_t bytes = 0;
  computeByteSize(input.type, input.rank, input.dims, bytes);
  if (!bytes) {
    slot = {reinterpret_cast<uint8_t *>(nothing), 0, nullptr, false};
    return nullptr;
  }
  bool isDense = input.isDense();
  if (isDense && reaches(input)) {
    slot = {static_cast<uint8_t *>(input.data), bytes, nullptr, false};
    return nullptr;
  }
  uint8_t *address = nullptr;
  AICC_RETURN_IF_ERROR(stage(frame, bytes, address));
  slot = {address, bytes, nullptr, false};
  // The queue is empty still, so that the host may write what it reaches.
  if (sharesHostMemory)
    return readTensor(input, address);
  if (!input.isOnHost())
    return copyTensorTo(input, device, address);
  const void *from = input.data;
  if (!isDense) {
    void *packed = nullptr;
    AICC_RETURN_IF_ERROR(stageOnHost(frame, bytes, packed));
    packTensor(input, packed);
    from = packed;
  }
  return stream.write(address, from, bytes);
}

aicc_status *aicc_context::placeArgs(Frame &frame, aicc_tensor *const *inputs) {
  const aicc_function &function = *frame.function;
  for (size_t i = 0; i < function.args.size(); ++i)
    if (aicc_status *status = placeArg(frame, *inputs[i], frame.slots[function.args[i].slot])) {
      aicc_status *named = makeStatus(aicc_status_get_code(status), "input %s: %s",
                                      nameOf(function.args[i].type), aicc_status_get_message(status));
      aicc_status_destroy(status);
      return named;
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

//===--- Results -------------------------------------------------------------------------===//

aicc_status *aicc_context::makeOutput(const ValueType &type, const int64_t *dims,
                                      const aicc_run_options &options, aicc_tensor *&output) {
  bool onDevice = options.flags & AICC_RUN_DEVICE_OUTPUTS;
  return aicc_tensor_create(module->instance, onDevice ? &device : nullptr, type.elementType,
                            static_cast<uint32_t>(type.sizes.size()), dims, &output);
}

/// Binds a result of these sizes to the caller's tensor, or to a new one.
aicc_status *aicc_context::bindResult(Frame &frame, size_t index, const int64_t *dims,
                                      const aicc_run_options &options) {
  const ResultRef &result = frame.function->results[index];
  aicc_tensor *&output = frame.outputs[index];
  uint32_t rank = static_cast<uint32_t>(result.type.sizes.size());
  uint64_t bytes = 0;
  computeByteSize(result.type.elementType, rank, dims, bytes);
  if (output) {
    AICC_RETURN_IF_ERROR(checkTensor("output", result.type, output, module->instance));
    bool sizesDependOnData = result.isLate || !result.finalDims.empty();
    if (output->byteSize < bytes || !output->isDense() ||
        (!sizesDependOnData && rank && std::memcmp(output->dims, dims, rank * sizeof(int64_t)) != 0))
      return makeStatus(
          AICC_STATUS_INVALID_ARGUMENT, "output %s is %s in %llu bytes, but must be a dense %s in %llu",
          nameOf(result.type), describeShape(output->type, output->rank, output->dims).c_str(),
          static_cast<unsigned long long>(output->byteSize),
          describeShape(result.type.elementType, rank, dims).c_str(), static_cast<unsigned long long>(bytes));
  } else if (result.aliasArg < 0) {
    AICC_RETURN_IF_ERROR(makeOutput(result.type, dims, options, output));
  }
  if (result.aliasArg >= 0)
    return nullptr;
  auto *address = reinterpret_cast<uint8_t *>(nothing);
  if (bytes && reaches(*output))
    address = static_cast<uint8_t *>(output->data);
  else if (bytes)
    AICC_RETURN_IF_ERROR(stage(frame, bytes, address));
  frame.resultAddresses[index] = address;
  setSlot(frame.slots[result.slot], {address, bytes, nullptr, false});
  return nullptr;
}

aicc_status *aicc_context::bindResults(Frame &frame, const aicc_run_options &options) {
  const aicc_function &function = *frame.function;
  const int64_t *dims = frame.dims.data();
  for (size_t i = 0; i < function.results.size(); ++i) {
    const ResultRef &result = function.results[i];
    if (result.isLate)
      frame.resultAddresses[i] = nullptr;
    else
      AICC_RETURN_IF_ERROR(bindResult(frame, i, dims, options));
    dims += result.type.sizes.size();
  }
  return nullptr;
}

aicc_status *aicc_context::bindLateResult(Frame &frame, const Op &op, const aicc_run_options &options) {
  const aicc_function &function = *frame.function;
  const BindResultRef &ref = function.boundResults[op.a];
  const ResultRef &result = function.results[ref.result];
  if (frame.resultAddresses[ref.result])
    return makeStatus(AICC_STATUS_OUT_OF_RANGE, "function %s: result %s is bound twice",
                      function.name.c_str(), nameOf(result.type));
  int64_t *dims = frame.dims.data();
  for (uint32_t i = 0; i < ref.result; ++i)
    dims += function.results[i].type.sizes.size();
  for (size_t d = 0; d < ref.dims.size(); ++d)
    dims[d] = frame.values[ref.dims[d]];
  uint64_t bytes = 0;
  uint32_t rank = static_cast<uint32_t>(ref.dims.size());
  if (!computeByteSize(result.type.elementType, rank, dims, bytes))
    return makeStatus(AICC_STATUS_OUT_OF_RANGE, "function %s: result %s would be %s", function.name.c_str(),
                      nameOf(result.type), describeShape(result.type.elementType, rank, dims).c_str());
  return bindResult(frame, ref.result, dims, options);
}

/// Brings `bytes` of memory that kernels reach to a dense tensor: queued, or noted for when the queue is
/// empty.
aicc_status *aicc_context::deliver(Frame &frame, const void *from, aicc_tensor &to, uint64_t bytes) {
  if (!bytes || (reaches(to) && to.data == from))
    return nullptr;
  if (sharesHostMemory) {
    frame.deliveries.push_back({from, &to, bytes});
    return nullptr;
  }
  if (to.device == &device)
    return stream.copy(to.data, from, bytes, Origin());
  if (to.isOnHost())
    return stream.read(to.data, from, bytes);
  void *between = nullptr;
  AICC_RETURN_IF_ERROR(stageOnHost(frame, bytes, between));
  frame.deliveries.push_back({between, &to, bytes});
  return stream.read(between, from, bytes);
}

static void releaseTensor(void *tensor) { static_cast<aicc_tensor *>(tensor)->release(); }

/// A result that lives in an argument's memory: a tensor on that memory if it is the caller's, else a copy.
aicc_status *aicc_context::returnAlias(Frame &frame, const ResultRef &result, const int64_t *dims,
                                       uint64_t bytes, aicc_tensor *const *inputs, aicc_tensor *&output,
                                       const aicc_run_options &options) {
  const aicc_function &function = *frame.function;
  const Slot &slot = frame.slots[function.args[static_cast<uint32_t>(result.aliasArg)].slot];
  aicc_tensor *input = inputs[result.aliasArg];
  if (bytes > slot.size || !slot.address)
    return makeStatus(AICC_STATUS_OUT_OF_RANGE, "function %s: result %s is larger than the input it lives in",
                      function.name.c_str(), nameOf(result.type));
  if (!output && slot.address == input->data) {
    AICC_RETURN_IF_ERROR(aicc_tensor_wrap(module->instance, result.type.elementType,
                                          static_cast<uint32_t>(result.type.sizes.size()), dims, nullptr,
                                          slot.address, slot.size, releaseTensor, input, &output));
    input->retain();
    output->device = input->device;
    return nullptr;
  }
  if (!output)
    AICC_RETURN_IF_ERROR(makeOutput(result.type, dims, options, output));
  return deliver(frame, slot.address, *output, bytes);
}

aicc_status *aicc_context::returnResults(Frame &frame, aicc_tensor *const *inputs, aicc_tensor **outputs,
                                         const aicc_run_options &options) {
  const aicc_function &function = *frame.function;
  int64_t *dims = frame.dims.data();
  for (size_t i = 0; i < function.results.size(); ++i) {
    const ResultRef &result = function.results[i];
    uint32_t rank = static_cast<uint32_t>(result.type.sizes.size());
    uint64_t capacity = 0, bytes = 0;
    if (result.isLate && !frame.resultAddresses[i])
      return makeStatus(AICC_STATUS_OUT_OF_RANGE, "function %s: result %s was not bound",
                        function.name.c_str(), nameOf(result.type));
    computeByteSize(result.type.elementType, rank, dims, capacity);
    for (size_t d = 0; d < result.finalDims.size(); ++d)
      dims[d] = frame.values[result.finalDims[d]];
    if (!computeByteSize(result.type.elementType, rank, dims, bytes) || bytes > capacity)
      return makeStatus(AICC_STATUS_OUT_OF_RANGE, "function %s: result %s became %s, more than its bound",
                        function.name.c_str(), nameOf(result.type),
                        describeShape(result.type.elementType, rank, dims).c_str());
    if (result.aliasArg >= 0)
      AICC_RETURN_IF_ERROR(returnAlias(frame, result, dims, bytes, inputs, outputs[i], options));
    else
      AICC_RETURN_IF_ERROR(deliver(frame, frame.resultAddresses[i], *outputs[i], bytes));
    outputs[i]->reshape(dims);
    dims += rank;
  }
  return nullptr;
}
