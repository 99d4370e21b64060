// nn.arg_reduce, which shares emitReduce's dispatches but none of its arithmetic: positions are carried
// beside values.

#ifndef AICC_TARGETS_CPU_CODEGEN_ARGREDUCE_H
#define AICC_TARGETS_CPU_CODEGEN_ARGREDUCE_H

#include "targets/cpu/codegen/CpuEmitter.h"

namespace aicc::cpu {

/// Emits the kernel of a dispatch whose root is `root`.
Launch emitArgReduce(CpuEmitter &e, nn::ArgReduceOp root);

} // namespace aicc::cpu

#endif
