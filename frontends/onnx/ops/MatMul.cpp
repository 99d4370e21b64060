// Matrix products.

#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {

Value matmulLikeNumpy(Node &n, Value lhs, Value rhs) {
  const bool vectorLhs = n.getRank(lhs) == 1, vectorRhs = n.getRank(rhs) == 1;
  if (n.getRank(lhs) == 0 || n.getRank(rhs) == 0)
    throw ImportError("a scalar has no matrix product");
  if (vectorLhs)
    lhs = n.builder.unsqueeze(lhs, {0});
  if (vectorRhs)
    rhs = n.builder.unsqueeze(rhs, {1});
  Value result = n.make<nn::MatMulOp>(lhs, rhs, false, false);
  if (!vectorLhs && !vectorRhs)
    return result;
  SmallVector<AffineExpr> shape(n.getShape(result));
  if (vectorRhs)
    shape.pop_back();
  if (vectorLhs)
    shape.erase(shape.end() - (vectorRhs ? 1 : 2));
  return n.builder.reshape(result, shape);
}

namespace {
Results importMatMul(Node &n) { return matmulLikeNumpy(n, n.in(0), n.in(1)); }

Results importGemm(Node &n) {
  Value a = n.in(0), b = n.in(1);
  if (n.getRank(a) != 2 || n.getRank(b) != 2)
    throw ImportError("A and B must be matrices");
  Value y = n.make<nn::MatMulOp>(a, b, n.getInt("transA", 0) != 0, n.getInt("transB", 0) != 0);
  y = n.mul(y, n.getFloat("alpha", 1));
  const double beta = n.getFloat("beta", 1);
  if (!n.has(2) || beta == 0)
    return y;
  return n.add(y, n.mul(n.in(2), beta));
}
} // namespace

void addMatMulOps(OpTable &t) {
  t.add("MatMul", importMatMul);
  t.add("Gemm", importGemm);
}
} // namespace aicc::onnx_import
