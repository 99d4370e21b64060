// Products and convolutions of bytes, see ByteProducts.h. With x = a - za and w = b - zb,
//   sum x w = sum a b - za sum b - zb sum a + K za zb,
// sums over the depth K: those of b are constants, those of a are needed only where zb is not 0.

#include "targets/cpu/codegen/ByteProducts.h"
#include "passes/graph/Rewrite.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace aicc;

/// No sum of so many products of bytes, and of corrections to it, leaves 32 bits.
static constexpr int64_t kMaxDepth = 1 << 14;

static bool isByte(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  return integer && integer.getWidth() == 8;
}

namespace {

/// scales * (cast(bytes) - zero); `zero` may be null.
struct Quantized {
  Value bytes, zero;
  SmallVector<Value> scales;
};

/// What both kinds have in common.
struct ByteRewriter {
  ByteRewriter(Operation *root)
      : b(root), loc(root->getLoc()), i32(b.getI32Type()), element(getElement(root->getResult(0))) {}

  OpBuilder b;
  Location loc;
  Type i32, element;

  Value cast(Value v, Type to) {
    return getElement(v) == to ? v : b.create<nn::CastOp>(loc, v, to).getResult();
  }
  Value number(int64_t value) { return createScalar(b, loc, value, i32); }
  Value add(Value x, Value y) { return b.create<nn::AddOp>(loc, x, y); }
  Value sub(Value x, Value y) { return b.create<nn::SubOp>(loc, x, y); }
  Value mul(Value x, Value y) { return b.create<nn::MulOp>(loc, x, y); }
  Value transpose(Value v, ArrayRef<int64_t> perm) { return b.create<nn::TransposeOp>(loc, v, perm); }
  Value sumAlong(Value x, ArrayRef<int64_t> axes) {
    return b.create<nn::ReduceOp>(loc, cast(x, i32), nn::ReduceKind::sum, axes, true);
  }
  /// `low` and `high` more elements per dimension; `value` null: zeros.
  Value pad(Value v, ArrayRef<int64_t> low, ArrayRef<int64_t> high, Value value) {
    return b.create<nn::PadOp>(loc, v, value, nn::getConstantMap(low, b.getContext()),
                               nn::getConstantMap(high, b.getContext()), nn::PadMode::constant);
  }

  std::optional<Quantized> match(Value v, llvm::function_ref<bool(Value)> fits);
  Value alignSign(const Quantized &q, bool isSigned, Value &zero);
  /// y in floats, times all scales (`adjust` makes a scale fit y).
  Value rescale(Value y, const Quantized &left, const Quantized &right,
                llvm::function_ref<Value(Value)> adjust);
};

struct ByteMatMul : ByteRewriter {
  explicit ByteMatMul(nn::MatMulOp root) : ByteRewriter(root), root(root) {}
  nn::MatMulOp root;

  Value swap(Value v) { return ::getRank(v) < 2 ? v : createSwap(b, loc, v); }
  Value pack(Value matrix, int64_t depth);
  bool run();
};

struct ByteConv : ByteRewriter {
  explicit ByteConv(nn::ConvOp root) : ByteRewriter(root), root(root) {}
  nn::ConvOp root;

  Value pack(Value filter);
  Value perChannel(Value v);
  bool run();
};
} // namespace

/// Every number of `v`, which is subtracted from bytes, is surely one that a byte can be; or they are
/// integers, which wrap around alike wherever they are subtracted.
static bool isZeroPoint(Value v) {
  if (isa<IntegerType>(getElement(v)))
    return true;
  if (std::optional<double> number = getUniform(v))
    return *number == std::floor(*number) && *number >= -128 && *number <= 255;
  while (isa_and_present<nn::ReshapeOp, nn::TransposeOp, nn::BroadcastOp>(v.getDefiningOp()))
    v = v.getDefiningOp()->getOperand(0);
  auto cast = v.getDefiningOp<nn::CastOp>();
  return cast && isByte(getElement(cast.getInput()));
}

/// `fits` says which scales and zero points may be.
std::optional<Quantized> ByteRewriter::match(Value v, llvm::function_ref<bool(Value)> fits) {
  Quantized q;
  while (auto product = v.getDefiningOp<nn::MulOp>()) {
    bool left = product.getLhs().getType() == v.getType() && fits(product.getRhs());
    if (!left && (product.getRhs().getType() != v.getType() || !fits(product.getLhs())))
      return std::nullopt;
    q.scales.push_back(left ? product.getRhs() : product.getLhs());
    v = left ? product.getLhs() : product.getRhs();
  }
  if (auto shifted = v.getDefiningOp<nn::SubOp>()) {
    if (shifted.getLhs().getType() != v.getType() || !fits(shifted.getRhs()) ||
        !isZeroPoint(shifted.getRhs()))
      return std::nullopt;
    q.zero = shifted.getRhs();
    v = shifted.getLhs();
  }
  auto wide = v.getDefiningOp<nn::CastOp>();
  if (!wide || !isByte(getElement(wide.getInput())))
    return std::nullopt;
  q.bytes = wide.getInput();
  return q;
}

/// The bytes as signed or unsigned ones, shifted by 128 where they are of the other kind; `zero` is then the
/// zero point in 32 bits, null where it is 0.
Value ByteRewriter::alignSign(const Quantized &q, bool isSigned, Value &zero) {
  int64_t shift = 0;
  if (getElement(q.bytes).isUnsignedInteger() == isSigned)
    shift = isSigned ? -128 : 128;
  if (std::optional<double> known = q.zero ? getUniform(q.zero) : 0.0)
    zero = int64_t(*known) + shift ? number(int64_t(*known) + shift) : Value();
  else
    zero = shift ? add(cast(q.zero, i32), number(shift)) : cast(q.zero, i32);
  if (!shift)
    return q.bytes;
  Type type = IntegerType::get(b.getContext(), 8, isSigned ? IntegerType::Signless : IntegerType::Unsigned);
  return cast(add(cast(q.bytes, i32), number(shift)), type);
}

Value ByteRewriter::rescale(Value y, const Quantized &left, const Quantized &right,
                            llvm::function_ref<Value(Value)> adjust) {
  SmallVector<Value> scales(left.scales);
  llvm::append_range(scales, right.scales);
  Value scale;
  for (Value each : scales)
    scale = scale ? mul(scale, adjust(each)) : adjust(each);
  y = cast(y, element);
  return scale ? mul(y, scale) : y;
}

/// [K, N] -> [N/16, K/4, 16, 4], and back with `depth` rows, as many as the left operand has columns.
Value ByteMatMul::pack(Value matrix, int64_t depth) {
  int64_t columns = getType(matrix).getDimSize(1);
  SmallVector<int64_t> perm = {1, 0, 2, 3};
  Value panels = b.create<nn::PackOp>(loc, matrix, 1, cpu::kPanel);
  Value words = b.create<nn::PackOp>(loc, panels, 0, cpu::kBytesPerWord);
  Value back = transpose(transpose(words, perm), perm);
  Value rows = b.create<nn::UnpackOp>(loc, back, 0, depth);
  return b.create<nn::UnpackOp>(loc, rows, 1, columns);
}

bool ByteMatMul::run() {
  if (root.getTransposeLhs() || (element != i32 && !element.isF32()))
    return false;
  bool turned = root.getTransposeRhs();
  auto matrix = getType(root.getRhs());
  if (matrix.getRank() != 2 || !matrix.hasStaticShape() || !isConstantComputable(root.getRhs()))
    return false;
  int64_t depth = matrix.getDimSize(turned ? 1 : 0);
  if (depth < 1 || depth > kMaxDepth)
    return false;
  auto left = match(root.getLhs(), [&](Value v) {
    // Integer zero points may be one for each row.
    RankedTensorType type = getType(v);
    return (type.hasStaticShape() && type.getNumElements() == 1) ||
           (element == i32 && type.getRank() > 0 && type.getShape().back() == 1);
  });
  auto right = match(root.getRhs(), [&](Value v) {
    RankedTensorType type = getType(v);
    bool perColumn =
        type.getRank() == 2 ? type.getDimSize(turned ? 1 : 0) == 1 : type.getRank() == 1 && !turned;
    return type.hasStaticShape() && (type.getNumElements() == 1 || perColumn);
  });
  if (!left || !right || (element == i32 && (!left->scales.empty() || !right->scales.empty())))
    return false;
  if (turned) {
    right->bytes = swap(right->bytes);
    if (right->zero)
      right->zero = swap(right->zero);
    for (Value &scale : right->scales)
      scale = swap(scale);
  }
  Value leftZero, rightZero, a = alignSign(*left, false, leftZero), w = alignSign(*right, true, rightZero);
  int64_t padded = llvm::alignTo(depth, cpu::kBytesPerWord), rank = ::getRank(a);
  Value bytes = a;
  if (padded != depth) {
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    high.back() = padded - depth;
    bytes = pad(a, low, high, Value());
  }
  Value y = b.create<nn::MatMulOp>(loc, bytes, pack(w, padded), false, false);
  if (leftZero)
    y = sub(y, mul(leftZero, sumAlong(w, {0})));
  if (rightZero) {
    y = sub(y, mul(sumAlong(a, {rank - 1}), rightZero));
    if (leftZero)
      y = add(y, mul(mul(leftZero, rightZero), number(depth)));
  }
  y = rescale(y, *left, *right, [](Value scale) { return scale; });
  root.replaceAllUsesWith(y);
  root.erase();
  return true;
}

/// [M, C, kernel...] -> [M/16, kernel..., C/4, 16, 4], and back.
Value ByteConv::pack(Value filter) {
  RankedTensorType type = getType(filter);
  Value panels = b.create<nn::PackOp>(loc, filter, 0, cpu::kPanel);
  Value words = b.create<nn::PackOp>(loc, panels, 1, cpu::kBytesPerWord);
  Value back = transpose(transpose(words, {0, 2, 3, 1, 4, 5}), {0, 3, 1, 2, 4, 5});
  Value channels = b.create<nn::UnpackOp>(loc, back, 1, type.getDimSize(1));
  return b.create<nn::UnpackOp>(loc, channels, 0, type.getDimSize(0));
}

/// One number, or one for each of M output channels, as what broadcasts to [N, M/16, H, W, 16].
Value ByteConv::perChannel(Value v) {
  int64_t count = getType(v).getNumElements();
  if (count == 1)
    return createReshape(b, loc, v, {});
  Value packed = b.create<nn::PackOp>(loc, createReshape(b, loc, v, {count}), 0, cpu::kPanel);
  return createReshape(b, loc, packed, {int64_t(llvm::divideCeil(count, cpu::kPanel)), 1, 1, cpu::kPanel});
}

bool ByteConv::run() {
  auto filterType = getType(root.getFilter());
  if (root.getBlock() != cpu::kPanel || !root.getBlockInput() || root.getGroups() != 1 ||
      filterType.getRank() != 4 || !filterType.hasStaticShape() || !isConstantComputable(root.getFilter()))
    return false;
  int64_t outputs = filterType.getDimSize(0),
          depth = filterType.getNumElements() / std::max<int64_t>(1, outputs);
  if (!element.isF32() || depth < 1 || depth > kMaxDepth)
    return false;
  auto isOne = [](Value v) { return getType(v).hasStaticShape() && getType(v).getNumElements() == 1; };
  auto left = match(root.getInput(), isOne);
  auto right = match(root.getFilter(), [&](Value v) {
    RankedTensorType type = getType(v);
    return isOne(v) ||
           (type.getRank() == 4 && type.getNumElements() == outputs && type.getDimSize(0) == outputs);
  });
  if (!left || !right)
    return false;
  Value inputZero, filterZero, w = alignSign(*right, true, filterZero);
  if (filterZero) // sums of windows would be needed
    return false;
  Value x = alignSign(*left, false, inputZero);
  SmallVector<int64_t> low(root.getPadsLow()), high(root.getPadsHigh());
  bool padded =
      llvm::any_of(low, [](int64_t n) { return n; }) || llvm::any_of(high, [](int64_t n) { return n; });
  std::optional<double> known = inputZero ? getUniform(inputZero) : std::nullopt;
  if (padded && known && (*known < 0 || *known > 255)) // no byte stands for 0
    return false;
  if (inputZero && padded) {
    // Around the input there are zeros, which are bytes of the zero point.
    SmallVector<int64_t> before{0, 0}, after{0, 0};
    before.append({low[0], low[1], 0}), after.append({high[0], high[1], 0});
    x = pad(x, before, after, createReshape(b, loc, cast(inputZero, getElement(x)), {}));
    low.assign(2, 0), high.assign(2, 0);
  }
  Value y = b.create<nn::ConvOp>(loc, x, pack(w), Value(), root.getStrides(), root.getDilations(), low, high,
                                 1, root.getBlock(), true);
  if (inputZero)
    y = sub(y, mul(createReshape(b, loc, inputZero, {}), perChannel(sumAlong(w, {1, 2, 3}))));
  y = rescale(y, *left, *right, [&](Value scale) { return perChannel(scale); });
  if (root.getBias())
    y = add(y, perChannel(root.getBias()));
  root.replaceAllUsesWith(y);
  root.erase();
  return true;
}

void cpu::raiseByteProducts(func::FuncOp func) {
  SmallVector<Operation *> roots;
  func.walk([&](Operation *op) {
    if (isa<nn::MatMulOp, nn::ConvOp>(op))
      roots.push_back(op);
  });
  for (Operation *root : roots)
    if (auto matmul = dyn_cast<nn::MatMulOp>(root))
      ByteMatMul(matmul).run();
    else
      ByteConv(cast<nn::ConvOp>(root)).run();
}

bool cpu::isByteProduct(Operation *op) {
  return isa<nn::MatMulOp, nn::ConvOp>(op) && getElement(op->getOperand(0)) != getElement(op->getOperand(1));
}

/// The operand of unpack(second, unpack(first, transpose(perm, operand))).
static Value matchUnpacked(Value value, uint64_t first, uint64_t second, ArrayRef<int64_t> perm) {
  auto outer = value.getDefiningOp<nn::UnpackOp>();
  auto inner =
      outer && outer.getAxis() == second ? outer.getInput().getDefiningOp<nn::UnpackOp>() : nn::UnpackOp();
  auto back = inner && inner.getAxis() == first ? inner.getInput().getDefiningOp<nn::TransposeOp>()
                                                : nn::TransposeOp();
  return back && back.getPerm() == perm ? back.getInput() : Value();
}

Value cpu::getPackedBytes(Value rhs) { return matchUnpacked(rhs, 0, 1, {1, 0, 2, 3}); }
Value cpu::getPackedFilterBytes(Value filter) { return matchUnpacked(filter, 1, 0, {0, 3, 1, 2, 4, 5}); }
