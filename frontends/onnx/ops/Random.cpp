// Random numbers, in integer arithmetic on the number of the element: Philox4x32-10 (Salmon et al., 2011),
// keyed by the node's `seed` or, without one, by its name. A module's numbers are the same in every run and
// on every device.

#include "frontends/onnx/Node.h"
#include "llvm/Support/xxhash.h"
#include <array>

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// The random bits of each element: four words below 2^32, as ui64.
class Philox {
public:
  Philox(Node &node, ArrayRef<AffineExpr> shape) : n(node) {
    AffineExpr count = n.math().product(shape);
    if (!count)
      throw ImportError("its sizes are too large");
    word = n.builder.getBuilder().getIntegerType(64, /*isSigned=*/false);
    Value counter = n.builder.iota({count}, 0, word);
    const uint64_t key = getKey(counter.getLoc());
    counter = n.builder.reshape(counter, shape);
    run(counter, uint32_t(key), uint32_t(key >> 32));
  }

  /// Uniform in [0, 1): as many bits as `type` has, from word `first` on (two of them for f64).
  Value uniform(Type type, unsigned first = 0) {
    OpBuilder &b = n.builder.getBuilder();
    if (type.isF64()) {
      Value high = n.builder.convert(bits(first, 27), type),
            low = n.builder.convert(bits(first + 1, 26), type);
      return n.mul(n.add(n.mul(high, 0x1p26), low), 0x1p-53);
    }
    const unsigned count = type.isF16() ? 11 : type.isBF16() ? 8 : 24;
    Value x = n.mul(n.builder.convert(bits(first, count), b.getF32Type()), 1.0 / double(1 << count));
    return n.builder.convert(x, type);
  }

  /// Standard normal (Box and Muller, 1958), in f64 or f32.
  Value normal(Type type) {
    Value u = n.add(uniform(type, 0), type.isF64() ? 0x1p-54 : 0x1p-25), v = uniform(type, 2);
    Value radius = n.make<nn::SqrtOp>(n.mul(n.make<nn::LogOp>(u), -2));
    return n.mul(radius, n.make<nn::CosOp>(n.mul(v, 6.283185307179586)));
  }

private:
  uint64_t getKey(Location location) {
    if (n.hasAttr("seed")) {
      const float seed = float(n.getFloat("seed"));
      return llvm::xxh3_64bits(ArrayRef(reinterpret_cast<const uint8_t *>(&seed), sizeof(seed)));
    }
    // With the path of the functions and branches around it, which the node's own name lacks.
    auto name = dyn_cast<NameLoc>(location);
    return llvm::xxh3_64bits(name ? name.getName().getValue() : StringRef(n.proto.op_type()));
  }

  Value scalar(uint64_t value) { return n.builder.scalar(double(value), word); }
  Value high(Value x) { return n.make<nn::ShiftOp>(x, scalar(32), false); }
  Value low(Value x) { return n.make<nn::AndOp>(x, scalar(0xffffffff)); }
  Value exclusiveOr(Value x, uint32_t key) { return n.make<nn::XorOp>(x, scalar(key)); }

  void run(Value counter, uint32_t key0, uint32_t key1) {
    Value zero = scalar(0);
    words = {low(counter), high(counter), zero, zero};
    for (int round = 0; round < 10; ++round, key0 += 0x9e3779b9, key1 += 0xbb67ae85) {
      Value p = n.mul(words[0], scalar(0xd2511f53)), q = n.mul(words[2], scalar(0xcd9e8d57));
      words = {exclusiveOr(n.make<nn::XorOp>(high(q), words[1]), key0), low(q),
               exclusiveOr(n.make<nn::XorOp>(high(p), words[3]), key1), low(p)};
    }
  }

  /// The upper `count` bits of a word; they fit i32, which converts faster than i64.
  Value bits(unsigned index, unsigned count) {
    return n.builder.convert(n.make<nn::ShiftOp>(words[index], scalar(32 - count), false),
                             n.builder.getBuilder().getI32Type());
  }

  Node &n;
  Type word;
  std::array<Value, 4> words;
};

/// Narrow floats are computed in f32.
Type getWorkingType(Node &n, Type type) {
  return type.isF64() ? type : Type(n.builder.getBuilder().getF32Type());
}

Value makeRandom(Node &n, ArrayRef<AffineExpr> shape, Type type, bool isNormal) {
  if (!isa<FloatType>(type))
    throw ImportError("its numbers must be of a float type");
  Philox bits(n, shape);
  Type working = getWorkingType(n, type);
  if (!isNormal) {
    const double from = n.getFloat("low", 0), to = n.getFloat("high", 1);
    if (!std::isfinite(from) || !std::isfinite(to))
      throw ImportError("its bounds are not finite");
    Value x = n.builder.convert(bits.uniform(type), working);
    return n.builder.convert(n.add(n.mul(x, to - from), from), type);
  }
  const double mean = n.getFloat("mean", 0), scale = n.getFloat("scale", 1);
  return n.builder.convert(n.add(n.mul(bits.normal(working), scale), mean), type);
}

template <bool isNormal> Results importRandom(Node &n) {
  if (!n.hasAttr("shape"))
    throw ImportError("attribute 'shape' is missing");
  SmallVector<AffineExpr> shape;
  for (int64_t size : n.getInts("shape")) {
    if (size < 0)
      throw ImportError("a size is negative");
    shape.push_back(n.constant(size));
  }
  return makeRandom(n, shape, n.getType(n.getInt("dtype", onnx::TensorProto::FLOAT)), isNormal);
}

template <bool isNormal> Results importRandomLike(Node &n) {
  Value x = n.in(0);
  return makeRandom(n, n.getShape(x), n.hasAttr("dtype") ? n.getType(n.getInt("dtype")) : n.getElement(x),
                    isNormal);
}

Results importBernoulli(Node &n) {
  Value x = n.in(0);
  if (!n.isFloat(x))
    throw ImportError("its input must be of a float type");
  Type working = getWorkingType(n, n.getElement(x));
  Value hit = n.builder.compare(makeUniform(n, n.getShape(x), working), n.builder.convert(x, working),
                                nn::CompareKind::lt);
  return n.builder.convert(hit, n.hasAttr("dtype") ? n.getType(n.getInt("dtype")) : n.getElement(x));
}

/// A draw is the number of classes whose running sum of probabilities it is not below.
Results importMultinomial(Node &n) {
  Value x = n.in(0);
  const int64_t draws = n.getInt("sample_size", 1);
  if (n.getRank(x) != 2 || !n.isFloat(x))
    throw ImportError("its input must be a matrix of floats");
  if (draws < 0)
    throw ImportError("sample_size is negative");
  Type type = n.getType(n.getInt("dtype", onnx::TensorProto::INT32));
  if (!type.isSignlessInteger(32) && !type.isSignlessInteger(64))
    throw ImportError("its result is neither int32 nor int64");
  Type working = getWorkingType(n, n.getElement(x));
  x = n.builder.convert(x, working);
  AffineExpr batch = n.getShape(x)[0], classes = n.getShape(x)[1];
  Value top = n.builder.reduce(x, nn::ReduceKind::max, {1}, true);
  Value sums = n.make<nn::CumSumOp>(n.make<nn::ExpOp>(n.sub(x, top)), 1, false, false);
  Value total = n.builder.sliceAxis(sums, 1, n.math().simplify(classes - 1), n.constant(1));
  Value draw = n.mul(makeUniform(n, {batch, n.constant(draws)}, working), total);
  Value passed =
      n.builder.compare(n.builder.unsqueeze(sums, {1}), n.builder.unsqueeze(draw, {2}), nn::CompareKind::le);
  return n.builder.reduce(n.builder.convert(passed, type), nn::ReduceKind::sum, {2}, false);
}

/// Ones of the mask's type, where nothing is dropped.
Value fullMask(Node &n, Value x) {
  Type type = n.opset < 10 ? n.getElement(x) : n.builder.getBuilder().getI1Type();
  return n.builder.broadcast(n.builder.scalar(1, type), n.getShape(x));
}

/// Whether the numbers of a call are in training is an attribute until opset 6, nothing until 11, then an
/// input.
Results importDropout(Node &n) {
  Value x = n.in(0);
  Value training = n.opset >= 12 ? n.getOptional(2) : Value();
  std::optional<bool> known = false;
  if (n.opset < 7)
    known = n.getInt("is_test", 0) == 0;
  if (training) {
    training = n.builder.reshape(training, {});
    std::optional<SmallVector<int64_t>> value = n.builder.getConstantInts(training);
    known = value ? std::optional(value->front() != 0) : std::nullopt;
  }
  if (known == false)
    return {x, n.wants(1) ? fullMask(n, x) : Value()};

  Type f32 = n.builder.getBuilder().getF32Type();
  Value ratio = n.opset >= 12 && n.has(1)
                    ? n.builder.convert(n.builder.reshape(n.in(1), {}), f32)
                    : n.builder.scalar(n.opset < 12 ? n.getFloat("ratio", 0.5) : 0.5, f32);
  Value keep = n.builder.compare(makeUniform(n, n.getShape(x), f32), ratio, nn::CompareKind::ge);
  Value scale = n.make<nn::ReciprocalOp>(n.sub(n.builder.scalar(1, f32), ratio));
  if (!known) {
    keep = n.make<nn::OrOp>(keep, n.make<nn::NotOp>(training));
    scale = n.make<nn::SelectOp>(training, scale, n.builder.scalar(1, f32));
  }
  Value y = n.mul(x, n.builder.convert(scale, n.getElement(x)));
  return {n.make<nn::SelectOp>(keep, y, n.builder.scalarLike(0, x)),
          n.opset < 10 ? n.builder.convert(keep, n.getElement(x)) : keep};
}
} // namespace

Value makeUniform(Node &n, ArrayRef<AffineExpr> shape, Type type) { return Philox(n, shape).uniform(type); }

void addRandomOps(OpTable &t) {
  t.add("RandomUniform", importRandom<false>);
  t.add("RandomNormal", importRandom<true>);
  t.add("RandomUniformLike", importRandomLike<false>);
  t.add("RandomNormalLike", importRandomLike<true>);
  t.add("Bernoulli", importBernoulli);
  t.add("Multinomial", importMultinomial);
  t.add("Dropout", importDropout);
}
} // namespace aicc::onnx_import
