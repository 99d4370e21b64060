// Merging of dimensions within a dispatch before emission: long loops, short index arithmetic.

#include "targets/cpu/codegen/Collapse.h"

using namespace mlir;
using namespace aicc;

exe::DispatchOp aicc::cpu::cloneDetached(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes) {
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

llvm::SmallVector<bool> aicc::cpu::findMergeable(llvm::ArrayRef<Value> values, llvm::ArrayRef<AffineExpr> full, unsigned keep,
                                                 nn::SymbolicShapes &shapes) {
  unsigned rank = full.size();
  auto isOne = [](AffineExpr e) { return nn::ShapeContext::getConstant(e) == 1; };
  llvm::SmallVector<bool> merge(rank, false);
  for (unsigned d = 0; d + 1 + keep < rank; ++d)
    merge[d] = llvm::all_of(values, [&](Value v) {
      llvm::SmallVector<AffineExpr> s = getAligned(v, rank, shapes);
      auto whole = [&](unsigned i) { return shapes.equal(s[i], full[i]); };
      return (whole(d) && whole(d + 1)) || (isOne(s[d]) && isOne(s[d + 1]));
    });
  return merge;
}

void aicc::cpu::mergeDimensions(llvm::ArrayRef<Value> values, llvm::ArrayRef<bool> merge, nn::SymbolicShapes &shapes) {
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

void aicc::cpu::collapseDimensions(llvm::ArrayRef<Value> values, llvm::ArrayRef<AffineExpr> full, unsigned keep,
                                   nn::SymbolicShapes &shapes) {
  if (full.size() >= 2)
    mergeDimensions(values, findMergeable(values, llvm::SmallVector<AffineExpr>(full), keep, shapes), shapes);
}
