// What every descriptor has to say for kernels to be right: fragments that hold each element of a matrix, in
// numbers of elements that registers can hold, and an instruction for each unit.

#include "targets/cuda/codegen/CudaDescriptors.h"
#include "targets/rocm/codegen/RocmDescriptors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <gtest/gtest.h>
#include <map>

using namespace aicc;
using namespace aicc::gpu;

namespace {

std::vector<GpuDescriptor> getAll() {
  std::vector<GpuDescriptor> all = cuda::getDescriptors();
  for (GpuDescriptor &each : rocm::getDescriptors())
    all.push_back(each);
  return all;
}

/// Every place of a rows x columns matrix is held, and each as often as the others.
void expectCover(const FragmentLayout &layout, unsigned lanes, unsigned rows, unsigned columns) {
  ASSERT_EQ(1u << layout.lane.size(), lanes);
  std::map<std::pair<unsigned, unsigned>, unsigned> count;
  for (unsigned l = 0; l < lanes; ++l)
    for (unsigned r = 0; r < layout.getNumElements(); ++r) {
      auto place = layout.at(l, r);
      EXPECT_LT(place.first, rows);
      EXPECT_LT(place.second, columns);
      ++count[place];
    }
  EXPECT_EQ(count.size(), rows * columns);
  for (auto &[place, times] : count)
    EXPECT_EQ(times, lanes * layout.getNumElements() / (rows * columns));
}

TEST(GpuDescriptors, FragmentsCoverTheirMatrices) {
  for (const GpuDescriptor &gpu : getAll())
    for (const MatrixUnit &unit : gpu.matrixUnits) {
      SCOPED_TRACE(gpu.getName() + " " + unit.name);
      EXPECT_EQ(unit.lanes, gpu.subgroupSize);
      expectCover(unit.lhsLayout, unit.lanes, unit.m, unit.k);
      expectCover(unit.rhsLayout, unit.lanes, unit.k, unit.n);
      expectCover(unit.accLayout, unit.lanes, unit.m, unit.n);
      // Accumulators are held once: several lanes that store one element would be a race.
      EXPECT_EQ(unit.accLayout.getNumElements() * unit.lanes, unit.m * unit.n);
      EXPECT_GT(unit.perClock, 0u);
    }
}

TEST(GpuDescriptors, UnitsHaveInstructions) {
  for (const GpuDescriptor &gpu : getAll())
    for (const MatrixUnit &unit : gpu.matrixUnits) {
      bool found = gpu.target == "cuda" ? llvm::any_of(cuda::getMatrixInstructions(),
                                                       [&](auto &each) { return each.unit == unit.name; })
                                        : llvm::any_of(rocm::getMatrixInstructions(),
                                                       [&](auto &each) { return each.unit == unit.name; });
      EXPECT_TRUE(found) << gpu.getName() << " " << unit.name;
    }
}

/// The definitions of the PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type".
TEST(GpuDescriptors, LayoutAsTheManualHasIt) {
  GpuDescriptor gpu = cuda::getDescriptors().front();
  const MatrixUnit &unit =
      *llvm::find_if(gpu.matrixUnits, [](auto &each) { return each.name == "m16n8k16.f16"; });
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned group = lane >> 2, inGroup = lane % 4;
    for (unsigned i = 0; i < 8; ++i) {
      unsigned row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
      unsigned column = inGroup * 2 + (i & 1) + (i >= 4 ? 8 : 0);
      EXPECT_EQ(unit.lhsLayout.at(lane, i), std::make_pair(row, column));
    }
    for (unsigned i = 0; i < 4; ++i) {
      EXPECT_EQ(unit.rhsLayout.at(lane, i), std::make_pair(inGroup * 2 + (i & 1) + (i >= 2 ? 8 : 0), group));
      EXPECT_EQ(unit.accLayout.at(lane, i), std::make_pair(i < 2 ? group : group + 8, inGroup * 2 + (i & 1)));
    }
  }
}

/// The matrix instruction calculator's V_MFMA_F32_32X32X8F16: D[i][j] is in register 4 (i / 8) + i % 4 of
/// lane j + 32 ((i / 4) % 2), A[i][k] in element k % 4 of lane i + 32 (k / 4).
TEST(GpuDescriptors, MfmaLayoutAsTheCalculatorHasIt) {
  GpuDescriptor gpu = rocm::getDescriptors().front();
  const MatrixUnit &unit =
      *llvm::find_if(gpu.matrixUnits, [](auto &each) { return each.name == "mfma.32x32x8.f16"; });
  for (unsigned i = 0; i < 32; ++i) {
    for (unsigned j = 0; j < 32; ++j)
      EXPECT_EQ(unit.accLayout.at(j + 32 * (i / 4 % 2), 4 * (i / 8) + i % 4), std::make_pair(i, j));
    for (unsigned k = 0; k < 8; ++k)
      EXPECT_EQ(unit.lhsLayout.at(i + 32 * (k / 4), k % 4), std::make_pair(i, k));
  }
}

} // namespace
