// The table of kernel emitters by kind.

#include "targets/gpu/codegen/Kernels.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

namespace {
struct Kind {
  StringLiteral name;
  SmallVector<KernelFn, 2> emitters;
};
} // namespace

ArrayRef<KernelFn> aicc::gpu::getKernelEmitters(StringRef kind) {
  static const Kind kinds[] = {
      {"map", {emitMap}},
      {"matmul", {emitMatMul, emitPointwise}},
      {"conv", {emitConv, emitPointwise}},
      {"conv_transpose", {emitConvTranspose, emitPointwise}},
      {"attention", {emitAttention}},
      {"reduce", {emitReduce}},
      {"arg_reduce", {emitReduce}},
      {"softmax", {emitNorm}},
      {"layer_norm", {emitNorm}},
      {"rms_norm", {emitNorm}},
      {"group_norm", {emitNorm}},
      {"lrn", {emitPointwise}},
      {"max_pool", {emitPointwise}},
      {"avg_pool", {emitPointwise}},
      {"resize", {emitPointwise}},
      {"gather_elements", {emitPointwise}},
      {"gather_nd", {emitPointwise}},
      {"cumsum", {emitIndexed}},
      {"scatter_elements", {emitIndexed}},
      {"scatter_nd", {emitIndexed}},
      {"topk", {emitTopK}},
      {"lstm", {emitRecurrent}},
      {"gru", {emitRecurrent}},
      {"rnn", {emitRecurrent}},
  };
  for (const Kind &entry : kinds)
    if (entry.name == kind)
      return entry.emitters;
  return {};
}

Operation *aicc::gpu::getRoot(exe::DispatchOp dispatch) {
  for (Operation &op : dispatch.getBody().front().without_terminator())
    if (op.getName().stripDialect() == dispatch.getKind())
      return &op;
  return nullptr;
}
