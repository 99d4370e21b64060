// nn-block-layout: the pass of that name, see Passes.td. Operations are visited in order; each that can and
// should work on blocks is cloned onto packed operands, followed by an unpack that takes over its uses.
// Whoever finds such an unpack as its operand reads the packed tensor behind it, so that between neighbours
// nothing is left.

#include "passes/graph/Passes.h"
#include "passes/graph/Rewrite.h"

using namespace mlir;

namespace aicc {
#define GEN_PASS_DEF_BLOCKLAYOUT
#include "passes/graph/Passes.h.inc"

namespace {

/// Dimension 1 of an activation, if known.
std::optional<int64_t> getChannels(Value v) {
  RankedTensorType type = getType(v);
  if (type.getRank() < 2 || type.isDynamicDim(1))
    return std::nullopt;
  return type.getDimSize(1);
}

class Blocker {
public:
  Blocker(nn::SymbolicShapes &shapes, int64_t block)
      : shapes(shapes), listener(shapes), builder(shapes.getContext(), &listener), block(block) {}

  void visit(Operation *op) {
    SmallVector<Value> operands;
    NamedAttrList attrs(op->getAttrDictionary());
    builder.setInsertionPoint(op);
    if (auto conv = dyn_cast<nn::ConvOp>(op)) {
      if (!isEligible(conv))
        return;
      bool plain =
          conv.getGroups() == 1 && *getChannels(conv.getInput()) < block && !packed.contains(conv.getInput());
      operands.push_back(plain ? conv.getInput() : getPacked(conv.getInput()));
      llvm::append_range(operands, conv->getOperands().drop_front());
      attrs.set(conv.getBlockAttrName(), builder.getI64IntegerAttr(block));
      attrs.set(conv.getBlockInputAttrName(), builder.getBoolAttr(!plain));
    } else if (isa<nn::MaxPoolOp, nn::AvgPoolOp>(op)) {
      // Kernels pool blocks of floats only.
      if (!packed.contains(op->getOperand(0)) || !isFloat(op->getResult(0)))
        return;
      operands.push_back(getPacked(op->getOperand(0)));
      attrs.set("block", builder.getI64IntegerAttr(block));
    } else if (auto reduce = dyn_cast<nn::ReduceOp>(op)) {
      bool overSpace = llvm::all_of(reduce.getAxes(), [](int64_t axis) { return axis >= 2; });
      if (!packed.contains(reduce.getInput()) || !overSpace || !isFloat(reduce.getResult()))
        return;
      operands.push_back(getPacked(reduce.getInput()));
    } else if (auto concat = dyn_cast<nn::ConcatOp>(op)) {
      if (!isEligible(concat))
        return;
      for (Value input : concat.getInputs())
        operands.push_back(getPacked(input));
    } else if (isa<nn::ElementwiseOpInterface>(op)) {
      if (!isEligibleElementwise(op))
        return;
      for (Value operand : op->getOperands())
        operands.push_back(getBroadcast(operand, op->getResult(0)));
    } else {
      return;
    }
    replace(op, operands, attrs);
  }

  /// Removes the operations that have been cloned, and unpacks that nobody reads.
  void finish() {
    for (Operation *op : llvm::reverse(replaced))
      op->erase();
    for (Operation *op : unpacks)
      if (op->use_empty())
        op->erase();
  }

private:
  bool isEligible(nn::ConvOp conv) const {
    RankedTensorType filter = getType(conv.getFilter());
    std::optional<int64_t> in = getChannels(conv.getInput()), out = getChannels(conv.getResult());
    if (getRank(conv.getInput()) != 4 || conv.getBlock() || !in || !out || !filter.hasStaticShape() ||
        !isFloat(conv.getResult()) || !isConstantComputable(conv.getFilter()))
      return false;
    int64_t groups = conv.getGroups();
    bool depthwise = groups == *in && groups == *out;
    return groups == 1 || depthwise || (*in / groups % block == 0 && *out / groups % block == 0);
  }

  /// Channels are concatenated block by block: each part must end with a full one. Other dimensions are
  /// untouched.
  bool isEligible(nn::ConcatOp concat) const {
    if (getRank(concat) != 4 || !isFloat(concat.getResult()))
      return false;
    bool any = false;
    for (Value input : concat.getInputs()) {
      std::optional<int64_t> channels = getChannels(input);
      if (!channels || (concat.getAxis() == 1 && *channels % block))
        return false;
      any |= packed.contains(input);
    }
    return any;
  }

  /// An operand per full channel, or none: [C] aligned to dimension 1 of rank 4. Null where there is another
  /// number of channels.
  struct Aligned {
    bool varies; // over channels
    int64_t axis;
  };
  std::optional<Aligned> align(Value operand, int64_t channels) const {
    RankedTensorType type = getType(operand);
    int64_t axis = 1 - (4 - type.getRank());
    if (type.getRank() > 4)
      return std::nullopt;
    if (axis < 0 || type.getDimSize(axis) == 1)
      return Aligned{false, axis};
    if (type.getDimSize(axis) != channels)
      return std::nullopt;
    return Aligned{true, axis};
  }

  bool isEligibleElementwise(Operation *op) const {
    // Quantized models go through integers between convolutions.
    bool numbers = isFloat(op->getResult(0)) || isa<nn::CastOp>(op);
    if (op->getNumResults() != 1 || getRank(op->getResult(0)) != 4 || !numbers)
      return false;
    std::optional<int64_t> channels = getChannels(op->getResult(0));
    if (!channels || *channels == 1)
      return false;
    bool any = false;
    for (Value operand : op->getOperands()) {
      if (!(isFloat(operand) || isa<nn::CastOp>(op)) || !align(operand, *channels))
        return false;
      // What has one channel broadcasts: being packed is no reason for the result to be.
      any |= packed.contains(operand) && getChannels(operand) == channels;
    }
    return any;
  }

  /// `operand` of an elementwise operation on blocks whose plain result is `result`.
  Value getBroadcast(Value operand, Value result) {
    Aligned aligned = *align(operand, *getChannels(result));
    int64_t rank = getRank(operand);
    if (aligned.varies)
      return rank == 4 ? getPacked(operand) : createPack(operand, aligned.axis);
    if (rank == 0)
      return operand;
    // One channel: a block of one lane broadcasts.
    SmallVector<AffineExpr> sizes(shapes.get(operand));
    sizes.push_back(builder.getAffineConstantExpr(1));
    return builder.create<nn::ReshapeOp>(operand.getLoc(), operand, shapes.getMap(sizes));
  }

  Value createPack(Value v, int64_t axis) { return builder.create<nn::PackOp>(v.getLoc(), v, axis, block); }

  Value getPacked(Value v) {
    Value &result = packed[v];
    if (!result) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfterValue(v);
      result = createPack(v, 1);
    }
    return result;
  }

  void replace(Operation *op, ValueRange operands, const NamedAttrList &attrs) {
    Value before = op->getResult(0);
    SmallVector<int64_t> sizes(getType(before).getShape());
    int64_t channels = sizes[1];
    sizes[1] = llvm::divideCeil(channels, block);
    sizes.push_back(block);
    OperationState state(op->getLoc(), op->getName(), operands,
                         RankedTensorType::get(sizes, getElement(before)), attrs.getAttrs());
    Value after = builder.create(state)->getResult(0);
    auto unpack = builder.create<nn::UnpackOp>(op->getLoc(), after, 1, channels);
    unpack.getResult().setType(getType(before));
    before.replaceAllUsesWith(unpack);
    packed[unpack] = after;
    unpacks.push_back(unpack);
    replaced.push_back(op);
  }

  nn::SymbolicShapes &shapes;
  ShapeListener listener;
  OpBuilder builder;
  int64_t block;
  llvm::DenseMap<Value, Value> packed; // plain -> packed
  SmallVector<Operation *> unpacks, replaced;
};

struct BlockLayout : impl::BlockLayoutBase<BlockLayout> {
  using BlockLayoutBase::BlockLayoutBase;
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    nn::SymbolicShapes shapes(func);
    if (block < 2 || func.isExternal())
      return;
    if (failed(shapes.run()))
      return signalPassFailure();
    Blocker blocker(shapes, block);
    SmallVector<Operation *> ops;
    func.walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops)
      blocker.visit(op);
    blocker.finish();
  }
};

} // namespace
} // namespace aicc
