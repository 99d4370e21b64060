// What the code generator for graphics processors knows about one architecture: sizes, what numbers it
// computes in, and its matrix instructions with the layout of their fragments. Descriptors are data: a
// vendor's folder fills them in, and kernels choose by what they say, never by a name.

#ifndef AICC_TARGETS_GPU_CODEGEN_DESCRIPTOR_H
#define AICC_TARGETS_GPU_CODEGEN_DESCRIPTOR_H

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace aicc::gpu {

/// Number formats of matrix instructions. tf32 lies in memory and registers as f32.
enum class Number : uint8_t { f64, f32, tf32, f16, bf16, f8e4m3, f8e5m2, i8, u8, i32 };

/// Where a lane's elements lie in a matrix, as a map linear in bits: element `r` of the fragment of lane `l`
/// is at the sum (componentwise; no carries) of lane[i] for each bit i that is set in l, and of element[i]
/// for each bit i that is set in r. A pair is (row, column). Zero pairs are replication.
///
/// Example, the accumulator of an m16n8 instruction of 32 lanes: row = l / 4 + 8 * (r / 2), column =
/// 2 * (l % 4) + r % 2 is lane = {(0,2),(0,4),(1,0),(2,0),(4,0)}, element = {(0,1),(8,0)}.
struct FragmentLayout {
  std::vector<std::pair<unsigned, unsigned>> lane, element;

  unsigned getNumElements() const { return 1u << element.size(); }
  std::pair<unsigned, unsigned> at(unsigned l, unsigned r) const {
    std::pair<unsigned, unsigned> place{0, 0};
    auto add = [&](const std::vector<std::pair<unsigned, unsigned>> &bits, unsigned index) {
      for (unsigned i = 0; i < bits.size(); ++i)
        if (index >> i & 1)
          place.first += bits[i].first, place.second += bits[i].second;
    };
    add(lane, l);
    add(element, r);
    return place;
  }
};

/// One matrix instruction: acc[m][n] += lhs[m][k] * rhs[k][n], done by `lanes` lanes together.
struct MatrixUnit {
  /// What the vendor's end knows it by.
  std::string name;
  unsigned m = 0, n = 0, k = 0;
  Number lhs = Number::f16, rhs = Number::f16, acc = Number::f32;
  /// Lanes that execute it together: a subgroup, or several (128).
  unsigned lanes = 32;
  /// Fragments in registers. rhs: (row, column) is (k, n).
  FragmentLayout lhsLayout, rhsLayout, accLayout;
  /// True if both operands are read from workgroup memory by descriptors (DeviceEnd::emitMatrixShared)
  /// instead of from registers; the layouts of lhs and rhs are empty then.
  bool operandsShared = false;
  /// Multiply-adds of a compute unit in one clock, for choosing among units.
  unsigned perClock = 0;
};

struct GpuDescriptor {
  /// Target and architecture: "x" and "y" of "x:y".
  std::string target, architecture;
  /// Format of the executables, as drivers list it.
  std::string format;
  /// What a device must list to load the code.
  std::vector<std::string> requiredFeatures;
  /// Among architectures of one target that a device runs, the highest is the best for it.
  int64_t rank = 0;

  /// Lanes of a subgroup that the code is generated for; 0: unknown, kernels then communicate through
  /// workgroup memory only.
  unsigned subgroupSize = 0;
  unsigned maxWorkgroupThreads = 1024;
  /// Workgroup memory that one workgroup may declare statically, and in all (dynamic; 0: no more).
  unsigned sharedBytes = 48 << 10, maxSharedBytes = 0;
  /// 32-bit registers that a thread may use before it spills, and those of a compute unit.
  unsigned registersPerThread = 255, registersPerUnit = 65536;
  /// Widest load or store of one thread, bytes.
  unsigned vectorBytes = 16;
  /// Compute units (multiprocessors, ...) of a typical device: how many workgroups fill it.
  unsigned computeUnits = 64;
  /// Of a typical device, for choosing tiles: last-level cache in bytes, memory bandwidth in GB/s, clock in
  /// MHz, f32 multiply-adds of a unit in one clock.
  int64_t cacheBytes = 4 << 20;
  unsigned bandwidth = 500, clock = 1500, f32PerClock = 64;

  /// What arithmetic is native. Memory accesses of 16-bit floats are always possible.
  bool fp16 = false, bf16 = false, fp64 = true;
  /// Vectors of two 16-bit floats are computed at once.
  bool packedFp16 = false;
  /// Atomic addition of f32 in global memory; integers always have it.
  bool atomicAddF32 = false;
  /// Copies from global to workgroup memory that do not pass registers (DeviceEnd::emitAsyncCopy); the sizes
  /// in bytes, ascending; empty: none.
  std::vector<unsigned> asyncCopyBytes;

  std::vector<MatrixUnit> matrixUnits;

  std::string getName() const { return target + ":" + architecture; }
};

} // namespace aicc::gpu

#endif
