// The dialect itself: registration, and the verification of what it puts on functions and their arguments.

#include "dialects/nn/Formats.h"
#include "dialects/nn/NNControl.h"
#include "dialects/nn/NNDynamic.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace aicc::nn;

#include "dialects/nn/NNDialect.cpp.inc"
#include "dialects/nn/NNEnums.cpp.inc"
#include "dialects/nn/NNInterfaces.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/nn/NNTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NNAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NNOps.cpp.inc"

void NNDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/nn/NNTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/nn/NNAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NNOps.cpp.inc"
      >();
  // The families that have headers of their own.
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NNControl.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NNDynamic.cpp.inc"
      >();
}

Operation *NNDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (!elements || elements.getType() != type)
    return nullptr;
  return builder.create<ConstantOp>(loc, type, elements);
}

Value aicc::nn::makeConstant(OpBuilder &builder, Location loc, const Tensor &tensor) {
  Value constant = builder.create<ConstantOp>(loc, tensor.getAttr());
  if (!isa<NarrowType>(tensor.getElementType()))
    return constant;
  return builder.create<BitcastOp>(loc, tensor.getType(), constant, tensor.getElementType());
}

std::string aicc::nn::getElementName(Type element) {
  if (auto narrow = dyn_cast<NarrowType>(element))
    return stringifyFormat(narrow.getFormat()).str();
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return text;
}

Tensor aicc::nn::getConstant(Value value) {
  auto bitcast = value.getDefiningOp<BitcastOp>();
  if (bitcast && isa<NarrowType>(bitcast.getTo()))
    value = bitcast.getInput();
  auto constant = value.getDefiningOp<ConstantOp>();
  if (!constant)
    return Tensor();
  Tensor tensor = Tensor::get(constant.getValue());
  return bitcast && isa<NarrowType>(bitcast.getTo()) ? tensor.recast(bitcast.getTo()) : tensor;
}

/// The number of symbols that a map's results use, and whether they use dimensions.
static bool rangesOverSymbols(AffineMap map, unsigned numSymbols) {
  bool ok = map.getNumDims() == 0;
  map.walkExprs([&](AffineExpr expr) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      ok &= symbol.getPosition() < numSymbols;
  });
  return ok;
}

static LogicalResult verifySymbols(Operation *op, Attribute attribute) {
  if (!isa<FunctionOpInterface>(op))
    return op->emitOpError("'nn.symbols' belongs on a function");
  auto symbols = dyn_cast<ArrayAttr>(attribute);
  if (!symbols)
    return op->emitOpError("'nn.symbols' must be an array of #nn.symbol");
  for (auto [i, element] : llvm::enumerate(symbols)) {
    auto symbol = dyn_cast<SymbolAttr>(element);
    if (!symbol)
      return op->emitOpError("'nn.symbols' must be an array of #nn.symbol");
    if (symbol.getMin() < 0 || symbol.getMin() > symbol.getMax())
      return op->emitOpError("symbol '")
             << symbol.getName() << "' has bounds " << symbol.getMin() << ".." << symbol.getMax();
    AffineMapAttr definition = symbol.getDefinition();
    if (bool(definition) != (symbol.getKind() == SymbolKind::max))
      return op->emitOpError("symbol '")
             << symbol.getName() << "': max symbols have a definition, others none";
    if (definition &&
        (definition.getValue().getNumResults() != 2 || !rangesOverSymbols(definition.getValue(), i)))
      return op->emitOpError("symbol '")
             << symbol.getName() << "' must be defined by two expressions over earlier symbols";
  }
  return success();
}

LogicalResult NNDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  return attribute.getName() == getSymbolsAttrName() ? verifySymbols(op, attribute.getValue()) : success();
}

LogicalResult NNDialect::verifyRegionArgAttribute(Operation *op, unsigned regionIndex, unsigned argIndex,
                                                  NamedAttribute attribute) {
  if (attribute.getName() == getNameAttrName() && !isa<StringAttr>(attribute.getValue()))
    return op->emitOpError("'nn.name' must be a string");
  if (attribute.getName() != getDimsAttrName())
    return success();
  auto function = dyn_cast<FunctionOpInterface>(op);
  auto dims = dyn_cast<AffineMapAttr>(attribute.getValue());
  auto type = function ? dyn_cast<RankedTensorType>(function.getArgumentTypes()[argIndex]) : nullptr;
  if (!dims || !type)
    return op->emitOpError("'nn.dims' must be an affine map on an argument that is a ranked tensor");
  if (dims.getValue().getNumResults() != static_cast<unsigned>(type.getRank()))
    return op->emitOpError("'nn.dims' of argument ") << argIndex << " must have one result per dimension";
  auto symbols = op->getAttrOfType<ArrayAttr>(getSymbolsAttrName());
  if (!rangesOverSymbols(dims.getValue(), symbols ? symbols.size() : 0))
    return op->emitOpError("'nn.dims' of argument ")
           << argIndex << " uses symbols that 'nn.symbols' does not have";
  for (auto [size, expr] : llvm::zip_equal(type.getShape(), dims.getValue().getResults()))
    if (ShapedType::isDynamic(size) ? isa<AffineConstantExpr>(expr) : ShapeContext::getConstant(expr) != size)
      return op->emitOpError("'nn.dims' of argument ") << argIndex << " contradicts its type " << type;
  return success();
}

LogicalResult NNDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned,
                                                     NamedAttribute attribute) {
  if (attribute.getName() == getNameAttrName() && !isa<StringAttr>(attribute.getValue()))
    return op->emitOpError("'nn.name' must be a string");
  return success();
}
