// Strided layouts of views, see Views.h.

#include "passes/dispatch/Views.h"

using namespace mlir;
using namespace aicc;
using llvm::ArrayRef;
using llvm::SmallVector;

static bool isOne(AffineExpr e) { return nn::ShapeContext::getConstant(e) == 1; }

bool aicc::isView(Operation *op) {
  return isa_and_present<nn::TransposeOp, nn::ReshapeOp, nn::SliceOp, nn::BroadcastOp>(op);
}

std::optional<SmallVector<ReshapeGroup>>
aicc::groupReshape(ArrayRef<AffineExpr> from, ArrayRef<AffineExpr> to, const nn::SymbolicShapes &shapes) {
  SmallVector<ReshapeGroup> groups;
  unsigned i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    bool leftOne = i < from.size() && isOne(from[i]), rightOne = j < to.size() && isOne(to[j]);
    if (leftOne != rightOne) {
      groups.push_back({i, i + leftOne, j, j + rightOne});
      i += leftOne, j += rightOne;
      continue;
    }
    if (i == from.size() || j == to.size())
      return std::nullopt;
    bool found = false;
    unsigned most = unsigned(from.size()) - i + unsigned(to.size()) - j;
    for (unsigned total = 2; !found && total <= most; ++total)
      for (unsigned m = 1; !found && m < total && i + m <= from.size(); ++m) {
        unsigned n = total - m;
        if (j + n > to.size())
          continue;
        AffineExpr left = from[i], right = to[j];
        for (unsigned k = 1; k < m; ++k)
          left = left * from[i + k];
        for (unsigned k = 1; k < n; ++k)
          right = right * to[j + k];
        if (!shapes.equal(left, right))
          continue;
        groups.push_back({i, i + m, j, j + n});
        i += m, j += n, found = true;
      }
    if (!found)
      return std::nullopt;
  }
  return groups;
}

bool aicc::mapLaneThroughReshape(ArrayRef<AffineExpr> from, ArrayRef<AffineExpr> to,
                                 const nn::SymbolicShapes &shapes, unsigned lanes, int &lane) {
  auto groups = groupReshape(from, to, shapes);
  if (!groups)
    return false;
  for (const ReshapeGroup &g : *groups) {
    if (lane < int(g.fromFirst) || lane >= int(g.fromLast))
      continue;
    if (g.toFirst == g.toLast) {
      lane = -1;
      return true;
    }
    bool single = g.fromLast - g.fromFirst == 1;
    if (single && g.toLast - g.toFirst == 1) {
      lane = g.toFirst;
      return true;
    }
    // A block of lanes must stay within the innermost dimension on both sides.
    auto inner = nn::ShapeContext::getConstant(from[g.fromLast - 1]);
    auto other = nn::ShapeContext::getConstant(to[g.toLast - 1]);
    bool aligned = single || (inner && *inner % lanes == 0);
    if (lane + 1 != int(g.fromLast) || !aligned || !other || *other % lanes)
      return false;
    lane = g.toLast - 1;
    return true;
  }
  return false;
}

static AffineExpr suffixProduct(ArrayRef<AffineExpr> sizes, unsigned from, MLIRContext *ctx) {
  AffineExpr product = getAffineConstantExpr(1, ctx);
  for (AffineExpr size : sizes.drop_front(from))
    product = product * size;
  return product;
}

std::optional<StridedLayout> aicc::getStridedLayout(Value value, const nn::SymbolicShapes &shapes,
                                                    llvm::function_ref<bool(Value)> isBase) {
  MLIRContext *ctx = value.getContext();
  Operation *op = value.getDefiningOp();
  ArrayRef<AffineExpr> to = shapes.get(value);
  StridedLayout layout;
  if (!isView(op) || isBase(value)) {
    layout.base = value;
    layout.offset = getAffineConstantExpr(0, ctx);
    for (unsigned d = 0; d < to.size(); ++d)
      layout.strides.push_back(suffixProduct(to, d + 1, ctx));
    layout.contiguous = true;
    return layout;
  }
  auto source = getStridedLayout(op->getOperand(0), shapes, isBase);
  if (!source)
    return std::nullopt;
  ArrayRef<AffineExpr> from = shapes.get(op->getOperand(0));
  layout = *source;
  layout.contiguous = false;
  if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
    for (auto [i, p] : llvm::enumerate(transpose.getPerm()))
      layout.strides[i] = source->strides[p];
  } else if (auto slice = dyn_cast<nn::SliceOp>(op)) {
    for (unsigned d = 0; d < from.size(); ++d) {
      layout.offset = layout.offset + source->strides[d] * slice.getOffsets().getResult(d);
      layout.strides[d] = source->strides[d] * slice.getSteps()[d];
    }
  } else if (isa<nn::BroadcastOp>(op)) {
    unsigned lead = to.size() - from.size();
    layout.strides.assign(to.size(), getAffineConstantExpr(0, ctx));
    for (unsigned d = 0; d < from.size(); ++d) {
      if (shapes.equal(from[d], to[lead + d]))
        layout.strides[lead + d] = source->strides[d];
      else if (!isOne(from[d]))
        return std::nullopt; // whether it is 1 is known only at run time
    }
  } else if (source->contiguous) {
    layout.strides.clear();
    for (unsigned d = 0; d < to.size(); ++d)
      layout.strides.push_back(suffixProduct(to, d + 1, ctx));
    layout.contiguous = true;
  } else {
    auto groups = groupReshape(from, to, shapes);
    if (!groups)
      return std::nullopt;
    layout.strides.assign(to.size(), getAffineConstantExpr(0, ctx));
    for (const ReshapeGroup &g : *groups) {
      if (g.fromFirst == g.fromLast || g.toFirst == g.toLast)
        continue;
      // The group must be dense in itself; then its innermost stride carries it. Sizes of 1 have no say.
      AffineExpr stride;
      for (unsigned d = g.fromLast; d-- > g.fromFirst;) {
        if (isOne(from[d]))
          continue;
        if (stride && !shapes.equal(source->strides[d], stride))
          return std::nullopt;
        if (!stride)
          layout.strides[g.toLast - 1] = source->strides[d];
        stride = source->strides[d] * from[d];
      }
      if (!stride)
        continue; // all sizes are 1
      stride = layout.strides[g.toLast - 1];
      for (unsigned d = g.toLast; d-- > g.toFirst; stride = stride * to[d])
        layout.strides[d] = stride;
    }
  }
  return layout;
}
