// Numbers: CUDA C++ Programming Guide (compute capabilities) and the architectures' white papers. Fragment
// layouts: PTX ISA, "Matrix Fragments for mma".

#include "targets/cuda/codegen/CudaDescriptors.h"

using namespace aicc::cuda;
using namespace aicc::gpu;

static constexpr MatrixInstruction kInstructions[] = {
    {"m8n8k4.f16", "llvm.nvvm.mma.m8n8k4.row.col.f32.f32", Register::half2, Register::single},
    {"m16n8k8.f16", "llvm.nvvm.mma.m16n8k8.row.col.f32.f32", Register::half2, Register::single},
    {"m16n8k16.f16", "llvm.nvvm.mma.m16n8k16.row.col.f32.f32", Register::half2, Register::single},
    {"m16n8k16.bf16", "llvm.nvvm.mma.m16n8k16.row.col.bf16", Register::packed, Register::single},
    {"m16n8k8.tf32", "llvm.nvvm.mma.m16n8k8.row.col.tf32", Register::packed, Register::single},
    {"m8n8k16.s8", "llvm.nvvm.mma.m8n8k16.row.col.s8", Register::packed, Register::packed},
    {"m16n8k32.s8", "llvm.nvvm.mma.m16n8k32.row.col.s8", Register::packed, Register::packed},
    {"m16n8k32.u8s8", "llvm.nvvm.mma.m16n8k32.row.col.u8.s8", Register::packed, Register::packed},
};

llvm::ArrayRef<MatrixInstruction> aicc::cuda::getMatrixInstructions() { return kInstructions; }

unsigned aicc::cuda::getPtxVersion(llvm::StringRef architecture) {
  if (architecture == "sm_86")
    return 71;
  if (architecture == "sm_89")
    return 78;
  return architecture == "sm_90a" ? 80 : 70;
}

static MatrixUnit makeUnit(const char *name, unsigned m, unsigned n, unsigned k, Number lhs, Number rhs,
                           Number acc, unsigned perClock) {
  MatrixUnit unit;
  unit.name = name;
  unit.m = m, unit.n = n, unit.k = k;
  unit.lhs = lhs, unit.rhs = rhs, unit.acc = acc;
  unit.perClock = perClock;
  return unit;
}

/// The accumulators of all instructions with m = 16, n = 8.
static const FragmentLayout kAcc16x8{{{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}}, {{0, 1}, {8, 0}}};

/// The four groups of eight lanes that each compute m8n8k4, as one 16x16x4: bit 2 of the lane chooses the
/// upper or lower rows, bit 3 the left or right columns.
static MatrixUnit volta(unsigned perClock) {
  MatrixUnit unit = makeUnit("m8n8k4.f16", 16, 16, 4, Number::f16, Number::f16, Number::f32, perClock);
  unit.lhsLayout = {{{1, 0}, {2, 0}, {8, 0}, {0, 0}, {4, 0}}, {{0, 1}, {0, 2}}};
  unit.rhsLayout = {{{0, 1}, {0, 2}, {0, 0}, {0, 8}, {0, 4}}, {{1, 0}, {2, 0}}};
  unit.accLayout = {{{1, 0}, {0, 2}, {8, 0}, {0, 8}, {4, 0}}, {{0, 1}, {2, 0}, {0, 4}}};
  return unit;
}

static MatrixUnit half16x8x8(unsigned perClock) {
  MatrixUnit unit = makeUnit("m16n8k8.f16", 16, 8, 8, Number::f16, Number::f16, Number::f32, perClock);
  unit.lhsLayout = {{{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}}, {{0, 1}, {8, 0}}};
  unit.rhsLayout = {{{2, 0}, {4, 0}, {0, 1}, {0, 2}, {0, 4}}, {{1, 0}}};
  unit.accLayout = kAcc16x8;
  return unit;
}

static MatrixUnit half16x8x16(Number number, unsigned perClock) {
  const char *name = number == Number::f16 ? "m16n8k16.f16" : "m16n8k16.bf16";
  MatrixUnit unit = makeUnit(name, 16, 8, 16, number, number, Number::f32, perClock);
  unit.lhsLayout = {{{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}}, {{0, 1}, {8, 0}, {0, 8}}};
  unit.rhsLayout = {{{2, 0}, {4, 0}, {0, 1}, {0, 2}, {0, 4}}, {{1, 0}, {8, 0}}};
  unit.accLayout = kAcc16x8;
  return unit;
}

static MatrixUnit tf32(unsigned perClock) {
  MatrixUnit unit = makeUnit("m16n8k8.tf32", 16, 8, 8, Number::tf32, Number::tf32, Number::f32, perClock);
  unit.lhsLayout = {{{0, 1}, {0, 2}, {1, 0}, {2, 0}, {4, 0}}, {{8, 0}, {0, 4}}};
  unit.rhsLayout = {{{1, 0}, {2, 0}, {0, 1}, {0, 2}, {0, 4}}, {{4, 0}}};
  unit.accLayout = kAcc16x8;
  return unit;
}

static MatrixUnit int8x8x16(unsigned perClock) {
  MatrixUnit unit = makeUnit("m8n8k16.s8", 8, 8, 16, Number::i8, Number::i8, Number::i32, perClock);
  unit.lhsLayout = {{{0, 4}, {0, 8}, {1, 0}, {2, 0}, {4, 0}}, {{0, 1}, {0, 2}}};
  unit.rhsLayout = {{{4, 0}, {8, 0}, {0, 1}, {0, 2}, {0, 4}}, {{1, 0}, {2, 0}}};
  unit.accLayout = {{{0, 2}, {0, 4}, {1, 0}, {2, 0}, {4, 0}}, {{0, 1}}};
  return unit;
}

static MatrixUnit int16x8x32(Number lhs, unsigned perClock) {
  const char *name = lhs == Number::i8 ? "m16n8k32.s8" : "m16n8k32.u8s8";
  MatrixUnit unit = makeUnit(name, 16, 8, 32, lhs, Number::i8, Number::i32, perClock);
  unit.lhsLayout = {{{0, 4}, {0, 8}, {1, 0}, {2, 0}, {4, 0}}, {{0, 1}, {0, 2}, {8, 0}, {0, 16}}};
  unit.rhsLayout = {{{4, 0}, {8, 0}, {0, 1}, {0, 2}, {0, 4}}, {{1, 0}, {2, 0}, {16, 0}}};
  unit.accLayout = kAcc16x8;
  return unit;
}

namespace {

/// What differs among the architectures; sizes in KiB, MiB, GB/s, MHz. The typical devices are V100, T4,
/// A100, A10, L40 and H100.
struct Architecture {
  const char *name;
  unsigned sharedKiB, units;
  int64_t cacheMiB;
  unsigned bandwidth, clock, f32PerClock;
};

} // namespace

static constexpr Architecture kArchitectures[] = {
    {"sm_80", 163, 108, 40, 1555, 1410, 64}, {"sm_70", 96, 80, 6, 900, 1530, 64},
    {"sm_75", 64, 40, 4, 320, 1590, 64},     {"sm_86", 99, 72, 6, 600, 1695, 128},
    {"sm_89", 99, 142, 96, 864, 2490, 128},  {"sm_90a", 227, 132, 50, 3350, 1755, 128},
};

std::vector<GpuDescriptor> aicc::cuda::getDescriptors() {
  std::vector<GpuDescriptor> descriptors;
  for (const Architecture &architecture : kArchitectures) {
    GpuDescriptor &gpu = descriptors.emplace_back();
    gpu.target = "cuda";
    gpu.architecture = architecture.name;
    gpu.format = "ptx";
    gpu.requiredFeatures = {architecture.name};
    gpu.subgroupSize = 32;
    gpu.sharedBytes = 48 << 10;
    gpu.maxSharedBytes = architecture.sharedKiB << 10;
    gpu.computeUnits = architecture.units;
    gpu.cacheBytes = architecture.cacheMiB << 20;
    gpu.bandwidth = architecture.bandwidth;
    gpu.clock = architecture.clock;
    gpu.f32PerClock = architecture.f32PerClock;
    gpu.atomicAddF32 = true;
    llvm::StringRef name = gpu.architecture;
    llvm::StringRef version = name.drop_front(3); // "90a"
    version.consumeInteger(10, gpu.rank);
    if (name == "sm_70") {
      gpu.matrixUnits = {volta(512)};
      continue;
    }
    if (name == "sm_75") {
      gpu.matrixUnits = {half16x8x8(512), int8x8x16(1024)};
      continue;
    }
    // mma.sync reaches about two thirds of what the last architecture's units can do.
    unsigned half = name == "sm_80" ? 1024 : name == "sm_90a" ? 1300 : 512;
    gpu.asyncCopyBytes = {4, 8, 16};
    gpu.matrixUnits = {half16x8x16(Number::f16, half), half16x8x16(Number::bf16, half), tf32(half / 2),
                       int16x8x32(Number::i8, 2 * half), int16x8x32(Number::u8, 2 * half)};
  }
  return descriptors;
}
