// The architectures that code objects are generated for, and the matrix instructions of each.

#ifndef AICC_TARGETS_ROCM_CODEGEN_ROCMDESCRIPTORS_H
#define AICC_TARGETS_ROCM_CODEGEN_ROCMDESCRIPTORS_H

#include "targets/gpu/codegen/Descriptor.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <vector>

namespace aicc::rocm {

/// The forms that matrix instructions take their operands in.
enum class Form {
  mfma,       // (lhs, rhs, acc, 0, 0, 0)
  wmma,       // (lhs, rhs, acc)
  wmmaInteger // (signed, lhs, signed, rhs, acc, no saturation)
};

/// How an operand's fragment is given: as it is, as integers of 16 bits (bf16), as one of 32 or 64 bits, as a
/// vector of 32 bits.
enum class Operand { same, scalar, short_, packed, words };

struct MatrixInstruction {
  llvm::StringLiteral unit;      // MatrixUnit::name
  llvm::StringLiteral intrinsic; // LLVM's name, without types
  Form form;
  Operand operand;
};

llvm::ArrayRef<MatrixInstruction> getMatrixInstructions();

/// All architectures; the first is the default.
std::vector<gpu::GpuDescriptor> getDescriptors();

} // namespace aicc::rocm

#endif
