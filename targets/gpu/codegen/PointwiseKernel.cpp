// Kernels of operations whose result elements don't depend on each other: a thread computes one element of
// the root's result by the operation's function, and the epilogue on it.

#include "targets/gpu/codegen/Kernels.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

static constexpr unsigned kThreads = 256;

FailureOr<Launch> aicc::gpu::emitPointwise(KernelRequest &request) {
  Operation *root = getRoot(request.dispatch);
  RootElementFn element = root && root->getNumResults() == 1 ? getRootElement(root) : nullptr;
  if (!element)
    return failure();
  GpuEmitter e(request.module, request.name, request.dispatch, request.shapes, request.gpu, request.end,
               kThreads);
  Value result = root->getResult(0);
  SmallVector<AffineExpr> sizes(e.shape(result));
  AffineExpr count = e.product(sizes);
  e.ifThen(e.compare(arith::CmpIPredicate::ult, e.globalId(), e.size(count)), [&] {
    Coord c;
    c.idx = e.delinearize(e.globalId(), sizes);
    Value value = element(e, root, c);
    e.clearMemo(); // what was computed in loops is not known here
    e.bind(result, value);
    e.emitStores(result, c);
  });
  return e.finish(count.ceilDiv(kThreads));
}
