// Tiles of operands on their way to workgroup memory, and the loop over the depth that overlaps it with the
// products.

#include "targets/gpu/codegen/Tile.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

//===--- numbers
//---------------------------------------------------------------------------------------------------------===//

Type aicc::gpu::getAccumulatorType(OpBuilder &b, Type element) {
  if (element.isF16() || element.isBF16())
    return b.getF32Type();
  if (auto integer = dyn_cast<IntegerType>(element))
    return b.getIntegerType(std::max(32u, integer.getWidth()));
  return element;
}

Value aicc::gpu::convertNumber(GpuEmitter &e, Value value, Type to) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == to)
    return value;
  Type type = to;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(to);
  bool wider = to.getIntOrFloatBitWidth() > from.getIntOrFloatBitWidth();
  if (isa<FloatType>(to))
    return wider ? e.b.create<arith::ExtFOp>(e.loc, type, value).getResult()
                 : e.b.create<arith::TruncFOp>(e.loc, type, value).getResult();
  return wider ? e.b.create<arith::ExtSIOp>(e.loc, type, value).getResult()
               : e.b.create<arith::TruncIOp>(e.loc, type, value).getResult();
}

Value aicc::gpu::multiplyAdd(GpuEmitter &e, Value x, Value y, Value acc) {
  if (isa<FloatType>(getElementTypeOrSelf(x.getType())))
    return e.b.create<math::FmaOp>(e.loc, x, y, acc);
  return e.b.create<arith::AddIOp>(e.loc, acc, e.b.create<arith::MulIOp>(e.loc, x, y));
}

Value aicc::gpu::zeroOf(GpuEmitter &e, Type type) {
  return e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(type));
}

bool aicc::gpu::isMultipleOf(AffineExpr size, int64_t factor) { return size.isMultipleOf(factor); }

//===--- loading
//---------------------------------------------------------------------------------------------------------===//

unsigned TileLoader::count() const { return llvm::divideCeil(outer * depth / operand.width, e.threads); }

bool TileLoader::isPartial() const { return outer * depth / operand.width % e.threads != 0; }

void TileLoader::begin(Value firstOuter) {
  places.clear();
  unsigned line = (operand.alongOuter ? outer : depth) / operand.width, total = outer * depth / operand.width;
  Value thread = e.threadId(), lineSize = e.constant(line), width = e.constant(operand.width);
  bool even = e.threads % line == 0; // every part of this thread is at the same place of its line
  Value inLine = even ? e.mul(e.rem(thread, lineSize), width) : Value();
  Value ofLine = even ? e.div(thread, lineSize) : Value();
  for (unsigned i = 0; i < count(); ++i) {
    Place place;
    Value along = inLine, across;
    if (even)
      across = e.add(ofLine, e.constant(i * (e.threads / line)));
    if (!even || (isPartial() && i + 1 == count())) {
      Value at = e.add(thread, e.constant(i * e.threads));
      if (isPartial() && i + 1 == count()) {
        place.valid = e.compare(arith::CmpIPredicate::slt, at, e.constant(total));
        at = e.min(at, e.constant(total - 1));
      }
      along = e.mul(e.rem(at, lineSize), width), across = e.div(at, lineSize);
    }
    place.outer = operand.alongOuter ? along : across;
    place.k = operand.alongOuter ? across : along;
    place.global = e.add(firstOuter, place.outer);
    if (operand.prepare)
      place.prepared = operand.prepare(place.global);
    places.push_back(place);
  }
}

SmallVector<Type> TileLoader::types() {
  Type type = e.registerType(operand.element);
  if (operand.width > 1)
    type = VectorType::get({int64_t(operand.width)}, type);
  return SmallVector<Type>(count(), type);
}

SmallVector<Value> TileLoader::load(Value k) {
  SmallVector<Value> values;
  for (Place &place : places)
    values.push_back(operand.load(place.prepared, place.global, e.add(k, place.k)));
  return values;
}

void TileLoader::store(ValueRange values, TilePlace to) {
  bool inOneGo = operand.width == 1 || layout.depthMajor == operand.alongOuter;
  unsigned aligned = layout.stride % operand.width == 0 ? operand.width : 1;
  for (auto [value, place] : llvm::zip_equal(values, places)) {
    auto write = [&, value = value, &place = place] {
      Value converted = convertNumber(e, value, layout.element);
      Value at = e.add(to.index, layout.at(e, place.outer, place.k));
      if (inOneGo)
        return e.store(converted, to.base, at, layout.element, Value(), aligned);
      unsigned step = layout.stride; // elements of the load lie in different rows
      for (unsigned i = 0; i < operand.width; ++i) {
        Value element = e.b.create<vector::ExtractOp>(e.loc, converted, int64_t(i));
        e.store(element, to.base, e.add(at, e.constant(int64_t(i) * step)), layout.element);
      }
    };
    if (place.valid)
      e.ifThen(place.valid, write);
    else
      write();
  }
}

bool TileLoader::canCopy() const {
  unsigned bytes = operand.width * e.memoryType(operand.element).getIntOrFloatBitWidth() / 8;
  return operand.locate && e.memoryType(operand.element) == layout.element &&
         llvm::is_contained(e.gpu.asyncCopyBytes, bytes) && layout.stride % operand.width == 0 &&
         (operand.width == 1 || layout.depthMajor == operand.alongOuter);
}

void TileLoader::copy(Value k, TilePlace to) {
  unsigned bytes = operand.width * layout.element.getIntOrFloatBitWidth() / 8;
  for (Place &place : places) {
    auto start = [&] {
      Value from =
          e.address(operand.base, operand.locate(place.prepared, e.add(k, place.k)), operand.element);
      Value at = e.address(to.base, e.add(to.index, layout.at(e, place.outer, place.k)), layout.element);
      e.end.emitAsyncCopy(e.b, e.loc, at, from, bytes);
    };
    if (place.valid)
      e.ifThen(place.valid, start);
    else
      start();
  }
}

//===--- the loop
//--------------------------------------------------------------------------------------------------------===//

TileContraction::TileContraction(GpuEmitter &e, const TileShape &shape, const TileOperand &lhs,
                                 const TileOperand &rhs, TileProduct &product, Value memory, Value resident)
    : e(e), shape(shape), product(product), left(lhs), right(rhs), memory(memory), resident(resident) {
  assert(product.lhs.element == product.rhs.element);
  if (!memory)
    this->memory = e.shared(product.rhs.element, getSharedElements(shape, product));
  rightFirst = shape.residentDepth ? 0 : shape.stages * product.lhs.size;
}

unsigned TileContraction::getSharedElements(const TileShape &shape, const TileProduct &product) {
  return shape.stages * (product.rhs.size + (shape.residentDepth ? 0 : product.lhs.size));
}

SmallVector<Value> TileContraction::run(Value firstRow, Value firstColumn, Value depth, ValueRange init) {
  TileLoader lhs(e, left, product.lhs, shape.rows, shape.depth),
      rhs(e, right, product.rhs, shape.columns, shape.depth);
  unsigned leftCount = 0;
  if (!resident) {
    lhs.begin(firstRow);
    leftCount = lhs.types().size();
  }
  rhs.begin(firstColumn);
  auto load = [&](Value k) {
    SmallVector<Value> values;
    if (!resident)
      values = lhs.load(k);
    values.append(rhs.load(k));
    return values;
  };
  auto leftPlace = [&](Value stage) { return TilePlace{memory, e.mul(stage, e.constant(product.lhs.size))}; };
  auto rightPlace = [&](Value stage) {
    return TilePlace{memory, e.add(e.mul(stage, e.constant(product.rhs.size)), e.constant(rightFirst))};
  };
  auto store = [&](ValueRange values, Value stage) {
    if (!resident)
      lhs.store(values.take_front(leftCount), leftPlace(stage));
    rhs.store(values.drop_front(leftCount), rightPlace(stage));
  };
  if (shape.stages > 2)
    return runCopies(lhs, rhs, depth, init);
  Value zero = e.constant(0), one = e.constant(1), step = e.constant(shape.depth);
  auto multiply = [&](Value i, Value stage, ValueRange acc) {
    TilePlace place =
        resident ? TilePlace{resident, product.lhs.at(e, zero, e.mul(i, step))} : leftPlace(stage);
    return product.multiply(place, rightPlace(stage), shape.depth, acc);
  };
  Value steps = e.ceilDiv(depth, step);
  if (shape.stages == 1)
    return e.loop(zero, steps, one, init, [&](Value i, ValueRange acc) {
      store(load(e.mul(i, step)), zero);
      e.barrier();
      SmallVector<Value> next = multiply(i, zero, acc);
      e.barrier();
      return next;
    });

  // Nothing may be read where there is no depth.
  auto known = GpuEmitter::getConstant(depth);
  SmallVector<Value> first;
  if (known && *known > 0) {
    first = load(zero);
  } else if (known) {
    return SmallVector<Value>(init);
  } else {
    Value some = e.compare(arith::CmpIPredicate::sgt, depth, zero);
    SmallVector<Type> types = resident ? SmallVector<Type>() : lhs.types();
    types.append(rhs.types());
    first = e.ifElse(
        some, [&] { return load(zero); },
        [&] {
          SmallVector<Value> none;
          for (Type type : types)
            none.push_back(zeroOf(e, type));
          return none;
        });
  }
  store(first, zero);
  e.barrier();
  if (known && *known <= int64_t(shape.depth))
    return multiply(zero, zero, init);
  Value last = e.mul(e.sub(steps, one), step);
  return e.loop(zero, steps, one, init, [&](Value i, ValueRange acc) {
    Value stage = e.rem(i, e.constant(2)), following = e.add(i, one);
    SmallVector<Value> values = load(e.min(e.mul(following, step), last));
    SmallVector<Value> next = multiply(i, stage, acc);
    store(values, e.rem(following, e.constant(2)));
    e.barrier();
    return next;
  });
}

unsigned TileContraction::chooseStages(GpuEmitter &e, const TileShape &shape, const TileOperand &lhs,
                                       const TileOperand &rhs, const TileProduct &product) {
  if (!TileLoader(e, lhs, product.lhs, shape.rows, shape.depth).canCopy() ||
      !TileLoader(e, rhs, product.rhs, shape.columns, shape.depth).canCopy())
    return 2;
  unsigned bytes = (product.lhs.size + product.rhs.size) * product.lhs.element.getIntOrFloatBitWidth() / 8;
  unsigned limit = std::max(e.gpu.sharedBytes, e.gpu.maxSharedBytes / 2);
  return std::clamp(limit / bytes, 2u, 4u);
}

/// While one stage is multiplied, the copies of those after it are under way; each thread waits for its own
/// copies, and a barrier makes all threads' visible.
SmallVector<Value> TileContraction::runCopies(TileLoader &lhs, TileLoader &rhs, Value depth,
                                              ValueRange init) {
  Value zero = e.constant(0), one = e.constant(1), step = e.constant(shape.depth);
  Value steps = e.ceilDiv(depth, step), last = e.mul(e.sub(steps, one), step);
  auto places = [&](Value stage) {
    TilePlace left{memory, e.mul(stage, e.constant(product.lhs.size))};
    TilePlace right{memory, e.add(e.mul(stage, e.constant(product.rhs.size)), e.constant(rightFirst))};
    return std::make_pair(left, right);
  };
  // Beyond the depth the last step is copied again, and not used.
  auto start = [&](Value i, Value stage) {
    auto [left, right] = places(stage);
    Value k = e.min(e.mul(i, step), last);
    lhs.copy(k, left);
    rhs.copy(k, right);
    e.end.emitAsyncCommit(e.b, e.loc);
  };
  unsigned ahead = shape.stages - 1;
  auto begin = [&] {
    for (unsigned i = 0; i < ahead; ++i)
      start(e.constant(i), e.constant(i));
  };
  if (auto known = GpuEmitter::getConstant(depth); known && *known > 0)
    begin();
  else
    e.ifThen(e.compare(arith::CmpIPredicate::sgt, depth, zero), begin);
  Value stages = e.constant(shape.stages);
  SmallVector<Value> result = e.loop(zero, steps, one, init, [&](Value i, ValueRange acc) {
    e.end.emitAsyncWait(e.b, e.loc, ahead - 1);
    e.barrier();
    Value following = e.add(i, e.constant(ahead));
    start(following, e.rem(following, stages));
    auto [left, right] = places(e.rem(i, stages));
    return product.multiply(left, right, shape.depth, acc);
  });
  e.end.emitAsyncWait(e.b, e.loc, 0);
  return result;
}
