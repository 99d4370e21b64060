// The rt dialect's registration, verifiers and folders.

#include "dialects/rt/Rt.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace aicc::rt;

#include "dialects/rt/RtDialect.cpp.inc"
#include "dialects/rt/RtEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/rt/RtTypes.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/rt/RtAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/rt/RtOps.cpp.inc"

void RtDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/rt/RtTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/rt/RtAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/rt/RtOps.cpp.inc"
      >();
}

//===--- attributes
//----------------------------------------------------------------------------------------------------===//

LogicalResult TensorAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef name,
                                 RankedTensorType type, ArrayRef<int64_t> symbols,
                                 ArrayRef<StringAttr> dims) {
  size_t rank = type ? type.getRank() : 0;
  if (!type || symbols.size() != rank || dims.size() != rank)
    return emitError() << "'" << name << "' must have a symbol and a text for each dimension";
  return success();
}

//===--- the program
//---------------------------------------------------------------------------------------------------===//

LogicalResult ProgramOp::verify() {
  for (Attribute attr : getSymbols()) {
    auto symbol = dyn_cast<SymbolAttr>(attr);
    if (!symbol)
      return emitOpError("'symbols' must be #rt.symbol attributes");
    if (symbol.getMin() < 0 || symbol.getMin() > symbol.getMax())
      return emitOpError("symbol '") << symbol.getName() << "' has bounds " << symbol.getMin() << ".."
                                     << symbol.getMax();
    auto arg = symbol.getArg() >= 0 && symbol.getArg() < int64_t(getArgs().size())
                   ? dyn_cast<TensorAttr>(getArgs()[symbol.getArg()])
                   : TensorAttr();
    if (!arg || symbol.getDim() < 0 || symbol.getDim() >= arg.getType().getRank())
      return emitOpError("symbol '") << symbol.getName() << "' is bound by a dimension that no argument has";
  }
  for (ArrayAttr list : {getArgs(), getResults()})
    for (Attribute attr : list) {
      auto tensor = dyn_cast<TensorAttr>(attr);
      if (!tensor)
        return emitOpError("'args' and 'results' must be #rt.tensor attributes");
      for (auto [symbol, size] : llvm::zip_equal(tensor.getSymbols(), tensor.getType().getShape()))
        if (symbol < -1 || symbol >= int64_t(getSymbols().size()) ||
            (symbol >= 0 && !ShapedType::isDynamic(size)))
          return emitOpError("'") << tensor.getName() << "' names a symbol that it can't have";
    }
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  Block &block = getBody().front();
  if (block.getNumArguments() != getArgs().size() ||
      !llvm::all_of(block.getArgumentTypes(), [](Type type) { return isa<BufferType>(type); }))
    return emitOpError("the block must have one buffer per argument");
  if (block.empty() || !isa<ReturnOp>(block.back()))
    return emitOpError("must end in rt.return");
  bool seen = false;
  for (Operation &op : block) {
    if (isa<ReturnOp>(op) && &op != &block.back())
      return op.emitOpError("must be the last operation");
    if (isa<ResultsOp>(op)) {
      if (seen)
        return op.emitOpError("may stand once in a program");
      seen = true;
    } else if (!seen && isa<RtDialect>(op.getDialect()) &&
               !isa<SymbolOp, ArgDimOp, ArithOp, SelectOp, AssertOp, ConstantOp, ArenaOp, ReturnOp>(op)) {
      return op.emitOpError("can't stand in the shape program, before rt.results");
    }
  }
  if (!seen)
    return emitOpError("has no rt.results");
  return success();
}

ResultsOp ProgramOp::getResultsOp() {
  auto ops = getBody().front().getOps<ResultsOp>();
  return ops.empty() ? ResultsOp() : *ops.begin();
}

LogicalResult ResultsOp::verify() {
  auto program = cast<ProgramOp>((*this)->getParentOp());
  size_t sizes = 0;
  for (Attribute attr : program.getResults())
    if (auto tensor = dyn_cast<TensorAttr>(attr))
      sizes += tensor.getType().getRank();
  if (getBuffers().size() != program.getResults().size() || getSizes().size() != sizes)
    return emitOpError(
        "must give a buffer for each of the program's results, and take a size for each dimension");
  return success();
}

//===--- registers
//-----------------------------------------------------------------------------------------------------===//

LogicalResult SymbolOp::verify() {
  auto program = (*this)->getParentOfType<ProgramOp>();
  if (program && uint64_t(getIndex()) >= program.getSymbols().size())
    return emitOpError("names a symbol that the program does not have");
  return success();
}

LogicalResult ArgDimOp::verify() {
  auto program = (*this)->getParentOfType<ProgramOp>();
  if (!program)
    return success();
  if (uint64_t(getArg()) >= program.getArgs().size() ||
      uint64_t(getDim()) >= uint64_t(program.getArg(getArg()).getType().getRank()))
    return emitOpError("names a dimension that no argument has");
  return success();
}

std::optional<int64_t> aicc::rt::compute(ArithKind kind, int64_t a, int64_t b) {
  int64_t result;
  switch (kind) {
  case ArithKind::move:
    return a;
  case ArithKind::add:
    return llvm::AddOverflow(a, b, result) ? std::nullopt : std::optional(result);
  case ArithKind::sub:
    return llvm::SubOverflow(a, b, result) ? std::nullopt : std::optional(result);
  case ArithKind::mul:
    return llvm::MulOverflow(a, b, result) ? std::nullopt : std::optional(result);
  case ArithKind::floordiv:
  case ArithKind::ceildiv:
  case ArithKind::mod: {
    if (b == 0 || (b == -1 && a == INT64_MIN))
      return std::nullopt;
    int64_t remainder = a % b;
    bool rounds = remainder != 0, differ = (a < 0) != (b < 0);
    if (kind == ArithKind::floordiv)
      return a / b - (rounds && differ);
    if (kind == ArithKind::ceildiv)
      return a / b + (rounds && !differ);
    return rounds && differ ? remainder + b : remainder;
  }
  case ArithKind::min:
    return std::min(a, b);
  case ArithKind::max:
    return std::max(a, b);
  case ArithKind::eq:
    return a == b;
  case ArithKind::ne:
    return a != b;
  case ArithKind::lt:
    return a < b;
  case ArithKind::le:
    return a <= b;
  case ArithKind::iand:
    return a & b;
  case ArithKind::ior:
    return a | b;
  case ArithKind::ixor:
    return a ^ b;
  }
  return std::nullopt;
}

OpFoldResult ArithOp::fold(FoldAdaptor adaptor) {
  auto a = dyn_cast_if_present<IntegerAttr>(adaptor.getLhs()),
       b = dyn_cast_if_present<IntegerAttr>(adaptor.getRhs());
  if (a && b)
    if (std::optional<int64_t> value = compute(getKind(), a.getInt(), b.getInt()))
      return IntegerAttr::get(getType(), *value);
  if (b && ((b.getInt() == 0 && (getKind() == ArithKind::add || getKind() == ArithKind::sub)) ||
            (b.getInt() == 1 && (getKind() == ArithKind::mul || getKind() == ArithKind::floordiv ||
                                 getKind() == ArithKind::ceildiv))))
    return getLhs();
  return {};
}

Operation *RtDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

LogicalResult LoadScalarOp::verify() {
  Type type = getType();
  if (!type.isInteger() || type.getIntOrFloatBitWidth() > 64 || type.isUnsignedInteger(64))
    return emitOpError("loads booleans and integers that fit a register");
  return success();
}

//===--- buffers
//-------------------------------------------------------------------------------------------------------===//

LogicalResult BindResultOp::verify() {
  auto program = cast<ProgramOp>((*this)->getParentOp());
  if (getIndex() >= program.getResults().size())
    return emitOpError("binds a result that the program does not have");
  auto result = dyn_cast<TensorAttr>(program.getResults()[getIndex()]);
  if (!result || int64_t(getSizes().size()) != result.getType().getRank())
    return emitOpError("needs a size for each dimension");
  return success();
}

LogicalResult FreeOp::verify() {
  // What blocks pass on came from one, too.
  Operation *op = getBuffer().getDefiningOp();
  auto argument = dyn_cast<BlockArgument>(getBuffer());
  if (op ? !isa<AllocOp, IfOp, LoopOp>(op) : !isa<LoopOp>(argument.getOwner()->getParentOp()))
    return emitOpError("frees what no rt.alloc made");
  return success();
}

/// Fails unless a block ends in rt.yield of these types, and gives no buffer away twice.
static LogicalResult checkYield(Operation *op, Block &block, TypeRange types) {
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (!yield || yield.getValues().getTypes() != types)
    return op->emitOpError("needs blocks that yield what it gives");
  llvm::SmallPtrSet<void *, 8> seen;
  for (Value value : yield.getValues())
    if (isa<BufferType>(value.getType()) && !seen.insert(value.getAsOpaquePointer()).second)
      return op->emitOpError("gives a buffer away twice");
  return success();
}

LogicalResult IfOp::verifyRegions() {
  for (Region &region : (*this)->getRegions())
    if (region.getNumArguments() || failed(checkYield(*this, region.front(), getResultTypes())))
      return failure();
  return success();
}

LogicalResult LoopOp::verifyRegions() {
  SmallVector<Type> types = {IntegerType::get(getContext(), 64)};
  llvm::append_range(types, getInits().getTypes());
  if (getInits().getTypes() != getResultTypes() || getBody().getArgumentTypes() != getResultTypes())
    return emitOpError("must give, take, and pass on the same types");
  return checkYield(*this, getBody().front(), types);
}

LogicalResult FillOp::verify() {
  int64_t size = getPatternSize();
  if (size != 1 && size != 2 && size != 4 && size != 8)
    return emitOpError("patterns have 1, 2, 4 or 8 bytes");
  return success();
}

LogicalResult DispatchOp::verify() {
  if (getKernel().getNestedReferences().size() != 1)
    return emitOpError("the kernel must be @executable::@entry");
  if (getOffsets().size() != getBuffers().size() || getLengths().size() != getBuffers().size())
    return emitOpError("every buffer needs an offset and a length");
  return success();
}
