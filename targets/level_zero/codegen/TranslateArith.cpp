// arith and math: mostly tables of what is called what.

#include "mlir/Dialect/Math/IR/Math.h"
#include "targets/level_zero/codegen/Translator.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace aicc::level_zero;

static bool isBool(Type type) { return getElementTypeOrSelf(type).isInteger(1); }

/// Operations whose operands and result have one type, except on booleans.
static StringRef lookupSimple(StringRef name) {
  static const llvm::StringMap<StringRef> table = {
      {"arith.addi", "IAdd"},
      {"arith.subi", "ISub"},
      {"arith.muli", "IMul"},
      {"arith.divsi", "SDiv"},
      {"arith.divui", "UDiv"},
      {"arith.remsi", "SRem"},
      {"arith.remui", "UMod"},
      {"arith.andi", "BitwiseAnd"},
      {"arith.ori", "BitwiseOr"},
      {"arith.xori", "BitwiseXor"},
      {"arith.shli", "ShiftLeftLogical"},
      {"arith.shrsi", "ShiftRightArithmetic"},
      {"arith.shrui", "ShiftRightLogical"},
      {"arith.maxsi", "CL.s_max"},
      {"arith.maxui", "CL.u_max"},
      {"arith.minsi", "CL.s_min"},
      {"arith.minui", "CL.u_min"},
      {"arith.addf", "FAdd"},
      {"arith.subf", "FSub"},
      {"arith.mulf", "FMul"},
      {"arith.divf", "FDiv"},
      {"arith.remf", "FRem"},
      {"arith.negf", "FNegate"},
      {"arith.maxnumf", "CL.fmax"},
      {"arith.minnumf", "CL.fmin"},
      {"math.absf", "CL.fabs"},
      {"math.absi", "CL.s_abs"},
      {"math.ceil", "CL.ceil"},
      {"math.floor", "CL.floor"},
      {"math.fma", "CL.fma"},
      {"math.round", "CL.round"},
      {"math.roundeven", "CL.rint"},
      {"math.sqrt", "CL.sqrt"},
      {"math.ctpop", "BitCount"},
  };
  return table.lookup(name);
}

/// The same on booleans, whose signed value is 0 or -1.
static StringRef lookupBool(StringRef name) {
  static const llvm::StringMap<StringRef> table = {
      {"arith.addi", "LogicalNotEqual"}, {"arith.subi", "LogicalNotEqual"}, {"arith.xori", "LogicalNotEqual"},
      {"arith.muli", "LogicalAnd"},      {"arith.andi", "LogicalAnd"},      {"arith.ori", "LogicalOr"},
      {"arith.maxui", "LogicalOr"},      {"arith.minui", "LogicalAnd"},     {"arith.maxsi", "LogicalAnd"},
      {"arith.minsi", "LogicalOr"},
  };
  return table.lookup(name);
}

LogicalResult Translator::translateMath(Operation *op) { return translateArith(op); }

LogicalResult Translator::translateArith(Operation *op) {
  if (op->getNumResults() != 1)
    return unsupported(op);
  Type type = convertType(op->getResult(0).getType());
  if (!type)
    return unsupported(op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(get(operand));
  Value result;
  StringRef name = op->getName().getStringRef();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    result = translateConstant(type, constant.getValue());
  } else if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    result = translateCompare(compare);
  } else if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    result = translateCompare(compare);
  } else if (isa<arith::SelectOp>(op)) {
    if (isa<spirv::PointerType>(type)) {
      if (operands[1].getType() != operands[2].getType()) {
        auto storage = [](Value v) { return cast<spirv::PointerType>(v.getType()).getStorageClass(); };
        if (storage(operands[1]) != storage(operands[2]))
          return unsupported(op, "it selects between kinds of memory");
        for (Value &v : llvm::drop_begin(operands))
          v = pointerTo(v, b.getI8Type());
      }
    }
    result = select(operands[0], operands[1], operands[2]);
  } else if (StringRef simple = isBool(type) ? lookupBool(name) : lookupSimple(name); !simple.empty()) {
    // Arithmetic on bf16, whose bits travel as integers, has been widened before.
    if (getElementTypeOrSelf(op->getResult(0).getType()).isBF16())
      return unsupported(op);
    result = make(simple, type, operands);
  } else {
    result = translateCast(op, type);
  }
  return result ? set(op->getResult(0), result) : unsupported(op);
}

Value Translator::translateConstant(Type type, TypedAttr value) {
  Type element = getElementTypeOrSelf(type);
  auto convert = [&](Attribute attr) -> Attribute {
    if (auto number = dyn_cast<FloatAttr>(attr)) {
      if (isa<FloatType>(element))
        return number;
      return b.getIntegerAttr(element, number.getValue().bitcastToAPInt());
    }
    if (auto number = dyn_cast<IntegerAttr>(attr)) {
      if (element.isInteger(1))
        return b.getBoolAttr(!number.getValue().isZero());
      return b.getIntegerAttr(element, number.getValue());
    }
    return {};
  };
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense) {
    Attribute scalar = convert(value);
    return scalar ? constant(type, scalar) : Value();
  }
  if (dense.isSplat())
    return constant(type, convert(dense.getSplatValue<Attribute>()));
  SmallVector<Attribute> elements;
  for (Attribute attr : dense.getValues<Attribute>())
    elements.push_back(convert(attr));
  auto vector = dyn_cast<VectorType>(type);
  return vector ? constant(type, DenseElementsAttr::get(vector, elements)) : Value();
}

Value Translator::translateCompare(arith::CmpIOp op) {
  using arith::CmpIPredicate;
  Value x = get(op.getLhs()), y = get(op.getRhs());
  Type type = convertType(op.getType());
  if (!type)
    return {};
  CmpIPredicate predicate = op.getPredicate();
  if (isBool(x.getType())) {
    auto both = [&](StringRef name, bool notX) {
      return notX ? make(name, type, {logicalNot(x), y}) : make(name, type, {x, logicalNot(y)});
    };
    switch (predicate) {
    case CmpIPredicate::eq:
      return make("LogicalEqual", type, {x, y});
    case CmpIPredicate::ne:
      return make("LogicalNotEqual", type, {x, y});
    case CmpIPredicate::ult:
    case CmpIPredicate::sgt:
      return both("LogicalAnd", true);
    case CmpIPredicate::ule:
    case CmpIPredicate::sge:
      return both("LogicalOr", true);
    case CmpIPredicate::ugt:
    case CmpIPredicate::slt:
      return both("LogicalAnd", false);
    case CmpIPredicate::uge:
    case CmpIPredicate::sle:
      return both("LogicalOr", false);
    }
  }
  static constexpr StringLiteral names[] = {
      "IEqual",    "INotEqual",      "SLessThan",    "SLessThanEqual",   "SGreaterThan", "SGreaterThanEqual",
      "ULessThan", "ULessThanEqual", "UGreaterThan", "UGreaterThanEqual"};
  return make(names[unsigned(predicate)], type, {x, y});
}

Value Translator::translateCompare(arith::CmpFOp op) {
  using arith::CmpFPredicate;
  Value x = get(op.getLhs()), y = get(op.getRhs());
  Type type = convertType(op.getType());
  if (!type || !isa<FloatType>(getElementTypeOrSelf(x.getType())))
    return {};
  auto is = [&](StringRef name) { return make(name, type, {x, y}); };
  switch (op.getPredicate()) {
  case CmpFPredicate::AlwaysFalse:
    return integer(type, 0);
  case CmpFPredicate::AlwaysTrue:
    return integer(type, 1);
  case CmpFPredicate::OEQ:
    return is("FOrdEqual");
  case CmpFPredicate::OGT:
    return is("FOrdGreaterThan");
  case CmpFPredicate::OGE:
    return is("FOrdGreaterThanEqual");
  case CmpFPredicate::OLT:
    return is("FOrdLessThan");
  case CmpFPredicate::OLE:
    return is("FOrdLessThanEqual");
  case CmpFPredicate::ONE:
    return is("FOrdNotEqual");
  case CmpFPredicate::ORD:
    return is("Ordered");
  case CmpFPredicate::UEQ:
    return is("FUnordEqual");
  case CmpFPredicate::UGT:
    return is("FUnordGreaterThan");
  case CmpFPredicate::UGE:
    return is("FUnordGreaterThanEqual");
  case CmpFPredicate::ULT:
    return is("FUnordLessThan");
  case CmpFPredicate::ULE:
    return is("FUnordLessThanEqual");
  case CmpFPredicate::UNE:
    return is("FUnordNotEqual");
  case CmpFPredicate::UNO:
    return is("Unordered");
  }
  return {};
}

Value Translator::translateCast(Operation *op, Type type) {
  if (op->getNumOperands() != 1)
    return {};
  Value x = get(op->getOperand(0));
  Type from = x.getType(), fromElement = getElementTypeOrSelf(from), toElement = getElementTypeOrSelf(type);
  auto isBf16 = [](Type t) { return getElementTypeOrSelf(t).isBF16(); };
  bool fromBool = fromElement.isInteger(1), toBool = toElement.isInteger(1);
  auto oneOrZero = [&](int64_t one) {
    if (isa<FloatType>(toElement))
      return select(x, constant(type, b.getFloatAttr(toElement, double(one))),
                    constant(type, b.getFloatAttr(toElement, 0.0)));
    return select(x, integer(type, one), integer(type, 0));
  };
  auto lowBit = [&](Value v) {
    return make("INotEqual", type,
                {make("BitwiseAnd", v.getType(), {v, integer(v.getType(), 1)}), integer(v.getType(), 0)});
  };
  if (isa<arith::BitcastOp>(op))
    return bitcast(x, type);
  // Extensions and truncations of bf16 have been expanded before.
  if (isBf16(op->getOperand(0).getType()) || isBf16(op->getResult(0).getType()))
    return {};
  if (isa<arith::ExtSIOp, arith::ExtUIOp, arith::IndexCastOp, arith::IndexCastUIOp, arith::TruncIOp>(op)) {
    if (from == type)
      return x;
    bool isSigned = isa<arith::ExtSIOp, arith::IndexCastOp>(op);
    if (fromBool)
      return oneOrZero(isSigned ? -1 : 1);
    if (toBool)
      return lowBit(x);
    return make(isSigned ? "SConvert" : "UConvert", type, x);
  }
  if (isa<arith::SIToFPOp>(op))
    return fromBool ? oneOrZero(-1) : make("ConvertSToF", type, x);
  if (isa<arith::UIToFPOp>(op))
    return fromBool ? oneOrZero(1) : make("ConvertUToF", type, x);
  if (isa<arith::FPToSIOp, arith::FPToUIOp>(op)) {
    if (!toBool)
      return make(isa<arith::FPToSIOp>(op) ? "ConvertFToS" : "ConvertFToU", type, x);
    Type wide = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      wide = vector.clone(wide);
    return lowBit(make("ConvertFToS", wide, x));
  }
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return make("FConvert", type, x);
  return {};
}
