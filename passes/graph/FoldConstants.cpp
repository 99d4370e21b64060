// nn-fold-constants: the pass of that name, see Passes.td.

#include "passes/graph/Constants.h"
#include "passes/graph/Passes.h"
#include "passes/graph/Rewrite.h"

using namespace mlir;

namespace aicc {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/graph/Passes.h.inc"

namespace {
/// The largest intermediate tensor that is made on the way to a small result.
constexpr int64_t intermediateLimit = 16 << 20;

int64_t getBytes(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.hasStaticShape() ? type.getNumElements() * nn::getElementSize(type.getElementType())
                               : INT64_MAX;
}

/// Says in few bytes what a constant would say in many.
bool isGenerator(Operation *op) {
  if (isa<nn::IotaOp>(op))
    return getBytes(op->getResult(0)) > 64;
  if (isa<nn::BroadcastOp>(op))
    return getBytes(op->getResult(0)) > std::max<int64_t>(64, getBytes(op->getOperand(0)));
  return false;
}

/// As an attribute; equal elements are stored once.
ElementsAttr getAttr(const nn::Tensor &tensor) {
  ArrayRef<char> bytes = tensor.getBytes();
  int64_t size = nn::getElementSize(tensor.getElementType());
  bool splat = tensor.getNumElements() > 1;
  for (size_t i = size; splat && i < bytes.size(); i += size)
    splat = bytes.take_front(size) == bytes.slice(i, size);
  if (!splat)
    return tensor.getAttr();
  nn::Tensor first(RankedTensorType::get({}, tensor.getElementType()), bytes.take_front(size), nullptr);
  return first.getAttr().resizeSplat(tensor.getType());
}

/// How a constant of narrow numbers is written.
bool isNarrowConstant(Operation *op) {
  auto bitcast = dyn_cast<nn::BitcastOp>(op);
  return bitcast && isa<nn::NarrowType>(bitcast.getTo()) &&
         bitcast.getInput().getDefiningOp<nn::ConstantOp>();
}

struct FoldConstants : impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;

  /// Values of operations on constants only, where the value and all that it is made of are small enough.
  bool isFoldable(Operation *op) {
    return isa<nn::EvaluateOpInterface>(op) && !isa<nn::WeightOp>(op) && !dependsOnSymbols(op) &&
           llvm::all_of(op->getResults(), [](Value v) { return getBytes(v) <= intermediateLimit; }) &&
           llvm::all_of(op->getOperands(),
                        [&](Value v) { return v.getDefiningOp() && foldable.contains(v.getDefiningOp()); });
  }

  void runOnOperation() override {
    foldable.clear();
    IRRewriter rewriter(&getContext());
    nn::EvalContext ctx;
    SmallVector<Operation *> dead;
    getOperation().walk([&](Operation *op) {
      if (!isFoldable(op))
        return;
      foldable.insert(op);
      if (isa<nn::ConstantOp>(op) || isGenerator(op) || isNarrowConstant(op))
        return;
      rewriter.setInsertionPoint(op);
      for (OpResult result : op->getResults()) {
        if (result.use_empty() || getBytes(result) > limit)
          continue;
        FailureOr<nn::Tensor> value = nn::evaluateConstant(result, ctx);
        if (failed(value)) // it has no value; whoever compiles it says so
          return;
        Value constant = makeConstant(rewriter, op->getLoc(), *value);
        rewriter.replaceAllUsesWith(result, constant);
      }
      if (op->use_empty())
        dead.push_back(op);
    });
    for (Operation *op : llvm::reverse(dead)) {
      // Operands may be dead now, too: what only they used.
      SmallVector<Operation *> stack{op};
      while (!stack.empty()) {
        Operation *next = stack.pop_back_val();
        if (!foldable.contains(next) || !next->use_empty())
          continue;
        foldable.erase(next);
        for (Value operand : next->getOperands())
          stack.push_back(operand.getDefiningOp());
        rewriter.eraseOp(next);
      }
    }
    refreshResultTypes(getOperation());
  }

  /// A constant, which may be operands of other foldable operations.
  Value makeConstant(OpBuilder &builder, Location loc, const nn::Tensor &tensor) {
    const Type element = tensor.getElementType();
    const bool isNarrow = isa<nn::NarrowType>(element);
    auto constant = builder.create<nn::ConstantOp>(
        loc, getAttr(isNarrow ? tensor.recast(builder.getIntegerType(8, /*isSigned=*/false)) : tensor));
    foldable.insert(constant);
    if (!isNarrow)
      return constant;
    auto bitcast = builder.create<nn::BitcastOp>(loc, tensor.getType(), constant, element);
    foldable.insert(bitcast);
    return bitcast;
  }

  llvm::DenseSet<Operation *> foldable;
};
} // namespace
} // namespace aicc
