// nn-simplify's patterns on the placement of elements: transposes into matmuls and past elementwise
// operations, slices, concatenations, gathers at a constant index.

#include "passes/graph/Rewrite.h"

using namespace mlir;

namespace aicc {
namespace {

/// Transposes go into a matmul's flags so that an operand's innermost dimension stays innermost; constants
/// have the flag off.
struct TransposeIntoMatMul : OpRewritePattern<nn::MatMulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::MatMulOp op, PatternRewriter &rewriter) const override {
    bool flags[2] = {op.getTransposeLhs(), op.getTransposeRhs()};
    SmallVector<Operation *> ops{op};
    Value operands[2] = {absorb(rewriter, op.getLhs(), flags[0], ops),
                         absorb(rewriter, op.getRhs(), flags[1], ops)};
    if (operands[0] == op.getLhs() && operands[1] == op.getRhs())
      return failure();
    replaceOp(
        rewriter, op,
        rewriter.create<nn::MatMulOp>(fuseLocations(ops), operands[0], operands[1], flags[0], flags[1]));
    return success();
  }

private:
  static Value absorb(PatternRewriter &rewriter, Value operand, bool &flag,
                      SmallVectorImpl<Operation *> &ops) {
    if (isConstantComputable(operand)) {
      if (!flag)
        return operand;
      flag = false;
      return createSwap(rewriter, operand.getLoc(), operand);
    }
    auto transpose = operand.getDefiningOp<nn::TransposeOp>();
    if (!transpose)
      return operand;
    SmallVector<int64_t> perm(transpose.getPerm());
    int64_t rank = perm.size();
    // The second last of the result was the innermost of the input: exchange, and let the flag say so.
    if (perm[rank - 2] != rank - 1)
      return operand;
    std::swap(perm[rank - 1], perm[rank - 2]);
    flag = !flag;
    ops.insert(ops.begin(), transpose);
    if (llvm::is_sorted(perm))
      return transpose.getInput();
    return rewriter.create<nn::TransposeOp>(transpose.getLoc(), transpose.getInput(), perm);
  }
};

/// transpose(f(transpose(x))) -> f(transpose(transpose(x))), with constant scalars beside x: the two then
/// cancel or merge.
struct TransposePastElementwise : OpRewritePattern<nn::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::TransposeOp op, PatternRewriter &rewriter) const override {
    Operation *f = op.getInput().getDefiningOp();
    if (!f || !isa<nn::ElementwiseOpInterface>(f) || f->getNumResults() != 1 || !f->hasOneUse())
      return failure();
    std::optional<unsigned> moved;
    for (OpOperand &operand : f->getOpOperands()) {
      auto transpose = operand.get().getDefiningOp<nn::TransposeOp>();
      if (transpose && transpose->hasOneUse() && !moved)
        moved = operand.getOperandNumber();
      else if (getType(operand.get()).getRank() != 0)
        return failure();
    }
    if (!moved)
      return failure();
    Value x = rewriter.create<nn::TransposeOp>(op.getLoc(), f->getOperand(*moved), op.getPerm());
    SmallVector<Value> operands(f->getOperands());
    operands[*moved] = x;
    replaceOp(rewriter, op, cloneOn(rewriter, f, operands, getType(x).getShape()));
    return success();
  }
};

/// f(broadcast(x)) -> broadcast(f(x)), with scalars beside it: fewer elements to compute.
struct SinkBroadcastPastElementwise : OpInterfaceRewritePattern<nn::ElementwiseOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(nn::ElementwiseOpInterface op, PatternRewriter &rewriter) const override {
    nn::BroadcastOp broadcast;
    for (Value operand : op->getOperands()) {
      auto next = operand.getDefiningOp<nn::BroadcastOp>();
      if (getRank(operand) == 0)
        continue;
      if (!next || (broadcast && next != broadcast))
        return failure();
      broadcast = next;
    }
    if (!broadcast || op->getNumResults() != 1)
      return failure();
    SmallVector<Value> operands(op->getOperands());
    for (Value &operand : operands)
      if (operand == broadcast.getResult())
        operand = broadcast.getInput();
    Value inner = cloneOn(rewriter, op, operands, getType(broadcast.getInput()).getShape());
    replaceOp(rewriter, op,
              rewriter.create<nn::BroadcastOp>(broadcast.getLoc(), inner, broadcast.getShape()));
    return success();
  }
};

/// A view of sizes that are provably its input's -> the input.
template <typename OpT> struct DropIdentity : ShapedPattern<OpT> {
  using ShapedPattern<OpT>::ShapedPattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    Value x = op.getInput();
    if (!this->shapes.equalShapes(x, op) || (x.getType() != op.getType() && !isa<OpResult>(x)))
      return failure();
    if constexpr (std::is_same_v<OpT, nn::SliceOp>)
      if (llvm::any_of(op.getSteps(), [](int64_t step) { return step != 1; }) ||
          llvm::any_of(op.getOffsets().getResults(),
                       [](AffineExpr offset) { return nn::ShapeContext::getConstant(offset) != 0; }))
        return failure();
    replaceOp(rewriter, op, x);
    return success();
  }
};

/// reshape(transpose(x)) -> transpose(reshape(x)) where both leave the last two dimensions together, the one
/// exchanged, the other untouched: reshapes of leading dimensions meet above, transposes below.
struct ReshapePastSwap : ShapedPattern<nn::ReshapeOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::ReshapeOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getInput().getDefiningOp<nn::TransposeOp>();
    if (!transpose || getRank(transpose) < 2 || getRank(op) < 2 || isConstantComputable(op))
      return failure();
    SmallVector<int64_t> perm(transpose.getPerm());
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
    ArrayRef<AffineExpr> before = shapes.get(transpose).take_back(2);
    SmallVector<AffineExpr> sizes(shapes.get(op));
    size_t rank = sizes.size();
    if (!llvm::is_sorted(perm) || !shapes.equal(before[0], sizes[rank - 2]) ||
        !shapes.equal(before[1], sizes[rank - 1]))
      return failure();
    std::swap(sizes[rank - 1], sizes[rank - 2]);
    Value x = rewriter.create<nn::ReshapeOp>(op.getLoc(), transpose.getInput(), shapes.getMap(sizes));
    replaceOp(rewriter, op, createSwap(rewriter, transpose.getLoc(), x));
    return success();
  }
};

/// A reshape that merges leading dimensions and keeps the last one (as models flatten before a linear layer).
nn::ReshapeOp matchFlatten(Value v, const nn::SymbolicShapes &shapes) {
  auto reshape = v.getDefiningOp<nn::ReshapeOp>();
  if (!reshape || getRank(v) < 2 || getRank(reshape.getInput()) <= getRank(v) ||
      !shapes.equal(shapes.get(reshape.getInput()).back(), shapes.get(v).back()))
    return {};
  return reshape;
}

/// Replaces `op` by the flattened `rebuilt`, which is `op` on unflattened operands.
void sinkFlatten(PatternRewriter &rewriter, nn::SymbolicShapes &shapes, Operation *op, Value rebuilt) {
  AffineMap map = shapes.getMap(shapes.get(op->getResult(0)));
  replaceOp(rewriter, op, rewriter.create<nn::ReshapeOp>(op->getLoc(), rebuilt, map));
}

/// matmul(flatten(x), w) -> flatten(matmul(x, w)) for a w without leading dimensions.
struct SinkFlattenPastMatMul : ShapedPattern<nn::MatMulOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::MatMulOp op, PatternRewriter &rewriter) const override {
    nn::ReshapeOp flatten = matchFlatten(op.getLhs(), shapes);
    if (!flatten || getRank(op.getRhs()) != 2 || op.getTransposeLhs() || getRank(op) != 2)
      return failure();
    Value matmul = rewriter.create<nn::MatMulOp>(op.getLoc(), flatten.getInput(), op.getRhs(), false,
                                                 op.getTransposeRhs());
    sinkFlatten(rewriter, shapes, op, matmul);
    return success();
  }
};

/// The same for elementwise operations whose other operands vary along the last dimension at most, or are
/// flattened from the same sizes.
struct SinkFlattenPastElementwise : OpInterfaceRewritePattern<nn::ElementwiseOpInterface> {
  SinkFlattenPastElementwise(MLIRContext *context, nn::SymbolicShapes &shapes)
      : OpInterfaceRewritePattern(context), shapes(shapes) {}
  LogicalResult matchAndRewrite(nn::ElementwiseOpInterface op, PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1)
      return failure();
    Value source;
    SmallVector<Value> operands(op->getOperands());
    for (Value &operand : operands) {
      nn::ReshapeOp flatten = matchFlatten(operand, shapes);
      if (flatten && shapes.equalShapes(operand, op->getResult(0)) &&
          (!source || shapes.equalShapes(source, flatten.getInput()))) {
        source = flatten.getInput();
        operand = source;
      } else if (getRank(operand) > 1) {
        return failure();
      }
    }
    if (!source)
      return failure();
    sinkFlatten(rewriter, shapes, op, cloneOn(rewriter, op, operands, getType(source).getShape()));
    return success();
  }

private:
  nn::SymbolicShapes &shapes;
};

SmallVector<AffineExpr> add(ArrayRef<AffineExpr> a, ArrayRef<AffineExpr> b, ArrayRef<int64_t> scale) {
  SmallVector<AffineExpr> result;
  for (auto [x, y, s] : llvm::zip_equal(a, b, scale))
    result.push_back(x + y * s);
  return result;
}

/// slice(slice(x)) -> slice(x).
struct MergeSlices : ShapedPattern<nn::SliceOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::SliceOp op, PatternRewriter &rewriter) const override {
    auto first = op.getInput().getDefiningOp<nn::SliceOp>();
    if (!first)
      return failure();
    SmallVector<int64_t> steps;
    for (auto [a, b] : llvm::zip_equal(first.getSteps(), op.getSteps()))
      steps.push_back(a * b);
    SmallVector<AffineExpr> offsets =
        add(first.getOffsets().getResults(), op.getOffsets().getResults(), first.getSteps());
    Value merged = rewriter.create<nn::SliceOp>(fuseLocations({first, op}), first.getInput(),
                                                shapes.getMap(offsets), op.getSizes(), steps);
    replaceOp(rewriter, op, merged);
    return success();
  }
};

bool isConstantAt(AffineMap map, unsigned i, int64_t value) {
  return nn::ShapeContext::getConstant(map.getResult(i)) == value;
}

/// The only dimension in which a slice is not all of its input, with step 1; none if there are several.
std::optional<int64_t> getSlicedAxis(nn::SliceOp op, nn::SymbolicShapes &shapes) {
  ArrayRef<AffineExpr> input = shapes.get(op.getInput()), sizes = shapes.get(op.getResult());
  std::optional<int64_t> axis;
  for (int64_t i = 0, rank = input.size(); i < rank; ++i) {
    if (op.getSteps()[i] != 1)
      return std::nullopt;
    if (isConstantAt(op.getOffsets(), i, 0) && shapes.equal(input[i], sizes[i]))
      continue;
    if (axis)
      return std::nullopt;
    axis = i;
  }
  return axis;
}

/// A slice of a concatenation along its axis that lies within one operand -> a slice of that operand, or the
/// operand itself.
struct SliceOfConcat : ShapedPattern<nn::SliceOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::SliceOp op, PatternRewriter &rewriter) const override {
    auto concat = op.getInput().getDefiningOp<nn::ConcatOp>();
    std::optional<int64_t> axis = getSlicedAxis(op, shapes);
    if (!concat || axis != static_cast<int64_t>(concat.getAxis()))
      return failure();
    AffineExpr begin = op.getOffsets().getResult(*axis);
    AffineExpr end = begin + shapes.get(op.getResult())[*axis];
    AffineExpr place = getAffineConstantExpr(0, op.getContext());
    for (Value part : concat.getInputs()) {
      AffineExpr size = shapes.get(part)[*axis];
      AffineExpr next = place + size;
      if (shapes.equal(begin, place) && shapes.equal(end, next)) {
        if (part.getType() != op.getType() && !isa<OpResult>(part))
          return failure();
        replaceOp(rewriter, op, part);
        return success();
      }
      // Strictly inside only where it can be compared.
      nn::ShapeContext ctx(op.getContext(), nullptr);
      auto low = nn::ShapeContext::getConstant(ctx.simplify(begin - place));
      auto high = nn::ShapeContext::getConstant(ctx.simplify(next - end));
      if (low && high && *low >= 0 && *high >= 0) {
        SmallVector<AffineExpr> offsets(op.getOffsets().getResults());
        offsets[*axis] = begin - place;
        Location loc = fuseLocations({concat, op});
        replaceOp(
            rewriter, op,
            rewriter.create<nn::SliceOp>(loc, part, shapes.getMap(offsets), op.getSizes(), op.getSteps()));
        return success();
      }
      place = next;
    }
    return failure();
  }
};

/// Adjacent slices of one tensor in a concatenation -> one slice, or the tensor itself.
struct ConcatOfSlices : ShapedPattern<nn::ConcatOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::ConcatOp op, PatternRewriter &rewriter) const override {
    SmallVector<Value> parts;
    bool changed = false;
    for (Value part : op.getInputs()) {
      Value merged = parts.empty() ? Value() : join(rewriter, parts.back(), part, op.getAxis());
      if (merged) {
        parts.back() = merged;
        changed = true;
      } else {
        parts.push_back(part);
      }
    }
    if (!changed)
      return failure();
    Value result = parts.front();
    if (parts.size() > 1)
      result = rewriter.create<nn::ConcatOp>(op.getLoc(), parts, op.getAxis());
    replaceOp(rewriter, op, result);
    return success();
  }

private:
  Value join(PatternRewriter &rewriter, Value a, Value b, int64_t axis) const {
    auto first = a.getDefiningOp<nn::SliceOp>(), second = b.getDefiningOp<nn::SliceOp>();
    if (!first || !second || first.getInput() != second.getInput() || getSlicedAxis(first, shapes) != axis ||
        getSlicedAxis(second, shapes) != axis)
      return {};
    AffineExpr begin = first.getOffsets().getResult(axis), size = shapes.get(a)[axis];
    if (!shapes.equal(begin + size, second.getOffsets().getResult(axis)))
      return {};
    AffineExpr total = size + shapes.get(b)[axis];
    if (isConstantAt(first.getOffsets(), axis, 0) &&
        shapes.equal(total, shapes.get(first.getInput())[axis]) && isa<OpResult>(first.getInput()))
      return first.getInput();
    SmallVector<AffineExpr> sizes(shapes.get(a));
    sizes[axis] = total;
    return rewriter.create<nn::SliceOp>(fuseLocations({first, second}), first.getInput(), first.getOffsets(),
                                        shapes.getMap(sizes), first.getSteps());
  }
};

/// concat of one tensor several times, of size 1 along the axis -> broadcast. Concatenations of
/// concatenations along one axis -> one.
struct SimplifyConcat : ShapedPattern<nn::ConcatOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::ConcatOp op, PatternRewriter &rewriter) const override {
    ValueRange inputs = op.getInputs();
    int64_t axis = op.getAxis();
    if (inputs.size() > 1 && llvm::all_equal(inputs) && isOne(shapes.get(inputs[0])[axis])) {
      SmallVector<AffineExpr> sizes(shapes.get(inputs[0]));
      sizes[axis] = getAffineConstantExpr(inputs.size(), op.getContext());
      replaceOp(rewriter, op, rewriter.create<nn::BroadcastOp>(op.getLoc(), inputs[0], shapes.getMap(sizes)));
      return success();
    }
    SmallVector<Value> flat;
    SmallVector<Operation *> ops;
    for (Value input : inputs) {
      auto inner = input.getDefiningOp<nn::ConcatOp>();
      if (inner && static_cast<int64_t>(inner.getAxis()) == axis && inner->hasOneUse()) {
        flat.append(inner.getInputs().begin(), inner.getInputs().end());
        ops.push_back(inner);
      } else {
        flat.push_back(input);
      }
    }
    if (ops.empty())
      return failure();
    ops.push_back(op);
    replaceOp(rewriter, op, rewriter.create<nn::ConcatOp>(fuseLocations(ops), flat, axis));
    return success();
  }
};

/// gather(x, constant index) -> reshape(slice(x)): a view. Weights keep their gather, whose result is small.
struct GatherToSlice : ShapedPattern<nn::GatherOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::GatherOp op, PatternRewriter &rewriter) const override {
    auto constant = op.getIndices().getDefiningOp<nn::ConstantOp>();
    if (!constant || getType(constant).getNumElements() != 1 || isConstantComputable(op.getInput()))
      return failure();
    std::optional<double> index = getUniform(constant);
    if (!index)
      return failure();
    ArrayRef<AffineExpr> input = shapes.get(op.getInput());
    int64_t axis = op.getAxis();
    auto size = nn::ShapeContext::getConstant(input[axis]);
    if (size && (*index >= *size || *index < -*size))
      return failure(); // out of range: the program says so when it runs
    SmallVector<AffineExpr> offsets(input.size(), getAffineConstantExpr(0, op.getContext())), sizes(input);
    offsets[axis] = offsets[axis] + static_cast<int64_t>(*index);
    if (*index < 0)
      offsets[axis] = offsets[axis] + input[axis];
    sizes[axis] = getAffineConstantExpr(1, op.getContext());
    Value slice = rewriter.create<nn::SliceOp>(op.getLoc(), op.getInput(), shapes.getMap(offsets),
                                               shapes.getMap(sizes), SmallVector<int64_t>(input.size(), 1));
    if (!shapes.equalShapes(slice, op.getResult()))
      slice = rewriter.create<nn::ReshapeOp>(op.getLoc(), slice, shapes.getMap(shapes.get(op.getResult())));
    replaceOp(rewriter, op, slice);
    return success();
  }
};

/// conv(pad(x, zeros)) -> conv with these pads.
struct PadIntoConv : OpRewritePattern<nn::ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConvOp op, PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<nn::PadOp>();
    if (!pad || op.getBlock() || pad.getMode() != nn::PadMode::constant ||
        (pad.getValue() && !isUniform(pad.getValue(), 0)))
      return failure();
    std::optional<SmallVector<int64_t>> low = nn::getConstantResults(pad.getLow()),
                                        high = nn::getConstantResults(pad.getHigh());
    if (!low || !high)
      return failure();
    auto isNegative = [](int64_t amount) { return amount < 0; };
    if ((*low)[0] || (*low)[1] || (*high)[0] || (*high)[1] || llvm::any_of(*low, isNegative) ||
        llvm::any_of(*high, isNegative))
      return failure();
    for (size_t i = 0; i < op.getPadsLow().size(); ++i) {
      (*low)[i + 2] += op.getPadsLow()[i];
      (*high)[i + 2] += op.getPadsHigh()[i];
    }
    replaceOp(rewriter, op,
              rewriter.create<nn::ConvOp>(fuseLocations({pad, op}), pad.getInput(), op.getFilter(),
                                          op.getBias(), op.getStrides(), op.getDilations(),
                                          ArrayRef(*low).drop_front(2), ArrayRef(*high).drop_front(2),
                                          op.getGroups()));
    return success();
  }
};

} // namespace

void populateSimplifyViews(RewritePatternSet &patterns, nn::SymbolicShapes &shapes) {
  MLIRContext *context = patterns.getContext();
  patterns.add<TransposeIntoMatMul, TransposePastElementwise, SinkBroadcastPastElementwise, PadIntoConv>(
      context);
  patterns.add<DropIdentity<nn::ReshapeOp>, DropIdentity<nn::BroadcastOp>, DropIdentity<nn::SliceOp>,
               ReshapePastSwap, SinkFlattenPastMatMul, SinkFlattenPastElementwise, MergeSlices, SliceOfConcat,
               ConcatOfSlices, SimplifyConcat, GatherToSlice>(context, shapes);
}

} // namespace aicc
