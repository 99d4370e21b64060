// What the threads of a subgroup or a workgroup compute together: shuffles, and reductions by them or through
// workgroup memory.

#include "targets/gpu/codegen/GpuEmitter.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

/// The value's bits in 32-bit words, the low one first.
static SmallVector<Value> toWords(GpuEmitter &e, Value value) {
  OpBuilder &b = e.b;
  Type type = value.getType(), word = b.getI32Type();
  unsigned bits = type.getIntOrFloatBitWidth();
  if (isa<FloatType>(type))
    value = b.create<arith::BitcastOp>(e.loc, b.getIntegerType(bits), value);
  if (bits == 32)
    return {value};
  if (bits < 32)
    return {b.create<arith::ExtUIOp>(e.loc, word, value)};
  Value high = b.create<arith::ShRUIOp>(e.loc, value, e.constant(32));
  return {b.create<arith::TruncIOp>(e.loc, word, value), b.create<arith::TruncIOp>(e.loc, word, high)};
}

static Value fromWords(GpuEmitter &e, ArrayRef<Value> words, Type type) {
  OpBuilder &b = e.b;
  unsigned bits = type.getIntOrFloatBitWidth();
  Value value = words[0];
  if (bits == 64) {
    Type i64 = b.getI64Type();
    Value low = b.create<arith::ExtUIOp>(e.loc, i64, words[0]),
          high = b.create<arith::ExtUIOp>(e.loc, i64, words[1]);
    value =
        b.create<arith::OrIOp>(e.loc, low, b.create<arith::ShLIOp>(e.loc, high, e.constant(32)).getResult());
  } else if (bits < 32) {
    value = b.create<arith::TruncIOp>(e.loc, b.getIntegerType(bits), value);
  }
  return isa<FloatType>(type) ? b.create<arith::BitcastOp>(e.loc, type, value).getResult() : value;
}

Value GpuEmitter::shuffle(Value value, Value lane, mlir::gpu::ShuffleMode mode) {
  assert(lanes && "no subgroups");
  Value width = b.create<arith::ConstantIntOp>(loc, lanes, 32);
  SmallVector<Value> words = toWords(*this, value);
  for (Value &word : words)
    word = b.create<mlir::gpu::ShuffleOp>(loc, word, lane, width, mode).getShuffleResult();
  return fromWords(*this, words, value.getType());
}

Value GpuEmitter::shuffleXor(Value value, unsigned mask) {
  return shuffle(value, b.create<arith::ConstantIntOp>(loc, mask, 32), mlir::gpu::ShuffleMode::XOR);
}

Value GpuEmitter::shuffleIndex(Value value, Value lane) {
  if (!lane.getType().isInteger(32))
    lane = b.create<arith::TruncIOp>(loc, b.getI32Type(), lane);
  return shuffle(value, lane, mlir::gpu::ShuffleMode::IDX);
}

SmallVector<Value> GpuEmitter::reduce(ValueRange values, unsigned width, Combine combine) {
  assert(llvm::isPowerOf2_32(width) && width <= threads && "groups are powers of two");
  SmallVector<Value> result(values);
  if (!lanes)
    return width > 1 ? reduceShared(values, width, combine) : result;
  for (unsigned mask = std::min(width, lanes) / 2; mask; mask /= 2) {
    SmallVector<Value> others;
    for (Value value : result)
      others.push_back(shuffleXor(value, mask));
    result = combine(result, others);
  }
  if (width <= lanes)
    return result;
  // One value of each subgroup through workgroup memory; every thread combines those of its group.
  SmallVector<Value> memory = exchangeMemory(values);
  barrier();
  ifThen(compare(arith::CmpIPredicate::eq, laneId(), constant(0)), [&] {
    for (auto [value, base] : llvm::zip_equal(result, memory))
      store(value, base, subgroupId(), value.getType());
  });
  barrier();
  unsigned parts = width / lanes;
  Value first = width == threads ? constant(0) : mul(div(subgroupId(), constant(parts)), constant(parts));
  auto read = [&](unsigned i) {
    SmallVector<Value> part;
    for (auto [value, base] : llvm::zip_equal(values, memory))
      part.push_back(load(base, add(first, constant(i)), value.getType()));
    return part;
  };
  result = read(0);
  for (unsigned i = 1; i < parts; ++i)
    result = combine(result, read(i));
  return result;
}

Value GpuEmitter::reduce(Value value, unsigned width, llvm::function_ref<Value(Value, Value)> combine) {
  return reduce(ValueRange{value}, width,
                [&](ValueRange x, ValueRange y) { return SmallVector<Value>{combine(x[0], y[0])}; })
      .front();
}

SmallVector<Value> GpuEmitter::exchangeMemory(ValueRange values) {
  SmallVector<Value> memory;
  llvm::DenseMap<Type, unsigned> used;
  for (Value value : values) {
    SmallVector<Value> &known = exchange[value.getType()];
    unsigned i = used[value.getType()]++;
    if (i == known.size())
      known.push_back(shared(value.getType(), lanes ? threads / lanes : threads));
    memory.push_back(known[i]);
  }
  return memory;
}

SmallVector<Value> GpuEmitter::reduceShared(ValueRange values, unsigned width, Combine combine) {
  SmallVector<Value> memory = exchangeMemory(values), mine(values);
  barrier();
  for (auto [value, base] : llvm::zip_equal(mine, memory))
    store(value, base, threadId(), value.getType());
  barrier();
  Value place = width == threads ? threadId() : rem(threadId(), constant(width));
  for (unsigned half = width / 2; half; half /= 2) {
    ifThen(compare(arith::CmpIPredicate::slt, place, constant(half)), [&] {
      SmallVector<Value> x, y;
      for (auto [value, base] : llvm::zip_equal(mine, memory)) {
        x.push_back(load(base, threadId(), value.getType()));
        y.push_back(load(base, add(threadId(), constant(half)), value.getType()));
      }
      for (auto [value, base] : llvm::zip_equal(combine(x, y), memory))
        store(value, base, threadId(), value.getType());
    });
    barrier();
  }
  SmallVector<Value> result;
  Value first = width == threads ? constant(0) : sub(threadId(), place);
  for (auto [value, base] : llvm::zip_equal(mine, memory))
    result.push_back(load(base, first, value.getType()));
  return result;
}
