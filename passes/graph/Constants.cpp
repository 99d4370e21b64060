// See Constants.h.

#include "passes/graph/Constants.h"

using namespace mlir;

namespace aicc {

bool dependsOnSymbols(Operation *op) {
  for (NamedAttribute attr : op->getAttrs())
    if (auto map = dyn_cast<AffineMapAttr>(attr.getValue()))
      if (!nn::getConstantResults(map.getValue()))
        return true;
  return false;
}

bool ConstantValues::contains(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !isa<nn::EvaluateOpInterface>(op))
    return false;
  auto [place, isNew] = known.try_emplace(op, false);
  if (!isNew)
    return place->second;
  bool result = !dependsOnSymbols(op) && (weights || !isa<nn::WeightOp>(op)) &&
                llvm::all_of(op->getOperands(), [&](Value operand) { return contains(operand); });
  known[op] = result;
  return result;
}

bool isConstantComputable(Value value) { return ConstantValues().contains(value); }

std::optional<double> getUniform(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (auto constant = dyn_cast<nn::ConstantOp>(op)) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!elements || !elements.isSplat())
      return std::nullopt;
    Type type = elements.getElementType();
    if (isa<FloatType>(type))
      return elements.getSplatValue<APFloat>().convertToDouble();
    if (!isa<IntegerType>(type))
      return std::nullopt;
    APInt integer = elements.getSplatValue<APInt>();
    if (type.isInteger(1) || type.isUnsignedInteger())
      return static_cast<double>(integer.getZExtValue());
    return static_cast<double>(integer.getSExtValue());
  }
  if (isa<nn::BroadcastOp, nn::ReshapeOp, nn::TransposeOp>(op))
    return getUniform(op->getOperand(0));
  if (auto cast = dyn_cast<nn::CastOp>(op)) {
    std::optional<double> number = getUniform(cast.getInput());
    // Other casts may change the number.
    if (number && isa<FloatType>(cast.getTo()) && (cast.getTo().isF32() || cast.getTo().isF64()))
      return number;
  }
  return std::nullopt;
}

bool isUniform(Value value, double number, double tolerance) {
  std::optional<double> uniform = getUniform(value);
  if (!uniform)
    return false;
  return std::abs(*uniform - number) <= tolerance * (number == 0 ? 1 : std::abs(number));
}

Value createScalar(OpBuilder &builder, Location loc, double number, Type element) {
  auto type = RankedTensorType::get({}, element);
  Attribute attr;
  if (auto floating = dyn_cast<FloatType>(element))
    attr = FloatAttr::get(floating, number);
  else
    attr = IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(), static_cast<int64_t>(number),
                                           !element.isUnsignedInteger()));
  return builder.create<nn::ConstantOp>(loc, cast<ElementsAttr>(DenseElementsAttr::get(type, attr)));
}

} // namespace aicc
