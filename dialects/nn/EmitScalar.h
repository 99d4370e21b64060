// Builder of scalar (or 1-D vector) payloads, which the payloads of all elementwise families share: constants
// of the operand's type, arith operations with contraction allowed, f16 and bf16 by way of f32.

#ifndef AICC_DIALECTS_NN_EMITSCALAR_H
#define AICC_DIALECTS_NN_EMITSCALAR_H

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

namespace aicc::nn {

/// `type` with another element type: of a vector the vector, else the element type itself.
inline mlir::Type withElement(mlir::Type type, mlir::Type element) {
  if (auto vector = llvm::dyn_cast<mlir::VectorType>(type))
    return vector.clone(element);
  return element;
}

/// The element type of a tensor operand; its signedness is not in the scalars, which are signless.
inline mlir::Type tensorElement(mlir::Value tensor) {
  return llvm::cast<mlir::RankedTensorType>(tensor.getType()).getElementType();
}

class ScalarBuilder {
public:
  using Value = mlir::Value;
  using IntPredicate = mlir::arith::CmpIPredicate;
  using FloatPredicate = mlir::arith::CmpFPredicate;

  ScalarBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc), contract(mlir::arith::FastMathFlagsAttr::get(
                                        builder.getContext(), mlir::arith::FastMathFlags::contract)) {}

  /// A number of the type of `like`.
  Value constant(Value like, double value);
  Value integer(Value like, int64_t value);

  template <typename OpT> Value f(Value a) { return builder.create<OpT>(loc, a, contract); }
  template <typename OpT> Value f(Value a, Value b) { return builder.create<OpT>(loc, a, b, contract); }
  template <typename OpT> Value i(Value a, Value b) { return builder.create<OpT>(loc, a, b); }
  template <typename OpT> Value convert(Value a, mlir::Type element) {
    return builder.create<OpT>(loc, withElement(a.getType(), element), a);
  }

  Value add(Value a, Value b) { return f<mlir::arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) { return f<mlir::arith::SubFOp>(a, b); }
  Value mul(Value a, Value b) { return f<mlir::arith::MulFOp>(a, b); }
  Value div(Value a, Value b) { return f<mlir::arith::DivFOp>(a, b); }
  Value add(Value a, double b) { return add(a, constant(a, b)); }
  Value mul(Value a, double b) { return mul(a, constant(a, b)); }
  Value neg(Value a) { return f<mlir::arith::NegFOp>(a); }
  Value abs(Value a) { return f<mlir::math::AbsFOp>(a); }
  Value exp(Value a) { return f<mlir::math::ExpOp>(a); }
  Value compare(FloatPredicate predicate, Value a, Value b) {
    return builder.create<mlir::arith::CmpFOp>(loc, predicate, a, b);
  }
  Value compare(FloatPredicate predicate, Value a, double b) { return compare(predicate, a, constant(a, b)); }
  Value compare(IntPredicate predicate, Value a, Value b) {
    return builder.create<mlir::arith::CmpIOp>(loc, predicate, a, b);
  }
  Value compare(IntPredicate predicate, Value a, int64_t b) { return compare(predicate, a, integer(a, b)); }
  Value select(Value condition, Value a, Value b) {
    return builder.create<mlir::arith::SelectOp>(loc, condition, a, b);
  }
  /// x where it is not below (above) the bound, NaN stays: one instruction on most machines, unlike maximumf.
  Value atLeast(Value a, double bound);
  Value atMost(Value a, double bound);
  /// 1 / (1 + e^-a).
  Value sigmoid(Value a);

  /// Calls `emit` on floats of at least 32 bits and converts its (floating-point) result back.
  Value widened(mlir::ValueRange args, llvm::function_ref<Value(ScalarBuilder &, mlir::ValueRange)> emit);
  /// f16 and bf16 as f32; anything else as it is.
  Value widen(Value a);
  /// Conversion between element types as nn.cast defines it.
  Value castElement(Value a, mlir::Type from, mlir::Type to);

  mlir::OpBuilder &builder;
  mlir::Location loc;

private:
  mlir::arith::FastMathFlagsAttr contract;
};

} // namespace aicc::nn

#endif
