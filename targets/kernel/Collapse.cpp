// Merging of dimensions within a dispatch before emission: long loops, short index arithmetic.

#include "targets/kernel/Collapse.h"

using namespace mlir;
using namespace aicc;

exe::DispatchOp aicc::kernel::cloneDetached(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes) {
  OpBuilder builder(dispatch.getContext());
  auto clone = cast<exe::DispatchOp>(builder.clone(*dispatch));
  Block &from = dispatch.getBody().front(), &to = clone.getBody().front();
  auto copy = [&](Value x, Value y) { shapes.set(y, llvm::SmallVector<AffineExpr>(shapes.get(x))); };
  for (auto [x, y] : llvm::zip_equal(from.getArguments(), to.getArguments()))
    copy(x, y);
  for (auto [x, y] : llvm::zip_equal(from, to))
    for (auto [p, q] : llvm::zip_equal(x.getResults(), y.getResults()))
      copy(p, q);
  return clone;
}

/// The sizes of `v` with 1s in front up to `rank`.
static llvm::SmallVector<AffineExpr> getAligned(Value v, unsigned rank, nn::SymbolicShapes &shapes) {
  llvm::SmallVector<AffineExpr> sizes(rank - shapes.get(v).size(), getAffineConstantExpr(1, v.getContext()));
  llvm::append_range(sizes, shapes.get(v));
  return sizes;
}

llvm::SmallVector<bool> aicc::kernel::findMergeable(llvm::ArrayRef<Value> values,
                                                    llvm::ArrayRef<AffineExpr> full, unsigned keep,
                                                    nn::SymbolicShapes &shapes) {
  unsigned rank = full.size();
  auto isOne = [](AffineExpr e) { return nn::ShapeContext::getConstant(e) == 1; };
  // Where the result's size is 1, a dimension goes with whole and with broadcast ones: what a merged
  // dimension is for a value is carried along.
  enum Kind { Either, Whole, Broadcast, Neither };
  auto kindOf = [&](Value v, unsigned d) {
    AffineExpr size = getAligned(v, rank, shapes)[d];
    if (shapes.equal(size, full[d]))
      return isOne(size) ? Either : Whole;
    return isOne(size) ? Broadcast : Neither;
  };
  auto together = [](Kind x, Kind y) { return x == Either ? y : y == Either || x == y ? x : Neither; };
  llvm::SmallVector<bool> merge(rank, false);
  llvm::SmallVector<Kind> kinds;
  for (unsigned d = 0; d < rank; ++d) {
    llvm::SmallVector<Kind> here, joined;
    for (auto [i, v] : llvm::enumerate(values)) {
      here.push_back(kindOf(v, d));
      joined.push_back(d ? together(kinds[i], here.back()) : Neither);
    }
    bool merges = d > 0 && d + keep < rank && !llvm::is_contained(joined, Neither);
    if (merges)
      merge[d - 1] = true;
    kinds = merges ? joined : here;
  }
  return merge;
}

void aicc::kernel::mergeDimensions(llvm::ArrayRef<Value> values, llvm::ArrayRef<bool> merge,
                                   nn::SymbolicShapes &shapes) {
  unsigned rank = merge.size();
  for (Value v : values) {
    llvm::SmallVector<AffineExpr> sizes = getAligned(v, rank, shapes), merged;
    for (unsigned d = 0; d < rank; ++d) {
      if (d && merge[d - 1])
        merged.back() = merged.back() * sizes[d];
      else
        merged.push_back(sizes[d]);
    }
    Type element = cast<RankedTensorType>(v.getType()).getElementType();
    if (auto constant = v.getDefiningOp<nn::ConstantOp>()) {
      merged.assign(merged.size(), getAffineConstantExpr(1, v.getContext()));
      auto type = RankedTensorType::get(llvm::SmallVector<int64_t>(merged.size(), 1), element);
      auto splat = cast<DenseElementsAttr>(constant.getValue()).getSplatValue<Attribute>();
      constant.setValueAttr(DenseElementsAttr::get(type, splat));
    }
    v.setType(nn::getTensorType(merged, element));
    shapes.set(v, merged);
  }
}

void aicc::kernel::collapseDimensions(llvm::ArrayRef<Value> values, llvm::ArrayRef<AffineExpr> full,
                                      unsigned keep, nn::SymbolicShapes &shapes) {
  if (full.size() >= 2)
    mergeDimensions(values, findMergeable(values, llvm::SmallVector<AffineExpr>(full), keep, shapes), shapes);
}

void aicc::kernel::collapseElementwise(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes) {
  Block &body = dispatch.getBody().front();
  llvm::SmallVector<Value> values(body.getArguments());
  for (Operation &op : body.without_terminator()) {
    auto constant = dyn_cast<nn::ConstantOp>(op);
    if (!isa<nn::ElementwiseOpInterface>(op) && !(constant && constant.getValue().isSplat()))
      return;
    values.push_back(op.getResult(0));
  }
  Value yielded = cast<exe::YieldOp>(body.back()).getValues().front();
  collapseDimensions(values, llvm::SmallVector<AffineExpr>(shapes.get(yielded)), /*keep=*/0, shapes);
}

llvm::SmallVector<bool> aicc::kernel::collapseBody(exe::DispatchOp dispatch, Operation *root,
                                                   llvm::ArrayRef<Value> apart,
                                                   llvm::ArrayRef<unsigned> barriers,
                                                   nn::SymbolicShapes &shapes) {
  llvm::SmallVector<AffineExpr> full(shapes.get(root->getResult(0)));
  llvm::SmallVector<Value> values;
  Block &body = dispatch.getBody().front();
  bool simple = llvm::all_of(apart, [&](Value v) {
    return isa<BlockArgument>(v) && llvm::all_of(v.getUsers(), [&](Operation *user) { return user == root; });
  });
  for (BlockArgument arg : body.getArguments())
    if (!llvm::is_contained(apart, arg))
      values.push_back(arg);
  for (Operation &op : body.without_terminator()) {
    auto constant = dyn_cast<nn::ConstantOp>(op);
    simple &=
        &op == root || isa<nn::ElementwiseOpInterface>(op) || (constant && constant.getValue().isSplat());
    values.push_back(op.getResult(0));
  }
  if (!simple)
    return llvm::SmallVector<bool>(full.size(), false);
  llvm::SmallVector<bool> merge = findMergeable(values, full, 0, shapes);
  for (unsigned barrier : barriers)
    if (barrier > 0 && barrier < full.size())
      merge[barrier - 1] = false;
  mergeDimensions(values, merge, shapes);
  return merge;
}

int64_t aicc::kernel::getMergedDimension(llvm::ArrayRef<bool> merge, int64_t d) {
  return d - llvm::count(merge.take_front(d), true);
}

void aicc::kernel::collapseRows(exe::DispatchOp dispatch, nn::MatMulOp root, nn::SymbolicShapes &shapes) {
  if (root.getTransposeLhs() || shapes.get(root.getRhs()).size() != 2)
    return;
  llvm::SmallVector<Value> values;
  Block &body = dispatch.getBody().front();
  llvm::SmallDenseSet<Value> right;
  for (Value v = root.getRhs(); v; v = v.getDefiningOp() ? v.getDefiningOp()->getOperand(0) : Value())
    right.insert(v);
  for (BlockArgument arg : body.getArguments())
    if (!right.contains(arg))
      values.push_back(arg);
  for (Operation &op : body.without_terminator()) {
    if (right.contains(op.getResult(0)))
      continue;
    auto constant = dyn_cast<nn::ConstantOp>(op);
    if (&op != root && !isa<nn::ElementwiseOpInterface>(op) && !(constant && constant.getValue().isSplat()))
      return;
    values.push_back(op.getResult(0));
  }
  if (!isa<BlockArgument>(root.getLhs()))
    return;
  // The left operand's last dimension is K, everybody else's N: note N for the comparison, then put K back.
  llvm::SmallVector<AffineExpr> left(shapes.get(root.getLhs())), full(shapes.get(root.getResult()));
  AffineExpr depth = left.back();
  left.back() = full.back();
  bool alsoEpilogue =
      llvm::any_of(root.getLhs().getUses(), [&](OpOperand &use) { return use.getOwner() != root; });
  if (alsoEpilogue && !shapes.equal(depth, full.back()))
    return;
  shapes.set(root.getLhs(), left);
  collapseDimensions(values, full, /*keep=*/1, shapes);
  left.assign(shapes.get(root.getLhs()).begin(), shapes.get(root.getLhs()).end());
  left.back() = depth;
  shapes.set(root.getLhs(), left);
  root.getLhs().setType(
      nn::getTensorType(left, cast<RankedTensorType>(root.getLhs().getType()).getElementType()));
}
