// Evaluation of fused work at a coordinate: views become address arithmetic, elementwise operations their
// payload on scalars or lanes.

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "passes/dispatch/Views.h"
#include "targets/kernel/KernelEmitter.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::kernel;

static bool isOne(AffineExpr e) {
  auto c = nn::ShapeContext::getConstant(e);
  return c && *c == 1;
}

//===--- views
//-----------------------------------------------------------------------------------------------------------===//

std::unique_ptr<View> KernelEmitter::makeView(Value v) {
  auto layout = getStridedLayout(v, shapes, [&](Value base) { return bound.contains(base); });
  auto arg = layout ? dyn_cast<BlockArgument>(layout->base) : BlockArgument();
  if (!arg)
    return nullptr;
  Type element = cast<RankedTensorType>(v.getType()).getElementType();
  return std::make_unique<View>(
      View{inputPointer(arg.getArgNumber()), element, layout->strides, layout->offset, layout->contiguous});
}

const View *KernelEmitter::view(Value v) {
  auto it = views.find(v);
  if (it != views.end())
    return it->second.get();
  std::unique_ptr<View> made = bound.contains(v) ? nullptr : makeView(v);
  return (views[v] = std::move(made)).get();
}

unsigned KernelEmitter::alignmentOf(ArrayRef<AffineExpr> strides, AffineExpr offset, const Coord &c,
                                    unsigned lanes) {
  if (!alignedBlocks || c.laneStride)
    return 1;
  uint64_t aligned = lanes;
  auto divide = [&](AffineExpr e) {
    uint64_t divisor = e.getLargestKnownDivisor();
    while (aligned > 1 && divisor % aligned)
      aligned /= 2;
  };
  divide(offset);
  for (auto [d, stride] : llvm::enumerate(strides))
    if (int(d) != c.lane && getConstant(c.idx[d]) != 0)
      divide(stride);
  return aligned;
}

Value KernelEmitter::loadView(const View &view, const Coord &c, unsigned lanes, Value mask) {
  Value index = size(view.offset);
  for (auto [i, stride] : llvm::zip_equal(c.idx, view.strides))
    index = add(index, mul(i, size(stride)));
  if (c.lane < 0)
    return load(view.base, index, view.element);
  Value stride = size(view.strides[c.lane]);
  if (c.laneStride)
    stride = mul(stride, c.laneStride);
  auto known = getConstant(stride);
  if (known && *known == 1)
    return load(view.base, index, view.element, lanes, mask,
                alignmentOf(view.strides, view.offset, c, lanes));
  if (known && *known == 0)
    return splat(load(view.base, index, view.element), lanes);
  return loadStrided(view.base, index, stride, view.element, lanes, mask);
}

//===--- coordinates
//-----------------------------------------------------------------------------------------------------===//

Value KernelEmitter::broadcastFactor(AffineExpr extent) {
  return atEntry([&]() -> Value {
    Value differs = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, size(extent), constant(1));
    return b.create<arith::ExtUIOp>(loc, b.getI64Type(), differs);
  });
}

Coord KernelEmitter::operandCoord(Value operand, ArrayRef<AffineExpr> to, const Coord &c) {
  ArrayRef<AffineExpr> from = shape(operand);
  Coord mapped;
  unsigned lead = to.size() - from.size();
  for (unsigned d = 0; d < from.size(); ++d) {
    unsigned at = lead + d;
    if (shapes.equal(from[d], to[at])) {
      mapped.idx.push_back(c.idx[at]);
      if (int(at) == c.lane)
        mapped.lane = d, mapped.laneStride = c.laneStride;
    } else if (isOne(from[d])) {
      mapped.idx.push_back(constant(0));
    } else {
      Value factor = broadcastFactor(from[d]);
      mapped.idx.push_back(mul(c.idx[at], factor));
      if (int(at) == c.lane)
        mapped.lane = d, mapped.laneStride = c.laneStride ? mul(c.laneStride, factor) : factor;
    }
  }
  return mapped;
}

std::optional<Coord> KernelEmitter::mapReshape(ArrayRef<AffineExpr> from, ArrayRef<AffineExpr> to,
                                               const Coord &c) {
  auto groups = groupReshape(from, to, shapes);
  if (!groups) { // as one group
    if (c.lane >= 0)
      return std::nullopt;
    groups.emplace({ReshapeGroup{0, unsigned(from.size()), 0, unsigned(to.size())}});
  }
  Coord mapped;
  mapped.idx.resize(to.size(), constant(0));
  for (const ReshapeGroup &g : *groups) {
    if (g.fromFirst == g.fromLast || g.toFirst == g.toLast)
      continue;
    if (c.lane >= int(g.fromFirst) && c.lane < int(g.fromLast))
      mapped.lane = g.toLast - 1, mapped.laneStride = c.laneStride;
    if (g.fromLast - g.fromFirst == 1 && g.toLast - g.toFirst == 1) {
      mapped.idx[g.toFirst] = c.idx[g.fromFirst];
      continue;
    }
    Value linear = c.idx[g.fromFirst];
    for (unsigned d = g.fromFirst + 1; d < g.fromLast; ++d)
      linear = add(mul(linear, size(from[d])), c.idx[d]);
    SmallVector<Value> parts = delinearize(linear, to.slice(g.toFirst, g.toLast - g.toFirst));
    llvm::copy(parts, mapped.idx.begin() + g.toFirst);
  }
  return mapped;
}

Value KernelEmitter::laneIndices(const Coord &c, unsigned lanes) {
  SmallVector<int64_t> ids(lanes);
  for (unsigned l = 0; l < lanes; ++l)
    ids[l] = l;
  auto type = VectorType::get({int64_t(lanes)}, b.getI64Type());
  Value iota = b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, ArrayRef<int64_t>(ids)));
  if (c.laneStride)
    iota = b.create<arith::MulIOp>(loc, iota, splat(c.laneStride, lanes));
  return b.create<arith::AddIOp>(loc, iota, splat(c.idx[c.lane], lanes));
}

//===--- what can be evaluated in lanes
//----------------------------------------------------------------------------------===//

bool KernelEmitter::canVectorize(Value v, int lane, unsigned lanes) {
  vectorizable.clear(); // what is bound may have changed
  return vectorizes(v, lane, lanes);
}

bool KernelEmitter::vectorizes(Value v, int lane, unsigned lanes) {
  const std::tuple<void *, int, unsigned> question(v.getAsOpaquePointer(), lane, lanes);
  auto known = vectorizable.find(question);
  if (known != vectorizable.end())
    return known->second;
  return vectorizable[question] = vectorizesImpl(v, lane, lanes);
}

bool KernelEmitter::vectorizesImpl(Value v, int lane, unsigned lanes) {
  if (bound.contains(v) || view(v))
    return true;
  Operation *op = v.getDefiningOp();
  ArrayRef<AffineExpr> to = shape(v);
  auto operandLane = [&](Value operand) {
    int d = lane - int(to.size() - shape(operand).size());
    return lane < 0 || d < 0 || isOne(shape(operand)[d]) ? -1 : d;
  };
  if (isa<nn::ElementwiseOpInterface, nn::BroadcastOp>(op))
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      int d = operandLane(operand);
      if (d >= 0 && !shapes.equal(shape(operand)[d], to[lane]) && !view(operand))
        return false;
      return vectorizes(operand, d, lanes);
    });
  if (auto constant = dyn_cast<nn::ConstantOp>(op))
    return lane < 0 || constant.getValue().isSplat();
  if (isa<nn::IotaOp>(op))
    return true;
  if (auto transpose = dyn_cast<nn::TransposeOp>(op))
    return vectorizes(transpose.getInput(), lane < 0 ? -1 : int(transpose.getPerm()[lane]), lanes);
  if (auto slice = dyn_cast<nn::SliceOp>(op)) {
    // Blocks of lanes start at multiples of the lane count only where the slice keeps them there.
    if (lane >= 0) {
      auto offset = getConstant(slice.getOffsets().getResult(lane));
      if (slice.getSteps()[lane] != 1 || !offset || *offset % lanes)
        return false;
    }
    return vectorizes(slice.getInput(), lane, lanes);
  }
  if (auto reshape = dyn_cast<nn::ReshapeOp>(op)) {
    int mapped = lane;
    if (lane >= 0 && !mapLaneThroughReshape(to, shape(reshape.getInput()), shapes, lanes, mapped))
      return false;
    return vectorizes(reshape.getInput(), mapped, lanes);
  }
  if (auto gather = dyn_cast<nn::GatherOp>(op)) {
    int axis = gather.getAxis(), rank = shape(gather.getIndices()).size();
    if (lane < 0)
      return vectorizes(gather.getInput(), -1, lanes) && vectorizes(gather.getIndices(), -1, lanes);
    if (lane >= axis && lane < axis + rank)
      return view(gather.getInput()) && vectorizes(gather.getIndices(), lane - axis, lanes);
    return vectorizes(gather.getInput(), lane < axis ? lane : lane - rank + 1, lanes) &&
           vectorizes(gather.getIndices(), -1, lanes);
  }
  if (auto concat = dyn_cast<nn::ConcatOp>(op))
    return lane != int(concat.getAxis()) &&
           llvm::all_of(concat.getInputs(), [&](Value input) { return vectorizes(input, lane, lanes); });
  if (auto pad = dyn_cast<nn::PadOp>(op)) {
    bool padded = lane >= 0 && !(isa<AffineConstantExpr>(pad.getLow().getResult(lane)) &&
                                 *getConstant(pad.getLow().getResult(lane)) == 0 &&
                                 shapes.equal(shape(pad.getInput())[lane], to[lane]));
    if (padded)
      return pad.getMode() == nn::PadMode::constant && view(pad.getInput());
    return vectorizes(pad.getInput(), lane, lanes);
  }
  if (auto rope = dyn_cast<nn::RopeOp>(op)) {
    auto depth = getConstant(to.back());
    if (lane == int(to.size()) - 1 && (rope.getInterleaved() || !depth || (*depth / 2) % lanes))
      return false;
    return llvm::all_of(rope->getOperands(),
                        [&](Value operand) { return vectorizes(operand, operandLane(operand), lanes); });
  }
  if (auto pack = dyn_cast<nn::PackOp>(op)) {
    if (lane == int(to.size()) - 1)
      return view(pack.getInput());
    return vectorizes(pack.getInput(), lane, lanes) && lane != int(pack.getAxis());
  }
  if (auto unpack = dyn_cast<nn::UnpackOp>(op)) {
    if (lane != int(unpack.getAxis()))
      return vectorizes(unpack.getInput(), lane, lanes);
    auto block = getConstant(shape(unpack.getInput()).back());
    return *block % lanes == 0 && vectorizes(unpack.getInput(), int(to.size()), lanes);
  }
  return lane < 0 && isa<nn::SizesOp>(op);
}

//===--- evaluation
//------------------------------------------------------------------------------------------------------===//

Value KernelEmitter::emit(Value v, const Coord &c, unsigned lanes, Value mask) {
  if (Value value = bound.lookup(v))
    return c.lane >= 0 ? splat(value, lanes) : value;
  for (auto &[known, at, value] : memo)
    if (known == v && at.lane == c.lane && at.laneStride == c.laneStride && at.idx == c.idx)
      return value;
  Value value = emitImpl(v, c, lanes, mask);
  if (c.lane >= 0)
    value = splat(value, lanes);
  memo.emplace_back(v, c, value);
  return value;
}

Value KernelEmitter::emitElementwise(Operation *op, const Coord &c, unsigned lanes, Value mask) {
  SmallVector<Value> args;
  bool lanesNeeded = false;
  for (Value operand : op->getOperands()) {
    args.push_back(emit(operand, operandCoord(operand, op->getResult(0), c), lanes, mask));
    lanesNeeded |= isa<VectorType>(args.back().getType());
  }
  if (lanesNeeded)
    for (Value &arg : args)
      arg = splat(arg, lanes);
  return cast<nn::ElementwiseOpInterface>(op).emitScalar(b, loc, args);
}

Value KernelEmitter::emitImpl(Value v, const Coord &c, unsigned lanes, Value mask) {
  if (const View *memory = view(v))
    return loadView(*memory, c, lanes, mask);
  Operation *op = v.getDefiningOp();
  if (isa<nn::ElementwiseOpInterface>(op))
    return emitElementwise(op, c, lanes, mask);
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](nn::BroadcastOp broadcast) {
        return emit(broadcast.getInput(), operandCoord(broadcast.getInput(), v, c), lanes, mask);
      })
      .Case([&](nn::TransposeOp transpose) {
        Coord source{SmallVector<Value>(c.idx.size()), -1, c.laneStride};
        for (auto [i, p] : llvm::enumerate(transpose.getPerm())) {
          source.idx[p] = c.idx[i];
          if (int(i) == c.lane)
            source.lane = p;
        }
        return emit(transpose.getInput(), source, lanes, mask);
      })
      .Case([&](nn::SliceOp slice) {
        Coord source = c;
        for (unsigned d = 0; d < c.idx.size(); ++d)
          source.idx[d] =
              add(size(slice.getOffsets().getResult(d)), mul(c.idx[d], constant(slice.getSteps()[d])));
        return emit(slice.getInput(), source, lanes, mask);
      })
      .Case([&](nn::ReshapeOp reshape) {
        return emit(reshape.getInput(), *mapReshape(shape(v), shape(reshape.getInput()), c), lanes, mask);
      })
      .Case([&](nn::GatherOp gather) { return emitGather(gather, c, lanes, mask); })
      .Case([&](nn::ConcatOp concat) { return emitConcat(concat, c, lanes, mask); })
      .Case([&](nn::PadOp pad) { return emitPad(pad, c, lanes, mask); })
      .Case([&](nn::RopeOp rope) { return emitRope(rope, c, lanes, mask); })
      .Case([&](nn::PackOp pack) { return emitPack(pack, c, lanes, mask); })
      .Case([&](nn::UnpackOp unpack) {
        Coord source = c;
        unsigned axis = unpack.getAxis();
        Value block = size(shape(unpack.getInput()).back());
        source.idx[axis] = div(c.idx[axis], block);
        source.idx.push_back(rem(c.idx[axis], block));
        if (c.lane == int(axis))
          source.lane = c.idx.size();
        return emit(unpack.getInput(), source, lanes, mask);
      })
      .Case([&](nn::ConstantOp constant) { return emitConstant(constant, c, lanes); })
      .Case([&](nn::IotaOp iota) {
        Type element = registerType(cast<RankedTensorType>(v.getType()).getElementType());
        int axis = iota.getAxis();
        Value index = c.lane == axis ? laneIndices(c, lanes) : c.idx[axis];
        Type type = element;
        if (auto vector = dyn_cast<VectorType>(index.getType()))
          type = VectorType::get(vector.getShape(), element);
        if (isa<FloatType>(element))
          return b.create<arith::SIToFPOp>(loc, type, index).getResult();
        if (element.getIntOrFloatBitWidth() < 64)
          return b.create<arith::TruncIOp>(loc, type, index).getResult();
        return index;
      })
      .Case([&](nn::SizesOp sizes) {
        AffineMap map = sizes.getValue();
        Value result = size(map.getResult(map.getNumResults() - 1));
        for (int i = int(map.getNumResults()) - 2; i >= 0; --i) {
          Value here = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, c.idx[0], constant(i));
          result = b.create<arith::SelectOp>(loc, here, size(map.getResult(i)), result);
        }
        return result;
      });
}

Value KernelEmitter::emitConstant(nn::ConstantOp op, const Coord &c, unsigned lanes) {
  auto elements = cast<DenseElementsAttr>(op.getValue());
  Type type = registerType(elements.getElementType());
  auto scalar = [&](Attribute attr) -> Value {
    if (auto number = dyn_cast<FloatAttr>(attr))
      return b.create<arith::ConstantOp>(loc, number);
    return b.create<arith::ConstantOp>(loc, b.getIntegerAttr(type, cast<IntegerAttr>(attr).getValue()));
  };
  if (elements.isSplat())
    return splat(scalar(elements.getSplatValue<Attribute>()), c.lane >= 0 ? lanes : 0);
  // Small tables: a chain of selects on the linear index.
  Value linear = constant(0);
  for (auto [i, extent] : llvm::zip_equal(c.idx, shape(op.getResult())))
    linear = add(mul(linear, size(extent)), i);
  auto values = llvm::to_vector(elements.getValues<Attribute>());
  Value result = scalar(values.back());
  for (int64_t i = int64_t(values.size()) - 2; i >= 0; --i) {
    Value here = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq, linear, constant(i));
    result = b.create<arith::SelectOp>(loc, here, scalar(values[i]), result);
  }
  return result;
}
