// What shape inference believed and the run must check. See Passes.td.

#include "passes/program/Passes.h"
#include "passes/program/ProgramBuilder.h"

using namespace mlir;

namespace aicc {
#define GEN_PASS_DEF_COLLECTCHECKS
#include "passes/program/Passes.h.inc"
} // namespace aicc

using namespace aicc;

namespace {
/// Gathers the checks of one function; the first node that needs one names it.
class Checks {
public:
  explicit Checks(nn::SymbolicShapes &shapes) : shapes(shapes) {}

  /// `a` must be `b`, or (unless `exact`) 1.
  void add(Operation *op, AffineExpr a, AffineExpr b, bool exact) {
    std::optional<int64_t> number = nn::ShapeContext::getConstant(a);
    if (shapes.equal(a, b) || (number == 1 && !exact))
      return;
    // The arguments' order must not matter where sizes must be equal.
    if (exact && nn::compareExprs(a, b) > 0)
      std::swap(a, b);
    for (const Check &check : checks)
      if (check.a == a && check.b == b && check.exact == exact)
        return;
    checks.push_back({a, b, exact, op});
  }

  /// Every dimension of `operand`, right-aligned, must be the result's or 1.
  void addBroadcast(Operation *op, ArrayRef<AffineExpr> operand, ArrayRef<AffineExpr> result) {
    for (size_t i = 0; i < std::min(operand.size(), result.size()); ++i)
      add(op, operand[operand.size() - 1 - i], result[result.size() - 1 - i], /*exact=*/false);
  }

  Attribute getAttr();

private:
  struct Check {
    AffineExpr a, b;
    bool exact;
    Operation *op;
  };
  nn::SymbolicShapes &shapes;
  SmallVector<Check> checks;
};
} // namespace

StringRef aicc::getNodeName(Operation *op) {
  StringAttr name;
  op->getLoc()->walk([&](Location loc) {
    if (auto named = dyn_cast<NameLoc>(loc); named && !name)
      name = named.getName();
    return WalkResult::advance();
  });
  return name ? name.getValue() : op->getName().getStringRef();
}

Attribute Checks::getAttr() {
  Builder builder(shapes.getContext());
  SmallVector<Attribute> attrs;
  for (const Check &check : checks)
    attrs.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("sizes", AffineMapAttr::get(shapes.getMap({check.a, check.b}))),
         builder.getNamedAttr("exact", builder.getBoolAttr(check.exact)),
         builder.getNamedAttr("node", builder.getStringAttr(getNodeName(check.op)))}));
  return builder.getArrayAttr(attrs);
}

/// The leading dimensions of a contraction broadcast; its inner ones must agree.
static void collectMatMul(nn::MatMulOp op, nn::SymbolicShapes &shapes, Checks &checks) {
  ArrayRef<AffineExpr> lhs = shapes.get(op.getLhs()), rhs = shapes.get(op.getRhs()),
                       result = shapes.get(op.getResult());
  if (lhs.size() < 2 || rhs.size() < 2 || result.size() < 2)
    return;
  AffineExpr k = lhs[lhs.size() - (op.getTransposeLhs() ? 2 : 1)],
             other = rhs[rhs.size() - (op.getTransposeRhs() ? 1 : 2)];
  checks.add(op, k, other, /*exact=*/true);
  checks.addBroadcast(op, lhs.drop_back(2), result.drop_back(2));
  checks.addBroadcast(op, rhs.drop_back(2), result.drop_back(2));
}

static void collectConcat(nn::ConcatOp op, nn::SymbolicShapes &shapes, Checks &checks) {
  ArrayRef<AffineExpr> result = shapes.get(op.getResult());
  for (Value input : op.getInputs())
    for (auto [i, size] : llvm::enumerate(shapes.get(input)))
      if (int64_t(i) != int64_t(op.getAxis()))
        checks.add(op, size, result[i], /*exact=*/true);
}

/// What the operations of a block need; those of regions are attributes of the operations that have the
/// regions.
static Attribute collectBlock(Block &block, nn::SymbolicShapes &shapes) {
  Checks checks(shapes);
  nn::ShapeContext ctx(shapes.getContext(), nullptr);
  for (Operation &inner : block) {
    Operation *op = &inner;
    if (isa<nn::ElementwiseOpInterface>(op)) {
      for (Value operand : op->getOperands())
        checks.addBroadcast(op, shapes.get(operand), shapes.get(op->getResult(0)));
    } else if (auto broadcast = dyn_cast<nn::BroadcastOp>(op)) {
      checks.addBroadcast(op, shapes.get(broadcast.getInput()), shapes.get(broadcast.getResult()));
    } else if (auto reshape = dyn_cast<nn::ReshapeOp>(op)) {
      checks.add(op, ctx.product(shapes.get(reshape.getInput())),
                 ctx.product(shapes.get(reshape.getResult())), /*exact=*/true);
    } else if (auto matmul = dyn_cast<nn::MatMulOp>(op)) {
      collectMatMul(matmul, shapes, checks);
    } else if (auto concat = dyn_cast<nn::ConcatOp>(op)) {
      collectConcat(concat, shapes, checks);
    } else if (isa<nn::IfOp, nn::LoopOp>(op)) {
      SmallVector<Attribute> regions;
      for (Region &region : op->getRegions())
        regions.push_back(collectBlock(region.front(), shapes));
      op->setAttr(kChecksAttrName, ArrayAttr::get(op->getContext(), regions));
    }
  }
  return checks.getAttr();
}

LogicalResult aicc::collectChecks(func::FuncOp func) {
  nn::SymbolicShapes shapes(func);
  if (failed(shapes.run()))
    return failure();
  if (!shapes.getNumSymbols())
    return success();
  func->setAttr(kChecksAttrName, collectBlock(func.getBody().front(), shapes));
  return success();
}

namespace {
struct CollectChecksPass : aicc::impl::CollectChecksBase<CollectChecksPass> {
  void runOnOperation() override {
    if (failed(collectChecks(getOperation())))
      signalPassFailure();
  }
};
} // namespace
