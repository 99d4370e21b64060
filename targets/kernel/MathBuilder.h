// Arithmetic on lanes, so that an approximation reads as its formula. A Lanes is an MLIR value (a scalar or a
// vector of any shape) and the builder that makes more of them; operators create arith operations without
// fast-math flags, so nothing is fused or reassociated except where fma() says so.

#ifndef AICC_TARGETS_KERNEL_MATHBUILDER_H
#define AICC_TARGETS_KERNEL_MATHBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/ArrayRef.h"

namespace aicc::kernel {

struct Lanes {
  mlir::ImplicitLocOpBuilder *b;
  mlir::Value v;

  mlir::Type element() const { return mlir::getElementTypeOrSelf(v.getType()); }
  bool isFloat() const { return llvm::isa<mlir::FloatType>(element()); }
  /// This shape with another element type.
  mlir::Type shaped(mlir::Type element) const {
    auto vector = llvm::dyn_cast<mlir::VectorType>(v.getType());
    return vector ? mlir::Type(vector.clone(element)) : element;
  }
  Lanes with(mlir::Value value) const { return {b, value}; }

  /// A constant of this type, in every lane.
  Lanes constant(double value) const {
    mlir::Type type = element();
    mlir::TypedAttr attr = isFloat() ? mlir::TypedAttr(b->getFloatAttr(type, value))
                                     : mlir::TypedAttr(b->getIntegerAttr(type, int64_t(value)));
    return constant(attr);
  }
  Lanes constant(mlir::TypedAttr attr) const {
    if (auto shape = llvm::dyn_cast<mlir::ShapedType>(v.getType()))
      attr = mlir::DenseElementsAttr::get(shape, attr);
    return with(b->create<mlir::arith::ConstantOp>(attr));
  }

  /// The same bits as integers, or as floats, of the same width.
  Lanes bits() const {
    return with(
        b->create<mlir::arith::BitcastOp>(shaped(b->getIntegerType(element().getIntOrFloatBitWidth())), v));
  }
  Lanes floats() const {
    mlir::Type type = element().getIntOrFloatBitWidth() == 64 ? b->getF64Type() : b->getF32Type();
    return with(b->create<mlir::arith::BitcastOp>(shaped(type), v));
  }
  Lanes toF64() const { return with(b->create<mlir::arith::ExtFOp>(shaped(b->getF64Type()), v)); }
  Lanes toF32() const { return with(b->create<mlir::arith::TruncFOp>(shaped(b->getF32Type()), v)); }
  Lanes toI32() const { return with(b->create<mlir::arith::TruncIOp>(shaped(b->getI32Type()), v)); }
  /// 32-bit integers as floats of the width of `like`.
  Lanes fromInt(Lanes like) const {
    return with(b->create<mlir::arith::SIToFPOp>(shaped(like.element()), v));
  }
};

inline Lanes operator+(Lanes x, Lanes y) {
  return x.with(x.isFloat() ? x.b->create<mlir::arith::AddFOp>(x.v, y.v).getResult()
                            : x.b->create<mlir::arith::AddIOp>(x.v, y.v).getResult());
}
inline Lanes operator-(Lanes x, Lanes y) {
  return x.with(x.isFloat() ? x.b->create<mlir::arith::SubFOp>(x.v, y.v).getResult()
                            : x.b->create<mlir::arith::SubIOp>(x.v, y.v).getResult());
}
inline Lanes operator*(Lanes x, Lanes y) { return x.with(x.b->create<mlir::arith::MulFOp>(x.v, y.v)); }
inline Lanes operator/(Lanes x, Lanes y) { return x.with(x.b->create<mlir::arith::DivFOp>(x.v, y.v)); }
inline Lanes operator-(Lanes x) { return x.with(x.b->create<mlir::arith::NegFOp>(x.v)); }
inline Lanes operator&(Lanes x, Lanes y) { return x.with(x.b->create<mlir::arith::AndIOp>(x.v, y.v)); }
inline Lanes operator|(Lanes x, Lanes y) { return x.with(x.b->create<mlir::arith::OrIOp>(x.v, y.v)); }
inline Lanes operator^(Lanes x, Lanes y) { return x.with(x.b->create<mlir::arith::XOrIOp>(x.v, y.v)); }
inline Lanes operator<<(Lanes x, int n) {
  return x.with(x.b->create<mlir::arith::ShLIOp>(x.v, x.constant(n).v));
}
/// Arithmetic shift.
inline Lanes operator>>(Lanes x, int n) {
  return x.with(x.b->create<mlir::arith::ShRSIOp>(x.v, x.constant(n).v));
}

inline Lanes operator+(Lanes x, double y) { return x + x.constant(y); }
inline Lanes operator-(Lanes x, double y) { return x - x.constant(y); }
inline Lanes operator-(double x, Lanes y) { return y.constant(x) - y; }
inline Lanes operator*(Lanes x, double y) { return x * x.constant(y); }
inline Lanes operator/(double x, Lanes y) { return y.constant(x) / y; }
inline Lanes operator&(Lanes x, int y) { return x & x.constant(y); }

// Comparisons are ordered (false for NaN), on floats; the result has 1-bit lanes.
inline Lanes compare(mlir::arith::CmpFPredicate how, Lanes x, Lanes y) {
  return x.with(x.b->create<mlir::arith::CmpFOp>(how, x.v, y.v));
}
inline Lanes operator<(Lanes x, Lanes y) { return compare(mlir::arith::CmpFPredicate::OLT, x, y); }
inline Lanes operator>(Lanes x, Lanes y) { return compare(mlir::arith::CmpFPredicate::OGT, x, y); }
inline Lanes operator==(Lanes x, Lanes y) { return compare(mlir::arith::CmpFPredicate::OEQ, x, y); }
inline Lanes operator<(Lanes x, double y) { return x < x.constant(y); }
inline Lanes operator>(Lanes x, double y) { return x > x.constant(y); }
inline Lanes operator==(Lanes x, double y) { return x == x.constant(y); }
inline Lanes isNaN(Lanes x) { return compare(mlir::arith::CmpFPredicate::UNO, x, x); }
/// For integers: lanes that are not 0.
inline Lanes isNonZero(Lanes x) {
  return x.with(x.b->create<mlir::arith::CmpIOp>(mlir::arith::CmpIPredicate::ne, x.v, x.constant(0).v));
}
inline Lanes isNegative(Lanes x) {
  return x.with(x.b->create<mlir::arith::CmpIOp>(mlir::arith::CmpIPredicate::slt, x.v, x.constant(0).v));
}

inline Lanes select(Lanes condition, Lanes x, Lanes y) {
  return x.with(x.b->create<mlir::arith::SelectOp>(condition.v, x.v, y.v));
}
inline Lanes fma(Lanes x, Lanes y, Lanes z) { return x.with(x.b->create<mlir::math::FmaOp>(x.v, y.v, z.v)); }
inline Lanes fma(Lanes x, double y, Lanes z) { return fma(x, x.constant(y), z); }
inline Lanes fma(Lanes x, Lanes y, double z) { return fma(x, y, x.constant(z)); }
inline Lanes fma(Lanes x, double y, double z) { return fma(x, x.constant(y), x.constant(z)); }
inline Lanes abs(Lanes x) { return x.with(x.b->create<mlir::math::AbsFOp>(x.v)); }
inline Lanes sqrt(Lanes x) { return x.with(x.b->create<mlir::math::SqrtOp>(x.v)); }
inline Lanes trunc(Lanes x) { return x.with(x.b->create<mlir::math::TruncOp>(x.v)); }
inline Lanes copySign(Lanes x, Lanes sign) {
  return x.with(x.b->create<mlir::math::CopySignOp>(x.v, sign.v));
}
/// Bounded from above, below; NaN stays (one instruction in this operand order).
inline Lanes atMost(Lanes x, double bound) { return select(x > bound, x.constant(bound), x); }
inline Lanes atLeast(Lanes x, double bound) { return select(x < bound, x.constant(bound), x); }

/// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule.
inline Lanes polynomial(Lanes x, llvm::ArrayRef<double> c) {
  Lanes r = x.constant(c.back());
  for (double k : llvm::reverse(c.drop_back()))
    r = fma(r, x, k);
  return r;
}

} // namespace aicc::kernel

#endif // AICC_TARGETS_KERNEL_MATHBUILDER_H
