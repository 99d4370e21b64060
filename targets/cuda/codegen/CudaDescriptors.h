// The architectures that PTX is generated for, and the matrix instructions of each.

#ifndef AICC_TARGETS_CUDA_CODEGEN_CUDADESCRIPTORS_H
#define AICC_TARGETS_CUDA_CODEGEN_CUDADESCRIPTORS_H

#include "targets/gpu/codegen/Descriptor.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <vector>

namespace aicc::cuda {

/// What a register of a fragment is to the instruction: two halves, an integer of packed elements, or a
/// float.
enum class Register { half2, packed, single };

/// How an instruction takes its fragments. Operands and results are single registers, in the fragments'
/// order.
struct MatrixInstruction {
  llvm::StringLiteral unit;      // MatrixUnit::name
  llvm::StringLiteral intrinsic; // LLVM's name
  Register operand, acc;
};

llvm::ArrayRef<MatrixInstruction> getMatrixInstructions();

/// The PTX version that an architecture's code is written in: the oldest that has what the code uses, so that
/// old drivers take it. 70: driver 450 (CUDA 11.0), 71: 455 (11.1), 78: 520 (11.8), 80: 525 (12.0).
unsigned getPtxVersion(llvm::StringRef architecture);

/// All architectures; the first is the default.
std::vector<gpu::GpuDescriptor> getDescriptors();

} // namespace aicc::cuda

#endif
