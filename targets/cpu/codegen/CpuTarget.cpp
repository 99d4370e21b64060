// The CPU as a target: what it takes, and the way from dispatches to launches and one image of kernels. Equal
// dispatches, the layers of a transformer, say, share a kernel.

#include "targets/cpu/codegen/CpuTarget.h"
#include "aicc/Target.h"
#include "targets/cpu/codegen/Backend.h"
#include "targets/cpu/codegen/Kernels.h"
#include "targets/cpu/codegen/Packing.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

namespace {

/// A text that is equal for dispatches that become the same kernel: operations, attributes, sizes; not names.
std::string fingerprint(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes) {
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
void collectNames(Location loc, llvm::SetVector<StringRef> &names) {
  if (auto name = dyn_cast<NameLoc>(loc))
    names.insert(name.getName().getValue());
  else if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      collectNames(part, names);
}

class CpuInstance : public TargetInstance {
public:
  explicit CpuInstance(CpuDescriptor cpu) : cpu(std::move(cpu)) {}

  std::string getName() const override { return "cpu:" + cpu.name; }
  std::string describe() const override {
    return (getName() + " " + cpu.llvmCpu + " " + cpu.llvmFeatures + " " + llvm::Twine(cpu.vectorBits) +
            " bits, L1 " + llvm::Twine(cpu.l1Bytes) + ", L2 " + llvm::Twine(cpu.l2Bytes) + ", L3 " +
            llvm::Twine(cpu.l3Bytes))
        .str();
  }
  std::string getFormat() const override { return "elf-x86-64"; }
  int64_t getChannelBlock() const override { return kPanel; }

  std::string check(Operation *op) const override {
    if (isa<nn::ElementwiseOpInterface>(op) || getKernelEmitter(op->getName().stripDialect()))
      return {};
    if (isa<nn::GatherOp, nn::PadOp, nn::IotaOp, nn::SizesOp, nn::PackOp, nn::UnpackOp, nn::RopeOp,
            nn::ConcatOp, nn::ConstantOp, nn::WeightOp, nn::TransposeOp, nn::ReshapeOp, nn::SliceOp,
            nn::BroadcastOp>(op))
      return {};
    return "the cpu target has no kernel for it";
  }

  LogicalResult prepare(func::FuncOp func) const override {
    packWeights(func);
    // A right operand that is computed at run time is read row by row: transposition becomes an operation of
    // its own.
    func.walk([](nn::MatMulOp op) {
      if (!op.getTransposeRhs())
        return;
      int64_t rank = cast<RankedTensorType>(op.getRhs().getType()).getRank();
      SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
      std::swap(perm[rank - 1], perm[rank - 2]);
      OpBuilder b(op);
      Value turned = b.create<nn::TransposeOp>(op.getLoc(), op.getRhs(), perm);
      op.getRhsMutable().assign(turned);
      op.setTransposeRhs(false);
    });
    return success();
  }

  bool canFuse(Operation *op, Operation *root) const override {
    if (!root)
      return true;
    bool elementwise = isa<nn::ElementwiseOpInterface>(op);
    if (isa<nn::MatMulOp, nn::ConvOp, nn::AttentionOp, nn::MaxPoolOp, nn::AvgPoolOp, nn::ConvTransposeOp>(
            root))
      return elementwise;
    if (isa<nn::ReduceOp, nn::SoftmaxOp, nn::LayerNormOp, nn::RmsNormOp>(root))
      return elementwise || isa<nn::GatherOp>(op);
    return false;
  }

  LogicalResult generate(ModuleOp module, const CodegenOptions &options) const override {
    MLIRContext *ctx = module.getContext();
    for (StringRef name : {"arith", "math", "scf", "vector", "llvm"})
      (void)ctx->getOrLoadDialect(name);
    llvm::StringMap<Launch> known;
    SmallVector<OwningOpRef<ModuleOp>> kernels;
    std::vector<std::string> entries;
    constexpr StringLiteral executable = "kernels";
    for (func::FuncOp func : module.getOps<func::FuncOp>()) {
      nn::SymbolicShapes shapes(func);
      for (Operation &op : llvm::make_early_inc_range(func.getBody().front())) {
        auto dispatch = dyn_cast<exe::DispatchOp>(op);
        if (!dispatch) {
          if (isa<nn::ShapeOpInterface>(op) && failed(shapes.infer(&op)))
            return failure();
          continue;
        }
        if (failed(inferBody(dispatch, shapes)))
          return failure();
        std::string key = fingerprint(dispatch, shapes);
        auto found = known.find(key);
        if (found == known.end()) {
          std::string name = (dispatch.getKind() + "_" + llvm::Twine(entries.size())).str();
          kernels.push_back(ModuleOp::create(dispatch.getLoc()));
          KernelRequest request{*kernels.back(), name, dispatch, shapes, cpu};
          KernelFn emit = getKernelEmitter(dispatch.getKind());
          FailureOr<Launch> launch = emit ? emit(request) : FailureOr<Launch>(failure());
          if (failed(launch))
            return dispatch.emitError()
                   << "the cpu target can't generate code for this " << dispatch.getKind();
          entries.push_back(launch->entry);
          found = known.try_emplace(key, *launch).first;
        }
        replace(dispatch, found->second, executable, shapes);
      }
    }
    if (entries.empty())
      return success();
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    SmallVector<StringRef> entryRefs(entries.begin(), entries.end()),
        features(cpu.requiredFeatures.begin(), cpu.requiredFeatures.end());
    if (options.keepKernels) {
      for (auto &kernel : kernels)
        module.push_back(kernel.release());
      return success();
    }
    SmallVector<ModuleOp> list;
    for (auto &kernel : kernels)
      list.push_back(*kernel);
    BackendOptions backend{cpu, options.threads, options.dumpDir};
    llvm::Expected<std::vector<char>> image = compileKernels(list, entries, backend);
    if (!image)
      return module.emitError() << llvm::toString(image.takeError());
    auto type = RankedTensorType::get({int64_t(image->size())}, b.getI8Type());
    auto elements = DenseElementsAttr::getFromRawBuffer(type, *image);
    b.create<exe::ExecutableOp>(module.getLoc(), executable, "elf-x86-64", b.getStrArrayAttr(entryRefs),
                                b.getStrArrayAttr(features), elements);
    return success();
  }

private:
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

  CpuDescriptor cpu;
};

class CpuTarget : public Target {
public:
  std::string getName() const override { return "cpu"; }
  std::vector<std::string> getArchitectures() const override { return {"native", "x86-64-v3", "x86-64-v4"}; }
  std::vector<std::string> expand(StringRef architecture) const override {
    if (architecture == "portable")
      return {"x86-64-v4", "x86-64-v3"};
    return {architecture.str()};
  }
  llvm::Expected<std::unique_ptr<TargetInstance>> createInstance(StringRef architecture) const override {
    llvm::Expected<CpuDescriptor> cpu = getCpuDescriptor(architecture);
    if (!cpu)
      return cpu.takeError();
    return std::make_unique<CpuInstance>(std::move(*cpu));
  }
};
} // namespace

void aicc::registerCpuTarget() { registerTarget(std::make_unique<CpuTarget>()); }
