// Numbers: the architectures' instruction set references and white papers. Fragment layouts: AMD matrix
// instruction calculator (MFMA, WMMA of RDNA 3) and the RDNA 4 instruction set reference. Both operands of an
// instruction have k in the same places, so that a result does not depend on the order of k.

#include "targets/rocm/codegen/RocmDescriptors.h"

using namespace aicc::rocm;
using namespace aicc::gpu;

static constexpr MatrixInstruction kInstructions[] = {
    {"mfma.32x32x8.f16", "llvm.amdgcn.mfma.f32.32x32x8f16", Form::mfma, Operand::same},
    {"mfma.16x16x16.f16", "llvm.amdgcn.mfma.f32.16x16x16f16", Form::mfma, Operand::same},
    {"mfma.32x32x8.bf16", "llvm.amdgcn.mfma.f32.32x32x8bf16.1k", Form::mfma, Operand::short_},
    {"mfma.16x16x16.bf16", "llvm.amdgcn.mfma.f32.16x16x16bf16.1k", Form::mfma, Operand::short_},
    {"mfma.32x32x2.f32", "llvm.amdgcn.mfma.f32.32x32x2f32", Form::mfma, Operand::scalar},
    {"mfma.16x16x4.f32", "llvm.amdgcn.mfma.f32.16x16x4f32", Form::mfma, Operand::scalar},
    {"mfma.32x32x4.xf32", "llvm.amdgcn.mfma.f32.32x32x4.xf32", Form::mfma, Operand::same},
    {"mfma.16x16x8.xf32", "llvm.amdgcn.mfma.f32.16x16x8.xf32", Form::mfma, Operand::same},
    {"mfma.32x32x8.i8", "llvm.amdgcn.mfma.i32.32x32x8i8", Form::mfma, Operand::packed},
    {"mfma.16x16x16.i8", "llvm.amdgcn.mfma.i32.16x16x16i8", Form::mfma, Operand::packed},
    {"mfma.32x32x16.i8", "llvm.amdgcn.mfma.i32.32x32x16.i8", Form::mfma, Operand::packed},
    {"mfma.16x16x32.i8", "llvm.amdgcn.mfma.i32.16x16x32.i8", Form::mfma, Operand::packed},
    {"wmma.f16", "llvm.amdgcn.wmma.f32.16x16x16.f16", Form::wmma, Operand::same},
    {"wmma.bf16", "llvm.amdgcn.wmma.f32.16x16x16.bf16", Form::wmma, Operand::short_},
    {"wmma.i8", "llvm.amdgcn.wmma.i32.16x16x16.iu8", Form::wmmaInteger, Operand::words},
};

llvm::ArrayRef<MatrixInstruction> aicc::rocm::getMatrixInstructions() { return kInstructions; }

using Bits = std::vector<std::pair<unsigned, unsigned>>;

/// (1,0), (2,0), ... for `count` bits, starting at `from`; or (0,1), (0,2), ...
static void append(Bits &bits, bool row, unsigned from, unsigned to) {
  for (unsigned i = from; i < to; i *= 2)
    bits.push_back(row ? std::pair(i, 0u) : std::pair(0u, i));
}

static MatrixUnit makeUnit(const char *name, unsigned m, unsigned k, Number number, unsigned lanes,
                           unsigned perClock) {
  MatrixUnit unit;
  unit.name = name;
  unit.m = unit.n = m, unit.k = k;
  unit.lhs = unit.rhs = number, unit.acc = number == Number::i8 ? Number::i32 : Number::f32;
  unit.lanes = lanes;
  unit.perClock = perClock;
  return unit;
}

/// MFMA of one block, 64 lanes: a lane has the row (column) l % m, and k in runs of `run` = k / (64 / m); of
/// the result column l % m, and rows in runs of 4, spread over the 64 / m groups of lanes.
static MatrixUnit mfma(const char *name, unsigned m, unsigned k, Number number, unsigned perClock) {
  MatrixUnit unit = makeUnit(name, m, k, number, 64, perClock);
  unsigned groups = 64 / m, run = k / groups;
  append(unit.lhsLayout.lane, true, 1, m);
  append(unit.lhsLayout.lane, false, run, k);
  append(unit.lhsLayout.element, false, 1, run);
  append(unit.rhsLayout.lane, false, 1, m);
  append(unit.rhsLayout.lane, true, run, k);
  append(unit.rhsLayout.element, true, 1, run);
  append(unit.accLayout.lane, false, 1, m);
  append(unit.accLayout.lane, true, 4, 4 * groups);
  append(unit.accLayout.element, true, 1, 4);
  append(unit.accLayout.element, true, 4 * groups, m);
  return unit;
}

/// WMMA of RDNA 3, 32 lanes: both halves of a subgroup hold all of k; the result's rows alternate between
/// them.
static MatrixUnit wmma3(const char *name, Number number, unsigned perClock) {
  MatrixUnit unit = makeUnit(name, 16, 16, number, 32, perClock);
  append(unit.lhsLayout.lane, true, 1, 16);
  unit.lhsLayout.lane.push_back({0, 0});
  append(unit.lhsLayout.element, false, 1, 16);
  append(unit.rhsLayout.lane, false, 1, 16);
  unit.rhsLayout.lane.push_back({0, 0});
  append(unit.rhsLayout.element, true, 1, 16);
  append(unit.accLayout.lane, false, 1, 16);
  unit.accLayout.lane.push_back({1, 0});
  append(unit.accLayout.element, true, 2, 16);
  return unit;
}

/// WMMA of RDNA 4, 32 lanes: each half of a subgroup has half of k, and half of the result's rows.
static MatrixUnit wmma4(const char *name, Number number, unsigned perClock) {
  MatrixUnit unit = makeUnit(name, 16, 16, number, 32, perClock);
  append(unit.lhsLayout.lane, true, 1, 16);
  unit.lhsLayout.lane.push_back({0, 8});
  append(unit.lhsLayout.element, false, 1, 8);
  append(unit.rhsLayout.lane, false, 1, 16);
  unit.rhsLayout.lane.push_back({8, 0});
  append(unit.rhsLayout.element, true, 1, 8);
  append(unit.accLayout.lane, false, 1, 16);
  unit.accLayout.lane.push_back({8, 0});
  append(unit.accLayout.element, true, 1, 8);
  return unit;
}

/// What all architectures have in common.
static GpuDescriptor base(const char *architecture, unsigned lanes) {
  GpuDescriptor gpu;
  gpu.target = "rocm";
  gpu.architecture = architecture;
  gpu.format = "hsaco";
  gpu.requiredFeatures = {architecture};
  gpu.subgroupSize = lanes;
  gpu.sharedBytes = 64 << 10;
  gpu.atomicAddF32 = true;
  return gpu;
}

// The typical devices are one half of an MI250X, an MI300X, a Radeon RX 7900 XTX and a Radeon RX 9070 XT.

static GpuDescriptor gfx90a() {
  GpuDescriptor gpu = base("gfx90a", 64);
  gpu.registersPerThread = 512;
  gpu.registersPerUnit = 131072;
  gpu.computeUnits = 110;
  gpu.cacheBytes = 8 << 20;
  gpu.bandwidth = 1638;
  gpu.clock = 1700;
  gpu.f32PerClock = 64; // twice that where pairs of f32 are computed at once, which kernels do not rely on
  gpu.matrixUnits = {mfma("mfma.32x32x8.f16", 32, 8, Number::f16, 512),
                     mfma("mfma.16x16x16.f16", 16, 16, Number::f16, 512),
                     mfma("mfma.32x32x8.bf16", 32, 8, Number::bf16, 512),
                     mfma("mfma.16x16x16.bf16", 16, 16, Number::bf16, 512),
                     mfma("mfma.32x32x2.f32", 32, 2, Number::f32, 128),
                     mfma("mfma.16x16x4.f32", 16, 4, Number::f32, 128),
                     mfma("mfma.32x32x8.i8", 32, 8, Number::i8, 512),
                     mfma("mfma.16x16x16.i8", 16, 16, Number::i8, 512)};
  return gpu;
}

static GpuDescriptor gfx942() {
  GpuDescriptor gpu = base("gfx942", 64);
  gpu.registersPerThread = 512;
  gpu.registersPerUnit = 131072;
  gpu.computeUnits = 304;
  gpu.cacheBytes = 256 << 20;
  gpu.bandwidth = 5300;
  gpu.clock = 2100;
  gpu.f32PerClock = 64; // twice that where pairs of f32 are computed at once, which kernels do not rely on
  gpu.matrixUnits = {mfma("mfma.32x32x8.f16", 32, 8, Number::f16, 1024),
                     mfma("mfma.16x16x16.f16", 16, 16, Number::f16, 1024),
                     mfma("mfma.32x32x8.bf16", 32, 8, Number::bf16, 1024),
                     mfma("mfma.16x16x16.bf16", 16, 16, Number::bf16, 1024),
                     mfma("mfma.32x32x4.xf32", 32, 4, Number::tf32, 512),
                     mfma("mfma.16x16x8.xf32", 16, 8, Number::tf32, 512),
                     mfma("mfma.32x32x2.f32", 32, 2, Number::f32, 128),
                     mfma("mfma.16x16x4.f32", 16, 4, Number::f32, 128),
                     mfma("mfma.32x32x16.i8", 32, 16, Number::i8, 2048),
                     mfma("mfma.16x16x32.i8", 16, 32, Number::i8, 2048)};
  return gpu;
}

static GpuDescriptor gfx1100() {
  GpuDescriptor gpu = base("gfx1100", 32);
  gpu.registersPerThread = 256;
  gpu.registersPerUnit = 98304;
  gpu.computeUnits = 96;
  gpu.cacheBytes = 96 << 20;
  gpu.bandwidth = 960;
  gpu.clock = 2500;
  gpu.f32PerClock = 64;
  gpu.matrixUnits = {wmma3("wmma.f16", Number::f16, 256), wmma3("wmma.bf16", Number::bf16, 256),
                     wmma3("wmma.i8", Number::i8, 256)};
  return gpu;
}

static GpuDescriptor gfx1201() {
  GpuDescriptor gpu = base("gfx1201", 32);
  gpu.registersPerThread = 256;
  gpu.registersPerUnit = 98304;
  gpu.computeUnits = 64;
  gpu.cacheBytes = 64 << 20;
  gpu.bandwidth = 640;
  gpu.clock = 2970;
  gpu.f32PerClock = 64;
  gpu.matrixUnits = {wmma4("wmma.f16", Number::f16, 512), wmma4("wmma.bf16", Number::bf16, 512),
                     wmma4("wmma.i8", Number::i8, 1024)};
  return gpu;
}

std::vector<GpuDescriptor> aicc::rocm::getDescriptors() { return {gfx942(), gfx90a(), gfx1100(), gfx1201()}; }
