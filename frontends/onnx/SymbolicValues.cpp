// Evaluation of nn operations on tensors whose elements are expressions over symbols. It works on nn
// operations, after an ONNX operator has been lowered, so that every operator that moves or computes sizes is
// covered by a few cases.

#include "frontends/onnx/GraphBuilder.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

using namespace mlir;

namespace aicc::onnx_import {
namespace {

constexpr int64_t maxElements = 256, maxDenominator = 1 << 20;

/// Linear index into a tensor of `shape` of the element that row-major index `flat` of `result` reads under
/// broadcasting.
int64_t getBroadcastIndex(int64_t flat, ArrayRef<int64_t> result, ArrayRef<int64_t> shape) {
  int64_t index = 0, stride = 1;
  for (size_t i = 0; i < result.size(); ++i) {
    const int64_t coordinate = flat % result[result.size() - 1 - i];
    flat /= result[result.size() - 1 - i];
    if (i >= shape.size())
      continue;
    const int64_t size = shape[shape.size() - 1 - i];
    index += size == 1 ? 0 : coordinate * stride;
    stride *= size;
  }
  return index;
}

SmallVector<int64_t> getCoordinates(int64_t flat, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> coordinates(shape.size());
  for (size_t i = shape.size(); i-- > 0; flat /= shape[i])
    coordinates[i] = flat % shape[i];
  return coordinates;
}

int64_t getFlat(ArrayRef<int64_t> coordinates, ArrayRef<int64_t> shape) {
  int64_t flat = 0;
  for (size_t i = 0; i < shape.size(); ++i)
    flat = flat * shape[i] + coordinates[i];
  return flat;
}

/// Arithmetic on single elements. A null numerator means "not known".
class Arithmetic {
public:
  explicit Arithmetic(SizeMath &math) : math(math) {}

  Known make(AffineExpr numerator, int64_t denominator = 1) const {
    if (!numerator || denominator < 1 || denominator > maxDenominator ||
        !(numerator = math.simplify(numerator)))
      return {};
    if (denominator != 1)
      if (AffineExpr exact = math.divideExactly(numerator, math.constant(denominator)))
        return {exact, 1};
    return {numerator, denominator};
  }
  Known truth(bool value) const { return {math.constant(value)}; }

  Known add(Known a, Known b, int64_t sign = 1) const {
    const int64_t common = std::lcm(a.denominator, b.denominator);
    if (common > maxDenominator)
      return {};
    return make(a.numerator * (common / a.denominator) + b.numerator * (sign * (common / b.denominator)),
                common);
  }
  Known multiply(Known a, Known b) const {
    return make(a.numerator * b.numerator, a.denominator * b.denominator);
  }
  /// Integers truncate: the same as rounding down where both are known not to be negative.
  Known divide(Known a, Known b, bool isFloat) const {
    if (!isFloat) {
      if (AffineExpr exact = math.divideExactly(a.numerator, b.numerator))
        return make(exact);
      return math.isNonNegative(a.numerator) ? make(math.floorDiv(a.numerator, b.numerator)) : Known();
    }
    // (p / q) / (r / s) = p s / (q r)
    AffineExpr dividend = a.numerator * b.denominator;
    if (auto number = dyn_cast<AffineConstantExpr>(b.numerator)) {
      const int64_t r = number.getValue();
      if (r == 0 || r == INT64_MIN || std::abs(r) > maxDenominator)
        return {};
      return make(r < 0 ? -dividend : dividend, a.denominator * std::abs(r));
    }
    return make(math.divideExactly(dividend, b.numerator), a.denominator);
  }
  Known remainder(Known a, Known b) const {
    auto divisor = dyn_cast<AffineConstantExpr>(b.numerator);
    if (!divisor || divisor.getValue() <= 0 || a.denominator != 1 || b.denominator != 1)
      return {};
    return make(math.mod(a.numerator, divisor.getValue()));
  }
  Known floor(Known a) const {
    return a.denominator == 1 ? a : make(math.floorDiv(a.numerator, math.constant(a.denominator)));
  }
  Known negate(Known a) const { return make(-a.numerator, a.denominator); }
  Known larger(Known a, Known b, bool smaller) const {
    if (a.denominator != b.denominator)
      return {};
    return make(smaller ? math.min(a.numerator, b.numerator) : math.max(a.numerator, b.numerator),
                a.denominator);
  }
  std::optional<int> order(Known a, Known b) const {
    return math.compare(a.numerator * b.denominator, b.numerator * a.denominator);
  }
  Known compare(Known a, Known b, nn::CompareKind kind) const {
    std::optional<int> sign = order(a, b);
    if (sign) {
      switch (kind) {
      case nn::CompareKind::eq:
        return truth(*sign == 0);
      case nn::CompareKind::ne:
        return truth(*sign != 0);
      case nn::CompareKind::lt:
        return truth(*sign < 0);
      case nn::CompareKind::le:
        return truth(*sign <= 0);
      case nn::CompareKind::gt:
        return truth(*sign > 0);
      case nn::CompareKind::ge:
        return truth(*sign >= 0);
      }
    }
    // Bounds that touch decide some comparisons still: a size is never below 0.
    AffineExpr difference = math.simplify(a.numerator * b.denominator - b.numerator * a.denominator);
    const Interval bounds = difference ? math.getBounds(difference) : Interval();
    if (bounds.min >= 0 && (kind == nn::CompareKind::ge || kind == nn::CompareKind::lt))
      return truth(kind == nn::CompareKind::ge);
    if (bounds.max <= 0 && (kind == nn::CompareKind::le || kind == nn::CompareKind::gt))
      return truth(kind == nn::CompareKind::le);
    return {};
  }
  std::optional<bool> decide(Known a) const {
    auto number = dyn_cast<AffineConstantExpr>(a.numerator);
    return number ? std::optional(number.getValue() != 0) : std::nullopt;
  }

private:
  SizeMath &math;
};

bool isFloat(Value value) { return isa<FloatType>(cast<RankedTensorType>(value.getType()).getElementType()); }
ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

Known convert(const Arithmetic &arithmetic, SizeMath &math, Known value, Type from, Type to) {
  if (to.isSignlessInteger(1)) {
    Known zero = arithmetic.truth(false);
    return arithmetic.compare(value, zero, nn::CompareKind::ne);
  }
  if (isa<FloatType>(to))
    return value;
  if (isa<FloatType>(from) && value.denominator != 1)
    return math.isNonNegative(value.numerator) ? arithmetic.floor(value) : Known();
  return value;
}

Known evaluateElement(const Arithmetic &arithmetic, SizeMath &math, Operation *op, ArrayRef<Known> args) {
  const bool floats = isFloat(op->getOperand(op->getNumOperands() - 1));
  return llvm::TypeSwitch<Operation *, Known>(op)
      .Case([&](nn::AddOp) { return arithmetic.add(args[0], args[1]); })
      .Case([&](nn::SubOp) { return arithmetic.add(args[0], args[1], -1); })
      .Case([&](nn::MulOp) { return arithmetic.multiply(args[0], args[1]); })
      .Case([&](nn::DivOp) { return arithmetic.divide(args[0], args[1], floats); })
      .Case([&](nn::ModOp mod) {
        return mod.getFmod() && !math.isNonNegative(args[0].numerator)
                   ? Known()
                   : arithmetic.remainder(args[0], args[1]);
      })
      .Case([&](nn::MinOp) { return arithmetic.larger(args[0], args[1], true); })
      .Case([&](nn::MaxOp) { return arithmetic.larger(args[0], args[1], false); })
      .Case([&](nn::NegOp) { return arithmetic.negate(args[0]); })
      .Case([&](nn::AbsOp) { return math.isNonNegative(args[0].numerator) ? args[0] : Known(); })
      .Case([&](nn::ReluOp) { return math.isNonNegative(args[0].numerator) ? args[0] : Known(); })
      .Case([&](nn::FloorOp) { return arithmetic.floor(args[0]); })
      .Case([&](nn::CeilOp) { return arithmetic.negate(arithmetic.floor(arithmetic.negate(args[0]))); })
      .Case([&](nn::RoundOp) { return args[0].denominator == 1 ? args[0] : Known(); })
      .Case([&](nn::CastOp cast) {
        return convert(arithmetic, math, args[0],
                       mlir::cast<RankedTensorType>(cast.getInput().getType()).getElementType(),
                       cast.getTo());
      })
      .Case([&](nn::CompareOp compare) { return arithmetic.compare(args[0], args[1], compare.getKind()); })
      .Case([&](nn::SelectOp) {
        std::optional<bool> condition = arithmetic.decide(args[0]);
        if (!condition) // both the same: no matter which
          return arithmetic.order(args[1], args[2]) == 0 ? args[1] : Known();
        return args[*condition ? 1 : 2];
      })
      .Case<nn::AndOp, nn::OrOp, nn::XorOp, nn::NotOp>([&](Operation *) {
        SmallVector<bool> bits;
        for (const Known &arg : args) {
          std::optional<bool> bit = arithmetic.decide(arg);
          if (!bit || !mlir::cast<RankedTensorType>(op->getResult(0).getType()).getElementType().isInteger(1))
            return Known();
          bits.push_back(*bit);
        }
        if (isa<nn::NotOp>(op))
          return arithmetic.truth(!bits[0]);
        return arithmetic.truth(isa<nn::AndOp>(op)  ? bits[0] && bits[1]
                                : isa<nn::OrOp>(op) ? bits[0] || bits[1]
                                                    : bits[0] != bits[1]);
      })
      .Default([](Operation *) { return Known(); });
}

/// Index of the operand's element that each result element is a copy of, for operations that only move
/// elements.
std::optional<SmallVector<int64_t>> getMoves(Operation *op, ArrayRef<KnownValues> operands) {
  ArrayRef<int64_t> result = shapeOf(op->getResult(0));
  const int64_t count = cast<RankedTensorType>(op->getResult(0).getType()).getNumElements();
  ArrayRef<int64_t> input = shapeOf(op->getOperand(0));
  SmallVector<int64_t> moves(count);
  if (isa<nn::ReshapeOp>(op)) {
    std::iota(moves.begin(), moves.end(), 0);
    return moves;
  }
  if (isa<nn::BroadcastOp>(op)) {
    for (int64_t i = 0; i < count; ++i)
      moves[i] = getBroadcastIndex(i, result, input);
    return moves;
  }
  if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
    for (int64_t i = 0; i < count; ++i) {
      SmallVector<int64_t> to = getCoordinates(i, result), from(to.size());
      for (auto [j, source] : llvm::enumerate(transpose.getPerm()))
        from[source] = to[j];
      moves[i] = getFlat(from, input);
    }
    return moves;
  }
  if (auto slice = dyn_cast<nn::SliceOp>(op)) {
    std::optional<SmallVector<int64_t>> offsets = nn::getConstantResults(slice.getOffsets());
    if (!offsets)
      return std::nullopt;
    for (int64_t i = 0; i < count; ++i) {
      SmallVector<int64_t> at = getCoordinates(i, result);
      for (auto [j, step] : llvm::enumerate(slice.getSteps())) {
        at[j] = (*offsets)[j] + at[j] * step;
        if (at[j] < 0 || at[j] >= input[j])
          return std::nullopt;
      }
      moves[i] = getFlat(at, input);
    }
    return moves;
  }
  if (auto gather = dyn_cast<nn::GatherOp>(op)) {
    const int64_t axis = gather.getAxis(), size = input[axis];
    ArrayRef<int64_t> indexShape = shapeOf(gather.getIndices());
    for (int64_t i = 0; i < count; ++i) {
      SmallVector<int64_t> at = getCoordinates(i, result);
      auto begin = at.begin() + axis, end = begin + indexShape.size();
      const Known &index = operands[1][getFlat(SmallVector<int64_t>(begin, end), indexShape)];
      auto number = dyn_cast<AffineConstantExpr>(index.numerator);
      if (!number || number.getValue() < -size || number.getValue() >= size)
        return std::nullopt;
      at.erase(begin, end);
      at.insert(at.begin() + axis, number.getValue() + (number.getValue() < 0 ? size : 0));
      moves[i] = getFlat(at, input);
    }
    return moves;
  }
  return std::nullopt;
}

std::optional<KnownValues> evaluateConcat(nn::ConcatOp op, ArrayRef<KnownValues> operands) {
  const int64_t axis = op.getAxis();
  ArrayRef<int64_t> result = shapeOf(op.getResult());
  KnownValues values(op.getResult().getType().getNumElements());
  int64_t offset = 0;
  for (auto [input, elements] : llvm::zip_equal(op.getInputs(), operands)) {
    ArrayRef<int64_t> shape = shapeOf(input);
    for (auto [i, element] : llvm::enumerate(elements)) {
      SmallVector<int64_t> at = getCoordinates(i, shape);
      at[axis] += offset;
      values[getFlat(at, result)] = element;
    }
    offset += shape[axis];
  }
  return values;
}

std::optional<KnownValues> evaluateReduce(const Arithmetic &arithmetic, nn::ReduceOp op,
                                          const KnownValues &elements) {
  ArrayRef<int64_t> shape = shapeOf(op.getInput());
  KnownValues values(op.getResult().getType().getNumElements());
  SmallVector<int64_t> kept;
  for (int64_t i = 0; i < int64_t(shape.size()); ++i)
    kept.push_back(llvm::is_contained(op.getAxes(), i) ? 1 : shape[i]);
  for (auto [i, element] : llvm::enumerate(elements)) {
    SmallVector<int64_t> at = getCoordinates(i, shape);
    for (int64_t axis : op.getAxes())
      at[axis] = 0;
    Known &slot = values[getFlat(at, kept)];
    if (!slot.numerator) {
      slot = element;
      continue;
    }
    switch (op.getKind()) {
    case nn::ReduceKind::sum:
      slot = arithmetic.add(slot, element);
      break;
    case nn::ReduceKind::prod:
      slot = arithmetic.multiply(slot, element);
      break;
    case nn::ReduceKind::max:
    case nn::ReduceKind::min:
      slot = arithmetic.larger(slot, element, op.getKind() == nn::ReduceKind::min);
      break;
    default:
      return std::nullopt;
    }
    if (!slot.numerator)
      return std::nullopt;
  }
  return values;
}
} // namespace

std::optional<KnownValues> GraphBuilder::evaluateSymbolically(Operation *op) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (op->getNumOperands() == 0 || !type.hasStaticShape() || type.getNumElements() > maxElements ||
      isa<nn::NarrowType>(type.getElementType()))
    return std::nullopt;
  SmallVector<KnownValues> operands;
  for (Value operand : op->getOperands()) {
    if (!cast<RankedTensorType>(operand.getType()).hasStaticShape())
      return std::nullopt;
    std::optional<KnownValues> values = getKnown(operand);
    if (!values)
      return std::nullopt;
    operands.push_back(std::move(*values));
  }
  Arithmetic arithmetic(math);
  KnownValues values;
  if (isa<nn::ElementwiseOpInterface>(op)) {
    for (int64_t i = 0; i < type.getNumElements(); ++i) {
      SmallVector<Known> args;
      for (auto [operand, elements] : llvm::zip_equal(op->getOperands(), operands))
        args.push_back(elements[getBroadcastIndex(i, type.getShape(), shapeOf(operand))]);
      values.push_back(evaluateElement(arithmetic, math, op, args));
    }
  } else if (auto concat = dyn_cast<nn::ConcatOp>(op)) {
    return evaluateConcat(concat, operands);
  } else if (auto reduce = dyn_cast<nn::ReduceOp>(op)) {
    std::optional<KnownValues> reduced = evaluateReduce(arithmetic, reduce, operands[0]);
    if (!reduced)
      return std::nullopt;
    values = std::move(*reduced);
  } else if (std::optional<SmallVector<int64_t>> moves = getMoves(op, operands)) {
    for (int64_t index : *moves)
      values.push_back(operands[0][index]);
  } else {
    return std::nullopt;
  }
  if (!llvm::all_of(values, [](const Known &value) { return bool(value.numerator); }))
    return std::nullopt;
  return values;
}
} // namespace aicc::onnx_import
