// Operators that only rearrange: shapes, reshapes, transposes, concatenation, splitting, repetition, padding.

#include "frontends/onnx/ops/Dynamic.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

Results importShape(Node &n) {
  ArrayRef<AffineExpr> shape = n.getShape(n.in(0));
  const int64_t rank = shape.size();
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = clamp(n.getInt("start", 0)), end = std::max(start, clamp(n.getInt("end", rank)));
  return n.builder.sizes(SmallVector<AffineExpr>(shape.slice(start, end - start)));
}

Results importSize(Node &n) {
  return n.builder.sizes({n.math().product(n.getShape(n.in(0)))}, /*isScalar=*/true);
}

/// -1 takes what is left, 0 (without allowzero) copies the input's size.
Results reshapeTo(Node &n, SmallVector<AffineExpr> target, bool allowZero) {
  Value x = n.in(0);
  SmallVector<AffineExpr> input(n.getShape(x));
  int inferred = -1;
  for (auto [i, size] : llvm::enumerate(target)) {
    auto number = dyn_cast<AffineConstantExpr>(size);
    if (!number)
      continue;
    if (number.getValue() == 0 && !allowZero) {
      if (i >= input.size())
        throw ImportError("size 0 at " + Twine(i) + " copies a dimension that the input does not have");
      size = input[i];
    } else if (number.getValue() < 0) {
      if (number.getValue() != -1 || inferred >= 0)
        throw ImportError("the shape has more than one unknown size or a negative one");
      inferred = int(i);
    }
  }
  if (inferred >= 0) {
    // Equal sizes on both sides need no arithmetic, and cancelling them keeps zero-sized dimensions
    // divisible.
    SmallVector<AffineExpr> left(input), others;
    for (auto [i, size] : llvm::enumerate(target)) {
      if (int(i) == inferred)
        continue;
      auto it = llvm::find(left, size);
      if (it != left.end())
        left.erase(it);
      else
        others.push_back(size);
    }
    AffineExpr total = n.math().product(left), divisor = n.math().product(others);
    if (!total || !divisor)
      throw ImportError("its sizes are too large");
    AffineExpr quotient = n.math().divideExactly(total, divisor);
    if (!quotient) {
      if (isa<AffineConstantExpr>(total) && isa<AffineConstantExpr>(divisor))
        throw ImportError("the number of elements is not a multiple of the other sizes");
      // Sizes that only the exporter knew to be equal: divided at run time.
      n.math().require(divisor, 1, INT64_MAX);
      quotient = n.math().floorDiv(total, divisor);
    }
    if (!quotient)
      throw ImportError("the size left to infer is not a multiple of the others");
    target[inferred] = quotient;
  }
  return n.builder.reshape(x, target);
}

Results importReshape(Node &n) {
  if (isLate(n, 1))
    return reshapeLate(n);
  return reshapeTo(n, n.getSizes(1, "the shape"), n.getInt("allowzero", 0) != 0);
}

Results importFlatten(Node &n) {
  Value x = n.in(0);
  ArrayRef<AffineExpr> shape = n.getShape(x);
  int64_t axis = n.getInt("axis", 1);
  if (axis != n.getRank(x))
    axis = n.getAxis(axis, n.getRank(x));
  AffineExpr outer = n.math().product(shape.take_front(axis)),
             inner = n.math().product(shape.drop_front(axis));
  if (!outer || !inner)
    throw ImportError("its sizes are too large");
  return n.builder.reshape(x, {outer, inner});
}

Results importSqueeze(Node &n) {
  if (!n.hasAttr("axes") && isLate(n, 1))
    return squeezeLate(n);
  Value x = n.in(0);
  std::optional<SmallVector<int64_t>> given = n.getAxesAttrOrInput(1);
  SmallVector<int64_t> axes;
  if (given)
    axes = n.getAxes(*given, n.getRank(x));
  SmallVector<AffineExpr> shape;
  for (auto [i, size] : llvm::enumerate(n.getShape(x))) {
    auto number = dyn_cast<AffineConstantExpr>(size);
    const bool drop = given ? llvm::is_contained(axes, int64_t(i)) : number && number.getValue() == 1;
    // A size that depends on data is checked by the reshape, at run time.
    if (drop && (number ? number.getValue() != 1 : !isLate(n, size)))
      throw ImportError("dimension " + Twine(i) + " to be dropped is not 1",
                        number ? "" : "fix its size to 1 with --dim");
    if (!drop)
      shape.push_back(size);
  }
  return n.builder.reshape(x, shape);
}

Results importUnsqueeze(Node &n) {
  if (!n.hasAttr("axes") && isLate(n, 1))
    return unsqueezeLate(n);
  std::optional<SmallVector<int64_t>> axes = n.getAxesAttrOrInput(1);
  if (!axes)
    throw ImportError("it has no axes");
  return n.builder.unsqueeze(n.in(0), n.getAxes(*axes, n.getRank(n.in(0)) + axes->size()));
}

Results importTranspose(Node &n) {
  const int64_t rank = n.getRank(n.in(0));
  SmallVector<int64_t> perm = n.getInts("perm");
  if (!n.hasAttr("perm"))
    for (int64_t i = rank; i-- > 0;)
      perm.push_back(i);
  if (int64_t(perm.size()) != rank || n.getAxes(perm, rank).size() != perm.size())
    throw ImportError("perm is not a permutation of the input's dimensions");
  for (int64_t &axis : perm)
    axis = n.getAxis(axis, rank);
  return n.builder.transpose(n.in(0), perm);
}

Results importConcat(Node &n) {
  SmallVector<Value> inputs;
  const int64_t axis = n.getAxis(n.getInt("axis", 1), n.getRank(n.in(0)));
  for (unsigned i = 0; i < n.getNumInputs(); ++i) {
    if (n.getRank(n.in(i)) != n.getRank(n.in(0)))
      throw ImportError("its inputs have different ranks");
    inputs.push_back(n.in(i));
  }
  return n.builder.concat(inputs, axis);
}

Results importSplit(Node &n) {
  Value x = n.in(0);
  const int64_t axis = n.getAxis(n.getInt("axis", 0), n.getRank(x));
  AffineExpr total = n.getShape(x)[axis];
  const int64_t count = n.getNumOutputs();
  if (count == 0)
    throw ImportError("it has no outputs");
  if (!n.hasAttr("split") && isLate(n, 1))
    return splitLate(n);
  SmallVector<AffineExpr> sizes;
  if (n.hasAttr("split")) {
    for (int64_t size : n.getInts("split"))
      sizes.push_back(n.constant(size));
  } else if (n.has(1)) {
    sizes = n.getSizes(1, "the split");
  } else {
    // Equal parts, the last one smaller (opset 18) where they don't divide.
    AffineExpr part = n.math().ceilDiv(total, count);
    sizes.assign(count, part);
    if (!n.math().divideExactly(total, n.constant(count)))
      sizes.back() = n.math().simplify(total - part * (count - 1));
  }
  if (int64_t(sizes.size()) != count)
    throw ImportError("it has " + Twine(count) + " outputs but " + Twine(sizes.size()) + " parts");
  Results results;
  AffineExpr offset = n.constant(0);
  for (auto [i, size] : llvm::enumerate(sizes)) {
    if (!size || !offset || n.math().getBounds(size).max < 0)
      throw ImportError("the parts do not fit dimension " + Twine(axis));
    results.push_back(n.wants(i) ? n.builder.sliceAxis(x, axis, offset, size) : Value());
    offset = n.math().simplify(offset + size);
  }
  if (n.math().compare(offset, total).value_or(0) != 0)
    throw ImportError("the parts do not sum up to dimension " + Twine(axis));
  return results;
}

Results importExpand(Node &n) {
  if (isLate(n, 1))
    return expandLate(n);
  Value x = n.in(0);
  SmallVector<AffineExpr> target = n.getSizes(1, "the shape");
  std::string message;
  nn::ShapeContext ctx(
      n.builder.getContext(), [&](const Twine &text) { message = text.str(); },
      [&](AffineExpr a, AffineExpr b) { return n.builder.getShapes().getMax(a, b); });
  FailureOr<nn::SymShape> shape =
      ctx.broadcast({nn::SymShape(n.getShape(x)), nn::SymShape(target.begin(), target.end())});
  if (failed(shape))
    throw ImportError(message);
  return n.builder.broadcast(x, *shape);
}

Results importTile(Node &n) {
  Value x = n.in(0);
  SmallVector<AffineExpr> repeats = n.getSizes(1, "the repeats");
  SmallVector<AffineExpr> shape(n.getShape(x)), split, wide, merged;
  if (repeats.size() != shape.size())
    throw ImportError("it needs one repeat per dimension");
  for (auto [size, repeat] : llvm::zip_equal(shape, repeats)) {
    if (repeat != n.constant(1)) {
      split.push_back(n.constant(1));
      wide.push_back(repeat);
    }
    split.push_back(size);
    wide.push_back(size);
    merged.push_back(n.math().simplify(size * repeat));
    if (!merged.back())
      throw ImportError("its sizes are too large");
  }
  return n.builder.reshape(n.builder.broadcast(n.builder.reshape(x, split), wide), merged);
}

Results importDepthToSpace(Node &n) {
  Value x = n.in(0);
  const int64_t block = n.getInt("blocksize");
  const std::string mode = n.getString("mode", "DCR");
  if (n.getRank(x) != 4 || block < 1 || (mode != "DCR" && mode != "CRD"))
    throw ImportError("it needs a tensor of rank 4, a positive blocksize and mode DCR or CRD");
  SmallVector<AffineExpr> s(n.getShape(x));
  AffineExpr b = n.constant(block), depth = n.math().divideExactly(s[1], n.constant(block * block));
  if (!depth)
    throw ImportError("the channels are not a multiple of blocksize squared");
  const bool dcr = mode == "DCR";
  Value y = dcr ? n.builder.reshape(x, {s[0], b, b, depth, s[2], s[3]})
                : n.builder.reshape(x, {s[0], depth, b, b, s[2], s[3]});
  y = dcr ? n.builder.transpose(y, {0, 3, 4, 1, 5, 2}) : n.builder.transpose(y, {0, 1, 4, 2, 5, 3});
  return n.builder.reshape(y,
                           {s[0], depth, n.math().simplify(s[2] * block), n.math().simplify(s[3] * block)});
}

Results importSpaceToDepth(Node &n) {
  Value x = n.in(0);
  const int64_t block = n.getInt("blocksize");
  const std::string mode = n.getString("mode", "DCR");
  if (n.getRank(x) != 4 || block < 1 || (mode != "DCR" && mode != "CRD"))
    throw ImportError("it needs a tensor of rank 4, a positive blocksize and mode DCR or CRD");
  SmallVector<AffineExpr> s(n.getShape(x));
  AffineExpr b = n.constant(block), h = n.math().floorDiv(s[2], b), w = n.math().floorDiv(s[3], b);
  // Sizes that are not known now are checked by the reshape, at run time.
  auto isWrong = [&](AffineExpr size, AffineExpr part) {
    return !part || (isa<AffineConstantExpr>(size) && !n.math().divideExactly(size, b));
  };
  if (isWrong(s[2], h) || isWrong(s[3], w))
    throw ImportError("height and width must be multiples of blocksize");
  Value y = n.builder.transpose(n.builder.reshape(x, {s[0], s[1], h, b, w, b}),
                                mode == "DCR" ? ArrayRef<int64_t>{0, 3, 5, 1, 2, 4}
                                              : ArrayRef<int64_t>{0, 1, 3, 5, 2, 4});
  return n.builder.reshape(y, {s[0], n.math().simplify(s[1] * (block * block)), h, w});
}

Results importPad(Node &n) {
  if (n.opset >= 11 && (isLate(n, 1) || isLate(n, 3)))
    return padLate(n);
  Value x = n.in(0), value;
  const int64_t rank = n.getRank(x);
  SmallVector<AffineExpr> pads;
  if (n.opset < 11) {
    for (int64_t pad : n.hasAttr("pads") ? n.getInts("pads") : n.getInts("paddings"))
      pads.push_back(n.constant(pad));
    value = n.builder.scalarLike(n.getFloat("value", 0), x);
  } else {
    pads = n.getSizes(1, "the padding");
    value = n.getOptional(2);
  }
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (n.has(3)) {
    axes = n.getConstantInts(3, "axes");
    n.getAxes(axes, rank);
  }
  if (pads.size() != 2 * axes.size())
    throw ImportError("it needs two paddings per axis");
  SmallVector<AffineExpr> low(rank, n.constant(0)), high(low);
  for (auto [i, axis] : llvm::enumerate(axes)) {
    low[n.getAxis(axis, rank)] = pads[i];
    high[n.getAxis(axis, rank)] = pads[i + axes.size()];
  }
  const std::string name = n.getString("mode", "constant");
  std::optional<nn::PadMode> mode = nn::symbolizePadMode(name);
  if (!mode)
    throw ImportError("mode '" + name + "' is not supported");
  if (*mode != nn::PadMode::constant)
    value = {};
  else if (!value)
    value = n.builder.scalarLike(0, x);
  else if (n.getRank(value) != 0)
    value = n.builder.reshape(value, {});
  return n.make<nn::PadOp>(x, value, n.builder.map(low), n.builder.map(high), *mode);
}
} // namespace

void addViewOps(OpTable &t) {
  t.add("Shape", importShape);
  t.add("Size", importSize);
  t.add("Reshape", importReshape);
  t.add("Flatten", importFlatten);
  t.add("Squeeze", importSqueeze);
  t.add("Unsqueeze", importUnsqueeze);
  t.add("Transpose", importTranspose);
  t.add("Concat", importConcat);
  t.add("Split", importSplit);
  t.add("Expand", importExpand);
  t.add("Tile", importTile);
  t.add("DepthToSpace", importDepthToSpace);
  t.add("SpaceToDepth", importSpaceToDepth);
  t.add("Pad", importPad);
}
} // namespace aicc::onnx_import
