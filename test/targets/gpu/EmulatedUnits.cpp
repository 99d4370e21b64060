#include "test/targets/gpu/EmulatedUnits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "targets/cuda/codegen/CudaDescriptors.h"
#include "targets/gpu/codegen/GpuTarget.h"
#include "targets/level_zero/codegen/LevelZeroEnd.h"
#include "targets/rocm/codegen/RocmDescriptors.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

namespace {

/// One matrix instruction's emulation at one place of a kernel.
class Emulation {
public:
  Emulation(OpBuilder &builder, Location loc, const MatrixUnit &unit) : b(loc, builder), unit(unit) {
    Operation *op = b.getInsertionBlock()->getParentOp();
    func = isa<LLVM::LLVMFuncOp>(op) ? cast<LLVM::LLVMFuncOp>(op) : op->getParentOfType<LLVM::LLVMFuncOp>();
    threads = func->getAttrOfType<IntegerAttr>(KernelAttrs::threads).getInt();
    Value index = b.create<mlir::gpu::ThreadIdOp>(mlir::gpu::Dimension::x);
    Value thread = b.create<arith::IndexCastOp>(b.getI64Type(), index);
    lane = b.create<arith::RemUIOp>(thread, constant(unit.lanes));
    subgroup = b.create<arith::DivUIOp>(thread, constant(unit.lanes));
  }

  Value emit(Value lhs, Value rhs, Value acc) {
    Type number = cast<VectorType>(acc.getType()).getElementType();
    Value left = memory("lhs", number, unit.m * unit.k), right = memory("rhs", number, unit.k * unit.n);
    spread(lhs, unit.lhsLayout, left, number, unit.m, unit.k);
    spread(rhs, unit.rhsLayout, right, number, unit.k, unit.n);
    b.create<mlir::gpu::BarrierOp>();
    for (unsigned r = 0; r < unit.accLayout.getNumElements(); ++r) {
      auto [row, column] = place(unit.accLayout, r);
      Value sum = b.create<vector::ExtractOp>(acc, int64_t(r));
      auto loop = b.create<scf::ForOp>(constant(0), constant(unit.k), constant(1), ValueRange{sum});
      {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(loop.getBody());
        Value k = loop.getInductionVar();
        Value x = load(left, number, at(row, k, unit.m, unit.k)),
              y = load(right, number, at(k, column, unit.k, unit.n));
        Value next = b.create<math::FmaOp>(x, y, loop.getRegionIterArgs()[0]);
        b.create<scf::YieldOp>(next);
      }
      acc = b.create<vector::InsertOp>(loop.getResult(0), acc, int64_t(r));
    }
    b.create<mlir::gpu::BarrierOp>();
    return acc;
  }

private:
  Value constant(int64_t x) { return b.create<arith::ConstantIntOp>(x, 64); }
  Value add(Value x, Value y) { return b.create<arith::AddIOp>(x, y); }
  Value mul(Value x, int64_t y) { return b.create<arith::MulIOp>(x, constant(y)); }

  Value memory(StringRef name, Type type, unsigned count) {
    std::string symbol = (func.getName() + "_" + unit.name + "_" + name).str();
    std::replace(symbol.begin(), symbol.end(), '.', '_');
    auto module = func->getParentOfType<ModuleOp>();
    auto global = module.lookupSymbol<LLVM::GlobalOp>(symbol);
    if (!global) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(func);
      global = b.create<LLVM::GlobalOp>(LLVM::LLVMArrayType::get(type, count * (threads / unit.lanes)), false,
                                        LLVM::Linkage::Internal, symbol, Attribute(), 16, kSharedSpace);
    }
    return b.create<LLVM::AddressOfOp>(global);
  }
  Value address(Value base, Type type, Value index) {
    return b.create<LLVM::GEPOp>(base.getType(), type, base, ValueRange{index});
  }
  Value load(Value base, Type type, Value index) {
    return b.create<LLVM::LoadOp>(type, address(base, type, index), type.getIntOrFloatBitWidth() / 8);
  }
  /// Index of (row, column) in this subgroup's matrix.
  Value at(Value row, Value column, unsigned rows, unsigned columns) {
    return add(mul(subgroup, rows * columns), add(mul(row, columns), column));
  }
  std::pair<Value, Value> place(const FragmentLayout &layout, unsigned element) {
    auto [row, column] = layout.at(0, element);
    Value r = constant(row), c = constant(column);
    for (auto [i, part] : llvm::enumerate(layout.lane)) {
      Value bit = b.create<arith::AndIOp>(b.create<arith::ShRUIOp>(lane, constant(i)), constant(1));
      r = add(r, mul(bit, part.first)), c = add(c, mul(bit, part.second));
    }
    return {r, c};
  }
  /// A fragment's elements to where they belong.
  void spread(Value fragment, const FragmentLayout &layout, Value base, Type number, unsigned rows,
              unsigned columns) {
    for (unsigned r = 0; r < layout.getNumElements(); ++r) {
      auto [row, column] = place(layout, r);
      Value x = b.createOrFold<vector::ExtractOp>(fragment, int64_t(r));
      if (x.getType().getIntOrFloatBitWidth() < number.getIntOrFloatBitWidth()) {
        x = b.create<arith::ExtFOp>(number, x);
      } else if (unit.lhs == Number::tf32) { // the instruction reads so many bits only
        Value bits = b.create<arith::BitcastOp>(b.getI32Type(), x);
        bits = b.create<arith::AndIOp>(bits, b.create<arith::ConstantIntOp>(int64_t(0xFFFFE000), 32));
        x = b.create<arith::BitcastOp>(number, bits);
      }
      b.create<LLVM::StoreOp>(x, address(base, number, at(row, column, rows, columns)),
                              number.getIntOrFloatBitWidth() / 8);
    }
  }

  ImplicitLocOpBuilder b;
  const MatrixUnit &unit;
  LLVM::LLVMFuncOp func;
  unsigned threads;
  Value lane, subgroup;
};

/// Instructions are marks while a kernel is emitted, loops of which are not yet in any function.
class EmulatedEnd : public level_zero::LevelZeroEnd {
public:
  explicit EmulatedEnd(const GpuDescriptor &gpu) : gpu(gpu) {}

  Value emitMatrix(OpBuilder &b, Location loc, const MatrixUnit &unit, Value lhs, Value rhs,
                   Value acc) const override {
    auto mark = b.create<UnrealizedConversionCastOp>(loc, acc.getType(), ValueRange{lhs, rhs, acc});
    mark->setAttr(kUnit, b.getStringAttr(unit.name));
    return mark.getResult(0);
  }

  /// Copies that have ended when they begin.
  void emitAsyncCopy(OpBuilder &b, Location loc, Value to, Value from, unsigned bytes) const override {
    auto address = from.getDefiningOp<LLVM::GEPOp>();
    Type element = address ? address.getElemType() : to.getDefiningOp<LLVM::GEPOp>().getElemType();
    unsigned lanes = bytes * 8 / element.getIntOrFloatBitWidth();
    Type type = lanes > 1 ? VectorType::get({int64_t(lanes)}, element) : element;
    b.create<LLVM::StoreOp>(loc, b.create<LLVM::LoadOp>(loc, type, from, bytes), to, bytes);
  }

  llvm::Expected<std::vector<char>> compile(llvm::ArrayRef<ModuleOp> modules,
                                            llvm::ArrayRef<std::string> entries,
                                            const EndOptions &options) const override {
    for (ModuleOp module : modules)
      module->walk([&](UnrealizedConversionCastOp mark) {
        auto name = mark->getAttrOfType<StringAttr>(kUnit);
        if (!name)
          return;
        auto unit = llvm::find_if(gpu.matrixUnits, [&](const MatrixUnit &u) { return u.name == name; });
        OpBuilder b(mark);
        Value acc = Emulation(b, mark.getLoc(), *unit)
                        .emit(mark.getOperand(0), mark.getOperand(1), mark.getOperand(2));
        mark.getResult(0).replaceAllUsesWith(acc);
        SmallVector<Value> fragments(mark.getOperands());
        mark.erase();
        for (Value fragment : fragments) // vectors of one element have no other use
          if (Operation *op = fragment.getDefiningOp(); op && isOpTriviallyDead(op))
            op->erase();
      });
    return LevelZeroEnd::compile(modules, entries, options);
  }

private:
  static constexpr StringLiteral kUnit = "test.unit";
  const GpuDescriptor &gpu;
};

} // namespace

const std::vector<std::string> &aicc::gpu::test::getEmulatedTargets() {
  static const std::vector<std::string> targets = [] {
    std::vector<GpuDescriptor> descriptors, all = cuda::getDescriptors();
    all.push_back(level_zero::getDescriptors().front());
    for (GpuDescriptor &gpu : rocm::getDescriptors())
      all.push_back(gpu);
    std::vector<std::string> names;
    for (GpuDescriptor &gpu : all) {
      if (gpu.architecture == "sm_86" || gpu.architecture == "sm_89")
        continue; // as sm_80
      bool hasUnits = !gpu.matrixUnits.empty();
      gpu.target = "emulated";
      gpu.format = "spirv-opencl";
      gpu.requiredFeatures.clear();
      gpu.maxSharedBytes = 0;
      gpu.subgroupSize = 0;
      gpu.atomicAddF32 = false;
      if (hasUnits)
        names.push_back("emulated:" + gpu.architecture);
      descriptors.push_back(gpu);
    }
    registerTarget(
        makeGpuTarget("emulated", descriptors, [](const GpuDescriptor &gpu) -> std::unique_ptr<DeviceEnd> {
          return std::make_unique<EmulatedEnd>(gpu);
        }));
    return names;
  }();
  return targets;
}
