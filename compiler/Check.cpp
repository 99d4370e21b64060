// What of a model cannot be compiled, all of it at once. See aicc/Compiler.h.

#include "compiler/Compilation.h"
#include "dialects/nn/NN.h"

using namespace mlir;

namespace aicc {

/// "2x3xf32, ?xi64" of an operation's operands.
static std::string getOperandText(Operation *op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(op->getOperandTypes(), os, [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor) {
      os << type;
      return;
    }
    for (int64_t size : tensor.getShape())
      (ShapedType::isDynamic(size) ? os << "?" : os << size) << "x";
    os << tensor.getElementType();
  });
  return text;
}

CheckResult Compilation::check() {
  CheckResult checked;
  auto finish = [&](CompileStatus status) {
    llvm::append_range(checked.errors, result.errors);
    llvm::append_range(checked.errors, diagnostics.errors);
    checked.status = result.status != CompileStatus::Done ? result.status : status;
    return checked;
  };
  if (failed(validate()))
    return finish(CompileStatus::UsageError);
  imported = import();
  for (const onnx_import::Problem &problem : problems) {
    if (problem.node.empty() && problem.op.empty())
      checked.errors.push_back(onnx_import::toString(problem));
    else
      checked.problems.push_back({problem.node,
                                  (problem.domain.empty() ? "" : problem.domain + ".") + problem.op,
                                  problem.shapes, problem.reason, problem.hint, problem.opset});
  }
  if (!imported)
    return finish(CompileStatus::ModelError);
  // Graph passes turn some operations into others: what counts is what is left of the graph.
  for (auto &instance : instances) {
    OwningOpRef<ModuleOp> graph = optimize(*imported, instance->getChannelBlock());
    if (!graph)
      return finish(CompileStatus::ModelError);
    graph->walk([&](Operation *op) {
      if (!isa<nn::EvaluateOpInterface>(op))
        return;
      ++checked.numOperations;
      std::string reason = instance->check(op);
      if (!reason.empty())
        checked.problems.push_back({describeLocation(op->getLoc()), op->getName().getStringRef().str(),
                                    getOperandText(op), reason, "target " + instance->getName(), 0});
    });
  }
  return finish(checked.problems.empty() && checked.errors.empty() ? CompileStatus::Done
                                                                   : CompileStatus::ModelError);
}

CheckResult check(const CompileOptions &options) { return Compilation(options).check(); }

std::string toString(const CheckProblem &problem) {
  std::string node =
      StringRef(problem.node).starts_with("node") ? problem.node : "node \"" + problem.node + "\"";
  std::string text = node + " (" + problem.op;
  if (problem.opset)
    text += ", opset " + std::to_string(problem.opset);
  if (!problem.shapes.empty())
    text += ", " + problem.shapes;
  text += "): " + problem.reason;
  return problem.hint.empty() ? text : text + "; " + problem.hint;
}

} // namespace aicc
