// What opsets 1 to 6 wrote differently: broadcasting by attribute, attributes that later became inputs or
// changed their type, and the experimental operators of their time.

#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {

Value alignSlope(Node &n, Value x, Value slope) {
  const int64_t rank = n.getRank(x);
  if (n.getRank(slope) != 1 || rank < 3)
    return slope;
  // A number per channel, as frameworks write it, though it does not broadcast so.
  AffineExpr size = n.getShape(slope)[0];
  const bool fitsLast = size == n.constant(1) || size == n.getShape(x)[rank - 1];
  return size == n.getShape(x)[1] && (!fitsLast || n.opset < 7) && size != n.constant(1)
             ? alongAxis(n, slope, 1, rank)
             : slope;
}

namespace {

/// The second operand's dimensions begin at `axis` of the first's.
Value alignOperand(Node &n) {
  Value a = n.in(0), b = n.in(1);
  const int64_t rank = n.getRank(a), own = n.getRank(b);
  if (!n.getInt("broadcast", 0) || !n.hasAttr("axis") || own > rank)
    return b;
  const int64_t axis = n.getAxis(n.getInt("axis"), rank);
  if (axis + own > rank)
    throw ImportError("axis " + Twine(axis) + " leaves no room for the second operand");
  SmallVector<AffineExpr> shape(n.getShape(b));
  shape.resize(rank - axis, n.constant(1));
  return n.builder.reshape(b, shape);
}
template <typename OpTy> Results binary(Node &n) { return n.make<OpTy>(n.in(0), alignOperand(n)); }
template <nn::CompareKind kind> Results compare(Node &n) {
  return n.builder.compare(n.in(0), alignOperand(n), kind);
}

Results importPRelu(Node &n) { return n.make<nn::PReluOp>(n.in(0), alignSlope(n, n.in(0), n.in(1))); }

/// The type by its name.
Results importCast(Node &n) {
  const std::string name = n.getString("to", "");
  onnx::TensorProto::DataType type;
  if (!onnx::TensorProto::DataType_Parse(StringRef(name).upper(), &type))
    throw ImportError("attribute 'to' is '" + name + "', which is no element type");
  return n.builder.convert(n.in(0), n.getType(type));
}

/// The shape as an attribute.
Results importReshape(Node &n) {
  Value x = n.in(0);
  SmallVector<AffineExpr> shape, rest(n.getShape(x));
  int inferred = -1;
  for (auto [i, size] : llvm::enumerate(n.getInts("shape"))) {
    if (size < -1 || (size == -1 && inferred >= 0) || (size == 0 && i >= rest.size()))
      throw ImportError("the shape is malformed");
    if (size == -1)
      inferred = int(i);
    shape.push_back(size == 0 ? n.getShape(x)[i] : n.constant(size));
  }
  if (inferred >= 0) {
    shape[inferred] = n.constant(1);
    AffineExpr total = n.math().product(rest), others = n.math().product(shape);
    AffineExpr size = total && others ? n.math().divideExactly(total, others) : AffineExpr();
    if (!size)
      throw ImportError("the size left to infer is not a multiple of the others");
    shape[inferred] = size;
  }
  return n.builder.reshape(x, shape);
}

/// One dimension repeated.
Results importTile(Node &n) {
  Value x = n.in(0);
  const int64_t tiles = n.getConstantInt(1, "the number of tiles");
  const int64_t axis = n.getAxis(n.getConstantInt(2, "the axis"), n.getRank(x));
  if (tiles < 0 || tiles > INT32_MAX)
    throw ImportError("the number of tiles is out of range");
  SmallVector<AffineExpr> shape(n.getShape(x)), wide(shape), merged(shape);
  wide.insert(wide.begin() + axis, n.constant(tiles));
  merged[axis] = n.math().simplify(shape[axis] * tiles);
  if (!merged[axis])
    throw ImportError("its sizes are too large");
  return n.builder.reshape(n.builder.broadcast(n.builder.unsqueeze(x, {axis}), wide), merged);
}

Results importSelu(Node &n) {
  return n.make<nn::EluOp>(n.in(0), n.builder.f32(n.getFloat("alpha", 1.6732)),
                           n.builder.f32(n.getFloat("gamma", 1.0507)));
}

Results importAffine(Node &n) { return n.add(n.mul(n.in(0), n.getFloat("alpha", 1)), n.getFloat("beta", 0)); }
Results importScale(Node &n) { return n.mul(n.in(0), n.getFloat("scale", 1)); }
Results importScaledTanh(Node &n) {
  return n.mul(n.make<nn::TanhOp>(n.mul(n.in(0), n.getFloat("beta", 1))), n.getFloat("alpha", 1));
}
Results importParametricSoftplus(Node &n) {
  return n.mul(n.make<nn::SoftplusOp>(n.mul(n.in(0), n.getFloat("beta", 1))), n.getFloat("alpha", 1));
}
Results importImageScaler(Node &n) {
  Value x = n.mul(n.in(0), n.getFloat("scale", 1));
  SmallVector<float> bias;
  for (double value : n.getFloats("bias"))
    bias.push_back(float(value));
  if (n.getRank(x) != 4 || !n.getElement(x).isF32())
    throw ImportError("its input must be images of f32");
  auto type = RankedTensorType::get({int64_t(bias.size())}, n.getElement(x));
  return n.add(x, alongAxis(n, n.builder.constant(DenseElementsAttr::get(type, ArrayRef(bias))), 1, 4));
}
Results importCrop(Node &n) {
  Value x = n.in(0);
  SmallVector<int64_t> border = n.getInts("border", 4, 0),
                       scale = n.getInts("scale"); // left, top, right, bottom
  if (n.getRank(x) != 4 || (!scale.empty() && scale.size() != 2))
    throw ImportError("its input must be images, `scale` a height and a width");
  for (int64_t i : {0, 1}) {
    const int64_t low = border[1 - i], high = border[3 - i];
    AffineExpr size =
        scale.empty() ? n.math().simplify(n.getShape(x)[2 + i] - low - high) : n.constant(scale[i]);
    if (!size || low < 0 || high < 0)
      throw ImportError("the border is out of range");
    x = n.builder.sliceAxis(x, 2 + i, n.constant(low), size);
  }
  return x;
}
} // namespace

void addLegacyOps(OpTable &t) {
  t.add("Add", 1, 6, binary<nn::AddOp>);
  t.add("Sub", 1, 6, binary<nn::SubOp>);
  t.add("Mul", 1, 6, binary<nn::MulOp>);
  t.add("Div", 1, 6, binary<nn::DivOp>);
  t.add("Pow", 1, 6, binary<nn::PowOp>);
  t.add("And", 1, 6, binary<nn::AndOp>);
  t.add("Or", 1, 6, binary<nn::OrOp>);
  t.add("Xor", 1, 6, binary<nn::XorOp>);
  t.add("Equal", 1, 6, compare<nn::CompareKind::eq>);
  t.add("Less", 1, 6, compare<nn::CompareKind::lt>);
  t.add("Greater", 1, 6, compare<nn::CompareKind::gt>);
  t.add("PRelu", importPRelu);
  t.add("Cast", 1, 5, importCast);
  t.add("Reshape", 1, 4, importReshape);
  t.add("Tile", 1, 5, importTile);
  t.add("Selu", 1, 5, importSelu);
  t.add("Affine", 1, 9, importAffine);
  t.add("Scale", 1, 9, importScale);
  t.add("ScaledTanh", 1, 9, importScaledTanh);
  t.add("ParametricSoftplus", 1, 9, importParametricSoftplus);
  t.add("ImageScaler", 1, 9, importImageScaler);
  t.add("Crop", 1, 9, importCrop);
}
} // namespace aicc::onnx_import
