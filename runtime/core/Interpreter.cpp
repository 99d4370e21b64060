//===- Interpreter.cpp - executing commands ----------------------------------------------===//
//
// The command loop. Indices were verified at load and are not looked at again; what depends on run-time
// values (ranges in buffers, overflow, slots that are empty) is checked here, command by command, and ends
// the run with a status.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Context.h"
#include "runtime/core/Status.h"
#include "runtime/module/Format.h"

#include <cstring>
#include <ctime>

using namespace aicc::rt;

static int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static int64_t floorDiv(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
static int64_t ceilDiv(int64_t a, int64_t b) { return a / b + (a % b != 0 && (a < 0) == (b < 0)); }
static int64_t floorMod(int64_t a, int64_t b) {
  int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/// Where in the program something went wrong.
static std::string place(const Frame &frame, const Op &op) {
  const aicc_function &function = *frame.function;
  std::string text = "function " + function.name;
  const Op *begin = function.ops.data();
  if (&op >= begin && &op < begin + function.ops.size())
    text += ", command " + std::to_string(&op - begin);
  else
    text += ", shape command " + std::to_string(&op - function.shapeProgram.data());
  if (op.code == OpCode::Dispatch) {
    const DispatchRef &dispatch = function.dispatches[op.a];
    text += std::string(" (") + dispatch.name;
    for (size_t i = 0; i < dispatch.nodes.size(); ++i)
      text += std::string(i ? ", " : ": ") + dispatch.nodes[i];
    text += ")";
  }
  return text;
}

aicc_status *aicc::rt::addPlace(aicc_status *status, const Origin &origin) {
  if (__builtin_expect(!status || !origin.op, 1))
    return status;
  aicc_status_code code = aicc_status_get_code(status);
  aicc_status *placed =
      makeStatus(code, "%s: %s", place(*origin.frame, *origin.op).c_str(), aicc_status_get_message(status));
  aicc_status_destroy(status);
  return placed;
}

static aicc_status *fail(aicc_status_code code, const Frame &frame, const Op &op, const char *what) {
  return makeStatus(code, "%s: %s", place(frame, op).c_str(), what);
}

static bool isWithin(const Slot &slot, int64_t offset, int64_t size) {
  return offset >= 0 && size >= 0 &&
         rangeIsWithin(static_cast<uint64_t>(offset), static_cast<uint64_t>(size), slot.size);
}

void aicc_context::setSlot(Slot &slot, const Slot &to) {
  if (slot.owner)
    pool.free(slot.owner);
  slot = to;
}

void aicc_context::clearFrame(Frame &frame) {
  for (Slot &slot : frame.slots)
    setSlot(slot, Slot());
}

aicc_status *aicc_context::checkInterrupt(const RunState &state) const {
  if (__builtin_expect(cancelled.load(std::memory_order_relaxed) >= state.sequence, 0))
    return makeStatus(AICC_STATUS_CANCELLED, "the run was cancelled");
  if (state.options.deadline_ns && now() > state.options.deadline_ns)
    return makeStatus(AICC_STATUS_DEADLINE_EXCEEDED, "the run did not end by its deadline");
  return nullptr;
}

aicc_status *aicc_context::dispatch(Frame &frame, const Op &op, const RunState &state) {
  const aicc_function &function = *frame.function;
  const uint32_t index = op.a;
  const DispatchRef &ref = function.dispatches[index];
  const int64_t *values = frame.values.data();
  int64_t grid = values[ref.grid], scratch = values[ref.scratch];
  if (__builtin_expect(grid <= 0 || scratch < 0, 0)) {
    if (grid == 0 && scratch >= 0)
      return nullptr;
    return fail(AICC_STATUS_OUT_OF_RANGE, frame, op, "its grid or scratch size is negative");
  }
  const BindingRef *binding = function.bindings.data() + ref.bindingBegin;
  for (uint32_t i = 0; i < ref.bindingCount; ++i, ++binding) {
    const Slot &slot = frame.slots[binding->slot];
    int64_t offset = values[binding->offset], length = values[binding->length];
    if (__builtin_expect(!slot.address || !isWithin(slot, offset, length), 0))
      return makeStatus(
          AICC_STATUS_OUT_OF_RANGE, "%s: binding %u wants %lld bytes from %lld of slot %u, which has %llu",
          place(frame, op).c_str(), i, static_cast<long long>(length), static_cast<long long>(offset),
          binding->slot, static_cast<unsigned long long>(slot.size));
    // Drivers of other memory than the host's need no address for what is empty.
    frame.buffers[i] =
        sharesHostMemory || static_cast<uint64_t>(offset) < slot.size ? slot.address + offset : nullptr;
  }
  const ValueIndex *param = function.params.data() + ref.paramBegin;
  for (uint32_t i = 0; i < ref.paramCount; ++i)
    frame.params[i] = values[param[i]];

  aicc_driver_dispatch request = {};
  request.struct_size = sizeof(request);
  request.entry = ref.entry;
  request.executable = module->executables[ref.executable];
  request.grid = grid;
  request.scratch_size = static_cast<uint64_t>(scratch);
  request.buffers = frame.buffers.data();
  request.params = ref.paramCount ? frame.params.data() : nullptr;
  request.buffer_count = ref.bindingCount;
  request.param_count = ref.paramCount;
  if (__builtin_expect(!state.options.profile, 1))
    return stream.dispatch(request, {&frame, &op});
  return stream.dispatchTimed(request, {&frame, &op}, {&function, index, ref.name, 0});
}

aicc_status *aicc_context::callFunction(Frame &caller, const CallRef &call, const RunState &state) {
  const aicc_function &callee = *module->functions[call.function];
  Frame *frame = nullptr;
  AICC_RETURN_IF_ERROR(frameFor(callee, frame));
  std::memcpy(frame->values.data(), callee.initialValues.data(),
              callee.initialValues.size() * sizeof(int64_t));
  for (size_t i = 0; i < call.inputs.size(); ++i)
    frame->values[callee.inputRegisters[i]] = caller.values[call.inputs[i]];
  const auto lend = [&](uint32_t to, uint32_t from) {
    Slot slot = caller.slots[from];
    slot.owner = nullptr;
    setSlot(frame->slots[to], slot);
  };
  for (size_t i = 0; i < call.argSlots.size(); ++i)
    lend(callee.args[i].slot, call.argSlots[i]);
  for (size_t i = 0; i < call.resultSlots.size(); ++i)
    lend(callee.results[i].slot, call.resultSlots[i]);
  for (size_t i = 0; i < callee.arenas.size(); ++i)
    setSlot(frame->slots[callee.arenas[i].slot], frame->arenas[i]);
  aicc_status *status = execute(*frame, callee.ops, state);
  clearFrame(*frame);
  for (size_t i = 0; !status && i < call.outputs.size(); ++i)
    caller.values[call.outputs[i]] = frame->values[callee.outputRegisters[i]];
  return status;
}

template <typename T> static int64_t loadAs(const uint8_t *from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return static_cast<int64_t>(value);
}

static int64_t loadElement(const uint8_t *from, uint8_t type) {
  switch (type) {
  case AICC_TYPE_I64:
    return loadAs<int64_t>(from);
  case AICC_TYPE_I32:
    return loadAs<int32_t>(from);
  case AICC_TYPE_I16:
    return loadAs<int16_t>(from);
  case AICC_TYPE_I8:
    return loadAs<int8_t>(from);
  case AICC_TYPE_U32:
    return loadAs<uint32_t>(from);
  case AICC_TYPE_U16:
    return loadAs<uint16_t>(from);
  default: // u8 and bool
    return *from;
  }
}

/// Waits for what writes the element.
aicc_status *aicc_context::loadScalar(const Slot &from, int64_t offset, uint8_t type, int64_t &value) {
  const uint8_t *address = from.address + offset;
  if (!sharesHostMemory) {
    AICC_RETURN_IF_ERROR(
        stream.read(scalar, address, aicc_element_type_bits(static_cast<aicc_element_type>(type)) / 8));
    address = scalar;
  }
  AICC_RETURN_IF_ERROR(stream.wait());
  value = loadElement(address, type);
  return nullptr;
}

aicc_status *aicc_context::execute(Frame &frame, const std::vector<Op> &ops, const RunState &state) {
  int64_t *values = frame.values.data();
  Slot *slots = frame.slots.data();
  for (const Op *op = ops.data();; ++op) {
    switch (op->code) {
    case OpCode::Move:
      values[op->a] = values[op->b];
      break;
    case OpCode::Add:
      if (__builtin_add_overflow(values[op->b], values[op->c], &values[op->a]))
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "an addition of sizes overflows");
      break;
    case OpCode::Sub:
      if (__builtin_sub_overflow(values[op->b], values[op->c], &values[op->a]))
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "a subtraction of sizes overflows");
      break;
    case OpCode::Mul:
      if (__builtin_mul_overflow(values[op->b], values[op->c], &values[op->a]))
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "a product of sizes overflows");
      break;
    case OpCode::FloorDiv:
    case OpCode::CeilDiv:
    case OpCode::Mod: {
      int64_t a = values[op->b], b = values[op->c];
      if (b == 0 || (b == -1 && a == INT64_MIN))
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "a division of sizes by zero");
      values[op->a] = op->code == OpCode::FloorDiv  ? floorDiv(a, b)
                      : op->code == OpCode::CeilDiv ? ceilDiv(a, b)
                                                    : floorMod(a, b);
      break;
    }
    case OpCode::Min:
      values[op->a] = std::min(values[op->b], values[op->c]);
      break;
    case OpCode::Max:
      values[op->a] = std::max(values[op->b], values[op->c]);
      break;
    case OpCode::Eq:
      values[op->a] = values[op->b] == values[op->c];
      break;
    case OpCode::Ne:
      values[op->a] = values[op->b] != values[op->c];
      break;
    case OpCode::Lt:
      values[op->a] = values[op->b] < values[op->c];
      break;
    case OpCode::Le:
      values[op->a] = values[op->b] <= values[op->c];
      break;
    case OpCode::And:
      values[op->a] = values[op->b] & values[op->c];
      break;
    case OpCode::Or:
      values[op->a] = values[op->b] | values[op->c];
      break;
    case OpCode::Xor:
      values[op->a] = values[op->b] ^ values[op->c];
      break;
    case OpCode::Select:
      values[op->a] = values[op->b] ? values[op->c] : values[op->d];
      break;
    case OpCode::ArgDim:
      values[op->a] = frame.argDims[op->b][op->c];
      break;
    case OpCode::Alloc: {
      int64_t size = values[op->b];
      if (size < 0)
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "an allocation of negative size");
      PoolBlock *block = nullptr;
      AICC_RETURN_IF_ERROR(checkInterrupt(state));
      setSlot(slots[op->a], Slot());
      AICC_RETURN_IF_ERROR(allocate(static_cast<uint64_t>(size), op->c, block));
      slots[op->a] = {block->address, static_cast<uint64_t>(size), block, false};
      break;
    }
    case OpCode::Free:
      if (!slots[op->a].owner)
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "the slot that is freed owns no memory");
      setSlot(slots[op->a], Slot());
      break;
    case OpCode::View: {
      const Slot &from = slots[op->b];
      int64_t offset = values[op->c], size = values[op->d];
      if (!from.address || !isWithin(from, offset, size))
        return makeStatus(AICC_STATUS_OUT_OF_RANGE,
                          "%s: a view of %lld bytes from %lld leaves slot %u, which has %llu",
                          place(frame, *op).c_str(), static_cast<long long>(size),
                          static_cast<long long>(offset), op->b, static_cast<unsigned long long>(from.size));
      if (op->a == op->b && from.owner) {
        // Narrowing what the slot owns keeps the ownership.
        slots[op->a].address += offset;
        slots[op->a].size = static_cast<uint64_t>(size);
        break;
      }
      setSlot(slots[op->a], {from.address + offset, static_cast<uint64_t>(size), nullptr, from.isReadOnly});
      break;
    }
    case OpCode::ConstantView: {
      const ConstantRef &constant = module->constants[op->b];
      setSlot(slots[op->a], {constant.address, constant.size, nullptr, true});
      break;
    }
    case OpCode::MoveSlot:
      if (op->a != op->b) {
        setSlot(slots[op->a], slots[op->b]);
        slots[op->b] = Slot();
      }
      break;
    case OpCode::Copy: {
      const Slot &to = slots[op->a], &from = slots[op->c];
      int64_t toOffset = values[op->b], fromOffset = values[op->d], size = values[op->e];
      if (!to.address || !from.address || !isWithin(to, toOffset, size) || !isWithin(from, fromOffset, size))
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "a copy leaves its buffers");
      if (to.isReadOnly)
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "a copy into a constant");
      AICC_RETURN_IF_ERROR(checkInterrupt(state));
      if (size)
        AICC_RETURN_IF_ERROR(stream.copy(to.address + toOffset, from.address + fromOffset,
                                         static_cast<uint64_t>(size), {&frame, op}));
      break;
    }
    case OpCode::Fill: {
      const Slot &to = slots[op->a];
      int64_t offset = values[op->b], size = values[op->c];
      if (!to.address || !isWithin(to, offset, size) || size % op->aux != 0)
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "a fill leaves its buffer or is not whole");
      if (to.isReadOnly)
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "a fill of a constant");
      AICC_RETURN_IF_ERROR(checkInterrupt(state));
      if (size)
        AICC_RETURN_IF_ERROR(stream.fill(to.address + offset, static_cast<uint64_t>(size),
                                         static_cast<uint64_t>(values[op->d]), op->aux, {&frame, op}));
      break;
    }
    case OpCode::Dispatch:
      AICC_RETURN_IF_ERROR(checkInterrupt(state));
      AICC_RETURN_IF_ERROR(dispatch(frame, *op, state));
      break;
    case OpCode::LoadScalar: {
      const Slot &from = slots[op->b];
      int64_t bytes = aicc_element_type_bits(static_cast<aicc_element_type>(op->aux)) / 8;
      if (!from.address || !isWithin(from, values[op->c], bytes))
        return fail(AICC_STATUS_OUT_OF_RANGE, frame, *op, "a scalar is loaded from outside of its buffer");
      AICC_RETURN_IF_ERROR(loadScalar(from, values[op->c], op->aux, values[op->a]));
      AICC_RETURN_IF_ERROR(checkInterrupt(state));
      break;
    }
    case OpCode::Assert:
      if (__builtin_expect(!values[op->a], 0))
        return makeStatus(AICC_STATUS_FAILED_PRECONDITION, "%s",
                          frame.function->asserts[op->b].message.c_str());
      break;
    case OpCode::Branch:
      AICC_RETURN_IF_ERROR(checkInterrupt(state));
      op = ops.data() + op->a - 1;
      break;
    case OpCode::BranchIf:
      AICC_RETURN_IF_ERROR(checkInterrupt(state));
      op = ops.data() + (values[op->a] ? op->b : op->c) - 1;
      break;
    case OpCode::Call:
      AICC_RETURN_IF_ERROR(checkInterrupt(state));
      AICC_RETURN_IF_ERROR(callFunction(frame, frame.function->calls[op->a], state));
      break;
    case OpCode::BindResult:
      AICC_RETURN_IF_ERROR(checkInterrupt(state));
      AICC_RETURN_IF_ERROR(bindLateResult(frame, *op, state.options));
      break;
    case OpCode::Return:
      return nullptr;
    }
  }
}
