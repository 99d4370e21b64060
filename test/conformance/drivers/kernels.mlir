// The conformance suite's kernels for devices: what kernels.c is for hosts, in the form that the code generators' ends
// take (targets/gpu/codegen/DeviceEnd.h). One module for each, in the order of the entries.

module {
  // out[i] = a[i] + b[i]; params: elements, elements of a workgroup.
  llvm.func @add(%a: !llvm.ptr {llvm.noalias}, %b: !llvm.ptr {llvm.noalias}, %out: !llvm.ptr {llvm.noalias}, %n: i64, %part: i64)
      attributes {gpu.kernel, aicc.threads = 64 : i32, aicc.subgroup = 0 : i32} {
    %block = gpu.block_id x
    %thread = gpu.thread_id x
    %b64 = arith.index_cast %block : index to i64
    %t64 = arith.index_cast %thread : index to i64
    %threads = arith.constant 64 : i64
    %begin = arith.muli %b64, %part : i64
    %end = arith.addi %begin, %part : i64
    %last = arith.minsi %end, %n : i64
    %first = arith.addi %begin, %t64 : i64
    scf.for %i = %first to %last step %threads : i64 {
      %pa = llvm.getelementptr %a[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %pb = llvm.getelementptr %b[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %po = llvm.getelementptr %out[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %va = llvm.load %pa {alignment = 4 : i64} : !llvm.ptr -> f32
      %vb = llvm.load %pb {alignment = 4 : i64} : !llvm.ptr -> f32
      %sum = arith.addf %va, %vb : f32
      llvm.store %sum, %po {alignment = 4 : i64} : f32, !llvm.ptr
    }
    llvm.return
  }
}

// -----

module {
  // out[i] = a[i] * params[1] for workgroup i < params[0].
  llvm.func @scale(%a: !llvm.ptr {llvm.noalias}, %out: !llvm.ptr {llvm.noalias}, %n: i64, %factor: i64)
      attributes {gpu.kernel, aicc.threads = 32 : i32, aicc.subgroup = 0 : i32} {
    %block = gpu.block_id x
    %thread = gpu.thread_id x
    %i = arith.index_cast %block : index to i64
    %t64 = arith.index_cast %thread : index to i64
    %zero = arith.constant 0 : i64
    %isFirst = arith.cmpi eq, %t64, %zero : i64
    %isInside = arith.cmpi slt, %i, %n : i64
    %active = arith.andi %isFirst, %isInside : i1
    scf.if %active {
      %pa = llvm.getelementptr %a[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %po = llvm.getelementptr %out[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %va = llvm.load %pa {alignment = 4 : i64} : !llvm.ptr -> f32
      %f = arith.sitofp %factor : i64 to f32
      %product = arith.mulf %va, %f : f32
      llvm.store %product, %po {alignment = 4 : i64} : f32, !llvm.ptr
    }
    llvm.return
  }
}

// -----

module {
  // counts[i] += 1 for workgroup i.
  llvm.func @visit(%counts: !llvm.ptr {llvm.noalias})
      attributes {gpu.kernel, aicc.threads = 32 : i32, aicc.subgroup = 0 : i32} {
    %block = gpu.block_id x
    %thread = gpu.thread_id x
    %i = arith.index_cast %block : index to i64
    %t64 = arith.index_cast %thread : index to i64
    %zero = arith.constant 0 : i64
    %active = arith.cmpi eq, %t64, %zero : i64
    scf.if %active {
      %p = llvm.getelementptr %counts[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i32
      %v = llvm.load %p {alignment = 4 : i64} : !llvm.ptr -> i32
      %one = arith.constant 1 : i32
      %next = arith.addi %v, %one : i32
      llvm.store %next, %p {alignment = 4 : i64} : i32, !llvm.ptr
    }
    llvm.return
  }
}

// -----

module {
  // Fills its scratch of params[0] bytes, a multiple of 64, and reads it back: ok[i] = 1 when nobody else wrote there.
  llvm.func @scratch(%ok: !llvm.ptr {llvm.noalias}, %size: i64, %memory: !llvm.ptr {llvm.noalias})
      attributes {gpu.kernel, aicc.threads = 32 : i32, aicc.subgroup = 0 : i32, aicc.scratch} {
    %block = gpu.block_id x
    %thread = gpu.thread_id x
    %b64 = arith.index_cast %block : index to i64
    %t64 = arith.index_cast %thread : index to i64
    %zero = arith.constant 0 : i64
    %one = arith.constant 1 : i64
    %four = arith.constant 4 : i64
    %seven = arith.constant 7 : i64
    %threads = arith.constant 32 : i64
    %good = arith.constant 1 : i32
    %words = arith.divsi %size, %four : i64
    %base = arith.muli %b64, %words : i64
    %seed = arith.muli %b64, %seven : i64
    scf.for %k = %t64 to %words step %threads : i64 {
      %at = arith.addi %base, %k : i64
      %p = llvm.getelementptr %memory[%at] : (!llvm.ptr, i64) -> !llvm.ptr, i32
      %v64 = arith.addi %seed, %k : i64
      %v = arith.trunci %v64 : i64 to i32
      llvm.store %v, %p {alignment = 4 : i64} : i32, !llvm.ptr
    }
    gpu.barrier
    %active = arith.cmpi eq, %t64, %zero : i64
    scf.if %active {
      %all = scf.for %k = %zero to %words step %one iter_args(%so = %good) -> (i32) : i64 {
        %at = arith.addi %base, %k : i64
        %p = llvm.getelementptr %memory[%at] : (!llvm.ptr, i64) -> !llvm.ptr, i32
        %v = llvm.load %p {alignment = 4 : i64} : !llvm.ptr -> i32
        %w64 = arith.addi %seed, %k : i64
        %w = arith.trunci %w64 : i64 to i32
        %same = arith.cmpi eq, %v, %w : i32
        %bit = arith.extui %same : i1 to i32
        %next = arith.andi %so, %bit : i32
        scf.yield %next : i32
      }
      %po = llvm.getelementptr %ok[%b64] : (!llvm.ptr, i64) -> !llvm.ptr, i32
      llvm.store %all, %po {alignment = 4 : i64} : i32, !llvm.ptr
    }
    llvm.return
  }
}

// -----

module {
  llvm.mlir.global internal @group() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32> {
    %undef = llvm.mlir.undef : !llvm.array<64 x i32>
    llvm.return %undef : !llvm.array<64 x i32>
  }
  // Turns each workgroup's 64 elements around, through workgroup memory.
  llvm.func @reverse(%in: !llvm.ptr {llvm.noalias}, %out: !llvm.ptr {llvm.noalias})
      attributes {gpu.kernel, aicc.threads = 64 : i32, aicc.subgroup = 0 : i32} {
    %block = gpu.block_id x
    %thread = gpu.thread_id x
    %b64 = arith.index_cast %block : index to i64
    %t64 = arith.index_cast %thread : index to i64
    %group = arith.constant 64 : i64
    %end = arith.constant 63 : i64
    %base = arith.muli %b64, %group : i64
    %at = arith.addi %base, %t64 : i64
    %shared = llvm.mlir.addressof @group : !llvm.ptr<3>
    %pi = llvm.getelementptr %in[%at] : (!llvm.ptr, i64) -> !llvm.ptr, i32
    %v = llvm.load %pi {alignment = 4 : i64} : !llvm.ptr -> i32
    %ps = llvm.getelementptr %shared[%t64] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i32
    llvm.store %v, %ps {alignment = 4 : i64} : i32, !llvm.ptr<3>
    gpu.barrier
    %other = arith.subi %end, %t64 : i64
    %pr = llvm.getelementptr %shared[%other] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i32
    %w = llvm.load %pr {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %po = llvm.getelementptr %out[%at] : (!llvm.ptr, i64) -> !llvm.ptr, i32
    llvm.store %w, %po {alignment = 4 : i64} : i32, !llvm.ptr
    llvm.return
  }
}

// -----

module {
  // out[i] = params[i], i < 3.
  llvm.func @store(%out: !llvm.ptr {llvm.noalias}, %x: i64, %y: i64, %z: i64)
      attributes {gpu.kernel, aicc.threads = 32 : i32, aicc.subgroup = 0 : i32} {
    %thread = gpu.thread_id x
    %t64 = arith.index_cast %thread : index to i64
    %zero = arith.constant 0 : i64
    %one = arith.constant 1 : i64
    %two = arith.constant 2 : i64
    %active = arith.cmpi eq, %t64, %zero : i64
    scf.if %active {
      llvm.store %x, %out {alignment = 8 : i64} : i64, !llvm.ptr
      %p1 = llvm.getelementptr %out[%one] : (!llvm.ptr, i64) -> !llvm.ptr, i64
      llvm.store %y, %p1 {alignment = 8 : i64} : i64, !llvm.ptr
      %p2 = llvm.getelementptr %out[%two] : (!llvm.ptr, i64) -> !llvm.ptr, i64
      llvm.store %z, %p2 {alignment = 8 : i64} : i64, !llvm.ptr
    }
    llvm.return
  }
}
