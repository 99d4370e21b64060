// See aicc/Verify.h. The graph first, as imported and as optimized, then every dispatch of the compiled
// program on the very tensors that the program gave it, and the program as a whole.

#include "aicc/Verify.h"
#include "aicc/Cache.h"
#include "compiler/Compilation.h"
#include "compiler/Emit.h"
#include "compiler/Reference.h"
#include "compiler/VerifyGraph.h"
#include "dialects/nn/NN.h"
#include "mlir/IR/Verifier.h"
#include "passes/dispatch/Passes.h"
#include "passes/program/Passes.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

namespace aicc {

namespace {
/// A target instance that leaves some operations in dispatches of their own.
class Unfused : public TargetInstance {
public:
  Unfused(const TargetInstance &base, const llvm::DenseSet<Attribute> &alone) : base(base), alone(alone) {}
  std::string getName() const override { return base.getName(); }
  std::string describe() const override { return base.describe(); }
  std::string getFormat() const override { return base.getFormat(); }
  std::vector<std::string> getRequiredFeatures() const override { return base.getRequiredFeatures(); }
  int64_t getRank() const override { return base.getRank(); }
  int64_t getChannelBlock() const override { return base.getChannelBlock(); }
  std::string check(Operation *op) const override { return base.check(op); }
  LogicalResult prepare(func::FuncOp func) const override { return base.prepare(func); }
  bool canFuse(Operation *op, Operation *root) const override {
    return !alone.contains(op->getLoc()) && base.canFuse(op, root);
  }
  LogicalResult generate(ModuleOp module, const CodegenOptions &options) const override {
    return base.generate(module, options);
  }

private:
  const TargetInstance &base;
  const llvm::DenseSet<Attribute> &alone;
};

/// A program compiled twice from the same kernels: as it is, and with all dispatches' results returned.
struct Probe {
  OwningOpRef<ModuleOp> dispatched; ///< before code generation
  std::vector<std::string> kernels; ///< of each returned dispatch's result
  std::vector<HostTensor> all, own; ///< what the two returned
  unsigned numDispatches = 0;
};

class Verification {
public:
  Verification(const VerifyOptions &options, const PipelineBuilder &pipeline)
      : options(options), compilation(options.compile) {
    if (pipeline)
      compilation.buildPipeline = pipeline;
  }
  VerifyResult run();

private:
  LogicalResult runSteps();
  LogicalResult build(ModuleOp graph, const TargetInstance &instance, bool isWhole, Probe &probe);
  LogicalResult runModule(ModuleOp launches, const TargetInstance &instance,
                          std::vector<HostTensor> &outputs);
  LogicalResult compareDispatches(Probe &probe, Operation **culprit);
  LogicalResult comparePrograms(Probe &probe);
  void narrowDown(ModuleOp graph, exe::DispatchOp culprit);
  SmallVector<nn::Tensor> getArguments(func::FuncOp func);
  void progress(const char *what, double done) {
    if (options.compile.progress)
      options.compile.progress(what, done);
  }
  LogicalResult fail(CompileStatus status, const Twine &message) { return compilation.fail(status, message); }

  const VerifyOptions &options;
  Compilation compilation;
  VerifyResult result;
  std::vector<InputRange> ranges;
  std::vector<HostTensor> inputs;
  SmallVector<nn::Tensor> wanted; ///< the model's outputs
};
} // namespace

static func::FuncOp getFunction(ModuleOp module) {
  if (auto main = module.lookupSymbol<func::FuncOp>("main"))
    return main;
  auto functions = module.getOps<func::FuncOp>();
  return functions.empty() ? func::FuncOp() : *functions.begin();
}

/// "nn.matmul + nn.relu".
static std::string describeOperations(exe::DispatchOp dispatch) {
  SmallVector<std::string> names;
  for (Operation &op : dispatch.getBody().front().without_terminator())
    names.push_back(op.getName().getStringRef().str());
  constexpr size_t kShown = 6;
  std::string text = llvm::join(ArrayRef(names).take_front(kShown), " + ");
  return names.size() > kShown ? text + " + " + std::to_string(names.size() - kShown) + " more" : text;
}

/// The model's nodes that a dispatch computes.
static std::string describeNodes(exe::DispatchOp dispatch) {
  SmallVector<Location> locations;
  for (Operation &op : dispatch.getBody().front().without_terminator())
    locations.push_back(op.getLoc());
  return describeLocation(FusedLoc::get(dispatch.getContext(), locations));
}

static std::string describeTensor(const nn::Tensor &tensor) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (int64_t size : tensor.getShape())
    os << size << "x";
  os << tensor.getElementType();
  return text;
}

/// Returns `extra` after what the function returns.
static void addResults(func::FuncOp func, ArrayRef<Value> extra) {
  Operation *terminator = func.getBody().front().getTerminator();
  SmallVector<Value> values(terminator->getOperands());
  llvm::append_range(values, extra);
  SmallVector<DictionaryAttr> attributes;
  for (unsigned i = 0; i < func.getNumResults(); ++i) {
    DictionaryAttr own = func.getResultAttrDict(i);
    attributes.push_back(own ? own : DictionaryAttr::get(func.getContext()));
  }
  for (auto [i, value] : llvm::enumerate(extra))
    attributes.push_back(DictionaryAttr::get(
        func.getContext(),
        NamedAttribute(StringAttr::get(func.getContext(), nn::NNDialect::getNameAttrName()),
                       StringAttr::get(func.getContext(), "dispatch_" + Twine(i)))));
  terminator->setOperands(values);
  func.setType(FunctionType::get(func.getContext(), func.getArgumentTypes(), terminator->getOperandTypes()));
  func.setAllResultAttrs(attributes);
}

/// Leaves the first `count` results.
static void keepResults(func::FuncOp func, unsigned count) {
  Operation *terminator = func.getBody().front().getTerminator();
  SmallVector<DictionaryAttr> attributes;
  for (unsigned i = 0; i < count; ++i) {
    DictionaryAttr own = func.getResultAttrDict(i);
    attributes.push_back(own ? own : DictionaryAttr::get(func.getContext()));
  }
  terminator->setOperands(SmallVector<Value>(terminator->getOperands().take_front(count)));
  func.setType(FunctionType::get(func.getContext(), func.getArgumentTypes(), terminator->getOperandTypes()));
  func.setAllResultAttrs(attributes);
}

LogicalResult Verification::runModule(ModuleOp launches, const TargetInstance &instance,
                                      std::vector<HostTensor> &outputs) {
  for (auto func : llvm::make_early_inc_range(launches.getOps<func::FuncOp>()))
    if (failed(buildProgram(func)))
      return failure();
  if (failed(mlir::verify(launches)))
    return failure();
  const std::string path = makeTemporaryModulePath();
  auto remove = llvm::make_scope_exit([&] {
    (void)llvm::sys::fs::remove(path);
    setTemporaryFile("");
  });
  {
    ModuleWriter writer(path);
    setTemporaryFile(writer.temporaryPath());
    if (failed(emitModule({{launches, instance.getName(), instance.getFormat(), instance.getRank()}}, writer,
                          [](double) {})))
      return failure();
    if (!writer.finish())
      return fail(CompileStatus::ModelError, writer.error());
    setTemporaryFile(path);
  }
  progress("run", 0);
  outputs.clear();
  if (std::string error = options.run(path, ranges, inputs, outputs); !error.empty())
    return fail(CompileStatus::ModelError, error);
  return success();
}

/// `isWhole`: the program as it is, too.
LogicalResult Verification::build(ModuleOp graph, const TargetInstance &instance, bool isWhole,
                                  Probe &probe) {
  progress("dispatch", 0);
  OwningOpRef<ModuleOp> module = graph.clone();
  func::FuncOp func = getFunction(*module);
  const unsigned numOwn = func.getNumResults();
  if (failed(compilation.formDispatches(func, instance)) || failed(mlir::verify(*module)))
    return failure();
  SmallVector<Value> extra;
  for (auto dispatch : func.getBody().front().getOps<exe::DispatchOp>()) {
    ++probe.numDispatches;
    llvm::append_range(extra, dispatch.getResults());
  }
  addResults(func, extra);
  probe.dispatched = module->clone();
  progress("kernel", 0);
  CodegenOptions codegen;
  codegen.threads = compilation.threads;
  if (failed(instance.generate(*module, codegen)))
    return failure();
  func = getFunction(*module);
  for (Value value : func.getBody().front().getTerminator()->getOperands().drop_front(numOwn)) {
    auto launch = value.getDefiningOp<exe::LaunchOp>();
    probe.kernels.push_back(launch ? launch.getKernel().getLeafReference().str() : "");
  }
  OwningOpRef<ModuleOp> whole;
  if (isWhole) {
    whole = module->clone();
    keepResults(getFunction(*whole), numOwn);
  }
  if (failed(runModule(*module, instance, probe.all)))
    return failure();
  return isWhole ? runModule(*whole, instance, probe.own) : success();
}

SmallVector<nn::Tensor> Verification::getArguments(func::FuncOp func) {
  SmallVector<nn::Tensor> arguments;
  for (auto [type, input] : llvm::zip_equal(func.getArgumentTypes(), inputs))
    arguments.push_back(makeTensor(input, cast<RankedTensorType>(type).getElementType()));
  return arguments;
}

/// Every dispatch on what the program gave it. The first that differs is noted and becomes `*culprit`.
LogicalResult Verification::compareDispatches(Probe &probe, Operation **culprit) {
  OwningOpRef<ModuleOp> module = probe.dispatched->clone(); // what is run is changed
  func::FuncOp func = getFunction(*module);
  auto originals = getFunction(*probe.dispatched).getBody().front().getOps<exe::DispatchOp>().begin();
  const unsigned numOwn = func.getNumResults() - probe.kernels.size();
  size_t next = 0;
  unsigned count = 0;
  auto compare = [&](Operation *op, SmallVectorImpl<nn::Tensor> &results) -> LogicalResult {
    if (!isa<exe::DispatchOp>(op))
      return success();
    exe::DispatchOp original = *originals++;
    progress("compare", double(count++) / std::max(probe.numDispatches, 1u));
    for (nn::Tensor &want : results) {
      const HostTensor &array = probe.all[numOwn + next];
      nn::Tensor got = makeTensor(array, want.getElementType());
      Difference difference = compareTensors(want, got, options.tolerance);
      const std::string node = describeNodes(original);
      if (difference.relative > result.largestError && !difference.isWrong) {
        result.largestError = difference.relative;
        result.largestErrorAt = node;
      }
      if (difference.isWrong && !*culprit) {
        *culprit = original;
        Divergence &found = result.divergence;
        found = Divergence();
        found.stage = "kernel";
        found.node = node;
        found.op = describeOperations(original);
        found.kernel = probe.kernels[next];
        found.tensor = describeTensor(want);
        found.what = difference.what;
      }
      ++next;
      // A shape that is wrong would only fail the next operation; so would NaNs, in each after this.
      if (!*culprit)
        want = got;
    }
    return success();
  };
  nn::EvalContext ctx;
  SmallVector<nn::Tensor> outputs;
  if (failed(evaluateDispatched(func, ctx, getArguments(func), compare, outputs)) && !*culprit)
    return fail(CompileStatus::ModelError,
                "the reference interpreter can't run the dispatches: " + ctx.error);
  return success();
}

/// All kernels are right: are the dispatches the graph, and is the program what its kernels give?
LogicalResult Verification::comparePrograms(Probe &probe) {
  OwningOpRef<ModuleOp> module = probe.dispatched->clone();
  func::FuncOp func = getFunction(*module);
  SmallVector<Type> types;
  for (Value value : func.getBody().front().getTerminator()->getOperands())
    types.push_back(cast<RankedTensorType>(value.getType()).getElementType());
  SmallVector<nn::Tensor> reference;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const nn::Tensor &want = wanted[i];
    nn::Tensor whole = makeTensor(probe.own[i], types[i]), parts = makeTensor(probe.all[i], types[i]);
    const std::string name = "output " + std::to_string(i) + " (" + describeTensor(want) + ")";
    auto note = [&](const char *stage, const Difference &difference) {
      result.divergence.stage = stage;
      result.divergence.tensor = name;
      result.divergence.node =
          describeLocation(func.getBody().front().getTerminator()->getOperand(i).getLoc());
      result.divergence.what = difference.what;
    };
    if (Difference difference = compareTensors(parts, whole, options.tolerance); difference.isWrong) {
      note("program", difference);
      return success();
    }
    nn::Tensor expected = want.getElementType() == types[i] ? want : want.recast(types[i]);
    if (!compareTensors(expected, whole, options.tolerance).isWrong)
      continue;
    // Many small roundings, or dispatches that are not the graph.
    if (reference.empty()) {
      nn::EvalContext ctx;
      auto keep = [](Operation *, SmallVectorImpl<nn::Tensor> &) { return success(); };
      if (failed(evaluateDispatched(func, ctx, getArguments(func), keep, reference)))
        return fail(CompileStatus::ModelError,
                    "the reference interpreter can't run the dispatches: " + ctx.error);
    }
    if (Difference difference = compareTensors(expected, reference[i], options.tolerance);
        difference.isWrong) {
      note("dispatches", difference);
      return success();
    }
    if (Difference difference = compareTensors(reference[i], whole, 1e-2); difference.isWrong)
      result.warnings.push_back(name + " " + difference.what +
                                ", though every dispatch is right: small errors grow in this model");
  }
  return success();
}

/// The dispatch's operations one by one: which of them is wrong, or only their fusion.
void Verification::narrowDown(ModuleOp graph, exe::DispatchOp culprit) {
  mlir::Block &body = culprit.getBody().front();
  if (llvm::hasSingleElement(body.without_terminator()))
    return;
  llvm::DenseSet<Attribute> alone;
  for (Operation &op : body.without_terminator())
    alone.insert(op.getLoc());
  const Divergence fused = result.divergence;
  Unfused instance(*compilation.instances.front(), alone);
  Probe probe;
  Operation *part = nullptr;
  const size_t numErrors = compilation.result.errors.size();
  const CompileStatus status = compilation.result.status;
  bool done = succeeded(build(graph, instance, /*isWhole=*/false, probe)) &&
              succeeded(compareDispatches(probe, &part));
  if (!done) { // unfused it can't be compiled: what is known stays
    compilation.result.errors.resize(numErrors);
    compilation.result.status = status;
    compilation.diagnostics.errors.clear();
  }
  const bool isPart = part && llvm::any_of(cast<exe::DispatchOp>(part).getBody().front().without_terminator(),
                                           [&](Operation &op) { return alone.contains(op.getLoc()); });
  if (isPart && done)
    return;
  result.divergence = fused;
  result.divergence.onlyFused = done && !part;
}

LogicalResult Verification::runSteps() {
  if (failed(compilation.validate()))
    return failure();
  if (compilation.instances.size() != 1)
    return fail(CompileStatus::UsageError,
                "'" + options.compile.targets + "' stands for several architectures; verify one at a time");
  const TargetInstance &instance = *compilation.instances.front();
  progress("import", 0);
  OwningOpRef<ModuleOp> imported = compilation.import();
  if (!imported)
    return failure();
  func::FuncOp model = getFunction(*imported);
  if (!model)
    return fail(CompileStatus::UsageError,
                "'" + options.compile.input + "' holds no function of nn operations");
  model.walk([&](nn::EvaluateOpInterface) { ++result.numNodes; });
  ranges = getInputRanges(model);
  progress("graph", 0);
  OwningOpRef<ModuleOp> graph = compilation.optimize(*imported, instance.getChannelBlock());
  if (!graph)
    return failure();
  Probe probe;
  if (failed(build(*graph, instance, /*isWhole=*/true, probe)))
    return failure();
  result.numDispatches = probe.numDispatches;
  result.outputs = probe.own;

  progress("reference", 0);
  GraphComparison comparison(compilation, getArguments(model), options.tolerance);
  if (failed(comparison.run(*imported, *graph, result.divergence)))
    return failure();
  if (!result.divergence.stage.empty())
    return success();
  wanted = comparison.outputs;

  Operation *culprit = nullptr;
  if (failed(compareDispatches(probe, &culprit)))
    return failure();
  if (culprit) {
    narrowDown(*graph, cast<exe::DispatchOp>(culprit));
    return success();
  }
  return comparePrograms(probe);
}

VerifyResult Verification::run() {
  LogicalResult done = runSteps();
  setCurrentPhase(nullptr);
  for (const onnx_import::Problem &problem : compilation.problems)
    result.errors.push_back(onnx_import::toString(problem));
  llvm::append_range(result.errors, compilation.result.errors);
  llvm::append_range(result.errors, compilation.diagnostics.errors);
  llvm::append_range(result.warnings, compilation.diagnostics.warnings);
  result.status = compilation.result.status;
  if (failed(done) && result.status == CompileStatus::Done)
    result.status = result.errors.empty() ? CompileStatus::InternalError : CompileStatus::ModelError;
  if (succeeded(done) && !result.divergence.stage.empty())
    result.status = CompileStatus::InternalError;
  return result;
}

VerifyResult verifyWith(const VerifyOptions &options, const PipelineBuilder &pipeline) {
  return Verification(options, pipeline).run();
}

VerifyResult verify(const VerifyOptions &options) { return verifyWith(options, nullptr); }

} // namespace aicc
