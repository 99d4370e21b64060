// Packing of constant operands into panels, see Packing.h.

#include "targets/cpu/codegen/Packing.h"
#include "passes/graph/Constants.h"
#include "targets/cpu/codegen/ByteProducts.h"
#include "targets/cpu/codegen/RegisterTile.h"

using namespace mlir;
using namespace aicc;

/// Kernel dimensions first, then channels, panels outermost: permutation of [M/16, C, kernel..., 16].
static SmallVector<int64_t> filterPermutation(int64_t rank) {
  SmallVector<int64_t> perm{0};
  for (int64_t d = 2; d < rank; ++d)
    perm.push_back(d);
  perm.append({1, rank});
  return perm;
}

static SmallVector<int64_t> inverse(ArrayRef<int64_t> perm) {
  SmallVector<int64_t> result(perm.size());
  for (auto [i, p] : llvm::enumerate(perm))
    result[p] = i;
  return result;
}

/// value -> pack along axis -> transpose; returns the inverse of both applied to it.
static Value packed(OpBuilder &b, Location loc, Value value, int64_t axis, ArrayRef<int64_t> perm) {
  int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(axis);
  Value pack = b.create<nn::PackOp>(loc, value, axis, cpu::kPanel);
  Value panels = b.create<nn::TransposeOp>(loc, pack, perm);
  Value back = b.create<nn::TransposeOp>(loc, panels, inverse(perm));
  return b.create<nn::UnpackOp>(loc, back, axis, size);
}

void cpu::packWeights(func::FuncOp func) {
  func.walk([&](Operation *op) {
    OpBuilder b(op);
    if (auto matmul = dyn_cast<nn::MatMulOp>(op)) {
      Value rhs = matmul.getRhs();
      auto type = cast<RankedTensorType>(rhs.getType());
      if (type.getRank() != 2 || !type.hasStaticShape() || !isConstantComputable(rhs) ||
          isByteProduct(matmul))
        return;
      if (matmul.getTransposeRhs()) {
        rhs = b.create<nn::TransposeOp>(op->getLoc(), rhs, ArrayRef<int64_t>{1, 0});
        matmul.setTransposeRhs(false);
      }
      matmul.getRhsMutable().assign(packed(b, op->getLoc(), rhs, 1, {1, 0, 2}));
    } else if (auto conv = dyn_cast<nn::ConvOp>(op)) {
      Value filter = conv.getFilter();
      auto type = cast<RankedTensorType>(filter.getType());
      if (!type.hasStaticShape() || !isConstantComputable(filter) || isByteProduct(conv))
        return;
      conv.getFilterMutable().assign(packed(b, op->getLoc(), filter, 0, filterPermutation(type.getRank())));
    }
  });
}

/// The operand of unpack(axis, transpose(perm, operand)).
static Value matchUnpacked(Value value, int64_t axis, ArrayRef<int64_t> perm) {
  auto unpack = value.getDefiningOp<nn::UnpackOp>();
  if (!unpack || unpack.getAxis() != uint64_t(axis))
    return {};
  auto transpose = unpack.getInput().getDefiningOp<nn::TransposeOp>();
  return transpose && transpose.getPerm() == perm ? transpose.getInput() : Value();
}

Value cpu::getPackedMatrix(Value rhs) { return matchUnpacked(rhs, 1, {1, 0, 2}); }

Value cpu::getPackedFilter(Value filter) {
  int64_t rank = cast<RankedTensorType>(filter.getType()).getRank();
  return matchUnpacked(filter, 0, inverse(filterPermutation(rank)));
}
