// See VerifyGraph.h.

#include "compiler/VerifyGraph.h"
#include "compiler/Reference.h"
#include "dialects/nn/NN.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace aicc {

static func::FuncOp getFunction(ModuleOp module) {
  if (auto main = module.lookupSymbol<func::FuncOp>("main"))
    return main;
  auto functions = module.getOps<func::FuncOp>();
  return functions.empty() ? func::FuncOp() : *functions.begin();
}

static std::string describeOutput(func::FuncOp func, unsigned i, const nn::Tensor &tensor) {
  auto name = func.getResultAttrOfType<StringAttr>(i, nn::NNDialect::getNameAttrName());
  std::string text = "output " + (name ? "\"" + name.getValue().str() + "\"" : std::to_string(i)) + " (";
  llvm::raw_string_ostream os(text);
  for (int64_t size : tensor.getShape())
    os << size << "x";
  os << tensor.getElementType() << ")";
  return text;
}

LogicalResult GraphComparison::evaluate(ModuleOp module, SmallVectorImpl<nn::Tensor> &results,
                                        const char *what) {
  nn::EvalContext ctx;
  if (succeeded(nn::evaluateFunction(getFunction(module), ctx, arguments, results)))
    return success();
  return compilation.fail(CompileStatus::ModelError,
                          "the reference interpreter can't run the " + Twine(what) + " graph: " + ctx.error);
}

namespace {
/// Evaluates the graph after each pass, until it differs from the model's.
class PassFinder : public PassInstrumentation {
public:
  PassFinder(ArrayRef<nn::Tensor> arguments, ArrayRef<nn::Tensor> want, double tolerance, std::string &found)
      : arguments(arguments), want(want), tolerance(tolerance), found(found) {}
  void runAfterPass(Pass *pass, Operation *op) override {
    auto module = dyn_cast<ModuleOp>(op);
    if (!module)
      module = op->getParentOfType<ModuleOp>();
    // A pipeline that is nested is a pass, too; what is in it was seen before.
    if (!found.empty() || !module || pass->getArgument().empty())
      return;
    nn::EvalContext ctx;
    SmallVector<nn::Tensor> got;
    if (failed(nn::evaluateFunction(getFunction(module), ctx, arguments, got)))
      return; // in between, there may be operations that only the next pass explains
    for (auto [a, b] : llvm::zip_equal(want, got))
      if (compareTensors(a, b, tolerance).isWrong)
        found = pass->getArgument().str();
  }

private:
  ArrayRef<nn::Tensor> arguments, want;
  double tolerance;
  std::string &found;
};
} // namespace

std::string GraphComparison::findPass(ModuleOp imported, ArrayRef<nn::Tensor> want) {
  OwningOpRef<ModuleOp> module = imported.clone();
  std::string found;
  PassManager pm(&compilation.context);
  GraphOptions options;
  options.block = compilation.instances.front()->getChannelBlock();
  compilation.buildPipeline(pm, options);
  pm.addInstrumentation(std::make_unique<PassFinder>(arguments, want, tolerance, found));
  (void)pm.run(*module);
  return found;
}

void GraphComparison::findNode(ModuleOp imported, Divergence &divergence) {
  OwningOpRef<ModuleOp> module = imported.clone();
  func::FuncOp func = getFunction(*module);
  Block &block = func.getBody().front();
  SmallVector<Value> values;
  for (Operation &op : block.without_terminator())
    if (isa<nn::EvaluateOpInterface>(op) && op.getNumOperands())
      llvm::append_range(values, op.getResults());
  block.getTerminator()->setOperands(values);
  func.setType(FunctionType::get(func.getContext(), func.getArgumentTypes(),
                                 block.getTerminator()->getOperandTypes()));
  func.setAllResultAttrs(SmallVector<DictionaryAttr>(values.size(), DictionaryAttr::get(func.getContext())));
  OwningOpRef<ModuleOp> optimized =
      compilation.optimize(*module, compilation.instances.front()->getChannelBlock());
  SmallVector<nn::Tensor> want, got;
  nn::EvalContext first, second;
  if (!optimized || failed(nn::evaluateFunction(func, first, arguments, want)) ||
      failed(nn::evaluateFunction(getFunction(*optimized), second, arguments, got))) {
    compilation.diagnostics.errors.clear();
    return;
  }
  for (auto [value, a, b] : llvm::zip_equal(values, want, got)) {
    Difference difference = compareTensors(a, b, tolerance);
    if (!difference.isWrong)
      continue;
    divergence.node = describeLocation(value.getLoc());
    divergence.op = value.getDefiningOp()->getName().getStringRef().str();
    return;
  }
}

LogicalResult GraphComparison::run(ModuleOp imported, ModuleOp graph, Divergence &divergence) {
  SmallVector<nn::Tensor> want;
  if (failed(evaluate(imported, want, "imported")) || failed(evaluate(graph, outputs, "optimized")))
    return failure();
  for (auto [i, tensors] : llvm::enumerate(llvm::zip_equal(want, outputs))) {
    auto &[a, b] = tensors;
    Difference difference = compareTensors(a, b, tolerance);
    if (!difference.isWrong)
      continue;
    func::FuncOp func = getFunction(imported);
    divergence.stage = "pass";
    divergence.tensor = describeOutput(func, i, a);
    divergence.what = difference.what;
    Value value = func.getBody().front().getTerminator()->getOperand(i);
    divergence.node = describeLocation(value.getLoc());
    if (Operation *op = value.getDefiningOp())
      divergence.op = op->getName().getStringRef().str();
    findNode(imported, divergence);
    divergence.pass = findPass(imported, want);
    return success();
  }
  return success();
}

/// The largest index that every use of `value` as indices allows; nothing: it is none.
static void findIndexUses(Value value, std::optional<int64_t> &limit, unsigned depth) {
  for (OpOperand &use : value.getUses()) {
    Operation *op = use.getOwner();
    if (isa<nn::GatherOp, nn::GatherElementsOp, nn::ScatterElementsOp>(op) && use.getOperandNumber() == 1) {
      auto type = cast<RankedTensorType>(op->getOperand(0).getType());
      const int64_t axis = op->getAttrOfType<IntegerAttr>("axis").getInt();
      // A symbolic size: what is certain to be there.
      const int64_t size = type.isDynamicDim(axis) ? 1 : type.getDimSize(axis);
      limit = std::min(limit.value_or(INT64_MAX), std::max<int64_t>(size - 1, 0));
    } else if (op->getNumOperands() == 1 && op->getNumResults() == 1 && depth < 16) {
      findIndexUses(op->getResult(0), limit, depth + 1);
    }
  }
}

std::vector<InputRange> getInputRanges(func::FuncOp func) {
  std::vector<InputRange> ranges;
  for (BlockArgument argument : func.getArguments()) {
    InputRange &range = ranges.emplace_back();
    auto element = dyn_cast<IntegerType>(cast<RankedTensorType>(argument.getType()).getElementType());
    if (!element || element.getWidth() == 1)
      continue;
    std::optional<int64_t> limit;
    findIndexUses(argument, limit, 0);
    if (limit)
      range.high = *limit;
    else if (element.getWidth() == 8) // quantized numbers
      range = element.isUnsigned() ? InputRange{0, 255} : InputRange{-128, 127};
  }
  return ranges;
}

} // namespace aicc
