// Products of bytes, see ByteProducts.h. With x = a - za and w = b - zb,
//   sum x w = sum a b - za sum b - zb sum a + K za zb,
// sums over the depth K: those of b are constants, those of a are needed only where zb is not 0.

#include "targets/cpu/codegen/ByteProducts.h"
#include "passes/graph/Rewrite.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "llvm/Support/MathExtras.h"

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

struct ByteProduct {
  explicit ByteProduct(nn::MatMulOp root)
      : b(root), root(root), loc(root.getLoc()), i32(b.getI32Type()), element(getElement(root)) {}

  OpBuilder b;
  nn::MatMulOp root;
  Location loc;
  Type i32, element;

  Value cast(Value v, Type to) {
    return getElement(v) == to ? v : b.create<nn::CastOp>(loc, v, to).getResult();
  }
  Value number(int64_t value) { return createScalar(b, loc, value, i32); }
  Value add(Value x, Value y) { return b.create<nn::AddOp>(loc, x, y); }
  Value sub(Value x, Value y) { return b.create<nn::SubOp>(loc, x, y); }
  Value mul(Value x, Value y) { return b.create<nn::MulOp>(loc, x, y); }
  Value swap(Value v) { return ::getRank(v) < 2 ? v : createSwap(b, loc, v); }
  Value sumAlong(Value x, int64_t axis) {
    return b.create<nn::ReduceOp>(loc, cast(x, i32), nn::ReduceKind::sum, ArrayRef<int64_t>{axis}, true);
  }

  std::optional<Quantized> match(Value v, llvm::function_ref<bool(Value)> fits);
  Value alignSign(const Quantized &q, bool isSigned, Value &zero);
  Value pack(Value matrix, int64_t depth);
  bool run();
};
} // namespace

/// `fits` says which scales and zero points may be.
std::optional<Quantized> ByteProduct::match(Value v, llvm::function_ref<bool(Value)> fits) {
  Quantized q;
  while (auto product = v.getDefiningOp<nn::MulOp>()) {
    bool left = product.getLhs().getType() == v.getType() && fits(product.getRhs());
    if (!left && (product.getRhs().getType() != v.getType() || !fits(product.getLhs())))
      return std::nullopt;
    q.scales.push_back(left ? product.getRhs() : product.getLhs());
    v = left ? product.getLhs() : product.getRhs();
  }
  if (auto shifted = v.getDefiningOp<nn::SubOp>()) {
    if (shifted.getLhs().getType() != v.getType() || !fits(shifted.getRhs()))
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
Value ByteProduct::alignSign(const Quantized &q, bool isSigned, Value &zero) {
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

/// [K, N] -> [N/16, K/4, 16, 4], and back with `depth` rows, as many as the left operand has columns.
Value ByteProduct::pack(Value matrix, int64_t depth) {
  int64_t columns = getType(matrix).getDimSize(1);
  SmallVector<int64_t> perm = {1, 0, 2, 3};
  Value panels = b.create<nn::PackOp>(loc, matrix, 1, cpu::kPanel);
  Value words = b.create<nn::PackOp>(loc, panels, 0, cpu::kBytesPerWord);
  Value turned = b.create<nn::TransposeOp>(loc, words, perm);
  Value back = b.create<nn::TransposeOp>(loc, turned, perm);
  Value rows = b.create<nn::UnpackOp>(loc, back, 0, depth);
  return b.create<nn::UnpackOp>(loc, rows, 1, columns);
}

bool ByteProduct::run() {
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
    bytes = b.create<nn::PadOp>(loc, a, Value(), nn::getConstantMap(low, b.getContext()),
                                nn::getConstantMap(high, b.getContext()), nn::PadMode::constant);
  }
  Value y = b.create<nn::MatMulOp>(loc, bytes, pack(w, padded), false, false);
  if (leftZero)
    y = sub(y, mul(leftZero, sumAlong(w, 0)));
  if (rightZero) {
    y = sub(y, mul(sumAlong(a, rank - 1), rightZero));
    if (leftZero)
      y = add(y, mul(mul(leftZero, rightZero), number(depth)));
  }
  y = cast(y, element);
  SmallVector<Value> scales(left->scales);
  scales.append(right->scales);
  Value scale;
  for (Value each : scales)
    scale = scale ? mul(scale, each) : each;
  if (scale)
    y = mul(y, scale);
  root.replaceAllUsesWith(y);
  root.erase();
  return true;
}

void cpu::raiseByteProducts(func::FuncOp func) {
  SmallVector<nn::MatMulOp> roots;
  func.walk([&](nn::MatMulOp op) { roots.push_back(op); });
  for (nn::MatMulOp root : roots)
    ByteProduct(root).run();
}

bool cpu::isByteProduct(nn::MatMulOp op) { return getElement(op.getLhs()) != getElement(op.getRhs()); }

Value cpu::getPackedBytes(Value rhs) {
  auto columns = rhs.getDefiningOp<nn::UnpackOp>();
  auto rows =
      columns && columns.getAxis() == 1 ? columns.getInput().getDefiningOp<nn::UnpackOp>() : nn::UnpackOp();
  auto back =
      rows && rows.getAxis() == 0 ? rows.getInput().getDefiningOp<nn::TransposeOp>() : nn::TransposeOp();
  return back && back.getPerm() == ArrayRef<int64_t>({1, 0, 2, 3}) ? back.getInput() : Value();
}
