// Vectors of 16-bit floats move as a whole.
// RUN: kernel-to-isa rocm:gfx942 %s | FileCheck %s
// RUN: kernel-to-isa rocm:gfx1201 %s | FileCheck %s

// CHECK-LABEL: memory:
// CHECK-DAG: global_load_{{dwordx4|b128}}
// CHECK-DAG: v_{{cvt_f32_f16|fma_mix}}
// CHECK: global_store_{{dwordx4|b128}}
module {
  llvm.func @memory(%x: !llvm.ptr, %h: !llvm.ptr, %y: !llvm.ptr, %scratch: !llvm.ptr)
      attributes {gpu.kernel, aicc.threads = 128 : i32, aicc.subgroup = 0 : i32, aicc.scratch} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x bf16>
    %v = llvm.load %px {alignment = 16 : i64} : !llvm.ptr -> vector<8xbf16>
    %ph = llvm.getelementptr %h[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x f16>
    %w = llvm.load %ph {alignment = 16 : i64} : !llvm.ptr -> vector<8xf16>
    %fv = arith.extf %v : vector<8xbf16> to vector<8xf32>
    %fw = arith.extf %w : vector<8xf16> to vector<8xf32>
    %s = vector.fma %fv, %fw, %fw : vector<8xf32>
    %b = arith.truncf %s : vector<8xf32> to vector<8xbf16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x bf16>
    llvm.store %b, %py {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr
    %part = llvm.getelementptr %scratch[%t] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %e = vector.extract %s[0] : f32 from vector<8xf32>
    llvm.store %e, %part {alignment = 4 : i64} : f32, !llvm.ptr
    llvm.return
  }
}
