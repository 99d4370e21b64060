// A module asks for what its kernels use and no more, and says how they are launched.
// RUN: rm -rf %t && mkdir -p %t && kernel-to-spirv %s %t/k.spv %t && FileCheck %s < %t/kernels.spirv.mlir

// CHECK: spirv.module Physical64 OpenCL requires #spirv.vce<v1.1, [Kernel, Addresses, Int8, Int64], []>
// CHECK: spirv.GlobalVariable @__spirv_BuiltInWorkgroupId built_in("WorkgroupId") : !spirv.ptr<vector<3xi64>, Input>
// CHECK: spirv.GlobalVariable @plain.tile : !spirv.ptr<!spirv.array<64 x f32>, Workgroup>
// CHECK: spirv.func @plain(%{{.*}}: !spirv.ptr<i8, CrossWorkgroup>, %{{.*}}: i64)
// The kernel decides with which element each address is made.
// CHECK: spirv.Bitcast %{{.*}} : !spirv.ptr<i8, CrossWorkgroup> to !spirv.ptr<f32, CrossWorkgroup>
// CHECK: spirv.PtrAccessChain
// CHECK: spirv.Load "CrossWorkgroup" %{{.*}} ["Aligned", 16] : vector<4xf32>
// Both kinds of memory: other threads may read what was written to either.
// CHECK: spirv.ControlBarrier <Workgroup>, <Workgroup>, <AcquireRelease|WorkgroupMemory|CrossWorkgroupMemory>
// CHECK: spirv.EntryPoint "Kernel" @plain, @__spirv_BuiltInWorkgroupId
// CHECK: spirv.ExecutionMode @plain "LocalSize", 128, 1, 1
// CHECK: spirv.ExecutionMode @plain "ContractionOff"
// CHECK-NOT: SubgroupSize
module {
  llvm.mlir.global private @tile() {addr_space = 3 : i32} : !llvm.array<64 x f32>
  llvm.func @plain(%p: !llvm.ptr {llvm.noalias}, %n: i64) attributes {gpu.kernel, aicc.threads = 128 : i32, aicc.subgroup = 0 : i32} {
    %b = gpu.block_id x
    %i = arith.index_cast %b : index to i64
    %q = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %v = llvm.load %q {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
    %s = llvm.mlir.addressof @tile : !llvm.ptr<3>
    llvm.store %v, %s {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
    gpu.barrier
    llvm.return
  }
}
