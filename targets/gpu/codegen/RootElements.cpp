// The table of operations whose result elements are computed one by one, and the plainest of them: products
// of matrices and convolutions by loops, for shapes that no tiled kernel takes.

#include "targets/gpu/codegen/Kernels.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

RootElementFn aicc::gpu::getRootElement(Operation *root) {
  return llvm::TypeSwitch<Operation *, RootElementFn>(root)
      .Case([](nn::MatMulOp) { return emitMatMulElement; })
      .Case([](nn::ConvOp op) { return op.getBlock() ? nullptr : emitConvElement; })
      .Case([](nn::MaxPoolOp) { return emitMaxPoolElement; })
      .Case([](nn::AvgPoolOp) { return emitAvgPoolElement; })
      .Case([](nn::ConvTransposeOp) { return emitConvTransposeElement; })
      .Case([](nn::LrnOp) { return emitLrnElement; })
      .Case([](nn::ResizeOp) { return emitResizeElement; })
      .Case([](nn::GatherElementsOp) { return emitGatherElementsElement; })
      .Case([](nn::GatherNdOp) { return emitGatherNdElement; })
      .Default([](Operation *) { return nullptr; });
}

/// The type in which products of `element` are summed up.
static Type accumulatorType(GpuEmitter &e, Type element) {
  return isa<FloatType>(element) && !element.isF64() ? Type(e.b.getF32Type()) : e.registerType(element);
}

/// To or from the type in which sums are formed.
static Value convert(GpuEmitter &e, Value value, Type to) {
  Type from = value.getType();
  if (from == to)
    return value;
  return from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth()
             ? e.b.create<arith::ExtFOp>(e.loc, to, value).getResult()
             : e.b.create<arith::TruncFOp>(e.loc, to, value).getResult();
}

static Value multiplyAdd(GpuEmitter &e, Value x, Value y, Value acc) {
  Type type = acc.getType();
  x = convert(e, x, type), y = convert(e, y, type);
  if (isa<FloatType>(type))
    return e.b.create<math::FmaOp>(e.loc, x, y, acc);
  return e.b.create<arith::AddIOp>(e.loc, acc, e.b.create<arith::MulIOp>(e.loc, x, y));
}

static Type elementOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

Value aicc::gpu::emitMatMulElement(GpuEmitter &e, Operation *op, const Coord &c) {
  auto root = cast<nn::MatMulOp>(op);
  Type element = elementOf(root.getResult()), acc = accumulatorType(e, element);
  unsigned rank = c.idx.size();
  // An operand's coordinate: batch dimensions broadcast, aligned on the right.
  auto coordOf = [&](Value operand, Value row, Value column, bool transposed) {
    ArrayRef<AffineExpr> shape = e.shape(operand);
    ArrayRef<AffineExpr> batch = e.shape(root.getResult()).drop_back(2);
    Coord at;
    unsigned lead = rank - shape.size();
    for (unsigned d = 0; d + 2 < shape.size(); ++d) {
      if (e.shapes.equal(shape[d], batch[lead + d]))
        at.idx.push_back(c.idx[lead + d]);
      else if (GpuEmitter::getConstant(shape[d]) == 1)
        at.idx.push_back(e.constant(0));
      else
        at.idx.push_back(e.mul(c.idx[lead + d], e.broadcastFactor(shape[d])));
    }
    at.idx.push_back(transposed ? column : row);
    at.idx.push_back(transposed ? row : column);
    return at;
  };
  ArrayRef<AffineExpr> left = e.shape(root.getLhs());
  Value depth = e.size(left[left.size() - (root.getTransposeLhs() ? 2 : 1)]);
  Value zero = e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(acc));
  Value sum =
      e.loop(e.constant(0), depth, e.constant(1), zero,
             [&](Value k, ValueRange carried) -> SmallVector<Value> {
               e.clearMemo();
               Value x =
                   e.emit(root.getLhs(), coordOf(root.getLhs(), c.idx[rank - 2], k, root.getTransposeLhs()));
               Value y =
                   e.emit(root.getRhs(), coordOf(root.getRhs(), k, c.idx[rank - 1], root.getTransposeRhs()));
               Value next = multiplyAdd(e, x, y, carried[0]);
               e.clearMemo();
               return {next};
             })
          .front();
  return convert(e, sum, e.registerType(element));
}

Value aicc::gpu::emitConvElement(GpuEmitter &e, Operation *op, const Coord &c) {
  auto root = cast<nn::ConvOp>(op);
  Type element = elementOf(root.getResult()), acc = accumulatorType(e, element);
  ArrayRef<AffineExpr> filter = e.shape(root.getFilter()), input = e.shape(root.getInput());
  unsigned spatial = input.size() - 2;
  Value channels = e.size(filter[1]); // of one group
  Value firstChannel = e.constant(0);
  if (root.getGroups() > 1) {
    Value perGroup = e.size(filter[0].floorDiv(root.getGroups()));
    firstChannel = e.mul(e.div(c.idx[1], perGroup), channels);
  }
  Value zero = e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(acc));
  // Loops over channels and taps, outermost first.
  SmallVector<Value> tap;
  std::function<Value(unsigned, Value, Value)> sumUp = [&](unsigned level, Value inside, Value sum) -> Value {
    if (level == spatial + 1) {
      Coord from, weight;
      from.idx = {c.idx[0], e.add(firstChannel, tap[0])};
      weight.idx = {c.idx[1]};
      for (unsigned d = 0; d < spatial; ++d) {
        Value position = e.add(e.mul(c.idx[2 + d], e.constant(root.getStrides()[d])),
                               e.mul(tap[1 + d], e.constant(root.getDilations()[d])));
        position = e.sub(position, e.constant(root.getPadsLow()[d]));
        // One unsigned comparison covers both ends; elements outside are not read.
        Value valid = e.compare(arith::CmpIPredicate::ult, position, e.size(input[2 + d]));
        inside = inside ? e.b.create<arith::AndIOp>(e.loc, inside, valid).getResult() : valid;
        from.idx.push_back(position);
      }
      llvm::append_range(weight.idx, tap);
      auto product = [&] {
        e.clearMemo();
        Value next = multiplyAdd(e, e.emit(root.getInput(), from), e.emit(root.getFilter(), weight), sum);
        e.clearMemo();
        return SmallVector<Value>{next};
      };
      return inside ? e.ifElse(inside, product, [&] { return SmallVector<Value>{sum}; }).front()
                    : product().front();
    }
    Value count = level ? e.size(filter[1 + level]) : channels;
    return e
        .loop(e.constant(0), count, e.constant(1), sum,
              [&](Value i, ValueRange carried) -> SmallVector<Value> {
                tap.push_back(i);
                Value next = sumUp(level + 1, inside, carried[0]);
                tap.pop_back();
                return {next};
              })
        .front();
  };
  Value sum = sumUp(0, Value(), zero);
  if (root.getBias()) {
    Coord at;
    at.idx = {c.idx[1]};
    Value bias = convert(e, e.emit(root.getBias(), at), acc);
    sum = isa<FloatType>(acc) ? e.b.create<arith::AddFOp>(e.loc, sum, bias).getResult()
                              : e.b.create<arith::AddIOp>(e.loc, sum, bias).getResult();
  }
  return convert(e, sum, e.registerType(element));
}
