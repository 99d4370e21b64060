// From dispatches to launches: inference of sizes, recognition of equal kernels, replacement.

#include "targets/kernel/KernelModules.h"
#include "dialects/nn/NNControl.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::kernel;

/// A text that is equal for dispatches that become the same kernel: operations, attributes, sizes; not names.
static std::string fingerprint(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::DenseMap<Value, unsigned> numbers;
  auto note = [&](Value v) {
    numbers[v] = numbers.size();
    os << v.getType();
    for (AffineExpr size : shapes.get(v))
      os << ',' << size;
    os << ';';
  };
  os << dispatch.getKind() << '(';
  for (Value arg : dispatch.getBody().getArguments())
    note(arg);
  for (Operation &op : dispatch.getBody().front()) {
    os << op.getName() << op.getAttrDictionary() << '(';
    for (Value operand : op.getOperands())
      os << numbers.lookup(operand) << ',';
    os << ')';
    for (Value result : op.getResults())
      note(result);
  }
  return text;
}

/// The model's node names in a location, in order, once each.
static void collectNames(Location loc, llvm::SetVector<StringRef> &names) {
  if (auto name = dyn_cast<NameLoc>(loc))
    names.insert(name.getName().getValue());
  else if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      collectNames(part, names);
}

static LogicalResult inferBody(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes) {
  Block &body = dispatch.getBody().front();
  for (auto [operand, arg] : llvm::zip_equal(dispatch.getInputs(), body.getArguments()))
    shapes.set(arg, SmallVector<AffineExpr>(shapes.get(operand)));
  for (Operation &op : body.without_terminator())
    if (failed(shapes.infer(&op)))
      return failure();
  for (auto [value, result] :
       llvm::zip_equal(cast<exe::YieldOp>(body.back()).getValues(), dispatch.getOutputs()))
    shapes.set(result, SmallVector<AffineExpr>(shapes.get(value)));
  return success();
}

static void replace(exe::DispatchOp dispatch, const Launch &launch, StringRef executable,
                    nn::SymbolicShapes &shapes) {
  OpBuilder b(dispatch);
  llvm::SetVector<StringRef> names;
  collectNames(dispatch.getLoc(), names);
  auto kernel =
      SymbolRefAttr::get(b.getContext(), executable, FlatSymbolRefAttr::get(b.getContext(), launch.entry));
  auto op = b.create<exe::LaunchOp>(dispatch.getLoc(), dispatch.getResultTypes(), kernel,
                                    dispatch.getInputs(), shapes.getMap(launch.grid),
                                    shapes.getMap(launch.scratchBytes), shapes.getMap(launch.params),
                                    launch.inplace, b.getStrArrayAttr(names.getArrayRef()));
  SmallVector<AffineMap> maps;
  for (auto [from, to] : llvm::zip_equal(dispatch.getOutputs(), op.getOutputs())) {
    shapes.set(to, SmallVector<AffineExpr>(shapes.get(from)));
    maps.push_back(shapes.getMap(shapes.get(to)));
  }
  op->setAttr("exe.shapes", b.getAffineMapArrayAttr(maps));
  dispatch.replaceAllUsesWith(op.getOutputs());
  dispatch.erase();
}

LogicalResult KernelModules::run(Block &block, StringRef executable, StringRef target, const Emit &emit,
                                 nn::SymbolicShapes &shapes, llvm::StringMap<Launch> &known) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    auto dispatch = dyn_cast<exe::DispatchOp>(op);
    if (!dispatch) {
      if (isa<nn::ShapeOpInterface>(op) && failed(shapes.infer(&op)))
        return failure();
      nn::setArgumentSizes(&op, shapes);
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          if (failed(run(inner, executable, target, emit, shapes, known)))
            return failure();
      nn::setResultSizes(&op, shapes);
      continue;
    }
    if (failed(inferBody(dispatch, shapes)))
      return failure();
    std::string key = fingerprint(dispatch, shapes);
    auto found = known.find(key);
    if (found == known.end()) {
      std::string name = (dispatch.getKind() + "_" + llvm::Twine(entries.size())).str();
      kernels.push_back(ModuleOp::create(dispatch.getLoc()));
      KernelSource source{*kernels.back(), name, dispatch, shapes};
      FailureOr<Launch> launch = emit(source);
      if (failed(launch))
        return dispatch.emitError() << "the " << target << " target can't generate code for this "
                                    << dispatch.getKind();
      entries.push_back(launch->entry);
      found = known.try_emplace(key, *launch).first;
    }
    replace(dispatch, found->second, executable, shapes);
  }
  return success();
}

LogicalResult KernelModules::run(ModuleOp module, StringRef executable, StringRef target, const Emit &emit) {
  llvm::StringMap<Launch> known;
  for (func::FuncOp func : module.getOps<func::FuncOp>()) {
    nn::SymbolicShapes shapes(func);
    for (Block &block : func.getBody())
      if (failed(run(block, executable, target, emit, shapes, known)))
        return failure();
  }
  return success();
}

SmallVector<ModuleOp> KernelModules::getModules() {
  SmallVector<ModuleOp> list;
  for (auto &kernel : kernels)
    list.push_back(*kernel);
  return list;
}

void KernelModules::appendTo(ModuleOp module) {
  for (auto &kernel : kernels)
    module.push_back(kernel.release());
  kernels.clear();
}

void KernelModules::addExecutable(ModuleOp module, StringRef executable, StringRef format,
                                  ArrayRef<std::string> features, ArrayRef<char> image) {
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  SmallVector<StringRef> entryRefs(entries.begin(), entries.end()),
      featureRefs(features.begin(), features.end());
  auto type = RankedTensorType::get({int64_t(image.size())}, b.getI8Type());
  auto elements = DenseElementsAttr::getFromRawBuffer(type, image);
  b.create<exe::ExecutableOp>(module.getLoc(), executable, format, b.getStrArrayAttr(entryRefs),
                              b.getStrArrayAttr(featureRefs), elements);
}
