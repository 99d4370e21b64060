// Evaluation of operations that move elements by more than strides: gather, concatenation, padding, packing,
// rotation.

#include "targets/kernel/KernelEmitter.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::kernel;

/// Index (scalar or vector of any integer type) as i64, negative ones counted from `extent`, clamped into [0,
/// extent).
static Value normalizeIndex(KernelEmitter &e, Value index, Value extent, unsigned lanes) {
  OpBuilder &b = e.b;
  auto vector = dyn_cast<VectorType>(index.getType());
  Type wide = vector ? Type(VectorType::get(vector.getShape(), b.getI64Type())) : Type(b.getI64Type());
  if (index.getType() != wide)
    index = b.create<arith::ExtSIOp>(e.loc, wide, index);
  Value zero = b.create<arith::ConstantOp>(e.loc, b.getZeroAttr(wide));
  Value limit = vector ? e.splat(extent, lanes) : extent;
  Value negative = b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::slt, index, zero);
  Value wrapped = b.create<arith::AddIOp>(e.loc, index, limit);
  index = b.create<arith::SelectOp>(e.loc, negative, wrapped, index);
  Value last = e.sub(extent, e.constant(1));
  index = b.create<arith::MinSIOp>(e.loc, index, vector ? e.splat(last, lanes) : last);
  return b.create<arith::MaxSIOp>(e.loc, index, zero);
}

Value KernelEmitter::emitGather(nn::GatherOp op, const Coord &c, unsigned lanes, Value mask) {
  int axis = op.getAxis(), rank = shape(op.getIndices()).size();
  bool laneInIndices = c.lane >= axis && c.lane < axis + rank;
  Coord at;
  at.idx.assign(c.idx.begin() + axis, c.idx.begin() + axis + rank);
  if (laneInIndices)
    at.lane = c.lane - axis, at.laneStride = c.laneStride;
  Value index =
      normalizeIndex(*this, emit(op.getIndices(), at, lanes, mask), size(op.getInput(), axis), lanes);
  Coord source;
  source.idx.assign(c.idx.begin(), c.idx.begin() + axis);
  source.idx.push_back(laneInIndices ? constant(0) : index);
  source.idx.append(c.idx.begin() + axis + rank, c.idx.end());
  if (!laneInIndices) {
    if (c.lane >= 0)
      source.lane = c.lane < axis ? c.lane : c.lane - rank + 1, source.laneStride = c.laneStride;
    return emit(op.getInput(), source, lanes, mask);
  }
  const View &memory = *view(op.getInput());
  Value base = size(memory.offset);
  for (auto [i, stride] : llvm::zip_equal(source.idx, memory.strides))
    base = add(base, mul(i, size(stride)));
  Value offsets = b.create<arith::MulIOp>(loc, index, splat(size(memory.strides[axis]), lanes));
  offsets = b.create<arith::AddIOp>(loc, offsets, splat(base, lanes));
  return loadGather(memory.base, offsets, memory.element, lanes, mask);
}

Value KernelEmitter::emitConcat(nn::ConcatOp op, const Coord &c, unsigned lanes, Value mask) {
  int axis = op.getAxis();
  Type type = registerType(cast<RankedTensorType>(op.getType()).getElementType());
  if (c.lane >= 0)
    type = VectorType::get({int64_t(lanes)}, type);
  // Nested ifs over the parts; the last needs no test.
  std::function<Value(unsigned, Value)> part = [&](unsigned i, Value position) -> Value {
    Coord source = c;
    source.idx[axis] = position;
    auto memoMark = memo.size();
    if (i + 1 == op.getInputs().size()) {
      Value value = emit(op.getInputs()[i], source, lanes, mask);
      memo.resize(memoMark);
      return value;
    }
    Value extent = size(op.getInputs()[i], axis);
    Value here = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, position, extent);
    auto choice = b.create<scf::IfOp>(loc, TypeRange{type}, here, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    Value value = emit(op.getInputs()[i], source, lanes, mask);
    b.create<scf::YieldOp>(loc, value);
    memo.resize(memoMark);
    b.setInsertionPointToStart(choice.elseBlock());
    value = part(i + 1, sub(position, extent));
    b.create<scf::YieldOp>(loc, value);
    memo.resize(memoMark);
    return choice.getResult(0);
  };
  return part(0, c.idx[axis]);
}

Value KernelEmitter::emitPad(nn::PadOp op, const Coord &c, unsigned lanes, Value mask) {
  ArrayRef<AffineExpr> from = shape(op.getInput()), to = shape(op.getResult());
  Coord source = c;
  Value inside;     // i1: all padded scalar dimensions are within the input
  Value laneInside; // the same of lanes
  auto conjoin = [&](Value x, Value y) { return x ? b.create<arith::AndIOp>(loc, x, y).getResult() : y; };
  for (unsigned d = 0; d < from.size(); ++d) {
    AffineExpr low = op.getLow().getResult(d);
    if (shapes.equal(from[d], to[d]) && getConstant(low) == 0)
      continue;
    Value extent = size(from[d]), zero = constant(0);
    Value at = sub(c.idx[d], size(low));
    source.idx[d] = at;
    if (op.getMode() == nn::PadMode::constant) {
      if (int(d) == c.lane) {
        Value position = laneIndices(source, lanes);
        Value below = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, position, splat(extent, lanes));
        Value above =
            b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::sge, position,
                                    b.create<arith::ConstantOp>(loc, b.getZeroAttr(position.getType())));
        laneInside = conjoin(below, above);
      } else {
        // One unsigned comparison covers both ends.
        inside = conjoin(inside, b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ult, at, extent));
      }
      continue;
    }
    // What is repeated is the part of the input that negative padding leaves: [crop, crop + rest).
    Value crop = max(sub(zero, size(low)), zero),
          rest = add(extent, min(size(op.getHigh().getResult(d)), zero));
    rest = max(sub(rest, crop), constant(1));
    at = sub(c.idx[d], max(size(low), zero));
    if (op.getMode() == nn::PadMode::edge) {
      at = min(at, sub(rest, constant(1)));
    } else if (op.getMode() == nn::PadMode::wrap) {
      Value turned = b.create<arith::RemSIOp>(loc, at, rest);
      Value negative = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, turned, zero);
      at = b.create<arith::SelectOp>(loc, negative, add(turned, rest), turned);
    } else { // reflect: a triangle wave of period 2 (rest - 1)
      Value period = max(mul(sub(rest, constant(1)), constant(2)), constant(1));
      Value turned = b.create<arith::RemSIOp>(loc, at, period);
      Value negative = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, turned, zero);
      turned = b.create<arith::SelectOp>(loc, negative, sub(zero, turned), turned);
      at = min(turned, sub(period, turned));
    }
    source.idx[d] = add(max(at, zero), crop);
  }
  if (!inside && !laneInside)
    return emit(op.getInput(), source, lanes, mask);
  Type element = cast<RankedTensorType>(op.getType()).getElementType();
  Type type = registerType(element);
  Value fill;
  if (op.getValue())
    fill =
        emit(op.getValue(), Coord{SmallVector<Value>(shape(op.getValue()).size(), constant(0)), -1, Value()});
  else
    fill = b.create<arith::ConstantOp>(loc, b.getZeroAttr(type));
  if (c.lane >= 0) {
    type = VectorType::get({int64_t(lanes)}, type);
    fill = splat(fill, lanes);
  }
  auto read = [&]() -> Value {
    Value guard = mask;
    if (laneInside)
      guard = guard ? b.create<arith::AndIOp>(loc, guard, laneInside).getResult() : laneInside;
    Value value = emit(op.getInput(), source, lanes, guard);
    return laneInside ? b.create<arith::SelectOp>(loc, laneInside, value, fill).getResult() : value;
  };
  auto memoMark = memo.size();
  if (!inside) {
    Value value = read();
    memo.resize(memoMark);
    return value;
  }
  auto choice = b.create<scf::IfOp>(loc, TypeRange{type}, inside, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  b.create<scf::YieldOp>(loc, read());
  memo.resize(memoMark);
  b.setInsertionPointToStart(choice.elseBlock());
  b.create<scf::YieldOp>(loc, fill);
  return choice.getResult(0);
}

Value KernelEmitter::emitPack(nn::PackOp op, const Coord &c, unsigned lanes, Value mask) {
  unsigned axis = op.getAxis();
  AffineExpr channels = shape(op.getInput())[axis];
  auto known = getConstant(channels);
  bool whole = known && *known % int64_t(op.getBlock()) == 0;
  bool alongBlock = c.lane == int(c.idx.size()) - 1;
  Coord source{SmallVector<Value>(ArrayRef<Value>(c.idx).drop_back()), alongBlock ? int(axis) : c.lane,
               c.laneStride};
  source.idx[axis] = add(mul(c.idx[axis], constant(op.getBlock())), c.idx.back());
  if (whole)
    return emit(op.getInput(), source, lanes, mask);
  Type type = registerType(cast<RankedTensorType>(op.getType()).getElementType());
  if (c.lane >= 0)
    type = VectorType::get({int64_t(lanes)}, type);
  Value zero = b.create<arith::ConstantOp>(loc, b.getZeroAttr(type));
  if (alongBlock) { // lanes past the last channel are zero
    Value inside = maskOf(sub(size(channels), source.idx[axis]), lanes);
    Value guard = mask ? b.create<arith::AndIOp>(loc, inside, mask).getResult() : inside;
    return b.create<arith::SelectOp>(loc, inside, emit(op.getInput(), source, lanes, guard), zero);
  }
  Value inside = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, source.idx[axis], size(channels));
  auto memoMark = memo.size();
  auto choice = b.create<scf::IfOp>(loc, TypeRange{type}, inside, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  b.create<scf::YieldOp>(loc, emit(op.getInput(), source, lanes, mask));
  memo.resize(memoMark);
  b.setInsertionPointToStart(choice.elseBlock());
  b.create<scf::YieldOp>(loc, zero);
  return choice.getResult(0);
}

Value KernelEmitter::emitRope(nn::RopeOp op, const Coord &c, unsigned lanes, Value mask) {
  Value result = op.getResult(), zero = constant(0);
  int last = shape(result).size() - 1;
  Value position = c.idx[last], partner, flip; // flip (i1): the partner enters negated
  if (op.getInterleaved()) {
    Value odd = rem(position, constant(2));
    flip = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, odd, zero);
    partner = add(position, b.create<arith::SelectOp>(loc, flip, constant(1), constant(-1)));
  } else {
    Value half = size(shape(result)[last].floorDiv(2));
    flip = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, position, half);
    partner = add(position, b.create<arith::SelectOp>(loc, flip, half, sub(zero, half)));
  }
  Coord other = c;
  other.idx[last] = partner;
  auto at = [&](Value operand, const Coord &where) {
    Value value = emit(operand, operandCoord(operand, result, where), lanes, mask);
    return c.lane >= 0 ? splat(value, lanes) : value;
  };
  Value x = at(op.getInput(), c), y = at(op.getInput(), other), cos = at(op.getCos(), c),
        sin = at(op.getSin(), c);
  Value negated = b.create<arith::NegFOp>(loc, y);
  y = b.create<arith::SelectOp>(loc, flip, negated, y);
  return b.create<math::FmaOp>(loc, y, sin, b.create<arith::MulFOp>(loc, x, cos));
}
