// Elementwise operations: one result element per broadcast operand element.

#ifndef AICC_NN_ELEMENTWISE
#define AICC_NN_ELEMENTWISE

include "dialects/nn/NNBase.td"

def NN_AbsOp : NN_Unary<"abs", "|x|">;
def NN_NegOp : NN_Unary<"neg", "-x">;
def NN_SignOp : NN_Unary<"sign", "-1, 0 or 1">;
def NN_ExpOp : NN_Unary<"exp", "e^x">;
def NN_LogOp : NN_Unary<"log", "natural logarithm">;
def NN_SqrtOp : NN_Unary<"sqrt", "square root">;
def NN_RsqrtOp : NN_Unary<"rsqrt", "1 / square root">;
def NN_ReciprocalOp : NN_Unary<"reciprocal", "1/x">;
def NN_FloorOp : NN_Unary<"floor", "largest integer not above x">;
def NN_CeilOp : NN_Unary<"ceil", "smallest integer not below x">;
def NN_RoundOp : NN_Unary<"round", "nearest integer, halves to even">;
def NN_SinOp : NN_Unary<"sin", "sine">;
def NN_CosOp : NN_Unary<"cos", "cosine">;
def NN_TanOp : NN_Unary<"tan", "tangent">;
def NN_AsinOp : NN_Unary<"asin", "arc sine">;
def NN_AcosOp : NN_Unary<"acos", "arc cosine">;
def NN_AtanOp : NN_Unary<"atan", "arc tangent">;
def NN_SinhOp : NN_Unary<"sinh", "hyperbolic sine">;
def NN_CoshOp : NN_Unary<"cosh", "hyperbolic cosine">;
def NN_TanhOp : NN_Unary<"tanh", "hyperbolic tangent">;
def NN_AsinhOp : NN_Unary<"asinh", "inverse hyperbolic sine">;
def NN_AcoshOp : NN_Unary<"acosh", "inverse hyperbolic cosine">;
def NN_AtanhOp : NN_Unary<"atanh", "inverse hyperbolic tangent">;
def NN_ErfOp : NN_Unary<"erf", "error function">;
def NN_SigmoidOp : NN_Unary<"sigmoid", "1 / (1 + e^-x)">;
def NN_ReluOp : NN_Unary<"relu", "max(x, 0)">;
def NN_SiluOp : NN_Unary<"silu", "x sigmoid(x)">;
def NN_MishOp : NN_Unary<"mish", "x tanh(softplus(x))">;
def NN_SoftplusOp : NN_Unary<"softplus", "log(1 + e^x)">;
def NN_SoftsignOp : NN_Unary<"softsign", "x / (1 + |x|)">;
def NN_HardSwishOp : NN_Unary<"hard_swish", "x max(0, min(1, x/6 + 1/2))">;
def NN_NotOp : NN_Unary<"not", "logical or bitwise complement (by element type)">;
def NN_IsNanOp : NN_Unary<"is_nan", "true where x is NaN (result i1)">;
def NN_IsInfOp : NN_Unary<"is_inf", "true where x is infinite (result i1)"> {
  let arguments = (ins NN_Tensor:$input, DefaultValuedAttr<BoolAttr, "true">:$positive, DefaultValuedAttr<BoolAttr, "true">:$negative);
}
def NN_GeluOp : NN_Unary<"gelu", "x Phi(x); `tanh` selects the tanh approximation (Hendrycks and Gimpel, 2016)"> {
  let arguments = (ins NN_Tensor:$input, DefaultValuedAttr<BoolAttr, "false">:$tanh);
}
def NN_LeakyReluOp : NN_Unary<"leaky_relu", "x if x >= 0 else alpha x"> {
  let arguments = (ins NN_Tensor:$input, F32Attr:$alpha);
}
def NN_EluOp : NN_Unary<"elu", "gamma (x if x > 0 else alpha (e^x - 1)); covers SELU"> {
  let arguments = (ins NN_Tensor:$input, F32Attr:$alpha, DefaultValuedAttr<F32Attr, "1.0f">:$gamma);
}
def NN_HardSigmoidOp : NN_Unary<"hard_sigmoid", "max(0, min(1, alpha x + beta))"> {
  let arguments = (ins NN_Tensor:$input, F32Attr:$alpha, F32Attr:$beta);
}
def NN_CastOp : NN_Unary<"cast", "conversion to element type `to`"> {
  let description = [{Float to integer truncates; to i1 is `x != 0`; narrowing floats round to nearest even; out of range float to integer is
    unspecified, never a trap.}];
  let arguments = (ins NN_Tensor:$input, TypeAttr:$to);
  let hasFolder = 1;
}

def NN_BitcastOp : NN_Unary<"bitcast", "the same bits as elements of type `to`, which takes as many bytes"> {
  let arguments = (ins NN_Tensor:$input, TypeAttr:$to);
  let hasFolder = 1;
}
def NN_DecodeOp : NN_Unary<"decode", "the f32 that a code (ui8) of a narrow float stands for"> {
  let description = [{Bits of the byte above the format's are ignored. Every value is exact in f32 (the smallest f8E8M0FNU is a subnormal number).}];
  let arguments = (ins NN_Tensor:$input, NN_Format:$format);
}
def NN_EncodeOp : NN_Unary<"encode", "the code (ui8) of a narrow float for an f32 or f64"> {
  let description = [{
    Rounds to nearest even. What is too large, infinities included, becomes the largest finite number with `saturate`, else infinity or, in
    formats without, NaN; formats that have neither always saturate, and code NaN as -0. f8E8M0FNU, powers of two without sign, takes the
    absolute value, rounds as `rounding` says (`nearest`: halfway goes up) and codes 0 as its smallest number, or, without `saturate`, as NaN.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Format:$format, DefaultValuedAttr<BoolAttr, "true">:$saturate,
                       DefaultValuedAttr<NN_ScaleRounding, "::aicc::nn::ScaleRounding::up">:$rounding);
}

def NN_AddOp : NN_Binary<"add", "x + y", [Commutative]> { let hasFolder = 1; }
def NN_SubOp : NN_Binary<"sub", "x - y"> { let hasFolder = 1; }
def NN_MulOp : NN_Binary<"mul", "x y", [Commutative]> { let hasFolder = 1; }
def NN_DivOp : NN_Binary<"div", "x / y; integers truncate; integer division by zero gives 0"> { let hasFolder = 1; }
def NN_ModOp : NN_Binary<"mod", "remainder: sign of the divisor (Python), or of the dividend with `fmod`"> {
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs, DefaultValuedAttr<BoolAttr, "false">:$fmod);
}
def NN_PowOp : NN_Binary<"pow", "x^y; the result has x's element type, y may have another">;
def NN_MinOp : NN_Binary<"min", "smaller of both; NaN if either is NaN", [Commutative]>;
def NN_MaxOp : NN_Binary<"max", "larger of both; NaN if either is NaN", [Commutative]>;
def NN_PReluOp : NN_Binary<"prelu", "x if x >= 0 else x y">;
def NN_AndOp : NN_Binary<"and", "logical or bitwise and", [Commutative]>;
def NN_OrOp : NN_Binary<"or", "logical or bitwise or", [Commutative]>;
def NN_XorOp : NN_Binary<"xor", "logical or bitwise exclusive or", [Commutative]>;
def NN_ShiftOp : NN_Binary<"shift", "bit shift to the `left` or right (there arithmetic where signed); by a negative amount or the width or more: what is left of the sign"> {
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs, BoolAttr:$left);
}
def NN_CompareOp : NN_Binary<"compare", "comparison, result i1; NaN compares unequal"> {
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs, NN_CompareKind:$kind);
}
def NN_SelectOp : NN_Elementwise<"select"> {
  let summary = "condition ? x : y";
  let arguments = (ins NN_Tensor:$condition, NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$result);
  let hasFolder = 1;
}

#endif
