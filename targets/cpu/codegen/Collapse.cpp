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

void aicc::cpu::collapseDimensions(llvm::ArrayRef<Value> values, llvm::ArrayRef<AffineExpr> sizes, unsigned keep,
                                   nn::SymbolicShapes &shapes) {
  llvm::SmallVector<AffineExpr> full(sizes);
  unsigned rank = full.size();
  if (rank < 2)
    return;
  auto isOne = [](AffineExpr e) { return nn::ShapeContext::getConstant(e) == 1; };
  auto aligned = [&](Value v) {
    llvm::SmallVector<AffineExpr> s(rank - shapes.get(v).size(), getAffineConstantExpr(1, v.getContext()));
    llvm::append_range(s, shapes.get(v));
    return s;
  };
  llvm::SmallVector<bool> merge(rank, false); // dimension d with d + 1
  for (unsigned d = 0; d + 1 + keep < rank; ++d)
    merge[d] = llvm::all_of(values, [&](Value v) {
      llvm::SmallVector<AffineExpr> s = aligned(v);
      auto whole = [&](unsigned i) { return shapes.equal(s[i], full[i]); };
      return (whole(d) && whole(d + 1)) || (isOne(s[d]) && isOne(s[d + 1]));
    });
  for (Value v : values) {
    llvm::SmallVector<AffineExpr> s = aligned(v), merged;
    for (unsigned d = 0; d < rank; ++d) {
      if (d && merge[d - 1])
        merged.back() = merged.back() * s[d];
      else
        merged.push_back(s[d]);
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
