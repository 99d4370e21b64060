// Normalizations: the choice of the family, after dimensions that are treated alike have been merged.

#include "targets/cpu/codegen/Norms.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::kernel;

FailureOr<Launch> aicc::cpu::emitNorm(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  Operation *root = nullptr;
  for (Operation &op : clone.getBody().front())
    if (isa<nn::SoftmaxOp, nn::LayerNormOp, nn::RmsNormOp, nn::GroupNormOp, nn::LrnOp>(op)) {
      if (root)
        return failure();
      root = &op;
    }
  if (!root)
    return failure();
  auto collapse = [&](ArrayRef<Value> apart, ArrayRef<unsigned> barriers) {
    return collapseBody(clone, root, apart, barriers, request.shapes);
  };
  return llvm::TypeSwitch<Operation *, FailureOr<Launch>>(root)
      .Case([&](nn::SoftmaxOp op) -> FailureOr<Launch> {
        unsigned axis = op.getAxis();
        op.setAxis(getMergedDimension(collapse({}, {axis, axis + 1}), axis));
        CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
        return emitSoftmax(e, op);
      })
      .Case<nn::LayerNormOp, nn::RmsNormOp>([&](auto op) -> FailureOr<Launch> {
        unsigned axis = op.getAxis();
        op.setAxis(getMergedDimension(collapse({}, {axis}), axis));
        CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
        return emitLayerNorm(e, op);
      })
      .Case([&](nn::GroupNormOp op) -> FailureOr<Launch> {
        collapse({op.getScale(), op.getBias()}, {1, 2});
        CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
        return emitGroupNorm(e, op);
      })
      .Case([&](nn::LrnOp op) -> FailureOr<Launch> {
        collapse({}, {1, 2});
        CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
        return emitLrn(e, op);
      });
}
