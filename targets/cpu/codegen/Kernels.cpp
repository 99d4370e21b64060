// The table of kernel emitters by kind.

#include "targets/cpu/codegen/Kernels.h"
#include "llvm/ADT/StringSwitch.h"

using namespace aicc::cpu;

KernelFn aicc::cpu::getKernelEmitter(llvm::StringRef kind) {
  return llvm::StringSwitch<KernelFn>(kind)
      .Case("map", emitMap)
      .Case("matmul", emitMatMul)
      .Cases("reduce", "arg_reduce", emitReduce)
      .Cases("softmax", "layer_norm", "rms_norm", "group_norm", "lrn", emitNorm)
      .Case("attention", emitAttention)
      .Case("conv", emitConv)
      .Case("conv_transpose", emitConvTranspose)
      .Cases("max_pool", "avg_pool", emitPool)
      .Case("resize", emitResize)
      .Cases("lstm", "gru", "rnn", emitRecurrent)
      .Cases("cumsum", "topk", "scatter_elements", "scatter_nd", "gather_elements", "gather_nd", emitIndexed)
      .Default(nullptr);
}
