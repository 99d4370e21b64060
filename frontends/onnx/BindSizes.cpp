// Numbers that only the run tells as sizes: symbols bound to the elements of small tensors. Apart from what
// is computed from sizes alone (SymbolicValues.cpp), which costs nothing at run time.

#include "dialects/nn/NNDynamic.h"
#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {

/// More than any list of sizes or axes has.
static constexpr int64_t maxBound = 256;

SmallVector<AffineExpr> GraphBuilder::bindSizes(Value tensor, const Twine &what, ArrayRef<Interval> bounds) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.hasStaticShape() || type.getNumElements() > maxBound)
    throw ImportError(what + " depends on data, and how many there are on sizes");
  if (!isa<IntegerType>(type.getElementType()))
    throw ImportError(what + " depends on data that are no integers");
  const unsigned count = type.getNumElements();
  auto getBounds = [&](unsigned i) {
    Interval interval = bounds.empty() ? Interval() : bounds.size() == 1 ? bounds[0] : bounds[i];
    return Interval{std::max<int64_t>(interval.min, 0), interval.max};
  };
  if (std::optional<SmallVector<AffineExpr>> values = getKnownInts(tensor)) {
    for (auto [i, value] : llvm::enumerate(*values)) {
      auto number = dyn_cast<AffineConstantExpr>(value);
      Interval interval = getBounds(i);
      if (number && (number.getValue() < interval.min || number.getValue() > interval.max))
        throw ImportError(what + " is " + Twine(number.getValue()) + ", which is out of range");
    }
    return *values;
  }
  if (count == 0)
    return {};
  Block *block = builder.getInsertionBlock();
  if (auto it = boundSizes.find(tensor); it != boundSizes.end() && bounds.empty())
    for (Block *inner = block; inner;
         inner = inner->getParentOp() ? inner->getParentOp()->getBlock() : nullptr)
      if (inner == it->second.first)
        return it->second.second;
  SmallVector<int64_t> symbols;
  SmallVector<AffineExpr> sizes;
  for (unsigned i = 0; i < count; ++i) {
    Interval interval = getBounds(i);
    AffineExpr symbol = shapes.addData(("data" + Twine(shapes.getNumSymbols())).str(), interval.min,
                                       std::max(interval.min, interval.max));
    symbols.push_back(cast<AffineSymbolExpr>(symbol).getPosition());
    sizes.push_back(interval.min == interval.max ? math.constant(interval.min) : symbol);
  }
  builder.create<nn::BindSizeOp>(loc, tensor, symbols, what.str());
  if (bounds.empty()) {
    boundSizes[tensor] = {block, sizes};
    // What is computed from it behind here is computed from sizes.
    if (tensor.getParentBlock() == block)
      for (AffineExpr size : sizes)
        known[tensor].push_back({size});
  }
  return sizes;
}

void GraphBuilder::require(Value condition, const Twine &message) {
  const int64_t rank = getRank(condition);
  Value all = reduce(condition, nn::ReduceKind::all, llvm::to_vector(llvm::seq<int64_t>(0, rank)), false);
  bindSizes(all, message, Interval{1, 1});
}

SmallVector<AffineExpr> Node::getSizes(unsigned index, const Twine &what) const {
  // What is known may be negative: it means something to the operator.
  if (std::optional<SmallVector<AffineExpr>> values = builder.getKnownInts(in(index)))
    return *values;
  return builder.bindSizes(in(index), what);
}
} // namespace aicc::onnx_import
