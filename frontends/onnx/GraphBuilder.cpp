// Creation of operations with sizes, folding and known values.

#include "frontends/onnx/GraphBuilder.h"
#include "dialects/nn/Formats.h"
#include "dialects/nn/NNControl.h"
#include "mlir/IR/Iterators.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace aicc::onnx_import {

/// Folding at import serves control values (shapes, axes, small tables); larger constants are the passes'
/// matter.
static constexpr int64_t maxFoldBytes = 16384, maxKnownElements = 256;

GraphBuilder::GraphBuilder(func::FuncOp func)
    : func(func), builder(func.getContext()), loc(func.getLoc()),
      placeholder(RankedTensorType::get({}, builder.getF32Type())), shapes(func), math(shapes) {
  builder.setInsertionPointToEnd(&func.getBody().front());
}

SmallVector<Value> GraphBuilder::complete(Operation *op) {
  std::string message;
  nn::ShapeContext ctx(
      getContext(), [&](const Twine &text) { message = text.str(); },
      [&](AffineExpr a, AffineExpr b) { return shapes.getMax(a, b); });
  SmallVector<nn::SymShape> operands;
  for (Value operand : op->getOperands()) {
    ArrayRef<AffineExpr> shape = shapes.get(operand);
    operands.emplace_back(shape.begin(), shape.end());
  }
  SmallVector<nn::SymType> inferred;
  if (failed(cast<nn::ShapeOpInterface>(op).inferShapes(ctx, operands, inferred)) ||
      failed(nn::detail::checkResults(ctx, inferred)) || inferred.size() != op->getNumResults()) {
    op->erase();
    throw ImportError(message.empty() ? "its inputs do not fit together" : nameSymbols(message));
  }
  for (auto [value, type] : llvm::zip_equal(op->getResults(), inferred)) {
    for (AffineExpr &size : type.shape)
      if (!(size = math.simplify(size))) {
        op->erase();
        throw ImportError("its sizes depend on the input's in too complicated a way");
      }
    value.setType(nn::getTensorType(type.shape, type.element));
    shapes.set(value, type.shape);
  }
  SmallVector<Value> results;
  if (foldConstants(op, results))
    return results;
  results.assign(op->result_begin(), op->result_end());
  if (results.size() != 1 || isa<nn::ConstantOp, nn::SizesOp, nn::WeightOp>(op))
    return results;
  std::optional<KnownValues> values = evaluateSymbolically(op);
  if (!values)
    return results;
  // i64 vectors and scalars become nn.sizes (or a constant); others keep their operation beside the known
  // elements.
  auto type = cast<RankedTensorType>(results[0].getType());
  SmallVector<AffineExpr> exprs;
  for (const Known &value : *values)
    if (value.denominator == 1)
      exprs.push_back(value.numerator);
  if (type.getRank() <= 1 && type.getElementType().isSignlessInteger(64) && exprs.size() == values->size()) {
    op->erase();
    return {sizes(exprs, type.getRank() == 0)};
  }
  if (llvm::all_of(*values, [](const Known &v) { return isa<AffineConstantExpr>(v.numerator); })) {
    nn::Tensor tensor(type);
    for (auto [i, value] : llvm::enumerate(*values))
      tensor.setDouble(i, double(cast<AffineConstantExpr>(value.numerator).getValue()) /
                              double(value.denominator));
    op->erase();
    return {constant(tensor)};
  }
  known[results[0]] = std::move(*values);
  return results;
}

std::string GraphBuilder::nameSymbols(StringRef message) {
  auto symbols = func->getAttrOfType<ArrayAttr>(nn::NNDialect::getSymbolsAttrName());
  std::string text;
  while (!message.empty()) {
    // In "s0x4" a size is followed by the x between sizes.
    const bool startsWord = text.empty() || !llvm::isAlpha(text.back()) || text.back() == 'x';
    unsigned index;
    StringRef rest = message;
    if (startsWord && rest.consume_front("s") && !rest.consumeInteger(10, index) && symbols &&
        index < symbols.size()) {
      text += cast<nn::SymbolAttr>(symbols[index]).getName();
      message = rest;
    } else {
      text.push_back(message.front());
      message = message.drop_front();
    }
  }
  return text;
}

bool GraphBuilder::foldConstants(Operation *op, SmallVector<Value> &results) {
  if (isa<nn::ConstantOp, nn::SizesOp, nn::WeightOp>(op) ||
      (op->getNumOperands() == 0 && !isa<nn::IotaOp>(op)))
    return false;
  if (auto bitcast = dyn_cast<nn::BitcastOp>(op); bitcast && isa<nn::NarrowType>(bitcast.getTo()))
    return false; // how such constants are written
  int64_t bytes = 0;
  auto count = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    if (!tensor.hasStaticShape() || tensor.getNumElements() > maxFoldBytes)
      return false;
    bytes += tensor.getNumElements() * nn::getElementSize(tensor.getElementType());
    return bytes <= maxFoldBytes;
  };
  if (!llvm::all_of(op->getResultTypes(), count))
    return false;
  SmallVector<nn::Tensor> operands, values;
  for (Value operand : op->getOperands()) {
    nn::Tensor constant = nn::getConstant(operand);
    if (!constant || !count(operand.getType()))
      return false;
    operands.push_back(constant);
  }
  // Operations with absent optional operands take part only where evaluation needs no segments.
  nn::EvalContext ctx;
  ctx.symbols.assign(shapes.getNumSymbols(), 1);
  if (failed(nn::evaluate(op, ctx, operands, values)) || values.size() != op->getNumResults())
    return false;
  op->erase();
  for (const nn::Tensor &value : values)
    results.push_back(constant(value));
  return true;
}

Value GraphBuilder::constant(ElementsAttr value) { return make<nn::ConstantOp>(value); }
Value GraphBuilder::constant(const nn::Tensor &tensor) {
  return bitcast(constant(tensor.getAttr()), tensor.getElementType());
}

Value GraphBuilder::ints(ArrayRef<int64_t> values) { return constant(builder.getI64TensorAttr(values)); }

Value GraphBuilder::scalar(double value, Type element) {
  nn::Tensor tensor(RankedTensorType::get({}, element));
  if (auto narrow = dyn_cast<nn::NarrowType>(element)) {
    const nn::Format format = narrow.getFormat();
    tensor.setInt(0, nn::isIntegerFormat(format)
                         ? int64_t(value) & ((1 << nn::getCodeBits(format)) - 1)
                         : nn::encodeFloat(format, value, /*saturate=*/true, nn::ScaleRounding::up));
  } else {
    tensor.setDouble(0, value);
  }
  return constant(tensor);
}

Value GraphBuilder::sizes(ArrayRef<AffineExpr> values, bool isScalar) {
  SmallVector<AffineExpr> exprs;
  SmallVector<int64_t> numbers;
  for (AffineExpr value : values) {
    AffineExpr simple = value ? math.simplify(value) : AffineExpr();
    if (!simple)
      throw ImportError("its sizes depend on the input's in too complicated a way");
    exprs.push_back(simple);
    if (auto number = dyn_cast<AffineConstantExpr>(simple))
      numbers.push_back(number.getValue());
  }
  if (numbers.size() < exprs.size())
    return make<nn::SizesOp>(map(exprs), isScalar);
  SmallVector<int64_t, 1> shape;
  if (!isScalar)
    shape.push_back(numbers.size());
  return constant(
      DenseElementsAttr::get(RankedTensorType::get(shape, builder.getI64Type()), ArrayRef(numbers)));
}

Value GraphBuilder::reshape(Value input, ArrayRef<AffineExpr> shape) {
  if (getShape(input) == shape)
    return input;
  return make<nn::ReshapeOp>(input, map(shape));
}

Value GraphBuilder::broadcast(Value input, ArrayRef<AffineExpr> shape) {
  if (getShape(input) == shape)
    return input;
  return make<nn::BroadcastOp>(input, map(shape));
}

Value GraphBuilder::transpose(Value input, ArrayRef<int64_t> perm) {
  if (llvm::equal(perm, llvm::seq<int64_t>(0, perm.size())))
    return input;
  return make<nn::TransposeOp>(input, perm);
}

Value GraphBuilder::convert(Value input, Type element, bool saturate, nn::ScaleRounding rounding) {
  const Type from = getElement(input);
  if (from == element)
    return input;
  if (auto narrow = dyn_cast<nn::NarrowType>(from))
    return convert(decode(input, narrow.getFormat()), element, saturate, rounding);
  auto narrow = dyn_cast<nn::NarrowType>(element);
  if (!narrow)
    return make<nn::CastOp>(input, element);
  const nn::Format format = narrow.getFormat();
  if (nn::isIntegerFormat(format)) { // wraps
    if (isa<FloatType>(from))
      input = make<nn::CastOp>(input, builder.getI32Type());
    const Type byte = builder.getIntegerType(8, /*isSigned=*/false);
    const int64_t mask = (1 << nn::getCodeBits(format)) - 1;
    return bitcast(make<nn::AndOp>(convert(input, byte), scalar(double(mask), byte)), element);
  }
  // f32 holds all that f16, bf16 and integers of 16 bits do.
  const bool isWide = from.isF64() || (from.isIntOrIndex() && from.getIntOrFloatBitWidth() > 16);
  input = convert(input, isWide ? Type(builder.getF64Type()) : Type(builder.getF32Type()));
  return bitcast(make<nn::EncodeOp>(input, format, saturate, rounding), element);
}

Value GraphBuilder::decode(Value input, nn::Format format) {
  const Type byte = builder.getIntegerType(8, /*isSigned=*/false);
  Value codes = bitcast(input, byte);
  if (!nn::isIntegerFormat(format))
    return make<nn::DecodeOp>(codes, format);
  const int64_t bits = nn::getCodeBits(format);
  codes = make<nn::AndOp>(codes, scalar(double((1 << bits) - 1), byte));
  if (format == nn::Format::ui4 || format == nn::Format::ui2)
    return codes;
  // The sign's bit counts negative.
  const Type number = builder.getI8Type();
  codes = make<nn::XorOp>(bitcast(codes, number), scalar(double(1 << (bits - 1)), number));
  return make<nn::SubOp>(codes, scalar(double(1 << (bits - 1)), number));
}

Value GraphBuilder::bitcast(Value input, Type element) {
  if (getElement(input) == element)
    return input;
  if (auto before = input.getDefiningOp<nn::BitcastOp>())
    return bitcast(before.getInput(), element);
  return make<nn::BitcastOp>(input, element);
}

Value GraphBuilder::slice(Value input, ArrayRef<AffineExpr> offsets, ArrayRef<AffineExpr> sizes,
                          ArrayRef<int64_t> steps) {
  if (getShape(input) == sizes && llvm::all_of(steps, [](int64_t step) { return step == 1; }))
    return input;
  return make<nn::SliceOp>(input, map(offsets), map(sizes), steps);
}

Value GraphBuilder::sliceAxis(Value input, int64_t axis, AffineExpr offset, AffineExpr size) {
  SmallVector<AffineExpr> offsets(getRank(input), math.constant(0)), sizes(getShape(input));
  offsets[axis] = offset;
  sizes[axis] = size;
  return slice(input, offsets, sizes, SmallVector<int64_t>(getRank(input), 1));
}

Value GraphBuilder::concat(ArrayRef<Value> inputs, int64_t axis) {
  return inputs.size() == 1 ? inputs[0] : make<nn::ConcatOp>(inputs, axis);
}

Value GraphBuilder::iota(ArrayRef<AffineExpr> shape, int64_t axis, Type element) {
  return make<nn::IotaOp>(map(shape), axis, element);
}

Value GraphBuilder::reduce(Value input, nn::ReduceKind kind, ArrayRef<int64_t> axes, bool keepdims) {
  return axes.empty() ? input : make<nn::ReduceOp>(input, kind, axes, keepdims);
}

Value GraphBuilder::compare(Value lhs, Value rhs, nn::CompareKind kind) {
  return make<nn::CompareOp>(lhs, rhs, kind);
}

Value GraphBuilder::unsqueeze(Value input, ArrayRef<int64_t> axes) {
  SmallVector<AffineExpr> shape(getShape(input));
  for (int64_t axis : axes)
    shape.insert(shape.begin() + axis, math.constant(1));
  return reshape(input, shape);
}

std::optional<KnownValues> GraphBuilder::getKnown(Value value) const {
  if (auto it = known.find(value); it != known.end())
    return it->second;
  KnownValues values;
  if (auto sizes = value.getDefiningOp<nn::SizesOp>()) {
    for (AffineExpr expr : sizes.getValue().getResults())
      values.push_back({expr});
    return values;
  }
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  if (!constant || constant.getValue().getNumElements() > maxKnownElements)
    return std::nullopt;
  nn::Tensor tensor = nn::Tensor::get(constant.getValue());
  const bool isFloat = isa<FloatType>(tensor.getElementType());
  for (int64_t i = 0; i < tensor.getNumElements(); ++i) {
    if (!isFloat) {
      values.push_back({math.constant(tensor.getInt(i))});
      continue;
    }
    // A float is the fraction of small denominator that rounds to it, if there is one: 0.7 means 7/10.
    const double number = tensor.getDouble(i);
    if (!(std::abs(number) < double(1 << 30)))
      return std::nullopt;
    int64_t denominator = 1;
    while (denominator <= 1024 &&
           float(std::round(number * double(denominator)) / double(denominator)) != float(number))
      ++denominator;
    if (denominator > 1024)
      return std::nullopt;
    values.push_back({math.constant(std::llround(number * double(denominator))), denominator});
  }
  return values;
}

std::optional<SmallVector<AffineExpr>> GraphBuilder::getKnownInts(Value value) const {
  std::optional<KnownValues> values = getKnown(value);
  if (!values)
    return std::nullopt;
  SmallVector<AffineExpr> result;
  for (const Known &element : *values) {
    if (element.denominator != 1)
      return std::nullopt;
    result.push_back(element.numerator);
  }
  return result;
}

std::optional<SmallVector<double>> GraphBuilder::getConstantDoubles(Value value) const {
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  if (!constant)
    return std::nullopt;
  nn::Tensor tensor = nn::Tensor::get(constant.getValue());
  SmallVector<double> result;
  for (int64_t i = 0; i < tensor.getNumElements(); ++i)
    result.push_back(tensor.getDouble(i));
  return result;
}

std::optional<SmallVector<int64_t>> GraphBuilder::getConstantInts(Value value) const {
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  if (!constant)
    return std::nullopt;
  nn::Tensor tensor = nn::Tensor::get(constant.getValue());
  SmallVector<int64_t> result;
  for (int64_t i = 0; i < tensor.getNumElements(); ++i)
    result.push_back(tensor.getInt(i));
  return result;
}

void GraphBuilder::finish() {
  known.clear();
  func.walk<WalkOrder::PostOrder, ReverseIterator>([](Operation *op) {
    // Control flow matters as long as something has sizes that it binds.
    const bool isNeeded = isa<nn::IfOp, nn::LoopOp>(op) ? !nn::getBinds(op).empty() : !isMemoryEffectFree(op);
    if (isa<nn::NNDialect>(op->getDialect()) && !isa<nn::YieldOp>(op) && op->use_empty() && !isNeeded)
      op->erase();
  });
  const unsigned symbols = shapes.getNumSymbols();
  func.walk([&](Operation *op) {
    for (NamedAttribute attr : llvm::to_vector(op->getAttrs()))
      if (auto map = dyn_cast<AffineMapAttr>(attr.getValue());
          map && map.getValue().getNumSymbols() != symbols)
        op->setAttr(attr.getName(), AffineMapAttr::get(shapes.getMap(map.getValue().getResults())));
  });
}
} // namespace aicc::onnx_import
