// Depthwise convolutions in the channel-blocked layout: a window for each channel, channels in lanes.

#include "targets/cpu/codegen/BlockedWindow.h"
#include "targets/cpu/codegen/RegisterTile.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

FailureOr<Launch> aicc::cpu::emitBlockedDepthwise(KernelRequest &request, exe::DispatchOp dispatch,
                                                  nn::ConvOp root) {
  CpuEmitter e(request.module, request.name, dispatch, request.shapes, request.cpu);
  unsigned lanes = request.cpu.getLanes();
  const View *input = e.view(root.getInput());
  if (!input || !input->contiguous || (root.getBias() && !e.canVectorize(root.getBias(), 0, lanes))) {
    e.abandon();
    return failure();
  }
  Type element = cast<RankedTensorType>(root.getType()).getElementType();
  SmallVector<int64_t> filter(cast<RankedTensorType>(root.getFilter().getType()).getShape());
  SmallVector<AffineExpr> result(e.shape(root.getResult()));
  ArrayRef<AffineExpr> in = e.shape(root.getInput());
  EpilogueStore store(e, root.getResult(), 4, lanes);
  Value weights = e.inputPointer(getFilterPanels(root).getArgNumber());
  auto at = [&](Value block, unsigned part) {
    return e.add(e.mul(block, e.constant(kPanel)), e.constant(part * lanes));
  };

  BlockedWindow window{e,
                       input,
                       element,
                       in[2],
                       in[3],
                       result,
                       ArrayRef(filter).drop_front(2),
                       root.getStrides(),
                       root.getDilations(),
                       root.getPadsLow()};
  window.init = [&](Value block, unsigned part) -> Value {
    if (!root.getBias())
      return e.b.create<arith::ConstantOp>(
          e.loc, e.b.getZeroAttr(VectorType::get({int64_t(lanes)}, getAccumulatorType(e.b, element))));
    Value first = at(block, part), mask;
    if (filter[0] % kPanel)
      mask = e.maskOf(e.sub(e.constant(filter[0]), first), lanes);
    return toAccumulator(e, e.emit(root.getBias(), Coord{{first}, 0, Value()}, lanes, mask), element);
  };
  window.tap = [&](Value block, Value y, Value x, unsigned part) {
    Value index = e.add(e.mul(block, e.constant(filter[2])), y);
    index = e.add(e.mul(index, e.constant(filter[3])), x);
    return toAccumulator(e, e.load(weights, at(index, part), element, lanes), element);
  };
  window.combine = [&](Value sum, Value x, Value w) {
    return multiplyAdd(e, toAccumulator(e, x, element), w, sum);
  };
  window.finish = [&](Value sum, const BlockedWindow::Place &p) {
    Coord c{{p.image, p.block, p.row, p.column, e.constant(p.part * lanes)}, 4, Value()};
    store(fromAccumulator(e, sum, element), c);
  };
  return window.emit();
}
