// Transposed convolutions in gather form: each result sums over the taps and inputs that reach it, so that no
// two workgroups write the same element. Results whose distance is the stride share their taps and stand in
// lanes.

#include "targets/cpu/codegen/PlainConv.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::kernel;

FailureOr<Launch> aicc::cpu::emitConvTranspose(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  auto roots = clone.getBody().front().getOps<nn::ConvTransposeOp>();
  if (!llvm::hasSingleElement(roots))
    return failure();
  nn::ConvTransposeOp root = *roots.begin();
  auto filterType = cast<RankedTensorType>(root.getFilter().getType());
  if (!filterType.hasStaticShape())
    return failure();
  CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
  const View *input = e.view(root.getInput()), *filter = e.view(root.getFilter());
  if (!input || !filter) {
    e.abandon();
    return failure();
  }
  auto copy = [](ArrayRef<int64_t> values) { return SmallVector<int64_t>(values); };
  PlainWindow window{e,
                     input,
                     SmallVector<AffineExpr>(e.shape(root.getInput()).drop_front(2)),
                     copy(filterType.getShape().drop_front(2)),
                     copy(root.getStrides()),
                     copy(root.getDilations()),
                     copy(root.getPadsLow()),
                     /*transposed=*/true};
  int64_t groups = root.getGroups(), inputs = filterType.getDimSize(0) / groups;
  PlainConv conv{window, root.getResult(), root.getBias(), groups, inputs, filterType.getDimSize(1)};
  conv.filterRow = [&](Value group, Value m) {
    Value first = e.mul(e.mul(group, e.constant(inputs)), e.size(filter->strides[0]));
    return e.add(e.add(e.size(filter->offset), first), e.mul(m, e.size(filter->strides[1])));
  };
  conv.filterIndex = [&](ArrayRef<Value> tap, Value c) {
    Value index = e.mul(c, e.size(filter->strides[0]));
    for (unsigned d = 0; d < tap.size(); ++d)
      index = e.add(index, e.mul(tap[d], e.size(filter->strides[2 + d])));
    return index;
  };
  conv.filter = filter->base;
  return conv.emit();
}
