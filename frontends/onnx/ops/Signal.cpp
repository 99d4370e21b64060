// Operators on signals, whose transforms are products with matrices of cosines and sines, and determinants.

#include "frontends/onnx/ops/Sampling.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

bool isNumber(AffineExpr expr) { return isa<AffineConstantExpr>(expr); }

/// What a Fourier transform does to one dimension.
struct Transform {
  AffineExpr inputs; ///< elements read, at most those there are
  AffineExpr length; ///< of the signal in time
  int64_t parts;     ///< of an input element: real, or real and imaginary
  bool inverse, onesided;

  /// Onesided, the inverse's result is real; the forward transform's is always complex.
  bool isRealResult() const { return inverse && onesided; }
  AffineExpr getOutputs(Node &n) const {
    return onesided && !inverse ? n.math().simplify(length.floorDiv(2) + 1) : length;
  }
};

/// The matrix [inputs * parts, outputs * parts of a result element] of a transform; `window` [inputs], if
/// given, weighs inputs.
Value makeMatrix(Node &n, const Transform &t, Value window, Type element) {
  OpBuilder &b = n.builder.getBuilder();
  // Where sizes are known the matrix is a constant, and precise.
  const bool fixed = isNumber(t.inputs) && isNumber(t.length);
  Type i64 = b.getI64Type(), type = fixed || element.isF64() ? Type(b.getF64Type()) : Type(b.getF32Type());
  AffineExpr outputs = t.getOutputs(n), one = n.constant(1);
  auto rows = dyn_cast<AffineConstantExpr>(t.inputs), columns = dyn_cast<AffineConstantExpr>(outputs);
  constexpr double largest = 1 << 26; // elements: a transform of 8192 numbers
  if ((rows ? double(rows.getValue()) : 1) * (columns ? double(columns.getValue()) : 1) > largest)
    throw ImportError("the transform is too long");
  Value j = ramp(n, t.inputs, 0, 2, i64), k = ramp(n, outputs, 1, 2, i64);
  // The angle's number of steps on the circle, between minus and plus half a turn.
  Value length = sizeScalar(n, t.length, i64), steps = n.make<nn::ModOp>(n.mul(j, k), length);
  Value isFar = n.builder.compare(n.add(steps, steps), length, nn::CompareKind::gt);
  steps = n.make<nn::SelectOp>(isFar, n.sub(steps, length), steps);
  Value realLength = sizeScalar(n, t.length, type);
  Value angle = n.mul(n.div(n.builder.convert(steps, type), realLength), 2 * M_PI);
  Value re = n.make<nn::CosOp>(angle), im = n.make<nn::SinOp>(angle);
  if (!t.inverse)
    im = n.make<nn::NegOp>(im);
  Value weight;
  if (t.inverse)
    weight = n.div(n.builder.scalar(1, type), realLength);
  if (t.isRealResult()) {
    // All frequencies but the first and the middle one stand for their mirror image, too.
    Value twice = n.add(j, j);
    Value single = n.make<nn::OrOp>(n.builder.compare(j, n.builder.scalar(0, i64), nn::CompareKind::eq),
                                    n.builder.compare(twice, length, nn::CompareKind::eq));
    weight = n.make<nn::SelectOp>(single, weight, n.mul(weight, 2.0));
  }
  if (window) {
    Value column = n.builder.reshape(n.builder.convert(window, type), {t.inputs, one});
    weight = weight ? n.mul(weight, column) : column;
  }
  if (weight) {
    re = n.mul(re, weight);
    im = n.mul(im, weight);
  }
  // e^(i angle) times a real number is (re, im); times an imaginary one, (-im, re).
  auto row = [&](Value real, Value imaginary) {
    real = n.builder.reshape(real, {t.inputs, one, outputs, one});
    if (t.isRealResult())
      return real;
    return n.builder.concat({real, n.builder.reshape(imaginary, {t.inputs, one, outputs, one})}, 3);
  };
  Value matrix = row(re, im);
  if (t.parts == 2)
    matrix = n.builder.concat({matrix, row(n.make<nn::NegOp>(im), re)}, 1);
  matrix = n.builder.convert(matrix, element);
  return n.builder.reshape(matrix, {n.math().simplify(t.inputs * t.parts),
                                    n.math().simplify(outputs * (t.isRealResult() ? 1 : 2))});
}

/// A factor of `length`, near its square root, by which a long transform is taken in two steps; 0 if there is
/// none, or no need.
int64_t getFactor(const Transform &t) {
  constexpr int64_t longEnough = 1024, smallest = 8;
  auto length = dyn_cast<AffineConstantExpr>(t.length);
  if (!length || t.inputs != t.length || t.isRealResult() || length.getValue() < longEnough ||
      length.getValue() > INT32_MAX)
    return 0;
  int64_t factor = int64_t(std::sqrt(double(length.getValue())));
  while (factor >= smallest && length.getValue() % factor)
    --factor;
  return factor >= smallest ? factor : 0;
}

/// The second step's matrices [a, b * 2, b * 2] of a transform of length a * b: of element j in each run of b
/// to frequency k1 + a k2, one for each k1.
Value makeSecondStep(Node &n, int64_t a, int64_t b, bool inverse, Type element) {
  OpBuilder &builder = n.builder.getBuilder();
  Type i64 = builder.getI64Type(), type = builder.getF64Type();
  auto number = [&](int64_t value) { return n.builder.scalar(double(value), i64); };
  Value j = ramp(n, n.constant(b), 1, 3, i64);
  Value k = n.add(n.mul(ramp(n, n.constant(b), 2, 3, i64), number(a)), ramp(n, n.constant(a), 0, 3, i64));
  Value steps = n.make<nn::ModOp>(n.mul(j, k), number(a * b));
  Value angle = n.mul(n.builder.convert(steps, type), 2 * M_PI / double(a * b));
  Value re = n.make<nn::CosOp>(angle), im = n.make<nn::SinOp>(angle);
  if (inverse) {
    re = n.mul(re, 1.0 / double(a * b));
    im = n.mul(im, 1.0 / double(a * b));
  } else {
    im = n.make<nn::NegOp>(im);
  }
  SmallVector<AffineExpr> wide{n.constant(a), n.constant(b), n.constant(1), n.constant(b), n.constant(1)};
  re = n.builder.reshape(re, wide);
  im = n.builder.reshape(im, wide);
  Value matrix =
      n.builder.concat({n.builder.concat({re, im}, 4), n.builder.concat({n.make<nn::NegOp>(im), re}, 4)}, 2);
  return n.builder.reshape(n.builder.convert(matrix, element),
                           {n.constant(a), n.constant(2 * b), n.constant(2 * b)});
}

/// Of rows [.., inputs * parts] as rows [.., outputs * parts].
Value transform(Node &n, Value x, const Transform &t, Value window, Type type) {
  const int64_t a = getFactor(t);
  if (a == 0)
    return n.make<nn::MatMulOp>(x, makeMatrix(n, t, window, type));
  // Elements j1 b + j2 become frequencies k1 + a k2: first along j1, then along j2 (Cooley and Tukey, 1965).
  const int64_t length = cast<AffineConstantExpr>(t.length).getValue(), b = length / a;
  AffineExpr rows = n.getShape(x)[0], ea = n.constant(a), eb = n.constant(b), two = n.constant(2);
  x = n.builder.reshape(x, {rows, ea, eb, n.constant(t.parts)});
  if (window)
    x = n.mul(x, n.builder.reshape(n.builder.convert(window, type), {ea, eb, n.constant(1)}));
  x = n.builder.transpose(x, {0, 2, 1, 3}); // [rows, j2, j1, parts]
  x = n.builder.reshape(x, {productOf(n, {rows, eb}), n.constant(a * t.parts)});
  Transform first{ea, ea, t.parts, t.inverse, false};
  Value matrix = makeMatrix(n, first, Value(), type);
  if (t.inverse) // divides by the length once
    matrix = n.mul(matrix, double(a));
  x = n.builder.reshape(n.make<nn::MatMulOp>(x, matrix), {rows, eb, ea, two});
  x = n.builder.transpose(x, {2, 0, 1, 3}); // [k1, rows, j2, 2]
  x = n.builder.reshape(x, {ea, rows, n.constant(2 * b)});
  x = n.make<nn::MatMulOp>(x, makeSecondStep(n, a, b, t.inverse, type));
  x = n.builder.transpose(n.builder.reshape(x, {ea, rows, eb, two}), {1, 2, 0, 3}); // [rows, k2, k1, 2]
  x = n.builder.reshape(x, {rows, n.constant(2 * length)});
  return t.onesided ? n.builder.sliceAxis(x, 1, n.constant(0), n.math().simplify(t.getOutputs(n) * 2)) : x;
}

int64_t getParts(Node &n, Value x) {
  const int64_t parts = n.getStaticSize(x, n.getRank(x) - 1, "the last dimension (real or complex)");
  if (parts != 1 && parts != 2)
    throw ImportError("its last dimension must be 1 (real) or 2 (complex)");
  return parts;
}

Type getMatrixType(Node &n, Value x) {
  if (!n.isFloat(x))
    throw ImportError("the signal must be of floats");
  return getComputeType(n, x);
}

/// What a run-time axis makes of a shape: x as [before, axis, behind, parts], and the shape with the axis'
/// size replaced.
struct LateAxis {
  Value position;                ///< of the axis, rank 0
  SmallVector<AffineExpr> sizes; ///< of all dimensions but the last

  LateAxis(Node &n, Value x, Value axis) : sizes(n.getShape(x).drop_back()) {
    Type i64 = n.builder.getBuilder().getI64Type();
    axis = n.builder.reshape(n.builder.convert(axis, i64), {});
    Value isNegative = n.builder.compare(axis, n.builder.scalar(0, i64), nn::CompareKind::lt);
    position = n.make<nn::SelectOp>(isNegative, n.add(axis, double(n.getRank(x))), axis);
    n.builder.require(
        isBetween(n, position, n.builder.scalar(0, i64), n.builder.scalar(double(sizes.size()) - 1, i64)),
        "the axis is out of range");
  }
  /// One number per dimension: whether it is before, at or behind the axis.
  Value is(Node &n, nn::CompareKind kind) const {
    Value ramp = n.builder.iota({n.constant(int64_t(sizes.size()))}, 0, n.getElement(position));
    return n.builder.compare(ramp, position, kind);
  }
  Value split(Node &n, Value x) const {
    SmallVector<Value> parts;
    for (nn::CompareKind kind : {nn::CompareKind::lt, nn::CompareKind::eq, nn::CompareKind::gt}) {
      Value chosen =
          n.make<nn::SelectOp>(is(n, kind), n.builder.sizes(sizes), n.builder.scalarLike(1, position));
      parts.push_back(n.builder.reduce(chosen, nn::ReduceKind::prod, {0}, true));
    }
    SmallVector<AffineExpr> shape =
        n.builder.bindSizes(n.builder.concat(parts, 0), "a size around the axis", Interval{1, INT32_MAX});
    shape.push_back(n.getShape(x).back());
    return n.builder.reshape(x, shape);
  }
  Value join(Node &n, Value y) const {
    Value size = sizeScalar(n, n.getShape(y)[1], n.getElement(position));
    Value chosen = n.make<nn::SelectOp>(is(n, nn::CompareKind::eq), size, n.builder.sizes(sizes));
    SmallVector<AffineExpr> shape =
        n.builder.bindSizes(chosen, "a size of the result", Interval{1, INT32_MAX});
    shape.push_back(n.getShape(y).back());
    return n.builder.reshape(y, shape);
  }
};

Results importDft(Node &n) {
  Value x = n.in(0);
  if (n.getRank(x) < 2)
    throw ImportError("its input must have two dimensions at least");
  std::optional<LateAxis> late;
  int64_t axis = n.opset < 20 ? n.getInt("axis", 1) : -2;
  if (n.opset >= 20 && n.has(2)) {
    if (n.builder.getConstantInts(n.in(2))) {
      axis = n.getConstantInt(2, "the axis");
    } else {
      late.emplace(n, x, n.in(2));
      x = late->split(n, x);
      axis = 1;
    }
  }
  const int64_t rank = n.getRank(x);
  axis = n.getAxis(axis, rank);
  if (axis == rank - 1)
    throw ImportError("the last dimension holds real and imaginary parts and can't be transformed");
  Type element = n.getElement(x), type = getMatrixType(n, x);
  Transform t;
  t.inverse = n.getInt("inverse", 0) != 0;
  t.onesided = n.getInt("onesided", 0) != 0;
  t.parts = getParts(n, x);
  AffineExpr size = n.getShape(x)[axis];
  t.length = t.inverse && t.onesided ? n.math().simplify((size - 1) * 2) : size;
  if (n.has(1)) {
    SmallVector<AffineExpr> length = getPositiveSizes(n, 1, "dft_length");
    if (length.size() != 1)
      throw ImportError("dft_length must be a single number");
    t.length = length[0];
  }
  if (n.math().getBounds(t.length).max < 1)
    throw ImportError("dft_length must be positive");
  // Elements beyond the length are left out; missing ones are zeros, which need no row of the matrix.
  AffineExpr used = t.inverse && t.onesided ? n.math().simplify(t.length.floorDiv(2) + 1) : t.length;
  std::optional<int> order = n.math().compare(used, size);
  t.inputs = order && *order > 0 ? size : used;
  if (order && *order < 0) {
    x = n.builder.sliceAxis(x, axis, n.constant(0), used);
  } else if (!order) {
    // Only the run tells: what is too much goes, what is missing comes as zeros.
    SmallVector<AffineExpr> low(rank, n.constant(0)), high(low);
    high[axis] = n.math().simplify(used - size);
    if (!high[axis])
      throw ImportError("its sizes depend on the input's in too complicated a way");
    x = n.make<nn::PadOp>(x, n.builder.scalarLike(0, x), n.builder.map(low), n.builder.map(high),
                          nn::PadMode::constant);
  }
  SmallVector<int64_t> perm, back(rank);
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis && i != rank - 1)
      perm.push_back(i);
  perm.append({axis, rank - 1});
  for (auto [to, from] : llvm::enumerate(perm))
    back[from] = int64_t(to);
  x = n.builder.transpose(n.builder.convert(x, type), perm);
  SmallVector<AffineExpr> shape(n.getShape(x));
  AffineExpr rows = productOf(n, ArrayRef(shape).drop_back(2));
  x = n.builder.reshape(x, {rows, n.math().simplify(t.inputs * t.parts)});
  Value y = transform(n, x, t, Value(), type);
  shape[rank - 2] = t.getOutputs(n);
  shape[rank - 1] = n.constant(t.isRealResult() ? 1 : 2);
  y = n.builder.transpose(n.builder.reshape(y, shape), back);
  return n.builder.convert(late ? late->join(n, y) : y, element);
}

/// Overlapping frames [batch * frames, length * parts] of x [batch, time, parts].
Value getFrames(Node &n, Value x, AffineExpr frames, AffineExpr length, AffineExpr step) {
  AffineExpr batch = n.getShape(x)[0], time = n.getShape(x)[1], parts = n.getShape(x)[2];
  AffineExpr rows = productOf(n, {batch, frames}), width = n.math().simplify(length * parts);
  auto l = dyn_cast<AffineConstantExpr>(length), s = dyn_cast<AffineConstantExpr>(step);
  constexpr int64_t mostPieces = 32;
  if (l && s && l.getValue() / mostPieces < s.getValue()) {
    // In pieces of a step a frame is some neighbours: the signal's pieces, moved against themselves.
    const int64_t pieces = llvm::divideCeil(l.getValue(), s.getValue());
    AffineExpr count = n.math().simplify(frames + (pieces - 1)), zero = n.constant(0),
               end = count ? n.math().simplify(count * step - time) : count,
               piece = n.math().simplify(step * parts);
    if (!end || !piece)
      throw ImportError("its sizes depend on the input's in too complicated a way");
    if (end != zero)
      x = n.make<nn::PadOp>(x, n.builder.scalarLike(0, x), n.builder.map({zero, zero, zero}),
                            n.builder.map({zero, end, zero}), nn::PadMode::constant);
    x = n.builder.reshape(x, {batch, count, piece});
    SmallVector<Value> moved;
    for (int64_t i = 0; i < pieces; ++i)
      moved.push_back(n.builder.sliceAxis(x, 1, n.constant(i), frames));
    x = n.builder.sliceAxis(pieces == 1 ? moved[0] : n.builder.concat(moved, 2), 2, zero, width);
    return n.builder.reshape(x, {rows, width});
  }
  Type i64 = n.builder.getBuilder().getI64Type();
  Value index = n.mul(ramp(n, frames, 0, 2, i64), sizeScalar(n, step, i64));
  index = n.add(index, ramp(n, length, 1, 2, i64));
  return n.builder.reshape(n.make<nn::GatherOp>(x, index, 1), {rows, width});
}

/// The transforms of overlapping frames [batch, frame, frequency, 2] of signals [batch, time(, parts)].
Results importStft(Node &n) {
  Value x = n.in(0), window = n.getOptional(2);
  if (n.getRank(x) == 2)
    x = n.builder.unsqueeze(x, {2});
  if (n.getRank(x) != 3 || (window && n.getRank(window) != 1))
    throw ImportError("it needs a signal [batch, time, parts] and a window [frame]");
  Type element = n.getElement(x), type = getMatrixType(n, x);
  Transform t;
  t.inverse = false;
  t.onesided = n.getInt("onesided", 1) != 0;
  t.parts = getParts(n, x);
  AffineExpr batch = n.getShape(x)[0], time = n.getShape(x)[1];
  auto getSize = [&](unsigned input, const Twine &what) {
    SmallVector<AffineExpr> size = getPositiveSizes(n, input, what);
    if (size.size() != 1)
      throw ImportError(what + " must be a single number");
    return size[0];
  };
  t.length = window ? n.getShape(window)[0] : time;
  if (n.has(3))
    t.length = getSize(3, "frame_length");
  if (window && n.math().compare(n.getShape(window)[0], t.length).value_or(0) != 0)
    throw ImportError("the window's size is not frame_length");
  t.inputs = t.length;
  AffineExpr step = getSize(1, "frame_step");
  AffineExpr frames = n.math().floorDiv(time - t.length, step);
  if (!frames || n.math().getBounds(frames).max < 0)
    throw ImportError("the signal is shorter than a frame");
  frames = n.math().simplify(frames + 1);
  x = getFrames(n, n.builder.convert(x, type), frames, t.length, step);
  Value y = transform(n, x, t, window, type);
  return n.builder.convert(n.builder.reshape(y, {batch, frames, t.getOutputs(n), n.constant(2)}), element);
}

/// Triangles over the frequencies of a transform, equally far from each other on the mel scale.
Results importMelWeightMatrix(Node &n) {
  OpBuilder &b = n.builder.getBuilder();
  Type f64 = b.getF64Type(), result = n.getType(n.getInt("output_datatype", 1));
  auto getSize = [&](unsigned input, const Twine &what) {
    SmallVector<AffineExpr> size = getPositiveSizes(n, input, what);
    if (size.size() != 1)
      throw ImportError(what + " must be a single number");
    return size[0];
  };
  AffineExpr bands = getSize(0, "num_mel_bins"), length = getSize(1, "dft_length");
  AffineExpr bins = n.math().simplify(length.floorDiv(2) + 1), edges = n.math().simplify(bands + 2);
  auto number = [&](unsigned input) { return n.builder.convert(n.builder.reshape(n.in(input), {}), f64); };
  // mel = 2595 log10(1 + hertz / 700).
  auto toMel = [&](Value hertz) {
    return n.mul(n.make<nn::LogOp>(n.add(n.mul(hertz, 1.0 / 700), 1.0)), 2595 / std::log(10.0));
  };
  Value low = toMel(number(3)), high = toMel(number(4));
  Value step = n.div(n.sub(high, low), sizeScalar(n, edges, f64));
  Value mel = n.add(n.mul(n.builder.iota({edges}, 0, f64), step), low);
  Value hertz = n.mul(n.add(n.make<nn::ExpOp>(n.mul(mel, std::log(10.0) / 2595)), -1.0), 700.0);
  Value edge = n.mul(hertz, sizeScalar(n, n.math().simplify(length + 1), f64));
  edge = n.make<nn::FloorOp>(n.div(edge, number(2)));
  auto part = [&](int64_t offset) {
    return n.builder.reshape(n.builder.sliceAxis(edge, 0, n.constant(offset), bands), {n.constant(1), bands});
  };
  Value left = part(0), middle = part(1), right = part(2), bin = ramp(n, bins, 0, 2, f64);
  Value zero = n.builder.scalar(0, f64), one = n.builder.scalar(1, f64);
  auto is = [&](Value x, Value y, nn::CompareKind kind) { return n.builder.compare(x, y, kind); };
  // A triangle without a left side begins with 1.
  Value rise = n.div(n.sub(bin, left), n.sub(middle, left));
  rise = n.make<nn::SelectOp>(is(middle, left, nn::CompareKind::eq), one, rise);
  rise = n.make<nn::SelectOp>(isBetween(n, bin, left, middle), rise, zero);
  Value fall = n.div(n.sub(right, bin), n.sub(right, middle));
  Value falls = n.make<nn::AndOp>(is(bin, middle, nn::CompareKind::ge), is(bin, right, nn::CompareKind::lt));
  return n.builder.convert(n.make<nn::SelectOp>(falls, fall, rise), result);
}

/// Gaussian elimination with partial pivoting, a column at a time.
Results importDet(Node &n) {
  Value x = n.in(0);
  const int64_t rank = n.getRank(x);
  constexpr int64_t largest = 128;
  if (rank < 2 || !n.isFloat(x))
    throw ImportError("its input must be a matrix of floats or a batch of them");
  const int64_t size = n.getStaticSize(x, rank - 1, "the matrix's size");
  if (n.getStaticSize(x, rank - 2, "the matrix's size") != size || size > largest)
    throw ImportError("its matrices must be square, of at most " + Twine(largest) + " rows");
  SmallVector<AffineExpr> lead(n.getShape(x).drop_back(2));
  AffineExpr batch = productOf(n, lead), one = n.constant(1);
  Type element = n.getElement(x), type = getComputeType(n, x), i64 = n.builder.getBuilder().getI64Type();
  Value a = n.builder.reshape(n.builder.convert(x, type), {batch, n.constant(size), n.constant(size)});
  Value determinant = n.builder.broadcast(n.builder.scalar(1, type), {batch, one, one});
  Value zero = n.builder.scalar(0, type);
  for (int64_t rows = size; rows > 0; --rows) {
    Value column = n.builder.sliceAxis(a, 2, n.constant(0), one);
    if (rows == 1) {
      determinant = n.mul(determinant, column);
      break;
    }
    Value pivot = n.make<nn::ArgReduceOp>(n.make<nn::AbsOp>(column), true, 1, true, false); // [batch, 1, 1]
    Value isPivot = n.builder.compare(ramp(n, n.constant(rows), 1, 3, i64), pivot, nn::CompareKind::eq);
    Value pivotRow = n.builder.reduce(n.make<nn::SelectOp>(isPivot, a, zero), nn::ReduceKind::sum, {1}, true);
    // The first row takes the pivot's place, and is not needed where it is the pivot.
    Value first = n.builder.sliceAxis(a, 1, n.constant(0), one);
    Value below = n.make<nn::SelectOp>(isPivot, first, a);
    below = n.builder.sliceAxis(below, 1, one, n.constant(rows - 1));
    Value diagonal = n.builder.sliceAxis(pivotRow, 2, n.constant(0), one);
    Value stays = n.builder.compare(pivot, n.builder.scalar(0, i64), nn::CompareKind::eq);
    determinant = n.mul(determinant, n.make<nn::SelectOp>(stays, diagonal, n.make<nn::NegOp>(diagonal)));
    Value factor = n.div(n.builder.sliceAxis(below, 2, n.constant(0), one), diagonal);
    Value isSingular = n.builder.compare(diagonal, zero, nn::CompareKind::eq);
    factor = n.make<nn::SelectOp>(isSingular, zero, factor);
    auto rest = [&](Value value) { return n.builder.sliceAxis(value, 2, one, n.constant(rows - 1)); };
    a = n.sub(rest(below), n.mul(factor, rest(pivotRow)));
  }
  return n.builder.convert(n.builder.reshape(determinant, lead), element);
}
} // namespace

void addSignalOps(OpTable &t) {
  t.add("DFT", importDft);
  t.add("STFT", importStft);
  t.add("MelWeightMatrix", importMelWeightMatrix);
  t.add("Det", importDet);
}
} // namespace aicc::onnx_import
