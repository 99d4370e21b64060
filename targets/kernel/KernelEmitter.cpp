// The body's frame, i64 arithmetic and memory access of the kernel emitter. Evaluation of fused work:
// KernelFusion.cpp.

#include "targets/kernel/KernelEmitter.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace aicc::kernel;

/// The symbols on which sizes within the dispatch depend, ascending.
static SmallVector<unsigned> collectSymbols(aicc::exe::DispatchOp dispatch,
                                            aicc::nn::SymbolicShapes &shapes) {
  llvm::SmallSetVector<unsigned, 4> found;
  auto note = [&](AffineExpr expr) {
    expr.walk([&](AffineExpr e) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(e))
        found.insert(symbol.getPosition());
    });
  };
  auto noteValue = [&](Value v) {
    for (AffineExpr expr : shapes.get(v))
      note(expr);
  };
  for (Value v : dispatch.getBody().getArguments())
    noteValue(v);
  for (Operation &op : dispatch.getBody().front()) {
    for (Value v : op.getResults())
      noteValue(v);
    for (NamedAttribute attr : op.getAttrs())
      if (auto map = dyn_cast<AffineMapAttr>(attr.getValue()))
        for (AffineExpr expr : map.getValue().getResults())
          note(expr);
  }
  SmallVector<unsigned> list = found.takeVector();
  llvm::sort(list);
  return list;
}

KernelEmitter::KernelEmitter(ModuleOp module, exe::DispatchOp dispatch, nn::SymbolicShapes &shapes)
    : b(module.getContext()), loc(dispatch.getLoc()), dispatch(dispatch), shapes(shapes), module(module),
      usedSymbols(collectSymbols(dispatch, shapes)) {}

void KernelEmitter::startBody(LLVM::LLVMFuncOp function, StringRef entryName) {
  func = function;
  entry = entryName.str();
  Block *block = func.addEntryBlock(b);
  unsigned buffers = getNumBuffers();
  for (unsigned i = 0; i < buffers; ++i)
    pointers[i] = block->getArgument(i);
  for (unsigned i = 0; i < usedSymbols.size(); ++i)
    sizes[getAffineSymbolExpr(usedSymbols[i], b.getContext())] = block->getArgument(buffers + i);
  b.setInsertionPointToEnd(block);
  entryEnd = b.create<LLVM::ReturnOp>(loc, ValueRange{});
  // Hoisted values go before a marker, which the kernel's own code follows: dominance by construction.
  b.setInsertionPoint(entryEnd);
  Operation *marker = b.create<arith::ConstantIntOp>(loc, 0, 1);
  b.setInsertionPoint(entryEnd);
  entryEnd = marker;
}

Launch KernelEmitter::finish(AffineExpr grid, AffineExpr scratchBytes) {
  Launch launch;
  launch.entry = entry;
  launch.grid = grid;
  launch.scratchBytes = scratchBytes ? scratchBytes : expr(0);
  for (unsigned symbol : usedSymbols)
    launch.params.push_back(getAffineSymbolExpr(symbol, b.getContext()));
  return launch;
}

void KernelEmitter::abandon() {
  for (Operation *op : owned)
    op->erase();
}

//===--- i64 arithmetic
//--------------------------------------------------------------------------------------------------===//

std::optional<int64_t> KernelEmitter::getConstant(Value x) {
  llvm::APInt value;
  if (x && matchPattern(x, m_ConstantInt(&value)))
    return value.getSExtValue();
  return std::nullopt;
}

Value KernelEmitter::constant(int64_t value) {
  Value &slot = constants[value];
  if (!slot)
    slot = atEntry([&] { return b.create<arith::ConstantIntOp>(loc, value, 64).getResult(); });
  return slot;
}

Value KernelEmitter::add(Value x, Value y) {
  auto cx = getConstant(x), cy = getConstant(y);
  if (cx && cy)
    return constant(*cx + *cy);
  if (cx && *cx == 0)
    return y;
  if (cy && *cy == 0)
    return x;
  return b.create<arith::AddIOp>(loc, x, y);
}

Value KernelEmitter::sub(Value x, Value y) {
  auto cx = getConstant(x), cy = getConstant(y);
  if (cx && cy)
    return constant(*cx - *cy);
  if (cy && *cy == 0)
    return x;
  return b.create<arith::SubIOp>(loc, x, y);
}

Value KernelEmitter::mul(Value x, Value y) {
  auto cx = getConstant(x), cy = getConstant(y);
  if (cx && cy)
    return constant(*cx * *cy);
  if ((cx && *cx == 0) || (cy && *cy == 1))
    return x;
  if ((cy && *cy == 0) || (cx && *cx == 1))
    return y;
  return b.create<arith::MulIOp>(loc, x, y, arith::IntegerOverflowFlags::nsw);
}

Value KernelEmitter::div(Value x, Value y) {
  auto cx = getConstant(x), cy = getConstant(y);
  if (cx && cy && *cy)
    return constant(*cx / *cy);
  if (cy && *cy == 1)
    return x;
  return b.create<arith::DivUIOp>(loc, x, y);
}

Value KernelEmitter::rem(Value x, Value y) {
  auto cx = getConstant(x), cy = getConstant(y);
  if (cx && cy && *cy)
    return constant(*cx % *cy);
  if (cy && *cy == 1)
    return constant(0);
  return b.create<arith::RemUIOp>(loc, x, y);
}

Value KernelEmitter::min(Value x, Value y) {
  auto cx = getConstant(x), cy = getConstant(y);
  if (cx && cy)
    return constant(std::min(*cx, *cy));
  return b.create<arith::MinSIOp>(loc, x, y);
}

Value KernelEmitter::max(Value x, Value y) {
  auto cx = getConstant(x), cy = getConstant(y);
  if (cx && cy)
    return constant(std::max(*cx, *cy));
  return b.create<arith::MaxSIOp>(loc, x, y);
}

Value KernelEmitter::ceilDiv(Value x, Value y) { return div(add(x, sub(y, constant(1))), y); }

Value KernelEmitter::size(AffineExpr expr) {
  if (auto constantExpr = dyn_cast<AffineConstantExpr>(expr))
    return constant(constantExpr.getValue());
  if (Value known = sizes.lookup(expr))
    return known;
  Value value = atEntry([&]() -> Value {
    auto binary = cast<AffineBinaryOpExpr>(expr);
    Value l = size(binary.getLHS()), r = size(binary.getRHS());
    switch (expr.getKind()) {
    case AffineExprKind::Add:
      return add(l, r);
    case AffineExprKind::Mul:
      return mul(l, r);
    case AffineExprKind::Mod:
      return b.create<arith::RemSIOp>(loc, l, r);
    case AffineExprKind::FloorDiv:
      return b.create<arith::FloorDivSIOp>(loc, l, r);
    default:
      return b.create<arith::CeilDivSIOp>(loc, l, r);
    }
  });
  sizes[expr] = value;
  return value;
}

AffineExpr KernelEmitter::product(ArrayRef<AffineExpr> factors) {
  AffineExpr result = expr(1);
  for (AffineExpr factor : factors)
    result = result * factor;
  return result;
}

SmallVector<Value> KernelEmitter::delinearize(Value linear, ArrayRef<AffineExpr> dims) {
  SmallVector<Value> idx(dims.size());
  for (int d = int(dims.size()) - 1; d > 0; --d) {
    if (auto one = getConstant(dims[d]); one && *one == 1) {
      idx[d] = constant(0);
      continue;
    }
    // Trailing-first; the outermost dimension larger than 1 needs no remainder.
    bool outermost = llvm::all_of(dims.take_front(d), [](AffineExpr e) {
      auto c = getConstant(e);
      return c && *c == 1;
    });
    idx[d] = outermost ? linear : rem(linear, size(dims[d]));
    linear = outermost ? constant(0) : div(linear, size(dims[d]));
  }
  if (!dims.empty())
    idx[0] = linear;
  return idx;
}

void KernelEmitter::loop(Value lo, Value hi, Value step, llvm::function_ref<void(Value)> body) {
  b.create<scf::ForOp>(loc, lo, hi, step, ValueRange{}, [&](OpBuilder &, Location, Value i, ValueRange) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(i.getParentBlock());
    body(i);
    b.create<scf::YieldOp>(loc);
  });
}

SmallVector<Value> KernelEmitter::loop(Value lo, Value hi, Value step, ValueRange init,
                                       llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto op =
      b.create<scf::ForOp>(loc, lo, hi, step, init, [&](OpBuilder &, Location, Value i, ValueRange carried) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToEnd(i.getParentBlock());
        SmallVector<Value> next = body(i, carried);
        b.create<scf::YieldOp>(loc, next);
      });
  return SmallVector<Value>(op.getResults());
}

void KernelEmitter::ifThen(Value condition, llvm::function_ref<void()> body) {
  auto op = b.create<scf::IfOp>(loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op.thenYield());
  body();
}

//===--- memory
//----------------------------------------------------------------------------------------------------------===//

Value KernelEmitter::inputPointer(unsigned i) { return pointers.lookup(i); }
Value KernelEmitter::outputPointer(unsigned i) { return pointers.lookup(dispatch.getNumOperands() + i); }

Type KernelEmitter::registerType(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element))
    return b.getIntegerType(integer.getWidth());
  return element;
}

Type KernelEmitter::memoryType(Type element) {
  return element.isInteger(1) ? b.getI8Type() : registerType(element);
}

Type KernelEmitter::vectorOf(Type type, unsigned lanes) {
  return lanes ? VectorType::get({int64_t(lanes)}, type) : type;
}

Value KernelEmitter::address(Value base, Value index, Type element) {
  if (auto zero = getConstant(index); zero && *zero == 0)
    return base;
  return b.create<LLVM::GEPOp>(loc, base.getType(), memoryType(element), base, ValueRange{index});
}

Value KernelEmitter::fromMemory(Value value, Type element) {
  if (!element.isInteger(1))
    return value;
  Value zero = b.create<arith::ConstantOp>(loc, b.getZeroAttr(value.getType()));
  return b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, value, zero);
}

Value KernelEmitter::load(Value base, Value index, Type element, unsigned lanes, Value mask,
                          unsigned aligned) {
  Type memory = memoryType(element), type = vectorOf(memory, lanes);
  Value at = address(base, index, element);
  Value value;
  if (mask && lanes) {
    Value pass = b.create<arith::ConstantOp>(loc, b.getZeroAttr(type));
    value =
        b.create<LLVM::MaskedLoadOp>(loc, type, at, mask, ValueRange{pass}, aligned * byteAlignment(memory));
  } else {
    value = b.create<LLVM::LoadOp>(loc, type, at, aligned * byteAlignment(memory));
  }
  return fromMemory(value, element);
}

Value KernelEmitter::loadStrided(Value base, Value index, Value stride, Type element, unsigned lanes,
                                 Value mask) {
  SmallVector<int64_t> ids(lanes);
  for (unsigned l = 0; l < lanes; ++l)
    ids[l] = l;
  auto type = VectorType::get({int64_t(lanes)}, b.getI64Type());
  Value iota = b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, ArrayRef<int64_t>(ids)));
  Value offsets = b.create<arith::MulIOp>(loc, iota, splat(stride, lanes));
  offsets = b.create<arith::AddIOp>(loc, offsets, splat(index, lanes));
  return loadGather(base, offsets, element, lanes, mask);
}

Value KernelEmitter::loadGather(Value base, Value indices, Type element, unsigned lanes, Value mask) {
  Type memory = memoryType(element), type = vectorOf(memory, lanes),
       ptr = LLVM::LLVMPointerType::get(b.getContext());
  if (memory.getIntOrFloatBitWidth() >= 32) {
    Value addresses =
        b.create<LLVM::GEPOp>(loc, LLVM::getFixedVectorType(ptr, lanes), memory, base, ValueRange{indices});
    if (!mask)
      mask = b.create<arith::ConstantOp>(
          loc, DenseElementsAttr::get(VectorType::get({int64_t(lanes)}, b.getI1Type()), true));
    Value pass = b.create<arith::ConstantOp>(loc, b.getZeroAttr(type));
    return b.create<LLVM::masked_gather>(loc, type, addresses, mask, ValueRange{pass}, byteAlignment(memory));
  }
  // Hardware gathers 32 and 64 bits only: narrow lanes one by one; lanes off the mask read element 0 of the
  // tensor.
  if (mask) {
    Value zero = b.create<arith::ConstantOp>(loc, b.getZeroAttr(indices.getType()));
    indices = b.create<arith::SelectOp>(loc, mask, indices, zero);
  }
  Value value = b.create<arith::ConstantOp>(loc, b.getZeroAttr(type));
  for (unsigned l = 0; l < lanes; ++l) {
    Value index = b.create<vector::ExtractOp>(loc, indices, int64_t(l));
    Value at = b.create<LLVM::GEPOp>(loc, ptr, memory, base, ValueRange{index});
    Value lane = b.create<LLVM::LoadOp>(loc, memory, at, byteAlignment(memory));
    value = b.create<vector::InsertOp>(loc, lane, value, int64_t(l));
  }
  return fromMemory(value, element);
}

void KernelEmitter::store(Value value, Value base, Value index, Type element, Value mask, unsigned aligned) {
  auto vector = dyn_cast<VectorType>(value.getType());
  unsigned lanes = vector ? vector.getNumElements() : 0;
  Type memory = memoryType(element);
  if (element.isInteger(1))
    value = b.create<arith::ExtUIOp>(loc, vectorOf(memory, lanes), value);
  Value at = address(base, index, element);
  if (mask && lanes)
    b.create<LLVM::MaskedStoreOp>(loc, value, at, mask, aligned * byteAlignment(memory));
  else
    b.create<LLVM::StoreOp>(loc, value, at, aligned * byteAlignment(memory));
}

Value KernelEmitter::splat(Value scalar, unsigned lanes) {
  if (!lanes || isa<VectorType>(scalar.getType()))
    return scalar;
  auto type = VectorType::get({int64_t(lanes)}, scalar.getType());
  Attribute attr;
  if (matchPattern(scalar, m_Constant(&attr)))
    return b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, attr));
  return b.create<vector::SplatOp>(loc, type, scalar);
}

Value KernelEmitter::maskOf(Value count, unsigned lanes) {
  auto type = VectorType::get({int64_t(lanes)}, b.getI32Type());
  SmallVector<int32_t> ids(lanes);
  for (unsigned l = 0; l < lanes; ++l)
    ids[l] = l;
  Value iota = b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, ArrayRef<int32_t>(ids)));
  Value limit = b.create<arith::TruncIOp>(loc, b.getI32Type(), min(count, constant(lanes)));
  return b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, iota, splat(limit, lanes));
}

Value KernelEmitter::floatConstant(double value, unsigned lanes) {
  Type type = vectorOf(b.getF32Type(), lanes);
  if (!lanes)
    return b.create<arith::ConstantOp>(loc, b.getF32FloatAttr(float(value)));
  return b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(cast<ShapedType>(type), float(value)));
}
