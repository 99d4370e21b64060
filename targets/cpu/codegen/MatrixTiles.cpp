// Products of bytes by matrix tiles, see MatrixTiles.h. Registers 0 to 3 hold sums, 4 and 5 rows of the left
// operand, 6 and 7 panels of the right one.

#include "targets/cpu/codegen/MatrixTiles.h"
#include "targets/cpu/codegen/RegisterTile.h"

using namespace mlir;
using namespace aicc::cpu;

static constexpr unsigned kLeft = 4, kRight = 6;

static void call(CpuEmitter &e, StringRef name, ValueRange operands) {
  e.b.create<LLVM::CallIntrinsicOp>(e.loc, TypeRange(), e.b.getStringAttr(name), operands);
}
static Value number(CpuEmitter &e, unsigned tile) {
  return e.b.create<LLVM::ConstantOp>(e.loc, e.b.getI8Type(), e.b.getI8IntegerAttr(int8_t(tile)));
}

/// The operand of LDTILECFG (Intel SDM): palette 1, bytes of a row from byte 16 on in 16 bits, rows from byte
/// 48 on.
void aicc::cpu::configureTiles(CpuEmitter &e) {
  constexpr int64_t rowBytes = 0x0040004000400040, rows = 0x1010101010101010;
  constexpr int64_t words[8] = {1, 0, rowBytes, rowBytes, 0, 0, rows, 0};
  Type i64 = e.b.getI64Type();
  Value memory = e.b.create<LLVM::AllocaOp>(e.loc, LLVM::LLVMPointerType::get(e.b.getContext()), i64,
                                            e.constant(8), /*alignment=*/64);
  for (auto [i, word] : llvm::enumerate(words))
    e.store(e.constant(word), memory, e.constant(i), i64);
  call(e, "llvm.x86.ldtilecfg", memory);
}

void aicc::cpu::releaseTiles(CpuEmitter &e) { call(e, "llvm.x86.tilerelease", {}); }

void aicc::cpu::emitMatrixTiles(CpuEmitter &e, const MatrixTiles &t, Value to) {
  Type byte = e.b.getI8Type();
  for (unsigned i = 0; i < t.rowTiles * t.panels; ++i)
    call(e, "llvm.x86.tilezero", number(e, i));
  constexpr int64_t rightRow = kPanel * 4; // bytes
  Value leftTile = e.mul(t.rowStride, e.constant(kTileRows));
  e.loop(e.constant(0), t.steps, e.constant(1), [&](Value k) {
    Value left = e.address(t.left, e.mul(k, e.constant(kTileDepth)), byte);
    Value right = e.address(t.right, e.mul(k, e.constant(kTileDepth / 4 * rightRow)), byte);
    for (unsigned j = 0; j < t.panels; ++j)
      call(e, "llvm.x86.tileloadd64",
           {number(e, kRight + j), e.address(right, e.mul(t.panelStride, e.constant(j)), byte),
            e.constant(rightRow)});
    for (unsigned i = 0; i < t.rowTiles; ++i) {
      call(e, "llvm.x86.tileloadd64",
           {number(e, kLeft + i), e.address(left, e.mul(leftTile, e.constant(i)), byte), t.rowStride});
      for (unsigned j = 0; j < t.panels; ++j)
        call(e, "llvm.x86.tdpbusd",
             {number(e, i * t.panels + j), number(e, kLeft + i), number(e, kRight + j)});
    }
  });
  Value stride = e.constant(int64_t(t.panels) * kPanel * 4);
  for (unsigned i = 0; i < t.rowTiles; ++i)
    for (unsigned j = 0; j < t.panels; ++j) {
      Value place = e.constant((i * kTileRows * t.panels + j) * kPanel * 4);
      call(e, "llvm.x86.tilestored64", {number(e, i * t.panels + j), e.address(to, place, byte), stride});
    }
}
