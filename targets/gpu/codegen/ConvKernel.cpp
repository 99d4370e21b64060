// Convolutions as products of matrices that are never made: a row is an output channel of a group, a column
// an output pixel of any image, and the depth runs over input channels and taps. The right operand's elements
// are found by arithmetic on these numbers, in 32 bits, when a tile of it is brought to workgroup memory.

#include "targets/gpu/codegen/ConvShape.h"
#include "targets/gpu/codegen/MatMulOperands.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

namespace {
struct ConvEmitter {
  GpuEmitter &e;
  ConvShape &conv;
  const TileShape &tile;
  Value group = {};

  Value narrow(Value x) { return e.b.create<arith::TruncIOp>(e.loc, e.b.getI32Type(), x); }
  Value wide(Value x) { return e.b.create<arith::ExtSIOp>(e.loc, e.b.getI64Type(), x); }
  Value constant32(int64_t x) { return e.b.create<arith::ConstantIntOp>(e.loc, x, 32); }

  /// Channel and taps (32 bits) of the place `k` of the depth.
  SmallVector<Value> split(Value k) {
    SmallVector<Value> result(conv.rank() + 1);
    Value rest = narrow(k);
    for (unsigned d = conv.rank(); d > 0; --d) {
      int64_t size = conv.kernel[d - 1];
      if (size == 1) {
        result[d] = constant32(0);
        continue;
      }
      result[d] = e.b.create<arith::RemUIOp>(e.loc, rest, constant32(size));
      rest = e.b.create<arith::DivUIOp>(e.loc, rest, constant32(size));
    }
    result[0] = rest;
    return result;
  }

  TileOperand makeFilter(unsigned limit) {
    const View &view = *conv.filter;
    TileOperand operand;
    operand.element = view.element;
    int64_t depth = conv.depth();
    auto fits = [&](unsigned width) {
      return conv.filterLinear && depth % width == 0 && view.strides[0].isMultipleOf(width) &&
             view.offset.isMultipleOf(width);
    };
    limit = std::min<unsigned>(limit, std::max(1u, tile.rows * tile.depth / tile.threads));
    operand.width = llvm::bit_floor(limit);
    while (operand.width > 1 && !fits(operand.width))
      operand.width /= 2;
    bool exactRows = conv.outputs % tile.rows == 0, exactDepth = depth % tile.depth == 0;
    operand.prepare = [=, &view](Value row) {
      if (!exactRows)
        row = e.min(row, e.constant(conv.outputs - 1));
      Value first = e.mul(group, e.constant(conv.transposed ? conv.inputs : conv.outputs));
      Value index = e.add(e.size(view.offset), e.mul(first, e.size(view.strides[0])));
      return SmallVector<Value>{e.add(index, e.mul(row, e.size(view.strides[conv.transposed ? 1 : 0])))};
    };
    operand.load = [=, &view, width = operand.width](ValueRange prepared, Value, Value k) {
      Value at = exactDepth ? k : e.min(k, e.constant(depth - width)), index = prepared[0];
      if (conv.filterLinear) {
        index = e.add(index, at);
      } else {
        for (auto [i, part] : llvm::enumerate(split(at)))
          index =
              e.add(index, e.mul(wide(part), e.size(view.strides[i == 0 && conv.transposed ? 0 : 1 + i])));
      }
      Value value = e.load(view.base, index, view.element, width > 1 ? width : 0, Value(), width);
      return exactDepth ? value : zeroBeyond(value, k, depth);
    };
    return operand;
  }

  Value zeroBeyond(Value value, Value k, int64_t depth) {
    Value inside = e.compare(arith::CmpIPredicate::slt, k, e.constant(depth));
    return e.b.create<arith::SelectOp>(e.loc, inside, value, zeroOf(e, value.getType()));
  }

  /// Pixels that need no window: neighbours lie side by side.
  TileOperand makePointwise(unsigned limit) {
    const View &view = *conv.input;
    AffineExpr plane = e.product(conv.outer);
    TileOperand operand;
    operand.element = view.element;
    operand.alongOuter = true;
    auto fits = [&](unsigned width) {
      return plane.isMultipleOf(width) && view.strides[0].isMultipleOf(width) &&
             view.strides[1].isMultipleOf(width) && view.offset.isMultipleOf(width);
    };
    limit = std::min<unsigned>(limit, std::max(1u, tile.columns * tile.depth / tile.threads));
    operand.width = llvm::bit_floor(limit);
    while (operand.width > 1 && !fits(operand.width))
      operand.width /= 2;
    bool exact = conv.depth() % tile.depth == 0;
    operand.prepare = [=, &view](Value column) {
      column = e.min(column, e.sub(e.size(conv.pixels), e.constant(operand.width)));
      Value size = e.size(plane), channel = e.mul(group, e.constant(conv.inputs));
      Value index = e.add(e.size(view.offset), e.mul(channel, e.size(view.strides[1])));
      index = e.add(index, e.mul(e.div(column, size), e.size(view.strides[0])));
      return SmallVector<Value>{e.add(index, e.rem(column, size))};
    };
    operand.load = [=, &view, width = operand.width](ValueRange prepared, Value, Value k) {
      Value at = exact ? k : e.min(k, e.constant(conv.depth() - 1));
      Value index = e.add(prepared[0], e.mul(at, e.size(view.strides[1])));
      Value value = e.load(view.base, index, view.element, width > 1 ? width : 0, Value(), width);
      return exact ? value : zeroBeyond(value, k, conv.depth());
    };
    return operand;
  }

  TileOperand makeWindows() {
    const View &view = *conv.input;
    unsigned rank = conv.rank();
    TileOperand operand;
    operand.element = view.element;
    operand.alongOuter = true;
    bool exact = conv.depth() % tile.depth == 0;
    // Prepared: the index of tap 0 of channel 0 (perhaps outside), then the place of that tap.
    operand.prepare = [=, &view](Value column) {
      column = e.min(column, e.sub(e.size(conv.pixels), e.constant(1)));
      SmallVector<AffineExpr> sizes{conv.images};
      sizes.append(conv.outer);
      SmallVector<Value> at = e.delinearize(column, sizes), result{Value()};
      Value index = e.add(e.size(view.offset), e.mul(at[0], e.size(view.strides[0])));
      Value channel = e.mul(group, e.constant(conv.inputs));
      index = e.add(index, e.mul(channel, e.size(view.strides[1])));
      for (unsigned d = 0; d < rank; ++d) {
        // With gaps between inputs a window begins where the result's pixel, padded, lies.
        Value start = conv.transposed
                          ? e.add(at[1 + d], e.constant(conv.low[d]))
                          : e.sub(e.mul(at[1 + d], e.constant(conv.strides[d])), e.constant(conv.low[d]));
        if (!conv.transposed)
          index = e.add(index, e.mul(start, e.size(view.strides[2 + d])));
        result.push_back(narrow(start));
      }
      result[0] = index;
      return result;
    };
    operand.load = [=, &view](ValueRange prepared, Value, Value k) {
      SmallVector<Value> at = split(exact ? k : e.min(k, e.constant(conv.depth() - 1)));
      Value index = e.add(prepared[0], e.mul(wide(at[0]), e.size(view.strides[1]))), inside;
      auto require = [&](Value condition) {
        inside = inside ? e.b.create<arith::AndIOp>(e.loc, inside, condition).getResult() : condition;
      };
      if (!exact)
        require(e.compare(arith::CmpIPredicate::slt, k, e.constant(conv.depth())));
      for (unsigned d = 0; d < rank; ++d) {
        Value tap = e.b.create<arith::MulIOp>(e.loc, at[1 + d], constant32(conv.dilations[d])), place;
        if (conv.transposed) {
          place = e.b.create<arith::SubIOp>(e.loc, prepared[1 + d], tap);
          if (conv.strides[d] != 1) {
            Value step = constant32(conv.strides[d]);
            Value rest = e.b.create<arith::RemSIOp>(e.loc, place, step);
            require(e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::eq, rest, constant32(0)));
            place = e.b.create<arith::DivSIOp>(e.loc, place, step);
          }
          index = e.add(index, e.mul(wide(place), e.size(view.strides[2 + d])));
        } else {
          place = e.b.create<arith::AddIOp>(e.loc, prepared[1 + d], tap);
          index = e.add(index, e.mul(wide(tap), e.size(view.strides[2 + d])));
        }
        if (conv.mayLeave(d))
          require(e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ult, place,
                                            narrow(e.size(conv.inner[d]))));
      }
      if (inside) // what lies outside is read from the first place instead, and not used
        index = e.b.create<arith::SelectOp>(e.loc, inside, index, e.size(view.offset));
      Value value = e.load(view.base, index, view.element);
      if (!inside)
        return value;
      return e.b.create<arith::SelectOp>(e.loc, inside, value, zeroOf(e, value.getType())).getResult();
    };
    return operand;
  }
};
} // namespace

static FailureOr<Launch> emitTiles(KernelRequest &request, Operation *op) {
  FailureOr<ConvShape> shape = ConvShape::create(op, request.shapes);
  if (failed(shape))
    return failure();
  ConvShape &conv = *shape;
  // A thread for each element does better where there is little to share.
  if (!conv.transposed && (conv.outputs < 4 || conv.depth() < 8))
    return failure();
  bool merged = conv.mergeSpatial(request.dispatch, request.shapes);
  auto known = [](AffineExpr size) { return GpuEmitter::getConstant(size).value_or(0); };
  AffineExpr line = merged ? request.shapes.get(conv.result).back() : conv.outer.back();
  TileProblem problem;
  problem.rows = conv.outputs, problem.columns = known(conv.pixels), problem.depth = conv.depth();
  problem.batches = conv.groups;
  problem.element = cast<RankedTensorType>(conv.result.getType()).getElementType();
  problem.vectorColumns = line.isMultipleOf(4);
  TileShape tile = chooseTile(request.gpu, problem);

  GpuEmitter e(request.module, request.name, request.dispatch, request.shapes, request.gpu, request.end,
               tile.threads);
  if (!conv.findViews(e)) {
    e.abandon();
    return failure();
  }
  AffineExpr rowTiles = e.expr(llvm::divideCeil(conv.outputs, int64_t(tile.rows))),
             columnTiles = conv.pixels.ceilDiv(tile.columns);
  ConvEmitter emitter{e, conv, tile};
  Value tiles = e.size(rowTiles * columnTiles), index = e.groupId();
  emitter.group = conv.groups == 1 ? e.constant(0) : e.div(index, tiles);
  auto [rowTile, columnTile] =
      numberTiles(e, conv.groups == 1 ? index : e.rem(index, tiles), rowTiles, columnTiles);
  Value firstRow = e.mul(rowTile, e.constant(tile.rows)),
        firstColumn = e.mul(columnTile, e.constant(tile.columns));

  std::unique_ptr<TileProduct> product = makeTileProduct(e, tile, problem.element);
  auto limitOf = [&](const TileLayout &layout) {
    return 16 / std::max(1u, layout.element.getIntOrFloatBitWidth() / 8);
  };
  TileOperand lhs = emitter.makeFilter(limitOf(product->lhs));
  TileOperand rhs =
      conv.isPointwise(e) ? emitter.makePointwise(limitOf(product->rhs)) : emitter.makeWindows();
  TileContraction contraction(e, tile, lhs, rhs, *product);
  SmallVector<Value> acc = contraction.run(firstRow, firstColumn, conv.emitDepth(e));

  Type accumulator = getAccumulatorType(e.b, e.registerType(problem.element));
  llvm::DenseMap<Value, Value> biases;
  auto biasOf = [&](Value row) {
    Value &bias = biases[row];
    if (!bias) {
      Value m = conv.outputs % tile.rows ? e.min(row, e.constant(conv.outputs - 1)) : row;
      Coord c{{e.add(e.mul(emitter.group, e.constant(conv.outputs)), m)}, -1, Value()};
      bias = convertNumber(e, e.emit(conv.bias, c), accumulator);
    }
    return bias;
  };
  SmallVector<TileProduct::Run> runs = product->runs(acc);
  if (conv.bias)
    for (TileProduct::Run &run : runs) {
      Value bias = biasOf(e.add(firstRow, run.row));
      for (Value &value : run.values)
        value = isa<FloatType>(accumulator) ? e.b.create<arith::AddFOp>(e.loc, value, bias).getResult()
                                            : e.b.create<arith::AddIOp>(e.loc, value, bias).getResult();
    }
  ArrayRef<AffineExpr> sizes = e.shape(conv.result);
  TileStore store(e, conv.result, sizes.size() - 1, tile.run, line);
  Value rowLimit = conv.outputs % tile.rows ? e.constant(conv.outputs) : Value();
  Value columnLimit = conv.pixels.isMultipleOf(tile.columns) ? Value() : e.size(conv.pixels);
  SmallVector<AffineExpr> pixelSizes{conv.images};
  pixelSizes.append(sizes.begin() + 2, sizes.end());
  for (const TileProduct::Run &run : runs)
    store.store(run, e.add(firstRow, run.row), e.add(firstColumn, run.column), rowLimit, columnLimit,
                [&](Value row, Value column) {
                  Coord c;
                  c.idx = e.delinearize(column, pixelSizes);
                  c.idx.insert(c.idx.begin() + 1, e.add(e.mul(emitter.group, e.constant(conv.outputs)), row));
                  return c;
                });
  return e.finish(e.expr(conv.groups) * rowTiles * columnTiles);
}

static FailureOr<Launch> emitAny(KernelRequest &request) {
  exe::DispatchOp clone = kernel::cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  Operation *root = getRoot(clone);
  if (!root)
    return failure();
  KernelRequest inner{request.module, request.name, clone, request.shapes, request.gpu, request.end};
  return emitTiles(inner, root);
}

FailureOr<Launch> aicc::gpu::emitConv(KernelRequest &request) { return emitAny(request); }
FailureOr<Launch> aicc::gpu::emitConvTranspose(KernelRequest &request) { return emitAny(request); }
